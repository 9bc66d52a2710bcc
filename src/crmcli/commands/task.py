"""crm task: what is to do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._entity import confirm_many, entity_verbs
from crmcli.commands._facts import day_of, facts_of
from crmcli.commands._noun import At, DryRun, Noun, Yes, complete_references
from crmcli.commands._records import record_of
from crmcli.errors import InvalidValue
from crmcli.fields import reference
from crmcli.parse import moment_of
from crmcli.result import Outcome, Result
from crmcli.rules.follow_up import described, done, said_of_snooze, snoozed
from crmcli.values.dates import long_date, parse_date

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

command = Noun("task", "Tasks: what is to do, by when, and for which record.")

entity_verbs(
    command,
    "task",
    {
        "add": "crm task add 'Call Li' --due-date fri --for O7 --contact C3",
        "list": "crm task list 'due_date<=today' owner:me --sort due_date",
        "show": "crm task show T3",
        "edit": "crm task edit T3 --priority High",
        "rm": "crm task rm T3",
        "import": "crm task import tasks.csv --map 'Deadline=due_date'",
        "export": "crm task export tasks.csv",
    },
)


@command.verb("crm task done T3 T4", "crm task done T3 --at yesterday", name="done")
def done_(
    app: App,
    refs: Annotated[
        list[str],
        typer.Argument(metavar="REF...", help="The tasks.", autocompletion=complete_references("task")),
    ],
    at: At = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Result:
    """Mark tasks as done, today or on the day given with --at."""
    day = day_of(app, at)
    confirm_many(app, f"Mark {len(refs)} tasks as done?", len(refs), yes=yes or dry_run)
    with app.work(at=moment_of(day, app.now, app.zone) if day else None, dry_run=dry_run) as work:
        facts = facts_of(app, work.reader, day)
        changes = Changes()
        tasks = {task["id"]: task for task in (task_of(work, ref) for ref in refs)}
        for task in tasks.values():
            values = done(task, facts)
            changes.edit("task", task["id"], **values)
            changes.note(
                f"{described(task)} · done {long_date(facts.day)}"
                if values
                else f"{described(task)} is done already."
            )
        work.apply(changes)
        return told(work, list(tasks), changes.notes, dry_run)


@command.verb("crm task snooze T3 +3d", "crm task snooze T3 mon")
def snooze(
    app: App,
    ref: Annotated[str, typer.Argument(help="The task.", autocompletion=complete_references("task"))],
    date: Annotated[str, typer.Argument(help="The new due date; +3d is three days from today.")],
    dry_run: DryRun = False,
) -> Result:
    """Put a task off to another day."""
    day = parse_date(
        date, today=app.today, order=app.date_order, period_end=True, fiscal_start=app.fiscal_start
    )
    with app.work(dry_run=dry_run) as work:
        task = task_of(work, ref)
        changes = Changes()
        changes.edit("task", task["id"], **snoozed(task, day, app.today))
        work.apply(changes)
        assert day is not None
        return told(work, [task["id"]], [said_of_snooze(task, day)], dry_run)


def task_of(work: "UnitOfWork", ref: str) -> dict[str, Any]:
    """A task as rules see it."""
    from crmcli.model import Task

    record = work.one(Task, ref)
    return {name: getattr(record, name) for name in type(record).model_fields}


def told(work: "UnitOfWork", ids: list[int], notes: list[str], dry_run: bool) -> Outcome:
    """What was done to tasks: a line and a reference each."""
    if not ids:
        raise InvalidValue("No task was named.")
    refs = [reference("task", id) for id in ids]
    record = record_of(work.reader, "task", ids[0]) if len(ids) == 1 else None
    return Outcome(
        [f"Would be: {note}" if dry_run else note for note in notes], refs, record, data={"tasks": refs}
    )
