"""Campaign: something done to win customers, what it was to cost and what it did cost."""

from datetime import date
from typing import ClassVar

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import CAMPAIGN_STATUSES, CAMPAIGN_TYPES


class Campaign(Entity, table=True):
    """A fair, a mailing, an advertisement: leads and deals say which one they came from."""

    lists_owner: ClassVar[bool] = True

    name: str = field(
        "Name of the campaign", required=True, listed=True, aliases=("campaign", "campaign name")
    )
    type: str | None = field(
        "What it is", listed=True, choices=CAMPAIGN_TYPES, open=True, aliases=("campaign type",)
    )
    status: str = field(
        "How far it is",
        required=True,
        listed=True,
        default=CAMPAIGN_STATUSES[0],
        choices=CAMPAIGN_STATUSES,
        aliases=("campaign status",),
    )
    start_date: date | None = field("Its first day", kind="date", listed=True, aliases=("start", "starts"))
    end_date: date | None = field("Its last day", kind="date", listed=True, aliases=("end", "ends"))
    budgeted_cost: int | None = field(
        "What it is to cost", kind="money", listed=True, low=0, aliases=("budget", "planned cost")
    )
    actual_cost: int | None = field(
        "What it did cost", kind="money", listed=True, low=0, aliases=("cost", "costs", "spend")
    )
    currency: str | None = field("Currency of its costs", length=3, aliases=("currency iso code",))

    name_key: str | None = None
