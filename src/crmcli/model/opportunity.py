"""Opportunity: a deal under way, or one that is over."""

from datetime import date, datetime
from typing import ClassVar

from sqlmodel import Field

from crmcli.model.entity import Entity, Instant, field
from crmcli.model.picklists import CATEGORIES, LOST_REASONS, OPPORTUNITY_TYPES, SOURCES


class Opportunity(Entity, table=True):
    """A deal: what it may bring, when, and how likely it is.

    `probability` and `category` are what counts. They follow the stage (`stage_probability`,
    `stage_category`: the stage's defaults at the time it was entered) unless the user gave their own
    (`own_probability`, `own_category`), which a move to another open stage leaves alone.
    """

    lists_owner: ClassVar[bool] = True

    name: str = field(
        "Name of the deal",
        required=True,
        listed=True,
        aliases=("opportunity name", "deal name", "opportunity", "deal"),
    )
    account_id: int | None = field(
        "Who would buy",
        link="account",
        listed=True,
        aliases=("account name", "company", "company name", "organization", "customer"),
    )
    amount: int | None = field(
        "What it may bring", kind="money", listed=True, low=0, aliases=("value", "deal value", "close value")
    )
    currency: str = field("Currency of the amount", required=True, length=3, aliases=("currency iso code",))
    stage: str = field(
        "How far it has come",
        required=True,
        listed=True,
        aliases=("stage name", "deal stage", "pipeline stage"),
    )
    probability: int = field(
        "Chance of winning, in percent", kind="percent", required=True, listed=True, low=0, high=100
    )
    category: str = field(
        "Forecast category",
        required=True,
        choices=CATEGORIES,
        aliases=("forecast category",),
        label="Category",
    )
    close_date: date | None = field(
        "When it should be, or was, closed",
        kind="date",
        listed=True,
        aliases=("expected close date", "close"),
    )
    type: str | None = field(
        "Kind of deal", choices=OPPORTUNITY_TYPES, open=True, aliases=("opportunity type", "deal type")
    )
    source: str | None = field("Where it came from", choices=SOURCES, open=True, aliases=("lead source",))
    campaign_id: int | None = field(
        "The campaign it came from",
        link="campaign",
        aliases=("campaign name", "primary campaign source"),
    )
    next_step: str | None = field("What comes next", aliases=("next",))
    lost_reason: str | None = field(
        "Why it was lost", choices=LOST_REASONS, open=True, aliases=("closed lost reason", "loss reason")
    )
    is_closed: bool = field("Whether it is over", kind="boolean", required=True, owned=True)
    is_won: bool = field("Whether it was won", kind="boolean", required=True, owned=True)
    closed_at: date | None = field("The day it was won or lost", kind="date", owned=True)

    stage_since: datetime = Field(sa_type=Instant, nullable=False)
    stage_probability: int = Field(nullable=False)
    stage_category: str = Field(nullable=False)
    own_probability: int | None = None
    own_category: str | None = None
    name_key: str | None = None
