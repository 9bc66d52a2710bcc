"""Task: something to do, by a day."""

from datetime import date, datetime
from typing import ClassVar

from sqlmodel import Field

from crmcli.model.entity import Entity, field, text
from crmcli.model.picklists import TASK_PRIORITIES, TASK_STATUSES


class Task(Entity, table=True):
    """Something that has to be done."""

    lists_owner: ClassVar[bool] = True

    subject: str = field("What to do", required=True, listed=True, aliases=("task", "name", "title"))
    due_date: date | None = field(
        "By when", kind="date", listed=True, aliases=("due", "activity date", "date")
    )
    status: str = field(
        "How far it is", required=True, listed=True, default=TASK_STATUSES[0], choices=TASK_STATUSES
    )
    priority: str = field("How urgent", required=True, listed=True, default="Normal", choices=TASK_PRIORITIES)
    related_to_id: int | None = field(
        "The record it is about", kind="relation", listed=True, aliases=("regarding", "what", "related")
    )
    contact_id: int | None = field("Who it concerns", link="contact", aliases=("who",))
    completed_at: datetime | None = field("When it was done", kind="instant", owned=True)

    related_to_entity: str | None = Field(default=None, sa_type=text(20))
