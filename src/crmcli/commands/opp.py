"""crm opp: deals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._entity import confirm_many, entity_verbs, news
from crmcli.commands._facts import day_of, facts_then, new_owner, owner_for, reading_of, stages_of
from crmcli.commands._fields import typed_values
from crmcli.commands._noun import At, DryRun, Noun, Yes, complete_references, complete_stages, complete_users
from crmcli.commands._records import record_of
from crmcli.errors import InvalidValue
from crmcli.fields import reference
from crmcli.parse import chosen, moment_of
from crmcli.result import Outcome, Result, Table
from crmcli.rules.closing import (
    KEEP,
    closed,
    moved,
    reopened,
    said_of_move,
)
from crmcli.rules.records import Facts
from crmcli.rules.snoozing import STATUS, SUBJECT, snoozed
from crmcli.rules.stages import (
    StageFacts,
    closing_stage,
    first_stage,
    needs_reason,
    refuse_closed,
    stage_named,
)
from crmcli.store.find import described, find
from crmcli.store.reader import Reader
from crmcli.values.dates import parse_date

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

Deal = dict[str, Any]
Plan = Callable[[Deal, Facts, "UnitOfWork"], dict[str, Any]]

command = Noun("opp", "Opportunities: deals, what they may bring, and how far they have come.")

entity_verbs(
    command,
    "opportunity",
    {
        "add": "crm opp add 'Acme renewal' --account A4 --amount 50k --close-date eoq",
        "list": "crm opp list 'stage:prop amount>10k close_date<2026-12' owner:me",
        "edit": "crm opp edit O45 --amount 60k --next-step 'Send the contract' --probability 40",
        "rm": "crm opp rm O45",
        "import": "crm opp import deals.csv --map 'Deal value=amount' --value 'stage:Won=Closed Won'",
        "export": "crm opp export deals.csv",
    },
    without=("show",),
)

Ref = Annotated[
    str,
    typer.Argument(
        help="Its reference, name or external ID.", autocompletion=complete_references("opportunity")
    ),
]
Refs = Annotated[
    list[str],
    typer.Argument(metavar="REF...", help="The deals.", autocompletion=complete_references("opportunity")),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why it was lost.")]
Note = Annotated[
    str | None, typer.Option("--note", metavar="TEXT", help="A note, logged with the deal on the same day.")
]


# --- what is shown ----------------------------------------------------------------------------------------


@command.verb("crm opp show O45", "crm opp show 'Acme renewal' --json")
def show(app: App, ref: Ref) -> Result:
    """Show an opportunity with its contacts and their roles, its tasks and its activities."""
    from crmcli.commands._contact_roles import contacts_of

    reader = app.read()
    id = find(reader, "opportunity", ref)
    record = record_of(reader, "opportunity", id)
    about = "t.related_to_entity = 'opportunity' AND t.related_to_id = :id"
    record.sections = {
        "contacts": contacts_of(reader, id),
        "tasks": section(reader, "task", about, "t.completed_at IS NOT NULL, t.due_date, t.id", id),
        "activities": section(reader, "activity", about, "t.happened_at DESC, t.id DESC", id),
    }
    return record


def section(reader: Reader, entity: str, condition: str, order: str, id: int) -> Table:
    """The records of a kind that belong to a deal, with the fields that lists show."""
    from crmcli.store.query import columns_for, select

    selected = columns_for(reader.fields(entity), None, everything=False)
    kept = [each for each in selected if not each.column.name.startswith("related_to")]
    return Table(
        [each.column for each in kept],
        list(reader.rows(select(entity, kept, condition, order), id=id)),
        empty="None.",
    )


@command.verb("crm opp timeline O45")
def timeline(app: App, ref: Ref) -> Result:
    """Show what happened to a deal: stages with their days, changes, activities and tasks, oldest first."""
    from crmcli.reports.opp_timeline import timeline

    reader = app.read()
    id = find(reader, "opportunity", ref)
    return timeline(reader, id, title=described(reader, "opportunity", id), today=app.today, zone=app.zone)


# --- moves ------------------------------------------------------------------------------------------------


@command.verb(
    "crm opp stage O45 Negotiation/Review",
    "crm opp stage O45 prop --at 2026-11-02 --probability 60 --note 'They want it by March'",
)
def stage(
    app: App,
    ref: Ref,
    stage: Annotated[
        str,
        typer.Argument(help="Its name, the beginning of it, or its label.", autocompletion=complete_stages),
    ],
    at: At = None,
    probability: Annotated[
        str | None,
        typer.Option(
            "--probability", metavar="PERCENT", help="Your own instead of the stage's; none gives it back."
        ),
    ] = None,
    reason: Reason = None,
    note: Note = None,
    dry_run: DryRun = False,
) -> Result:
    """Move a deal to a stage; a closed one wins or loses it.

    The stage sets probability and forecast category. A probability of your own stays while the deal is open.
    """
    reader = app.read()
    if needs_reason(stage_named(stage, stages_of(reader))):
        reason = reason_for(app, ref, reason, unless_in=stage)

    def plan(deal: Deal, facts: Facts, work: "UnitOfWork") -> dict[str, Any]:
        own = KEEP if probability is None else given(app, work, deal, probability=probability)["probability"]
        return moved(deal, stage_named(stage, facts.stages), facts, probability=own, reason=reason)

    return act(app, ref, plan, at=at, note=note, dry_run=dry_run)


@command.verb("crm opp win O45", "crm opp win O45 --at 2026-11-20 --amount 48k")
def win(
    app: App,
    ref: Ref,
    at: At = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="MONEY", help="What it brought in the end.")
    ] = None,
    note: Note = None,
    dry_run: DryRun = False,
) -> Result:
    """Win a deal: it is closed today, or on the day given with --at."""

    def plan(deal: Deal, facts: Facts, work: "UnitOfWork") -> dict[str, Any]:
        values = closed(deal, closing_stage(facts.stages, won=True), facts)
        return values if amount is None else {**values, **given(app, work, deal, amount=amount)}

    return act(app, ref, plan, at=at, note=note, dry_run=dry_run)


@command.verb("crm opp lose O45 --reason Pricing", "crm opp lose O45 --reason Competition --at 2026-11-20")
def lose(
    app: App, ref: Ref, reason: Reason = None, at: At = None, note: Note = None, dry_run: DryRun = False
) -> Result:
    """Lose a deal, for a reason: it is asked for on a terminal, and required in a pipe."""
    why = reason_for(app, ref, reason)

    def plan(deal: Deal, facts: Facts, work: "UnitOfWork") -> dict[str, Any]:
        return closed(deal, closing_stage(facts.stages, won=False), facts, why)

    return act(app, ref, plan, at=at, note=note, dry_run=dry_run)


@command.verb("crm opp reopen O45", "crm opp reopen O45 --stage Qualification --close-date eoq")
def reopen(
    app: App,
    ref: Ref,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage",
            metavar="STAGE",
            help="Else the last open one it was in.",
            autocompletion=complete_stages,
        ),
    ] = None,
    close_date: Annotated[
        str | None, typer.Option("--close-date", metavar="DATE", help="When it should be closed now.")
    ] = None,
    at: At = None,
    note: Note = None,
    dry_run: DryRun = False,
) -> Result:
    """Open a closed deal again, as it was before: its stage, its close date, your own probability."""

    def plan(deal: Deal, facts: Facts, work: "UnitOfWork") -> dict[str, Any]:
        before = when_open(work.reader, deal["id"])
        target = stage_named(stage, facts.stages) if stage else last_open_stage(before, facts.stages)
        if close_date:
            day = given(app, work, deal, close_date=close_date)["close_date"]
        else:
            day = parse_date(before[0][1] or "none", today=facts.day) if before else deal["close_date"]
        return reopened(deal, target, facts, day)

    return act(app, ref, plan, at=at, note=note, dry_run=dry_run)


def act(app: App, ref: str, plan: Plan, *, at: str | None, note: str | None, dry_run: bool) -> Outcome:
    """Carry out what a rule plans for one deal, on the day of the act."""
    day = day_of(app, at)
    with app.work(at=moment_of(day, app.now, app.zone) if day else None, dry_run=dry_run) as work:
        deal = deal_of(work, ref)
        planned = plan(deal, facts_then(app, work, deal, day), work)
        values = {name: value for name, value in planned.items() if deal[name] != value}
        changes = Changes()
        changes.edit("opportunity", deal["id"], **values)
        if note and values:
            changes.add(
                "activity",
                work.ids("activity"),
                **note_on(app, work, deal["id"], note),
            )
        work.apply(changes)
        said = [
            *said_of_move(deal, values, day or app.today, app.today),
            *news(work.fields("opportunity"), values),
        ]
        if dry_run and values:
            said[0] = f"Would be: {said[0]}"
        return Outcome(
            said, [reference("opportunity", deal["id"])], record_of(work.reader, "opportunity", deal["id"])
        )


def deal_of(work: "UnitOfWork", ref: str) -> Deal:
    """A deal as rules see it."""
    from crmcli.model import Opportunity

    record = work.one(Opportunity, ref)
    return {name: getattr(record, name) for name in type(record).model_fields}


def given(app: App, work: "UnitOfWork", deal: Deal, **typed: str) -> dict[str, Any]:
    """What was typed for fields of a deal, as the columns to be set."""
    return typed_values(app, work.reader, typed, work.fields("opportunity"), deal["currency"])


def note_on(app: App, work: "UnitOfWork", id: int, text: str) -> dict[str, Any]:
    """A note about a deal, as an activity of the moment of the act."""
    first, _, rest = text.strip().partition("\n")
    return {
        "type": "Note",
        "subject": first[:255],
        "description": text if rest or len(first) > 255 else None,
        "happened_at": work.at,
        "related_to_entity": "opportunity",
        "related_to_id": id,
        "owner_id": owner_for(work),
    }


def when_open(reader: Reader, id: int) -> list[tuple[str, str | None]]:
    """Stage and close date of a deal whenever it was open, the last time first.

    What holds by what we know now comes first; a stage that was entered and left on one day may be known
    only from what was recorded before.
    """
    rows = reader.rows(
        "SELECT stage, close_date FROM opportunity_version WHERE opportunity_id = :id AND is_closed = 0"
        " ORDER BY CASE WHEN recorded_to IS NULL THEN 0 ELSE 1 END, valid_from DESC, id DESC",
        id=id,
    )
    return [(stage, close_date) for stage, close_date in rows]


def last_open_stage(before: Sequence[tuple[str, str | None]], stages: Sequence[StageFacts]) -> StageFacts:
    """The last open stage a deal was in, if deals may still enter it; else the first of all."""
    usable = {stage.name: stage for stage in stages if stage.active and not stage.is_closed}
    return next((usable[name] for name, _ in before if name in usable), None) or first_stage(stages)


def reason_for(app: App, ref: str, text: str | None, unless_in: str | None = None) -> str | None:
    """Why a deal was lost; asked for on a terminal. Raises InvalidValue where nobody can be asked."""
    reader = app.read()
    spec = next(spec for spec in reader.fields("opportunity") if spec.name == "lost_reason")
    if text and text.strip():
        return chosen(spec, text.strip())
    id = find(reader, "opportunity", ref)
    row = reader.row("SELECT id, name, stage, is_closed FROM opportunity WHERE id = :id", id=id)
    assert row is not None
    deal = dict(zip(("id", "name", "stage", "is_closed"), row, strict=True))
    if unless_in and stage_named(unless_in, stages_of(reader)).name == deal["stage"]:
        return None
    refuse_closed(deal)
    if not app.interactive:
        raise InvalidValue(
            "Missing: reason. A lost deal has one.",
            hint=f"For example --reason {spec.choices[0] if spec.choices else 'TEXT'}",
            field="reason",
        )
    from crmcli.ask import ask

    reading = reading_of(app)
    app.release()
    return ask(replace(spec, required=True), reading)


@command.verb("crm opp snooze O45 --until +2w", "crm opp snooze O45 --until none")
def snooze(
    app: App,
    ref: Ref,
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The day it comes back; none wakes it.")
    ],
    note: Annotated[
        str | None, typer.Option("--note", metavar="TEXT", help="Why; kept with the task of that day.")
    ] = None,
    dry_run: DryRun = False,
) -> Result:
    """Leave a deal alone till a day: till then `crm pipeline blockers` hides it.

    It gets a task of that day, which says to look at it again.
    """
    day = parse_date(
        until, today=app.today, order=app.date_order, period_end=True, fiscal_start=app.fiscal_start
    )
    with app.work(dry_run=dry_run) as work:
        deal = deal_of(work, ref)
        task = work.reader.value(
            "SELECT max(id) FROM task WHERE related_to_entity = 'opportunity' AND related_to_id = :id"
            " AND completed_at IS NULL AND deleted_at IS NULL AND subject = :subject AND status = :status",
            id=deal["id"],
            subject=SUBJECT,
            status=STATUS,
        )
        changes = snoozed(deal, task, day, app.today, note, owner_for(work), work.ids)
        work.apply(changes)
        said = [f"Would be: {line}" for line in changes.notes] if dry_run else changes.notes
        return Outcome(
            said, [reference("opportunity", deal["id"])], record_of(work.reader, "opportunity", deal["id"])
        )


# --- who ----------------------------------------------------------------------------------------------------


@command.verb("crm opp assign O45 O46 --to li", "crm opp assign O45 --to me --reason 'Li is on leave'")
def assign(
    app: App,
    refs: Refs,
    to: Annotated[
        str, typer.Option("--to", metavar="USER", help="The new owner.", autocompletion=complete_users)
    ],
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Why; logged as a note.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Result:
    """Give deals to another owner."""
    confirm_many(app, f"Give {len(refs)} deals to {to}?", len(refs), yes=yes or dry_run)
    with app.work(dry_run=dry_run) as work:
        owner = new_owner(work, to)
        name = name_of(work, owner)
        deals = {deal["id"]: deal for deal in (deal_of(work, ref) for ref in refs)}
        changes = Changes()
        for id, deal in deals.items():
            if deal["owner_id"] == owner:
                changes.note(f"{described(work.reader, 'opportunity', id)} is {name}'s already.")
                continue
            changes.edit("opportunity", id, owner_id=owner)
            if reason:
                changes.add("activity", work.ids("activity"), **note_on(app, work, id, reason))
            before = name_of(work, deal["owner_id"])
            changes.note(f"{described(work.reader, 'opportunity', id)} · {before} → {name}")
        work.apply(changes)
        shown = [reference("opportunity", id) for id in deals]
        said = [f"Would be: {line}" for line in changes.notes] if dry_run else changes.notes
        record = record_of(work.reader, "opportunity", next(iter(deals))) if len(deals) == 1 else None
        return Outcome(said, shown, record, data={"assigned": shown, "owner": name})


def name_of(work: "UnitOfWork", owner: int | None) -> str:
    name = work.reader.value('SELECT name FROM "user" WHERE id = :id', id=owner) if owner else None
    return str(name or "nobody")


@command.verb(
    "crm opp role O45 C3 'Decision Maker' --primary",
    "crm opp role O45 C3 --rm",
)
def role(
    app: App,
    ref: Ref,
    contact: Annotated[
        str,
        typer.Argument(
            help="Who, by reference, name or e-mail.", autocompletion=complete_references("contact")
        ),
    ],
    role: Annotated[str | None, typer.Argument(help="Decision Maker, Influencer, …")] = None,
    primary: Annotated[
        bool, typer.Option("--primary", help="The first to talk to, instead of whoever was.")
    ] = False,
    rm: Annotated[bool, typer.Option("--rm", help="They have no part in it any more.")] = False,
    dry_run: DryRun = False,
) -> Result:
    """Say what part a contact plays in a deal."""
    if rm and (role or primary):
        raise InvalidValue(
            "--rm takes the contact out; it goes with neither a role nor --primary.", field="rm"
        )
    from crmcli.commands._contact_roles import give_role

    return give_role(app, ref, contact, role, primary=primary, rm=rm, dry_run=dry_run)
