"""The journal's other half: taking an act back, and doing it again, as plans over whole sets of changes.

Undo is an act like any other: it has its own entry, whose changes are those of the undone entry reversed.
Redo is the undo of an undo.
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import text

from crmcli.errors import Conflict, NotFound
from crmcli.fields import reference
from crmcli.model import ENTITIES
from crmcli.store import search, versions
from crmcli.store.find import described
from crmcli.store.reader import Reader
from crmcli.store.tables import ENTRY
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant

REVERSED = {"add": "remove", "remove": "restore", "restore": "remove", "edit": "edit"}
# An act counts unless it was taken back; undo and redo themselves only switch others off and on.
COUNTS = "e.undoes IS NULL AND e.undone_by IS NULL"


def last_act(reader: Reader, actor: str) -> int:
    """The newest act of an actor that counts. Raises NotFound, naming another's where that is the newest."""
    mine = reader.value(f"SELECT max(e.id) FROM entry e WHERE {COUNTS} AND e.actor = :actor", actor=actor)
    if mine is not None:
        return int(mine)
    other = reader.row(f"SELECT e.id, e.command, e.actor FROM entry e WHERE {COUNTS} ORDER BY e.id DESC LIMIT 1")
    hint = f"Entry {other[0]} ({other[1]}) is {other[2]}'s: `crm undo {other[0]}` takes it back." if other else None
    raise NotFound("There is nothing to undo.", hint=hint)


def last_undo(reader: Reader, actor: str) -> int:
    """The newest undo of an actor that can be taken back. Raises NotFound."""
    found = reader.value(
        "SELECT max(u.id) FROM entry u JOIN entry e ON e.undone_by = u.id"
        " WHERE u.undone_by IS NULL AND e.undoes IS NULL AND u.actor = :actor",
        actor=actor,
    )
    if found is None:
        raise NotFound("There is nothing to redo.", hint="Only what was undone can be done again.")
    return int(found)


def take_back(work: UnitOfWork, undone: int) -> int:
    """Reverse everything an entry did; the number of records. Raises NotFound, or Conflict naming what is in the way."""
    entry = work.reader.row("SELECT id, undone_by, command FROM entry WHERE id = :id", id=undone)
    if entry is None or undone == work.entry:
        raise NotFound(f"There is no entry {undone}.", hint="`crm history` lists them.")
    if entry[1] is not None:
        raise Conflict(f"Entry {undone} ({entry[2]}) has already been undone, by entry {entry[1]}.")
    refuse_where_changed_later(work.reader, undone)
    reverse(work, undone)
    refuse_where_still_needed(work.reader, undone)
    versions.take_back(work.connection, undone, work.entry, work.now)
    mark(work, undone)
    return int(work.reader.value("SELECT coalesce(sum(last_id - first_id + 1), 0) FROM change WHERE entry_id = :e", e=undone))


def refuse_where_changed_later(reader: Reader, undone: int) -> None:
    """Refuse where a record has been changed by a later act that counts."""
    found = list(
        reader.rows(
            "SELECT DISTINCT later.entity, later.first_id, e.id, e.command FROM change mine"
            " JOIN change later ON later.entity = mine.entity AND later.entry_id > mine.entry_id"
            " AND later.first_id <= mine.last_id AND later.last_id >= mine.first_id"
            f" JOIN entry e ON e.id = later.entry_id AND {COUNTS}"
            " WHERE mine.entry_id = :undone ORDER BY e.id DESC LIMIT 6",
            undone=undone,
        )
    )
    if found:
        shown = ", ".join(f"{reference(entity, id)} (entry {by}: {command})" for entity, id, by, command in found[:5])
        more = ", and more" if len(found) > 5 else ""
        raise Conflict(
            f"Entry {undone} cannot be undone: later changes would be lost, to {shown}{more}.",
            hint=f"Undo the later one first: crm undo {found[0][2]}",
        )


def refuse_where_still_needed(reader: Reader, undone: int) -> None:
    """Refuse where a live record links to one that would go."""
    for entity, model in ENTITIES.items():
        for target, column in links(model):
            found = reader.row(
                f'SELECT r.id, r.{column} FROM "{entity}" r JOIN change c ON c.entry_id = :undone AND c.entity = :target'
                f" AND c.op IN ('add', 'restore') AND r.{column} BETWEEN c.first_id AND c.last_id"
                f' JOIN "{target}" gone ON gone.id = r.{column} AND gone.deleted_at IS NOT NULL'
                " WHERE r.deleted_at IS NULL LIMIT 1",
                undone=undone,
                target=target,
            )
            if found:
                raise Conflict(
                    f"Entry {undone} cannot be undone: {described_any(reader, entity, found[0])} still belongs to"
                    f" {described_any(reader, target, found[1])}.",
                    hint="Undo what made that record first, or give it another.",
                )


def links(model: Any) -> Iterator[tuple[str, str]]:
    """The foreign keys of a model: the entity they point to, and their column."""
    for column in model.__table__.columns:
        for key in column.foreign_keys:
            yield key.target_fullname.partition(".")[0], column.name


def described_any(reader: Reader, entity: str, id: int) -> str:
    return reference(entity, id) if entity == "contact_role" else described(reader, entity, id)


def reverse(work: UnitOfWork, undone: int) -> None:
    """Put records back as they were, newest change first, and journal that."""
    for (entity, op), group in groupby(changes_of(work.reader, undone), key=lambda change: (change[1], change[4])):
        for _, _, first, last, _, before in group:
            if op == "add":
                set_deleted(work, entity, first, last, iso_instant(work.now))
            else:
                write(work, entity, first, last, json.loads(before))
            search.index(work.connection, entity, first, last)
    work.connection.execute(
        text(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
            " SELECT :entry, entity, first_id, last_id, CASE op WHEN 'add' THEN 'remove' WHEN 'remove' THEN 'restore'"
            " WHEN 'restore' THEN 'remove' ELSE op END,"
            " CASE op WHEN 'add' THEN '{\"deleted_at\": null}' ELSE after END,"
            " CASE op WHEN 'add' THEN '{\"deleted_at\": \"' || :now || '\"}' ELSE before END"
            " FROM change WHERE entry_id = :undone ORDER BY id DESC"
        ),
        {"entry": work.entry, "undone": undone, "now": iso_instant(work.now)},
    )


def changes_of(reader: Reader, entry: int) -> list[tuple[Any, ...]]:
    return list(
        reader.rows(
            "SELECT id, entity, first_id, last_id, op, before FROM change WHERE entry_id = :entry ORDER BY id DESC",
            entry=entry,
        )
    )


def set_deleted(work: UnitOfWork, entity: str, first: int, last: int, at: str | None) -> None:
    work.connection.execute(
        text(f'UPDATE "{entity}" SET deleted_at = :at WHERE id BETWEEN :first AND :last'),
        {"at": at, "first": first, "last": last},
    )


def write(work: UnitOfWork, entity: str, first: int, last: int, values: dict[str, Any]) -> None:
    """Set columns of a record, or of a range of them, to values as the journal keeps them."""
    if "custom" in values:
        values["custom"] = json.dumps(values["custom"], ensure_ascii=False)
    columns = ENTITIES[entity].__table__.columns  # type: ignore[attr-defined]
    assignments = ", ".join(
        f"{name} = CAST(:{name} AS JSONB)" if name == "custom" and not work.reader.is_sqlite else f"{name} = :{name}"
        for name in values
        if name in columns
    )
    span = {**values, "_first": first, "_last": last}
    work.connection.execute(text(f'UPDATE "{entity}" SET {assignments} WHERE id BETWEEN :_first AND :_last'), span)


def mark(work: UnitOfWork, undone: int) -> None:
    """Note what was taken back; an act whose undo is undone counts again."""
    work.wrote = True
    connection = work.connection
    connection.execute(ENTRY.update().where(ENTRY.c.id == work.entry).values(undoes=undone))
    connection.execute(ENTRY.update().where(ENTRY.c.undone_by == undone).values(undone_by=None))
    connection.execute(ENTRY.update().where(ENTRY.c.id == undone).values(undone_by=work.entry))
