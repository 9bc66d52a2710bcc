"""Adjustment: somebody's judgement of a forecast, beside the figure itself."""

from datetime import date

from crmcli.model.entity import Entity, field


class Adjustment(Entity, table=True):
    """What one figure of the owner's forecast is thought to come to, and why.

    Rows are added, never changed: what counts at a moment is the last row of the same owner, period,
    category and layer that was made before it. A row without an amount clears the adjustment.
    """

    period_start: date = field("First day of the period", kind="date", required=True, listed=True)
    period_end: date = field("Last day of the period", kind="date", required=True, listed=True)
    category: str = field(
        "The figure", required=True, listed=True, choices=("commit", "best_case", "open_pipeline")
    )
    layer: str = field(
        "Who judges: the owner, or who they report to", required=True, choices=("owner", "manager")
    )
    amount: int | None = field(
        "What it is thought to come to; none clears it", kind="money", listed=True, low=0
    )
    currency: str = field("Currency of the amount", required=True, length=3)
    raw: int = field("What the figure was when it was adjusted", kind="money", required=True)
    note: str = field("Why", required=True, listed=True, length=255)
    adjusted_by: str = field("Who judged", required=True, length=255)
