"""A whole export on its way back: loaded into temporary tables, judged there, then written by whole sets.

Every record comes back under its own id. Nothing in the journal is brought along, so the one entry of this act
is what all versions of deals are said to come from.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, text

from crmcli.errors import Conflict, InvalidValue
from crmcli.fields import BY_ENTITY, counted
from crmcli.store import checks, search, versions
from crmcli.store.bulk.staging import as_object
from crmcli.store.deals import TRACKED
from crmcli.store.identity import uuid7
from crmcli.store.tables import FIELD, METADATA, OPPORTUNITY_VERSION
from crmcli.store.whole import (
    DELETED,
    DETAILS,
    FIELD_PARTS,
    FIELDS,
    OF_ONE_DATABASE,
    RECORDS,
    SETTINGS,
    VERSIONS,
    File,
)
from crmcli.store.whole_cells import (
    INTEGER,
    Cells,
    bare_value,
    blank_field,
    check_field,
    converter,
    moment,
    reference_of,
    table_of,
)
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant

CHUNK: Final = 5_000
KEPT: Final = 20  # problems that are told; beyond them they are only counted
REPLACED: Final = ("user", "stage")  # what a database may hold that nothing was done with yet


Row = tuple[int, Sequence[str]]  # the line of the file where it begins, and its cells


class Problem(NamedTuple):
    """What cannot be brought back."""

    file: str
    line: int
    reason: str


class WholeImport:
    """One export, from its rows to the records. What is wrong with it is in `problems`; then write nothing."""

    def __init__(self, work: UnitOfWork) -> None:
        refuse_unless_empty(work)
        self.work = work
        self.is_sqlite = work.reader.is_sqlite
        self.problems: list[Problem] = []
        self.count = 0  # of all problems

    def problem(self, file: str, line: int, reason: str) -> None:
        """Note what is wrong with a row."""
        self.count += 1
        if len(self.problems) < KEPT:
            self.problems.append(Problem(file, line, reason.rstrip(".")))

    def run(self, sql: str, **params: Any) -> int:
        return self.work.connection.execute(text(sql), params).rowcount

    # --- what is no record -----------------------------------------------------------------------------

    def declare(self, rows: Iterable[Row]) -> None:
        """Describe the custom fields, so that records can be read that have them."""
        declared = {(row[0], row[1]) for row in self.work.reader.rows("SELECT entity, name FROM field")}
        for line, cells in rows:
            try:
                field = {
                    part.fills: converter(part, FIELD)(cell) if cell else blank_field(part.fills)
                    for part, cell in zip(FIELD_PARTS, cells, strict=True)
                }
                check_field(field)
            except InvalidValue as error:
                self.problem(FIELDS, line, error.message)
                continue
            if (field["entity"], field["name"]) in declared:
                self.problem(FIELDS, line, f"{field['entity']} has a field {field['name']} already")
                continue
            declared.add((field["entity"], field["name"]))
            self.work.connection.execute(FIELD.insert().values(**field, custom=1))

    def configure(self, rows: Iterable[Row]) -> None:
        """Keep the settings."""
        for line, (name, value, *_) in rows:
            if name in OF_ONE_DATABASE or len(name) > 63 or not name:
                self.problem(SETTINGS, line, f"{name!r} is no setting")
            else:
                self.work.set_setting(name, value)
        found = checks.settings(self.work.reader)
        if found.state != "ok":
            self.problem(SETTINGS, 1, found.message)

    # --- loading ---------------------------------------------------------------------------------------

    def load(self, file: File, headings: Sequence[str], rows: Iterable[Row]) -> None:
        """Read the rows of a file into its temporary table. Raises InvalidValue for a heading nobody knows."""
        known = {part.heading for part in file.parts}
        for heading in headings:
            if heading not in known:
                raise InvalidValue(f"{file.name} has a heading that no export has: {heading!r}.", field="dir")
        cells = Cells(file, headings, self.work.country)

        def read() -> Iterator[list[Any]]:
            for line, row in rows:
                try:
                    yield [line, *cells(row)]
                except InvalidValue as error:
                    self.problem(file.name, line, error.message)

        self._fill(file.name, cells.columns, read())

    def load_nothing(self, file: File) -> None:
        """Stand in for a file that an older export has not."""
        self._fill(file.name, [], [])

    def load_deleted(self, rows: Iterable[Row]) -> None:
        """Read the names of deleted records, each into the table of its kind: their rows go without the rest."""
        made: dict[str, list[list[Any]]] = {}
        for line, (ref, uid, name, created, deleted, *_) in rows:
            try:
                entity, id = reference_of(ref)
                title = BY_ENTITY[entity].title
                moments = {"created_at": moment(created), "deleted_at": moment(deleted)}
            except InvalidValue as error:
                self.problem(DELETED, line, error.message)
                continue
            given = {
                "id": id,
                "uid": uid or uuid7(),
                title: name,
                "updated_at": moments["deleted_at"],
                **moments,
            }
            columns = table_of(entity).columns
            bare = {column.name: bare_value(column, created) for column in columns if not column.nullable}
            made.setdefault(entity, []).append([0, *({**bare, **given}.get(c.name) for c in columns)])
        for entity, found in made.items():
            self._insert(staged(RECORDS[entity]), [c.name for c in table_of(entity).columns], found)

    def _fill(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        table = {VERSIONS: "opportunity_version", DETAILS: "opportunity"}.get(name) or next(
            entity for entity, file in RECORDS.items() if file == name
        )
        dropped = "" if self.is_sqlite else " ON COMMIT DROP"
        self.run(
            f"CREATE TEMPORARY TABLE {staged(name)}{dropped} AS"
            f' SELECT 0 AS line, t.* FROM "{table}" AS t WHERE 1 = 0'
        )
        self._insert(staged(name), columns, rows)

    def _insert(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        mark = "?" if self.is_sqlite else "%s"
        marks = ", ".join([mark] * (len(columns) + 1))
        sql = f"INSERT INTO {table} ({', '.join(['line', *columns])}) VALUES ({marks})"
        iterator = iter(rows)
        while chunk := [tuple(row) for row in islice(iterator, CHUNK)]:
            self.work.connection.exec_driver_sql(sql, chunk)

    # --- judging ---------------------------------------------------------------------------------------

    def check(self) -> None:
        """Find ids and unique values that come twice, and links that lead nowhere."""
        for name in RECORDS.values():
            self.run(f"CREATE INDEX ix_{staged(name)} ON {staged(name)} (id)")
            if not self.is_sqlite:
                self.run(f"ANALYZE {staged(name)}")
        for entity, name in RECORDS.items():
            self._once(name, "id")
            if entity in REPLACED:
                self._once(name, "name_key", "name")
            if entity not in REPLACED and entity in BY_ENTITY:
                self._once(name, "external_id")
            for column in table_of(entity).columns:
                for key in column.foreign_keys:
                    self._leads(name, column.name, key.target_fullname.partition(".")[0])
            if "related_to_id" in table_of(entity).columns:
                for target in BY_ENTITY:
                    self._leads(name, "related_to_id", target, f"w.related_to_entity = '{target}'")
        self._once(DETAILS, "id", "opp")
        self._leads(DETAILS, "id", "opportunity", shown="opp")
        self._leads(VERSIONS, "opportunity_id", "opportunity", shown="opp")
        self._leads(VERSIONS, "owner_id", "user")
        self._leads(VERSIONS, "account_id", "account")
        self._leads(VERSIONS, "campaign_id", "campaign")

    def _once(self, name: str, column: str, shown: str | None = None) -> None:
        live = "" if column == "id" else f" AND deleted_at IS NULL AND {column} IS NOT NULL"
        repeated = self.work.reader.rows(
            "SELECT line, first FROM (SELECT line, min(line) OVER same AS first, row_number() OVER same AS nth"
            f" FROM {staged(name)} WHERE 1 = 1{live} WINDOW same AS (PARTITION BY {column} ORDER BY line)) ranked"
            " WHERE nth > 1 ORDER BY line"
        )
        for line, first in repeated:
            where = f"line {first}" if first else DELETED
            self.problem(name, line, f"{shown or column}: the same as in {where}")

    def _leads(
        self, name: str, column: str, target: str, condition: str = "1 = 1", shown: str | None = None
    ) -> None:
        lost = self.work.reader.rows(
            f"SELECT w.line, w.{column} FROM {staged(name)} AS w WHERE w.{column} IS NOT NULL AND {condition}"
            f" AND NOT EXISTS (SELECT 1 FROM {staged(RECORDS[target])} AS x WHERE x.id = w.{column})"
            " ORDER BY w.line"
        )
        for line, id in lost:
            link = shown or column.removesuffix("_id")
            self.problem(name, line, f"{link}: there is no {BY_ENTITY[target].letter}{id}")

    # --- writing ---------------------------------------------------------------------------------------

    def write(self, next_ids: Mapping[str, int]) -> None:
        """Make the records, and all that hangs on them."""
        self.work.wrote = True
        for table in METADATA.sorted_tables:
            if table.name in RECORDS:
                self._write_records(table)
        self._write_versions()
        for entity in RECORDS:
            search.index(self.work.connection, entity, 1, INTEGER)
            self.run(
                f"UPDATE sequence SET next_id = {'max' if self.is_sqlite else 'greatest'}(next_id, :given,"
                f' (SELECT coalesce(max(id), 0) + 1 FROM "{entity}")) WHERE entity = :entity',
                entity=entity,
                given=next_ids.get(entity, 1),
            )

    def _write_records(self, table: Table) -> None:
        """Insert the records of a kind, or write over the few that a new database has; journal both."""
        entity, source = table.name, staged(RECORDS[table.name])
        columns = [column.name for column in table.columns]
        values = {name: f"w.{name}" for name in columns}
        joined = f"{source} AS w"
        if entity == "opportunity":
            joined += f" LEFT JOIN {staged(DETAILS)} AS d ON d.id = w.id"
            values |= {
                "stage_since": "coalesce(d.stage_since, w.created_at)",
                "stage_probability": "coalesce(d.stage_probability, w.probability)",
                "stage_category": "coalesce(d.stage_category, w.category)",
                "own_probability": "d.own_probability",
                "own_category": "d.own_category",
            }
        there = self._records(entity) if entity in REPLACED else {}
        old = f"({', '.join(map(str, there)) or '0'})"
        if there:
            self.run(
                f'UPDATE "{entity}" SET deleted_at = :now WHERE deleted_at IS NULL',
                now=iso_instant(self.work.now),
            )
        self.run(
            f'INSERT INTO "{entity}" ({", ".join(columns)}) SELECT {", ".join(values.values())}'
            f" FROM {joined} WHERE w.id NOT IN {old} ORDER BY w.id"
        )
        if there:
            self.run(
                f'UPDATE "{entity}" SET ({", ".join(columns)}) = (SELECT {", ".join(columns)}'
                f' FROM {source} AS w WHERE w.id = "{entity}".id)'
                f" WHERE id IN {old} AND id IN (SELECT id FROM {source})"
            )
        self._journal_replaced(entity, there)
        self.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op)"
            " SELECT :entry, :entity, min(id), max(id), 'add'"
            " FROM (SELECT id, id - row_number() OVER (ORDER BY id) AS island"
            f" FROM {source} WHERE deleted_at IS NULL AND id NOT IN {old}) numbered"
            " GROUP BY island ORDER BY min(id)",
            entry=self.work.entry,
            entity=entity,
        )

    def _records(self, entity: str) -> dict[int, dict[str, Any]]:
        """Every record of a kind as it stands, by its id."""
        names = [column.name for column in table_of(entity).columns]
        found = {}
        for row in self.work.reader.rows(f'SELECT {", ".join(names)} FROM "{entity}" ORDER BY id'):
            values = dict(zip(names, row, strict=True))
            found[values["id"]] = values | {"custom": as_object(values["custom"])}
        return found

    def _journal_replaced(self, entity: str, before: Mapping[int, Mapping[str, Any]]) -> None:
        after = self._records(entity) if before else {}
        for id, old in before.items():
            new = after[id]
            changed = [name for name in old if old[name] != new[name]]
            if changed:
                self.run(
                    "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
                    " VALUES (:entry, :entity, :id, :id, :op, :before, :after)",
                    entry=self.work.entry,
                    entity=entity,
                    id=id,
                    op="remove" if changed == ["deleted_at"] else "edit",
                    before=json.dumps({name: old[name] for name in changed}, ensure_ascii=False),
                    after=json.dumps({name: new[name] for name in changed}, ensure_ascii=False),
                )

    def _write_versions(self) -> None:
        """The history of deals as it was, and what a deal is now that its last version does not say."""
        names = [
            column.name
            for column in OPPORTUNITY_VERSION.columns
            if column.name not in ("id", "entry_id", "closed_entry_id")
        ]
        self.run(
            f"INSERT INTO opportunity_version ({', '.join(names)}, entry_id)"
            f" SELECT {', '.join(names)}, :entry FROM {staged(VERSIONS)} ORDER BY line",
            entry=self.work.entry,
        )
        tracked = ", ".join(f"o.{name}" for name in TRACKED)
        self.run(
            "INSERT INTO opportunity_version (opportunity_id, valid_from, recorded_at, entry_id,"
            f" {', '.join(TRACKED)}) SELECT o.id, o.created_at, :now, :entry, {tracked}"
            " FROM opportunity AS o WHERE o.deleted_at IS NULL AND NOT EXISTS (SELECT 1"
            " FROM opportunity_version AS v WHERE v.opportunity_id = o.id"
            " AND v.recorded_to IS NULL AND v.valid_to IS NULL) ORDER BY o.id",
            now=iso_instant(self.work.now),
            entry=self.work.entry,
        )
        live = "SELECT id FROM opportunity WHERE deleted_at IS NULL"
        versions.change_all(self.work.connection, live, self.work.entry, self.work.now)


def refuse_unless_empty(work: UnitOfWork) -> None:
    """Refuse a database in which something was done already. Raises Conflict."""
    for entity in RECORDS:
        found = work.reader.value(f'SELECT count(*) FROM "{entity}"')
        free = {"user": 1, "stage": found}.get(entity, 0)
        if found > free:
            words = counted(found, entity) if entity in BY_ENTITY else f"{found} contact roles"
            raise Conflict(
                f"The database is not empty: it holds, or held, {words}. Nothing was written.",
                hint="An export is brought back into a new one: crm --db NEW.db import DIR",
            )


def staged(name: str) -> str:
    """The temporary table of a file."""
    return f"whole_{name.removesuffix('.csv')}"
