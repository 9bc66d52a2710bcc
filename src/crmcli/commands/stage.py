"""crm stage: the steps of the sales process."""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._entity import add_one, ask_for_missing, edit_one, entity_verbs, remove
from crmcli.commands._facts import fields_of, stages_of
from crmcli.commands._fields import Sets, field_options, given_fields
from crmcli.commands._noun import DryRun, Noun, Yes, complete_references
from crmcli.commands._records import outcome_of
from crmcli.errors import InvalidValue, NotFound
from crmcli.fields import reference
from crmcli.result import Outcome, Result
from crmcli.rules.stages import (
    moved_up,
    refuse_removal,
    refuse_rewriting,
    refuse_without_open_stage,
    stage_named,
)
from crmcli.store.find import described, find, title_of
from crmcli.store.reader import Reader

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

command = Noun("stage", "Stages: the steps of the sales process, and what each means for the forecast.")

entity_verbs(
    command,
    "stage",
    {
        "add": "crm stage add 'Legal Review' --probability 80 --category Commit --position 8",
        "list": "crm stage list --sort position",
        "show": "crm stage show Prospecting",
        "edit": "crm stage edit 'Needs Analysis' --probability 25 --limit-days 14",
        "rm": "crm stage rm 'Id. Decision Makers'",
        "import": "crm stage import stages.csv --match name",
        "export": "crm stage export stages.csv",
    },
)

Ref = Annotated[
    str, typer.Argument(help="Its name or reference.", autocompletion=complete_references("stage"))
]


def add_options(app: App | None) -> list[inspect.Parameter]:
    return field_options(fields_of(app, "stage"), editing=False)


def edit_options(app: App | None) -> list[inspect.Parameter]:
    return field_options(fields_of(app, "stage"), editing=True)


@command.verb(
    "crm stage add 'Legal Review' --probability 80 --category Commit --position 8", options=add_options
)
def add(
    app: App,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The name.")] = None,
    set: Sets = None,
    dry_run: DryRun = False,
    **options: Any,
) -> Result:
    """Add a stage.

    Without --position it comes after the other open stages, or, if it is a closed one, last.
    """
    fields = fields_of(app, "stage")
    given = given_fields(options, set or [], fields)
    if name is not None:
        given["name"] = name
    ask_for_missing(app, "stage", given, fields)
    with app.work(dry_run=dry_run, makes=True) as work:
        outcome = add_one(app, work, "stage", given)
        outcome.said += make_room(work, find(work.reader, "stage", outcome.refs[0]))
        if dry_run:
            outcome.said[0] = f"Would be: {outcome.said[0]}"
        return outcome


@command.verb(
    "crm stage edit 'Needs Analysis' --probability 25 --limit-days 14",
    "crm stage edit 'Id. Decision Makers' --active no",
    options=edit_options,
)
def edit(app: App, ref: Ref, set: Sets = None, dry_run: DryRun = False, **options: Any) -> Result:
    """Change a stage; no deal that is in it is rewritten, only those that enter it later follow.

    A stage that deals have been in keeps its name; --label gives it another on screen.
    """
    given = given_fields(options, set or [], fields_of(app, "stage"))
    if not given:
        raise InvalidValue(
            "Nothing to change was given.", hint=f"crm stage edit {ref!r} --help lists the fields."
        )
    with app.work(dry_run=dry_run) as work:
        id = stage_meant(work.reader, ref)
        return edited(app, work, id, given, dry_run)


def stage_meant(reader: Reader, ref: str) -> int:
    """The stage of a reference, name, label or unique beginning. Raises NotFound, Conflict."""
    try:
        return find(reader, "stage", ref)
    except NotFound:
        try:
            return find(reader, "stage", stage_named(ref, stages_of(reader)).name)
        except InvalidValue as error:
            raise NotFound(error.message, hint=error.hint) from error


def edited(app: App, work: "UnitOfWork", id: int, given: Mapping[str, str], dry_run: bool) -> Outcome:
    """Edit a stage, and what follows for the others."""
    before = stage_values(work, id)
    deals, ever = deals_in(work.reader, before["name"])
    changed, notes = edit_one(app, work, "stage", id, given)
    after = stage_values(work, id)
    refuse_rewriting(before, after, deals, ever)
    refuse_without_open_stage(stages_of(work.reader))
    if before["position"] != after["position"]:
        notes = [*notes, *make_room(work, id)]
    return outcome_of(work, "stage", id, changed=changed, said=notes, dry_run=dry_run)


def stage_values(work: "UnitOfWork", id: int) -> dict[str, Any]:
    """A stage as rules see it."""
    from crmcli.model import Stage

    record = work.get(Stage, id)
    return {name: getattr(record, name) for name in type(record).model_fields}


def deals_in(reader: Reader, name: str) -> tuple[int, bool]:
    """How many deals are in a stage, and whether any has ever been."""
    now = reader.value(
        "SELECT count(*) FROM opportunity WHERE stage = :name AND deleted_at IS NULL", name=name
    )
    ever = reader.value("SELECT 1 FROM opportunity_version WHERE stage = :name LIMIT 1", name=name)
    return int(now), ever is not None


def make_room(work: "UnitOfWork", id: int) -> list[str]:
    """Move up the stages that stand where this one now does; what is said of that."""
    positions = dict(work.reader.rows("SELECT id, position FROM stage WHERE deleted_at IS NULL"))
    moves = moved_up({other: at for other, at in positions.items() if other != id}, positions[id])
    changes = Changes()
    for other, position in moves.items():
        changes.edit("stage", other, position=position)
    work.apply(changes)
    if not moves:
        return []
    names = ", ".join(
        f"{title_of(work.reader, 'stage', other)} ({position})" for other, position in moves.items()
    )
    return [f"Made room: {names}."]


@command.verb("crm stage rm 'Id. Decision Makers'")
def rm(
    app: App,
    refs: Annotated[
        list[str],
        typer.Argument(metavar="REF...", help="The stages.", autocompletion=complete_references("stage")),
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Result:
    """Delete stages that no deal is in. `crm undo` brings them back."""
    named = [reference("stage", stage_meant(app.read(), ref)) for ref in refs]
    return remove(app, "stage", named, yes=yes, dry_run=dry_run, check=none_in_use)


def none_in_use(reader: Reader, ids: Sequence[int]) -> None:
    """Raises Refused where a deal is in one of the stages, or no open stage would be left."""
    names = [title_of(reader, "stage", id) for id in ids]
    for id, name in zip(ids, names, strict=True):
        refuse_removal(described(reader, "stage", id), deals_in(reader, name)[0])
    refuse_without_open_stage([stage for stage in stages_of(reader) if stage.name not in names])
