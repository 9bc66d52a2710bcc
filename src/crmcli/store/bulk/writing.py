"""Staged rows become records: new ones and changed ones, each written, journalled and indexed by whole sets."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert as insert_into
from sqlalchemy import text

from crmcli.errors import CrmError
from crmcli.fields import FieldSpec
from crmcli.model import ENTITIES
from crmcli.store import search, versions
from crmcli.store.bulk.staging import (
    DOCUMENT,
    INSIDE,
    REJECTS,
    REVISIONS,
    SEEN,
    STAGE,
    Reject,
    Stage,
    Values,
    as_object,
    written,
)
from crmcli.store.deals import TRACKED
from crmcli.store.schema import field_row
from crmcli.store.tables import FIELD
from crmcli.values.dates import iso_instant


class Revision(NamedTuple):
    """A record and the row that would change it: as it is, as the row says, and as the row would make it."""

    n: int
    line: int
    current: Values
    given: Values
    made: Values


# --- new records ----------------------------------------------------------------------------------------


def number(stage: Stage) -> None:
    """Reserve ids for the new records, in the order of the file."""
    found = stage.work.reader.row(f"SELECT count(*), min(n), max(n) FROM {STAGE} WHERE verdict = 'create'")
    count, lowest, highest = found or (0, 0, 0)
    if not count:
        return
    first = stage.work.ids.take(stage.entity, count)
    if highest - lowest + 1 == count:
        stage.run(f"UPDATE {STAGE} SET id = :first + n WHERE verdict = 'create'", first=first - lowest)
        return
    stage.create("stage_number", "n INTEGER PRIMARY KEY, number BIGINT")
    stage.run(
        "INSERT INTO stage_number (n, number)"
        f" SELECT n, row_number() OVER (ORDER BY n) - 1 FROM {STAGE} WHERE verdict = 'create'"
    )
    stage.run(
        f"UPDATE {STAGE} SET id = :first + (SELECT number FROM stage_number k WHERE k.n = {STAGE}.n)"
        " WHERE verdict = 'create'",
        first=first,
    )


def lacks_owner(stage: Stage) -> bool:
    """Whether there is a new record that the file gives no owner."""
    unowned = " AND owner_id IS NULL" if "owner_id" in stage.columns else ""
    return stage.value(f"SELECT count(*) FROM {STAGE} WHERE verdict = 'create'{unowned}") > 0


def insert(stage: Stage, defaults: Mapping[str, Any]) -> None:
    """Make the new records, begin their versions, and index them; `finish` journals them."""
    fixed = {
        "created_at": iso_instant(stage.work.now),
        "updated_at": iso_instant(stage.work.now),
        "custom": "{}",
        **defaults,
    }
    columns = [name for name in stage.columns if not name.startswith(INSIDE) and name != "valid_from"]
    values = {name: f"s.{name}" for name in columns}
    for name in fixed:
        value = f"coalesce(s.{name}, :{name})" if name in values else f":{name}"
        values[name] = f"CAST({value} AS JSONB)" if name == "custom" and not stage.is_sqlite else value
    created = stage.run(
        f'INSERT INTO "{stage.entity}" (id, uid, {", ".join(values)})'
        f" SELECT s.id, s.uid, {', '.join(values.values())} FROM {STAGE} s"
        " WHERE s.verdict = 'create' ORDER BY s.n",
        **fixed,
    )
    if not created:
        return
    if stage.entity == "opportunity":
        _first_versions(stage)
    if DOCUMENT in stage.columns:
        documents = f"SELECT id, {DOCUMENT} AS document FROM {STAGE} WHERE verdict = 'create' ORDER BY n"
        search.index_documents(stage.work.connection, stage.entity, documents)
        return
    made = stage.work.reader.row(f"SELECT min(id), max(id) FROM {STAGE} WHERE verdict = 'create'")
    if made:
        search.index_new(stage.work.connection, stage.entity, made[0], made[1])


def _first_versions(stage: Stage) -> None:
    tracked = ", ".join(f"t.{name}" for name in TRACKED)
    stage.run(
        "INSERT INTO opportunity_version (opportunity_id, valid_from, recorded_at, entry_id,"
        f" {', '.join(TRACKED)})"
        f" SELECT t.id, coalesce(s.valid_from, t.created_at), :now, :entry, {tracked}"
        f" FROM {STAGE} s JOIN opportunity t ON t.id = s.id WHERE s.verdict = 'create' ORDER BY t.id",
        now=iso_instant(stage.work.now),
        entry=stage.work.entry,
    )


def finish(stage: Stage) -> int:
    """Drop new records that repeat a row of another block, and journal the others; how many were dropped."""
    dropped = 0
    if stage.blocks > 1:
        dropped = _drop_repeats(stage)
    _journal_added(stage, stage.entity, f"SELECT id FROM {SEEN} WHERE id > {stage.before}")
    return dropped


def _drop_repeats(stage: Stage) -> int:
    """Rows without a key may say again what a row of an earlier block said; nothing refers to them yet."""
    new = f"FROM {SEEN} WHERE id > {stage.before}"
    again = stage.value(
        f"SELECT count(*) FROM (SELECT 1 {new} GROUP BY raw HAVING count(*) > 1 LIMIT 1) found"
    )
    if not again:
        return 0
    stage.create("stage_again", "id INTEGER PRIMARY KEY")
    count = stage.run(
        "INSERT INTO stage_again (id) SELECT id FROM"
        f" (SELECT id, row_number() OVER (PARTITION BY raw ORDER BY n) AS nth {new}) ranked WHERE nth > 1"
    )
    gone = "IN (SELECT id FROM stage_again)"
    if stage.entity == "opportunity":
        stage.run(f"DELETE FROM opportunity_version WHERE opportunity_id {gone}")
    search.remove(stage.work.connection, stage.entity, f"id {gone}")
    stage.run(f'DELETE FROM "{stage.entity}" WHERE id {gone}')
    stage.run(f"DELETE FROM {SEEN} WHERE id {gone}")
    return count


# --- the journal ----------------------------------------------------------------------------------------


def record_added(stage: Stage, entity: str, ids: str) -> None:
    """Journal the new records that a query selects, and index them."""
    for first, last in _journal_added(stage, entity, ids):
        search.index_new(stage.work.connection, entity, first, last)


def _journal_added(stage: Stage, entity: str, ids: str) -> list[tuple[int, int]]:
    """Journal the new records that a query selects: a range where their ids follow one another."""
    lowest, highest, count = next(
        iter(stage.work.reader.rows(f"SELECT min(id), max(id), count(*) FROM ({ids}) made"))
    )
    if not count:
        return []
    found = [(lowest, highest)]
    if highest - lowest + 1 > count:
        ranges = stage.work.reader.rows(
            "SELECT min(id), max(id) FROM"
            f" (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM ({ids}) made)"
            " numbered GROUP BY island ORDER BY min(id)"
        )
        found = [(first, last) for first, last in ranges]
    for first, last in found:
        stage.work.wrote = True
        stage.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op)"
            " VALUES (:entry, :entity, :first, :last, 'add')",
            entry=stage.work.entry,
            entity=entity,
            first=first,
            last=last,
        )
    return found


def declare(stage: Stage, specs: Sequence[FieldSpec]) -> None:
    """Describe custom fields that the file brings along."""
    for spec in specs:
        stage.work.connection.execute(insert_into(FIELD).values(**field_row(spec)))


# --- updates --------------------------------------------------------------------------------------------


def plan_updates(stage: Stage, given: Sequence[str], revise: Callable[[Revision], Values]) -> None:
    """Ask a rule what each row that may change a record really changes; what it refuses is rejected.

    `revise` returns the columns to set, none where the record stays as it is, or raises CrmError.
    """
    stage.create(REVISIONS, "n INTEGER PRIMARY KEY, id BIGINT, before TEXT, after TEXT")
    table = ENTITIES[stage.entity].__table__  # type: ignore[attr-defined]  # SQLModel keeps it to itself
    names = [column.name for column in table.columns]
    judged = [name for name in given if stage.staged(name) != name]
    wanted = [
        *(f"t.{name}" for name in names),
        *(f"s.{stage.staged(name)}" for name in given),
        *(f"s.{name}" for name in judged),
    ]
    sql = (
        f'SELECT s.n, s.line, {", ".join(wanted)} FROM {STAGE} s JOIN "{stage.entity}" t ON t.id = s.id'
        " WHERE s.verdict = 'update' AND s.n > :after ORDER BY s.n"
    )
    first, second = len(names) + 2, len(names) + len(given) + 2
    for page in stage.pages(sql):
        _plan_page(
            stage,
            (
                Revision(
                    row[0],
                    row[1],
                    dict(zip(names, row[2:first], strict=True)),
                    dict(zip(given, row[first:second], strict=True)),
                    dict(zip(judged, row[second:], strict=True)),
                )
                for row in page
            ),
            revise,
        )


def _plan_page(stage: Stage, page: Iterable[Revision], revise: Callable[[Revision], Values]) -> None:
    planned: list[tuple[int, int, str, str]] = []
    rejected: list[Reject] = []
    idle: list[tuple[int]] = []
    for revision in page:
        n, line, current = revision[:3]
        current["custom"] = as_object(current["custom"])
        try:
            after = revise(revision)
        except CrmError as error:
            rejected.append((n, line, error.code, error.field or "", error.message.rstrip(".")))
            continue
        if not after:
            idle.append((n,))
            continue
        before = {name: current[name] for name in after}
        planned.append((n, current["id"], written(before), written(after)))
    stage.fill(planned, REVISIONS, ("n", "id", "before", "after"))
    if rejected:
        stage.add_rejects(rejected)
    if idle:
        mark = "?" if stage.is_sqlite else "%s"
        stage.work.connection.exec_driver_sql(
            f"UPDATE {STAGE} SET verdict = 'unchanged' WHERE n = {mark}", idle
        )


def update(stage: Stage) -> None:
    """Carry out the planned updates, journal them with their before-images, and index them."""
    stage.run(f"DELETE FROM {REVISIONS} WHERE n IN (SELECT n FROM {REJECTS})")
    if not stage.value(f"SELECT count(*) FROM {REVISIONS}"):
        return
    pages = stage.pages(f"SELECT n, id, after FROM {REVISIONS} WHERE n > :after ORDER BY n")
    for page in pages:
        stage.work.wrote = True
        by_columns: dict[tuple[str, ...], list[Values]] = {}
        for _, id, after in page:
            values = json.loads(after)
            by_columns.setdefault(tuple(values), []).append({**values, "_id": id})
        for columns, rows in by_columns.items():
            _set(stage, columns, rows)
    stage.analyze(
        REVISIONS, stage.entity, *(["opportunity_version"] if stage.entity == "opportunity" else [])
    )
    changed = f"SELECT id FROM {REVISIONS}"
    stage.run(
        "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
        f" SELECT :entry, :entity, id, id, 'edit', before, after FROM {REVISIONS} ORDER BY n",
        entry=stage.work.entry,
        entity=stage.entity,
    )
    if stage.entity == "opportunity":
        versions.change_all(stage.work.connection, changed, stage.work.entry, stage.work.now)
    search.index_where(stage.work.connection, stage.entity, f"id IN ({changed})")


def _set(stage: Stage, columns: Sequence[str], rows: list[Values]) -> None:
    assignments = [f"{name} = :{name}" for name in columns]
    if "custom" in columns:
        for row in rows:
            row["custom"] = written(row["custom"])
        if not stage.is_sqlite:
            assignments[columns.index("custom")] = "custom = CAST(:custom AS JSONB)"
    stage.work.connection.execute(
        text(f'UPDATE "{stage.entity}" SET {", ".join(assignments)} WHERE id = :_id'), rows
    )
