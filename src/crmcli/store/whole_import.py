"""A whole export on its way back: loaded into temporary tables, judged there, then written by whole sets.

Every record comes back under its own id. Nothing in the journal is brought along, so the one entry of this act
is what all versions of deals are said to come from.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Integer, String, Table, text

from crmcli.errors import Conflict, InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, counted
from crmcli.model import ENTITIES
from crmcli.model.entity import Flag, Instant
from crmcli.parse import FALSE, TRUE
from crmcli.store import checks, search, versions
from crmcli.store.bulk import as_object, written
from crmcli.store.deals import TRACKED
from crmcli.store.identity import uuid7
from crmcli.store.keys import key_columns
from crmcli.store.query import SHOWN_AS
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
    Part,
)
from crmcli.store.work import UnitOfWork, stored
from crmcli.values.dates import from_iso_instant, iso_instant
from crmcli.values.money import parse_money

CHUNK: Final = 5_000
KEPT: Final = 20  # problems that are told; beyond them they are only counted
REPLACED: Final = ("user", "stage")  # what a database may hold that nothing was done with yet
INTEGER: Final = 2**31 - 1
BIG_INTEGER: Final = 2**63 - 1

_reference = re.compile(r"([A-Z])([1-9][0-9]{0,9})")
_number = re.compile(r"-?[0-9]{1,19}")
_name = re.compile(r"[a-z][a-z0-9_]{0,62}")

Row = tuple[int, Sequence[str]]  # the line of the file where it begins, and its cells
Convert = Callable[[str], Any]


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


def table_of(entity: str) -> Table:
    return METADATA.tables[entity]


def bare_value(column: Any, moment: str) -> Any:
    """What a deleted record has where it must have something and only its name is known."""
    if column.name == "custom":
        return "{}"
    if isinstance(column.type, Integer | BigInteger | Flag):
        return 0
    return moment if isinstance(column.type, Instant) else ""


# --- cells --------------------------------------------------------------------------------------------------


class Cells:
    """Turns the cells of a file's rows into values of its table's `columns`. Raises InvalidValue."""

    def __init__(self, file: File, headings: Sequence[str], country: str) -> None:
        table = table_of(file.table)
        parts = {part.heading: part for part in file.parts}
        found = [(at, parts[heading]) for at, heading in enumerate(headings) if parts[heading].fills]
        own = [(at, part) for at, part in found if not is_custom(part)]
        filled = [part.fills for _, part in own]
        defaults = self._defaults(file) if file.table in RECORDS and file.name != DETAILS else {}
        keys = [
            (key, source, normal)
            for key, (source, normal) in key_columns(country).items()
            if defaults and key in table.columns and source in filled
        ]
        relation = any(part.kind == "relation" for _, part in own)
        self.columns = [
            *filled,
            *(["related_to_entity"] if relation else []),
            *(key for key, _, _ in keys),
            *(name for name in defaults if name not in filled),
        ]
        place = {name: index for index, name in enumerate(self.columns)}
        self.blank = [defaults.get(name) for name in self.columns]
        self.plain = [
            (at, place[part.fills], converter(part, table))
            for at, part in own
            if part.kind not in ("money", "relation")
        ]
        self.amounts = [(at, part.heading, place[part.fills]) for at, part in own if part.kind == "money"]
        self.relations = [
            (at, place[part.fills], place["related_to_entity"]) for at, part in own if part.kind == "relation"
        ]
        self.customs = [
            (at, part, None if part.kind == "money" else converter(part, table))
            for at, part in found
            if is_custom(part)
        ]
        self.currency = headings.index("currency") if "currency" in headings else -1
        self.custom = place.get("custom", -1)
        self.keys = [(place[key], place[source], normal) for key, source, normal in keys]
        self.required = [
            (place.get(part.fills, -1), part.heading)
            for part in file.parts
            if part.fills
            and not is_custom(part)
            and not table.columns[part.fills].nullable
            and defaults.get(part.fills) is None
        ]
        if lacking := [heading for index, heading in self.required if index < 0]:
            raise InvalidValue(f"{file.name} lacks the heading {lacking[0]!r}.", field="dir")

    def _defaults(self, file: File) -> dict[str, Any]:
        """What a blank cell stands for where the table takes no blank."""
        model = ENTITIES[file.table]
        defaults: dict[str, Any] = {"custom": "{}"}
        for column in table_of(file.table).columns:
            default = model.model_fields[column.name].default
            if not column.nullable and isinstance(default, str | int | bool):
                defaults[column.name] = stored(default)
        return defaults

    def __call__(self, cells: Sequence[str]) -> list[Any]:
        values = self.blank.copy()
        for at, place, convert in self.plain:
            if cell := cells[at]:
                values[place] = convert(cell)
        for at, heading, place in self.amounts:
            if cell := cells[at]:
                values[place] = amount(cell, self._currency(cells), heading)
        for at, place, kind in self.relations:
            if cell := cells[at]:
                values[kind], values[place] = reference_of(cell)
        if self.customs:
            values[self.custom] = written(dict(self._custom(cells)))
        for place, heading in self.required:
            if values[place] is None:
                raise InvalidValue(f"{heading} is missing")
        for place, source, normal in self.keys:
            if value := values[source]:
                values[place] = normal(value) or None
        return values

    def _currency(self, cells: Sequence[str]) -> str:
        return cells[self.currency] if self.currency >= 0 else ""

    def _custom(self, cells: Sequence[str]) -> Iterator[tuple[str, Any]]:
        for at, part, convert in self.customs:
            if cell := cells[at]:
                value = convert(cell) if convert else amount(cell, self._currency(cells), part.heading)
                yield part.fills, value


def is_custom(part: Part) -> bool:
    return part.spec is not None and part.spec.custom


def converter(part: Part, table: Table) -> Convert:
    """What turns the text of a cell that is not blank into what the database keeps. It raises InvalidValue."""
    name, spec = part.heading, part.spec
    kept = None if is_custom(part) else table.columns[part.fills].type
    if part.kind in ("number", "percent"):
        most = BIG_INTEGER if kept is None or isinstance(kept, BigInteger) else INTEGER
        low = -most if spec is None or spec.low is None else spec.low
        high = most if spec is None or spec.high is None else spec.high
        return lambda cell: number(cell, max(low, 1) if part.fills == "id" else low, high, name)
    if part.kind == "boolean":
        return lambda cell: truth(cell, name)
    if part.kind == "date":
        return lambda cell: day(cell, name)
    if part.kind == "instant":
        return lambda cell: moment(cell, name)
    if part.kind == "link":
        return lambda cell: linked(cell, part.target or "", name)
    if spec is not None and part.kind == "select" and not spec.open:
        choices = frozenset(spec.choices)
        return lambda cell: chosen(cell, choices, name)
    longest = kept.length if isinstance(kept, String) and kept.length else 1 << 30
    return lambda cell: cell if len(cell) <= longest else too_long(cell, longest, name)


def number(cell: str, low: int, high: int, name: str) -> int:
    if not _number.fullmatch(cell) or not low <= int(cell) <= high:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a whole number from {low} to {high}")
    return int(cell)


def truth(cell: str, name: str) -> int:
    folded = cell.casefold()
    if folded not in TRUE and folded not in FALSE:
        raise InvalidValue(f"{name}: {cell[:40]!r} is neither true nor false")
    return int(folded in TRUE)


def day(cell: str, name: str) -> str:
    try:
        return date.fromisoformat(cell).isoformat()
    except ValueError:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a date such as 2026-12-01") from None


def moment(cell: str, name: str = "a moment") -> str:
    try:
        return iso_instant(from_iso_instant(cell))
    except InvalidValue:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a moment such as 2026-12-01T09:30:00Z") from None


def reference_of(cell: str) -> tuple[str, int]:
    """The entity and the id that a reference means."""
    found = _reference.fullmatch(cell)
    if found is None or found[1] not in BY_LETTER or int(found[2]) > INTEGER:
        raise InvalidValue(f"{cell[:40]!r} is not a reference such as A4")
    return BY_LETTER[found[1]].entity, int(found[2])


def linked(cell: str, target: str, name: str) -> int:
    entity, id = reference_of(cell)
    if entity != target:
        raise InvalidValue(f"{name}: {cell} is not the reference of a record of the kind {target}")
    return id


def chosen(cell: str, choices: frozenset[str], name: str) -> str:
    if cell not in choices:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not one of {', '.join(sorted(choices))}")
    return cell


def amount(cell: str, currency: str, name: str) -> int:
    if not currency:
        raise InvalidValue(f"{name}: an amount without a currency")
    return parse_money(cell, currency=currency, decimal=".")[0]


def too_long(cell: str, longest: int, name: str) -> str:
    raise InvalidValue(f"{name}: {len(cell):,} characters, of at most {longest:,}")


def blank_field(name: str) -> str | None:
    """What a blank cell says of a custom field: help may be an empty text, which is not none."""
    return "" if name in ("help", "label") else None


def check_field(field: Mapping[str, Any]) -> None:
    """Refuse a custom field that could not be used. Raises InvalidValue."""
    if field["entity"] not in RECORDS:
        raise InvalidValue(f"entity: {field['entity']!r} is no kind of record")
    for name in ("name", "column_name"):
        if not _name.fullmatch(field[name] or ""):
            raise InvalidValue(f"{name}: {field[name]!r} is no name of a field")
    if field["kind"] not in SHOWN_AS:
        raise InvalidValue(f"kind: {field['kind']!r} is no kind of field")
    for name in ("choices", "aliases"):
        try:
            read = json.loads(field[name] or "")
        except ValueError:
            read = None
        if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
            raise InvalidValue(f"{name}: it is no JSON array of texts")
    for column in FIELD.columns:
        if not column.nullable and column.name != "custom" and field[column.name] is None:
            raise InvalidValue(f"{column.name} is missing")
