"""Snoozing: a deal that is to be left alone till a day has a task of that day, which says to look again."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from crmcli.changes import Changes
from crmcli.errors import InvalidValue
from crmcli.rules.stages import described, refuse_closed
from crmcli.values.dates import long_date

SUBJECT: Final = "Look at this deal again"  # the task that is known by it, and by its status
STATUS: Final = "Deferred"


def snoozed(
    deal: Mapping[str, Any],
    task: int | None,
    until: date | None,
    today: date,
    note: str | None,
    owner: int,
    take: Callable[[str], int],
) -> Changes:
    """Leave a deal alone till a day, or no longer; `task` is the one that says so now.

    Raises Refused for a closed deal, InvalidValue for a day that is not to come.
    """
    refuse_closed(deal)
    changes = Changes()
    if until is None:
        if task is not None:
            changes.remove("task", task)
        changes.note(f"{described(deal)} · " + ("is not snoozed." if task is None else "no longer snoozed"))
        return changes
    if until <= today:
        raise InvalidValue(
            f"{long_date(until)} is not to come; a deal is snoozed till a later day.",
            hint="+2w, 2026-12-01, or none to wake it",
            field="until",
        )
    said = {} if note is None else {"description": note}
    if task is not None:
        changes.edit("task", task, due_date=until, **said)
    else:
        changes.add(
            "task",
            take("task"),
            subject=SUBJECT,
            status=STATUS,
            priority="Normal",
            due_date=until,
            related_to_entity="opportunity",
            related_to_id=deal["id"],
            owner_id=deal["owner_id"] or owner,
            **said,
        )
    changes.note(f"{described(deal)} · snoozed until {long_date(until)}")
    return changes
