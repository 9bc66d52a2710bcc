"""Tasks: done, and put off."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from crmcli.errors import InvalidValue, Refused
from crmcli.fields import reference
from crmcli.rules.records import Facts, finished_task
from crmcli.values.dates import long_date

DONE = "Completed"

Task = Mapping[str, Any]


def described(task: Task) -> str:
    """A task as messages name it: T3 Call Li."""
    return f"{reference('task', task['id'])} {task['subject']}"


def done(task: Task, facts: Facts) -> dict[str, Any]:
    """What changes when a task is done: nothing where it is already."""
    if task["completed_at"] is not None:
        return {}
    return finished_task({**task, "status": DONE}, facts, only={"status": DONE})


def snoozed(task: Task, day: date | None, today: date) -> dict[str, Any]:
    """What changes when a task is put off to a day. Raises Refused, or InvalidValue for a past day."""
    if task["completed_at"] is not None:
        raise Refused(
            f"{described(task)} is done.",
            hint=f"`crm task edit {reference('task', task['id'])} --status 'Not Started'` opens it again.",
        )
    if day is None:
        raise InvalidValue("A task is put off to a day.", hint="fri, +3d, 2026-12-01", field="date")
    if day < today:
        raise InvalidValue(f"{long_date(day)} is past; a task is put off to a day to come.", field="date")
    return {} if day == task["due_date"] else {"due_date": day}


def said_of_snooze(task: Task, day: date) -> str:
    """From when to when a task was moved."""
    due = task["due_date"]
    if due == day:
        return f"{described(task)} is due {long_date(day)} already; nothing was changed."
    return f"{described(task)} · due {long_date(due) if due else 'any time'} → {long_date(day)}"
