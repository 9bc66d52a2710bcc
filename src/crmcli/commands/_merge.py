"""The verb `merge` of accounts, contacts and leads: several records become the first of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crmcli.app import App
from crmcli.commands._entity import confirm
from crmcli.commands._noun import DryRun, Noun, Yes, complete_references
from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.result import Outcome, Result
from crmcli.rules.filling import listed
from crmcli.rules.merging import Around, Link, Part, plan_merge, relinked_object
from crmcli.store.find import belonging, described, find, upwards

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


def merge_verb(noun: Noun, entity: str) -> None:
    """Give a noun the verb `merge`."""
    word, letter, plural = BY_ENTITY[entity].word, BY_ENTITY[entity].letter, BY_ENTITY[entity].plural

    def merge(
        app: App,
        kept: Annotated[
            str,
            typer.Argument(
                metavar="KEPT", help="The one that stays.", autocompletion=complete_references(entity)
            ),
        ],
        others: Annotated[
            list[str],
            typer.Argument(
                metavar="OTHER",
                help="Those that are the same.",
                autocompletion=complete_references(entity),
            ),
        ],
        yes: Yes = False,
        dry_run: DryRun = False,
    ) -> Result:
        return merge_all(app, entity, [kept, *others], yes=yes, dry_run=dry_run)

    merge.__doc__ = (
        f"Make one of several {plural} that are the same.\n\nThe first stays, and takes from the others only"
        " what it lacks; their descriptions go under its own. All that links to them links to it. `crm undo`"
        " takes it back. See crm help duplicates."
    )
    noun.verb(
        f"crm {word} merge {letter}4 {letter}9", f"crm {word} merge {letter}4 {letter}9 {letter}12 --yes"
    )(merge)


def merge_all(app: App, entity: str, refs: Sequence[str], *, yes: bool, dry_run: bool) -> Outcome:
    """Merge records into the first after asking. Raises InvalidValue, NotFound, Conflict or Refused."""
    from crmcli.model import ENTITIES

    reader = app.read()
    kept, *others = (find(reader, entity, ref) for ref in refs)
    if kept in others:
        raise InvalidValue(f"{reference(entity, kept)} cannot be merged into itself.")
    others = list(dict.fromkeys(others))
    names, into = listed(described(reader, entity, id) for id in others), described(reader, entity, kept)
    along = [f"{reference(entity, id)}: {rest}" for id in others if (rest := belonging(reader, entity, id))]
    more = f" What belongs to them goes along ({'; '.join(along)})." if along else ""
    confirm(app, f"Merge {names} into {into}?{more}", yes=yes or dry_run)
    with app.work(dry_run=dry_run) as work:
        records = [work.get(ENTITIES[entity], id) for id in (kept, *others)]
        plan = plan_merge(records[0], records[1:], around(work, entity, kept, others))
        work.apply(plan)
        entry = None if dry_run else work.entry
    done = f"{'Would merge' if dry_run else 'Merged'} {names} into {into}."
    hint = [f"`crm undo {entry}` takes it back."] if entry else []
    ref = reference(entity, kept)
    return Outcome(
        [done, *plan.notes, *hint],
        [ref],
        data={
            "kept": ref,
            "merged": [reference(entity, id) for id in others],
            "filled": plan.filled,
            "different": plan.different,
            "relinked": relinked_object(plan.relinked),
            "entry": entry,
        },
    )


def around(work: "UnitOfWork", entity: str, kept: int, others: Sequence[int]) -> Around:
    """What is around the records that are merged."""
    fields = work.fields(entity)
    family = (kept, *others)
    upward = [spec.column for spec in fields if spec.kind == "link" and spec.target == entity]
    above = {column: {id: upwards(work.reader, entity, column, id) for id in family} for column in upward}
    return Around(
        fields,
        links_to(work, entity, others),
        parts_of(work, family) if entity == "contact" else (),
        above,
        gone_of(work, entity, fields, family),
    )


def gone_of(
    work: "UnitOfWork", entity: str, fields: Sequence[FieldSpec], ids: Sequence[int]
) -> list[tuple[str, int]]:
    """The links of records that lead to what has been deleted."""
    listing = ", ".join(map(str, ids))
    return [
        (spec.column, id)
        for spec in fields
        if spec.kind == "link" and not spec.owned
        for (id,) in work.reader.rows(
            f'SELECT DISTINCT t.id FROM "{entity}" r JOIN "{spec.target}" t ON t.id = r.{spec.column}'
            f" WHERE r.id IN ({listing}) AND t.deleted_at IS NOT NULL"
        )
    ]


def links_to(work: "UnitOfWork", entity: str, ids: Sequence[int]) -> list[Link]:
    """Every link of a live record to one of several: a query for each column that can hold one."""
    from crmcli.model import ENTITIES
    from crmcli.store.journal import links

    listing = ", ".join(map(str, ids))
    return [
        Link(other, id, column)
        for other, model in ENTITIES.items()
        for target, column, counts in links(model)
        if target == entity
        for (id,) in work.reader.rows(
            f'SELECT r.id FROM "{other}" r WHERE r.{column} IN ({listing}) AND {counts}'
            " AND r.deleted_at IS NULL ORDER BY r.id"
        )
    ]


def parts_of(work: "UnitOfWork", contacts: Sequence[int]) -> list[Part]:
    """The parts that contacts play in deals."""
    rows = work.reader.rows(
        "SELECT id, opportunity_id, contact_id, role, is_primary FROM contact_role"
        f" WHERE contact_id IN ({', '.join(map(str, contacts))}) AND deleted_at IS NULL ORDER BY id"
    )
    return [Part(id, deal, contact, role, bool(primary)) for id, deal, contact, role, primary in rows]
