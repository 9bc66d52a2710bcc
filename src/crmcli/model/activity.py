"""Activity: a call, e-mail, meeting or note that has happened."""

from datetime import datetime
from typing import ClassVar

from sqlmodel import Field

from crmcli.model.entity import Entity, field, text
from crmcli.model.picklists import ACTIVITY_TYPES, DIRECTIONS


class Activity(Entity, table=True):
    """Something that has happened between us and them."""

    lists_owner: ClassVar[bool] = True

    type: str = field(
        "What it was", required=True, listed=True, choices=ACTIVITY_TYPES, aliases=("activity type",)
    )
    subject: str = field("What it was about", required=True, listed=True, aliases=("title", "name"))
    direction: str | None = field("Who began it", choices=DIRECTIONS)
    outcome: str | None = field("What came of it", listed=True, aliases=("result",))
    duration_minutes: int | None = field(
        "How long it took, in minutes", kind="number", low=0, aliases=("duration",)
    )
    happened_at: datetime = field(
        "When it happened",
        kind="instant",
        required=True,
        listed=True,
        aliases=("date", "activity date", "at"),
    )
    related_to_id: int | None = field(
        "The record it is about", kind="relation", listed=True, aliases=("regarding", "what", "related")
    )
    contact_id: int | None = field("Who it was with", link="contact", listed=True, aliases=("who",))

    related_to_entity: str | None = Field(default=None, sa_type=text(20))
