"""Quota: what somebody is to close in a period, as it was set at a time."""

from datetime import date

from crmcli.model.entity import Entity, field


class Quota(Entity, table=True):
    """One setting of a target; the owner is who it is for.

    Rows are added, never changed: what counts at a moment is the last row of the same owner, period and reach
    that was made before it. A row without amount and deals clears the target.
    """

    period_start: date = field("First day of the period", kind="date", required=True, listed=True)
    period_end: date = field("Last day of the period", kind="date", required=True, listed=True)
    team: bool = field("Whether it is for the owner with everybody below them", kind="boolean", default=False)
    amount: int | None = field("The amount that is to be won", kind="money", listed=True, low=0)
    deals: int | None = field("How many deals are to be won", kind="number", listed=True, low=0)
    currency: str = field("Currency of the amount", required=True, length=3)
