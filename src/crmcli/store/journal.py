"""The journal's other half: taking an act back, and doing it again, as plans over whole sets of changes.

Undo is an act like any other: it has its own entry, whose changes are those of the undone entry reversed.
Redo is the undo of an undo. So every entry is an act or, through `undoes`, leads to one, which it switches
off or on again; the newest of such a chain says which.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import chain, groupby, islice
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from crmcli.errors import Conflict, NotFound
from crmcli.fields import BY_ENTITY, reference
from crmcli.model import ENTITIES
from crmcli.store import search, versions
from crmcli.store.find import described
from crmcli.store.keys import key_phones_again
from crmcli.store.reader import Reader
from crmcli.store.tables import ENTRY
from crmcli.store.work import SETTINGS, UnitOfWork, clash
from crmcli.values.dates import iso_instant

PAGE: Final = 5_000  # changes that are put back at once

# An act counts unless it was taken back; undo and redo themselves only switch others off and on.
COUNTS: Final = "e.undoes IS NULL AND e.undone_by IS NULL"
DID_SOMETHING: Final = "EXISTS (SELECT 1 FROM change c WHERE c.entry_id = e.id)"


class Entry(NamedTuple):
    """An entry of the journal: the act it leads to, and whether it does that act or takes it back."""

    id: int
    command: str
    act: int
    does: bool


class Change(NamedTuple):
    """What was done to a record, or to a range of them."""

    id: int
    entity: str
    first: int
    last: int
    op: str
    before: dict[str, Any]


class TakenBack(NamedTuple):
    """What an undo or redo did."""

    entry: int  # the entry that was taken back
    act: int  # the act that it switches off or on
    command: str  # of the act
    does: bool  # whether the act counts again
    records: int
    kept: list[str]  # the users it made who are needed by now

    def sentence(self, *, would: bool = False) -> str:
        """What was done, in words."""
        verb = ("Would redo" if self.does else "Would undo") if would else ("Redid" if self.does else "Undid")
        records = "1 record" if self.records == 1 else f"{self.records} records"
        return f"{verb} entry {self.act}: {self.command} ({records})."


def last_act(reader: Reader, actor: str) -> int:
    """The newest act of an actor that counts. Raises NotFound, naming another's where that is newer."""
    newest = f"SELECT e.id, e.command, e.actor FROM entry e WHERE {COUNTS} AND {DID_SOMETHING}"
    mine = reader.row(f"{newest} AND e.actor = :actor ORDER BY e.id DESC LIMIT 1", actor=actor)
    if mine is not None:
        return int(mine[0])
    other = reader.row(f"{newest} ORDER BY e.id DESC LIMIT 1")
    hint = (
        f"Entry {other[0]} ({other[1]}) is {other[2]}'s: `crm undo {other[0]}` takes it back."
        if other
        else None
    )
    raise NotFound("There is nothing to undo.", hint=hint)


def newer_of_others(reader: Reader, actor: str) -> str | None:
    """A sentence about the newest act that counts, where it is somebody else's."""
    row = reader.row(
        f"SELECT e.id, e.command, e.actor FROM entry e WHERE {COUNTS} AND {DID_SOMETHING} ORDER BY e.id DESC LIMIT 1"
    )
    if row is None or row[2] == actor:
        return None
    return f"Left alone: the newer entry {row[0]} ({short(row[1])}), which is {row[2]}'s."


def last_undo(reader: Reader, actor: str) -> int:
    """The newest undo of an actor whose act is still taken back. Raises NotFound."""
    found = reader.value(
        "SELECT max(u.id) FROM entry e JOIN entry u ON u.id = e.undone_by"
        " WHERE e.undoes IS NULL AND u.actor = :actor",
        actor=actor,
    )
    if found is None:
        raise NotFound("There is nothing to redo.", hint="Only what was undone can be done again.")
    return int(found)


def take_back(work: UnitOfWork, undone: int) -> TakenBack:
    """Reverse everything an entry did. Raises NotFound, or Conflict naming what is in the way."""
    entry = entry_of(work.reader, undone)
    if entry is None or undone == work.entry:
        raise NotFound(f"There is no entry {undone}.", hint="`crm history` lists them.")
    chains = chains_of(work.reader)
    newest = max((id for id, (act, _) in chains.items() if act == entry.act), default=entry.act)
    if chains.get(newest, (newest, True))[1] != entry.does:
        raise Conflict(f"Entry {undone} ({short(entry.command)}) has already been undone, by entry {newest}.")
    since = Since(newest, chains)
    analyze(work, newest)
    refuse_where_changed_later(work, undone, since)
    kept = users_still_needed(work.reader, newest)
    try:
        records = reverse(work, newest, kept)
    except IntegrityError as error:
        why = clash(error)
        raise Conflict(
            f"Entry {undone} cannot be undone: {why.message[0].lower()}{why.message[1:]}"
        ) from error
    refuse_dangling_links(work, undone, since)
    versions.take_back(work.connection, newest, work.entry, work.now)
    mark(work, entry)
    act = entry_of(work.reader, entry.act)
    assert act is not None
    return TakenBack(
        undone, entry.act, short(act.command), not entry.does, records, named_users(work.reader, kept)
    )


def analyze(work: UnitOfWork, entry: int) -> None:
    """Tell a server what its tables hold, where an entry did much: it may not have looked since."""
    size = "SELECT count(*) + sum(last_id - first_id) FROM change WHERE entry_id = :entry"
    if not work.reader.is_sqlite and int(work.reader.value(size, entry=entry) or 0) > PAGE:
        for table in ("change", "opportunity", "opportunity_version"):
            work.connection.execute(text(f"ANALYZE {table}"))


def short(command: str) -> str:
    """A command, as far as a sentence can hold it."""
    return command if len(command) <= 80 else command[:79] + "…"


Chains = dict[int, tuple[int, bool]]


def chains_of(reader: Reader) -> Chains:
    """Every undo and redo: the act it leads to, and whether it does that act again."""
    found: Chains = {}
    for id, undoes in reader.rows("SELECT id, undoes FROM entry WHERE undoes IS NOT NULL ORDER BY id"):
        act, does = found.get(undoes, (undoes, True))
        found[id] = (act, not does)
    return found


def entry_of(reader: Reader, id: int) -> Entry | None:
    row = reader.row("SELECT command FROM entry WHERE id = :id", id=id)
    if row is None:
        return None
    act, does = chains_of(reader).get(id, (id, True))
    return Entry(id, row[0], act, does)


class Since:
    """What is left of all that was done after an entry.

    Acts and their undoing nest, so an act that was since undone as often as it was done has left nothing.
    """

    def __init__(self, newest: int, chains: Chains) -> None:
        self.newest = newest
        self.chains = chains
        self.balance: Counter[int] = Counter()
        for id, (act, does) in chains.items():
            if id > newest:
                self.balance[act] += 1 if does else -1

    def left(self, entry: int) -> bool:
        """Whether anything is left of the act that a later entry belongs to."""
        act, _ = self.chains.get(entry, (entry, True))
        return self.balance[act] + (act > self.newest) != 0

    def earlier(self) -> "Iterator[Since]":
        """The same from each earlier time at which what the entry does was done."""
        does = self.chains.get(self.newest, (self.newest, True))
        for id in (does[0], *self.chains):
            if id < self.newest and self.chains.get(id, (id, True)) == does:
                yield Since(id, self.chains)


def refuse_where_changed_later(work: UnitOfWork, undone: int, since: Since) -> None:
    """Refuse where a record has been changed since, unless that has been taken back too."""
    columns = "later.entry_id AS entry, later.entity, later.first_id, later.last_id"
    later = work.reader.rows(
        "SELECT found.*, e.command FROM ("
        f"SELECT {columns} FROM change mine JOIN change later ON later.entity = mine.entity"
        " AND later.first_id BETWEEN mine.first_id AND mine.last_id AND later.entry_id > mine.entry_id"
        " WHERE mine.entry_id = :newest UNION "
        # Ranges that begin before: few, so they lead the join.
        f"SELECT {columns} FROM change later CROSS JOIN change mine"
        " WHERE later.entry_id > :newest AND later.last_id > later.first_id AND mine.entry_id = :newest"
        " AND mine.entity = later.entity AND mine.first_id BETWEEN later.first_id AND later.last_id"
        ") AS found JOIN entry e ON e.id = found.entry WHERE found.entry <> :own"
        " ORDER BY found.entry DESC, found.entity, found.first_id",
        newest=since.newest,
        own=work.entry,
    )
    left = list(islice((row for row in later if since.left(row[0])), 6))
    if left:
        named = [f"{span(*record)} (entry {id}: {short(command)})" for id, *record, command in left]
        raise Conflict(
            f"Entry {undone} cannot be undone: later changes would be lost,"
            f" to {', '.join(named[:5])}{', and more' if len(named) > 5 else ''}.",
            hint=f"Undo the later one first: crm undo {left[0][0]}",
        )


def span(entity: str, first: int, last: int) -> str:
    """A record, or a range of them, as messages name it."""
    if entity == "setting":
        return (
            f"the setting {SETTINGS[first - 1]}"
            if first <= len(SETTINGS)
            else "a profile of imports, or a report of your own"
        )
    return (
        reference(entity, first) if first == last else f"{reference(entity, first)}–{reference(entity, last)}"
    )


def refuse_dangling_links(work: UnitOfWork, undone: int, since: Since) -> None:
    """Refuse where a live record would link to one that goes, or one that comes back to one gone since.

    A link that led nowhere before the entry, or before an earlier time that the same was done, may do so
    again.
    """
    later = (
        "later.entry_id > :newest AND later.entry_id <> :own AND later.entity = :{}"
        " AND {}.id BETWEEN later.first_id AND later.last_id"
    )
    done = list(
        work.reader.rows("SELECT DISTINCT entity, op FROM change WHERE entry_id = :own", own=work.entry)
    )
    went = {entity for entity, op in done if op == "remove"}
    came = {entity for entity, op in done if op != "remove"}
    for entity, model in ENTITIES.items():
        for target, column, counts in links(model):
            params = {"own": work.entry, "newest": since.newest, "entity": entity, "target": target}
            going = (
                f'SELECT r.id, r.{column}, later.entry_id, later.entity, r.id FROM change c JOIN "{target}" gone'
                " ON gone.id BETWEEN c.first_id AND c.last_id AND gone.deleted_at IS NOT NULL"
                f' JOIN "{entity}" r ON r.{column} = gone.id AND r.deleted_at IS NULL AND {counts}'
                f" JOIN change later ON {later.format('entity', 'r')}"
                " WHERE c.entry_id = :own AND c.entity = :target AND c.op = 'remove'"
            )
            coming = (
                f'SELECT r.id, r.{column}, later.entry_id, later.entity, gone.id FROM change c JOIN "{entity}" r'
                " ON r.id BETWEEN c.first_id AND c.last_id AND r.deleted_at IS NULL"
                f' AND {counts} JOIN "{target}" gone ON gone.id = r.{column} AND gone.deleted_at IS NOT NULL'
                f" JOIN change later ON {later.format('target', 'gone')}"
                " WHERE c.entry_id = :own AND c.entity = :entity AND c.op <> 'remove'"
            )
            asked = [sql for sql, wanted in ((going, target in went), (coming, entity in came)) if wanted]
            found = chain.from_iterable(work.reader.rows(sql, **params) for sql in asked)
            for id, linked, by, *record in found:
                if since.left(by) and not was_so_before(work, since, *record):
                    raise Conflict(
                        f"Entry {undone} cannot be undone: {described_any(work.reader, entity, id)}"
                        f" still belongs to {described_any(work.reader, target, linked)}.",
                        hint=f"Undo what was done later first: crm undo {by}",
                    )


def was_so_before(work: UnitOfWork, since: Since, entity: str, id: int) -> bool:
    """Whether a record is again as it was at an earlier time that the same was done."""
    changes = list(
        work.reader.rows(
            "SELECT DISTINCT entry_id FROM change WHERE entity = :entity AND :id BETWEEN first_id AND last_id"
            " AND entry_id <> :own",
            entity=entity,
            id=id,
            own=work.entry,
        )
    )
    return any(
        not any(then.left(entry) for (entry,) in changes if entry > then.newest) for then in since.earlier()
    )


def links(model: Any) -> Iterator[tuple[str, str, str]]:
    """What links records of a model `r` to others: the entity they point to, the column, and when it counts."""
    columns = model.__table__.columns
    for column in columns:
        for key in column.foreign_keys:
            yield key.target_fullname.partition(".")[0], column.name, "1 = 1"
    if "related_to_id" in columns:
        for entity in ENTITIES:
            yield entity, "related_to_id", f"r.related_to_entity = '{entity}'"


def described_any(reader: Reader, entity: str, id: int) -> str:
    return described(reader, entity, id) if entity in BY_ENTITY else reference(entity, id)


def reverse(work: UnitOfWork, undone: int, kept: Collection[int]) -> int:
    """Put records back as they were, newest change first, and journal that; the number of records.

    All but the changes that are to be `kept`.
    """
    gone = {"deleted_at": iso_instant(work.now)}
    without = f" AND id NOT IN ({', '.join(map(str, kept))})" if kept else ""
    phones = False
    for page in pages_of(work.reader, undone, without):
        for change in page:
            change.before.update(gone if change.op == "add" else {})
            phones = phones or "phone_key" in change.before
        for (entity, columns), group in groupby(page, key=lambda each: (each.entity, tuple(each.before))):
            write(work, entity, columns, list(group))
    if phones:
        key_phones_again(work.connection, work.country, undone)
    work.connection.execute(
        text(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
            " SELECT :entry, entity, first_id, last_id,"
            " CASE op WHEN 'add' THEN 'remove' WHEN 'restore' THEN 'remove'"
            " WHEN 'remove' THEN 'restore' ELSE op END,"
            " CASE op WHEN 'add' THEN :live ELSE after END, CASE op WHEN 'add' THEN :gone ELSE before END"
            f" FROM change WHERE entry_id = :undone{without} ORDER BY id DESC"
        ),
        {
            "entry": work.entry,
            "undone": undone,
            "live": json.dumps({"deleted_at": None}),
            "gone": json.dumps(gone),
        },
    )
    index_again(work)
    return records_of(work.reader, work.entry)


def index_again(work: UnitOfWork) -> None:
    """Bring the search index up to date with what was put back."""
    single = (
        "id IN (SELECT first_id FROM change"
        " WHERE entry_id = :entry AND entity = :kind AND first_id = last_id)"
    )
    changed = "FROM change WHERE entry_id = :entry"
    entities = work.reader.rows(f"SELECT DISTINCT entity {changed} AND first_id = last_id", entry=work.entry)
    for (entity,) in list(entities):
        search.index_where(work.connection, entity, single, entry=work.entry, kind=entity)
    ranges = work.reader.rows(
        f"SELECT DISTINCT entity, first_id, last_id {changed} AND first_id < last_id", entry=work.entry
    )
    for entity, first, last in list(ranges):
        search.index(work.connection, entity, first, last)


def users_still_needed(reader: Reader, entry: int) -> list[int]:
    """The changes that made a user on the spot who owns other records by now: that user stays."""
    if not reader.row(
        "SELECT 1 FROM change WHERE entry_id = :entry AND entity <> 'user' LIMIT 1", entry=entry
    ):
        return []
    made = list(
        reader.rows(
            "SELECT id, first_id, last_id FROM change"
            " WHERE entry_id = :entry AND entity = 'user' AND op IN ('add', 'restore')",
            entry=entry,
        )
    )
    return [
        id
        for id, first, last in made
        if any(
            reader.row(
                "WITH ranges AS MATERIALIZED (SELECT first_id, last_id FROM change"
                " WHERE entry_id = :entry AND entity = :owned AND first_id < last_id)"
                f' SELECT 1 FROM "{owned}" r WHERE r.owner_id BETWEEN :first AND :last AND r.deleted_at IS NULL'
                " AND NOT EXISTS (SELECT 1 FROM ranges c WHERE r.id BETWEEN c.first_id AND c.last_id)"
                # By the record: an entry may have changed many.
                " AND NOT EXISTS (SELECT 1 FROM change c WHERE c.entity = :owned AND c.first_id = r.id"
                " AND c.last_id = r.id AND +c.entry_id = :entry) LIMIT 1",
                first=first,
                last=last,
                entry=entry,
                owned=owned,
            )
            for owned in ENTITIES
        )
    ]


def named_users(reader: Reader, changes: Collection[int]) -> list[str]:
    """The users that some changes made, as messages name them."""
    if not changes:
        return []
    users = reader.rows(
        'SELECT u.id FROM change c JOIN "user" u ON u.id BETWEEN c.first_id AND c.last_id'
        f" WHERE c.id IN ({', '.join(map(str, changes))}) ORDER BY u.id"
    )
    return [described(reader, "user", id) for (id,) in list(users)]


def pages_of(reader: Reader, entry: int, condition: str) -> Iterator[list[Change]]:
    """What an entry did, newest first, in pages."""
    before = reader.value("SELECT max(id) + 1 FROM change WHERE entry_id = :entry", entry=entry)
    sql = (
        "SELECT id, entity, first_id, last_id, op, before FROM change"
        f" WHERE entry_id = :entry AND id < :before{condition} ORDER BY id DESC LIMIT {PAGE}"
    )
    while rows := list(reader.rows(sql, entry=entry, before=before)):
        yield [Change._make((*row[:5], json.loads(row[5] or "{}"))) for row in rows]
        before = rows[-1][0]


def records_of(reader: Reader, entry: int) -> int:
    """How many records an entry touched, each counted once."""
    changed = "FROM change WHERE entry_id = :entry AND first_id"
    ranges = list(
        reader.rows(
            f"SELECT DISTINCT entity, first_id, last_id {changed} < last_id ORDER BY entity, first_id",
            entry=entry,
        )
    )
    within = (
        "SELECT 1 FROM ranges r WHERE r.entity = c.entity AND c.first_id BETWEEN r.first_id AND r.last_id"
    )
    count = reader.value(
        f"WITH ranges AS MATERIALIZED (SELECT entity, first_id, last_id {changed} < last_id)"
        f" SELECT count(*) FROM (SELECT DISTINCT entity, first_id {changed} = last_id) c WHERE NOT EXISTS ({within})",
        entry=entry,
    )
    kind, reached = "", 0
    for entity, first, last in ranges:
        if entity != kind:
            kind, reached = entity, 0
        count += max(0, last - max(first - 1, reached))
        reached = max(reached, last)
    return int(count)


def write(work: UnitOfWork, entity: str, names: tuple[str, ...], changes: list[Change]) -> None:
    """Set columns of records, or of ranges of them, to what they were before, as the journal keeps it."""
    if entity == "setting":
        for change in changes:
            for name, value in change.before.items():
                work.write_setting(name, value)
        return
    columns = ENTITIES[entity].__table__.columns  # type: ignore[attr-defined]  # SQLModel keeps it to itself
    json_cast = "CAST(:custom AS JSONB)" if not work.reader.is_sqlite else ":custom"
    assignments = [
        f"{name} = {json_cast if name == 'custom' else ':' + name}" for name in names if name in columns
    ]
    if assignments:
        values = [
            {
                name: json.dumps(value, ensure_ascii=False) if name == "custom" else value
                for name, value in change.before.items()
            }
            | {"_first": change.first, "_last": change.last}
            for change in changes
        ]
        work.connection.execute(
            text(f'UPDATE "{entity}" SET {", ".join(assignments)} WHERE id BETWEEN :_first AND :_last'),
            values,
        )


def mark(work: UnitOfWork, undone: Entry) -> None:
    """Note what was taken back; an act whose undo is undone counts again."""
    work.wrote = True
    connection = work.connection
    connection.execute(ENTRY.update().where(ENTRY.c.id == work.entry).values(undoes=undone.id))
    connection.execute(ENTRY.update().where(ENTRY.c.id == undone.id).values(undone_by=work.entry))
    connection.execute(
        ENTRY.update().where(ENTRY.c.id == undone.act).values(undone_by=work.entry if undone.does else None)
    )
