"""Many records of one kind in one act: staged in a temporary table, judged and merged by whole sets.

No statement here runs once for each row but those that fill the stage and those that carry out updates, and
no result is held whole: what Python has to look at is read in pages. SQL is portable; the two databases
differ only in the words of `same`, in JSON, and in how a temporary table is made.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import insert, text

from crmcli.errors import CrmError
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.model import ENTITIES
from crmcli.store import search, versions
from crmcli.store.deals import TRACKED
from crmcli.store.schema import field_row
from crmcli.store.tables import FIELD
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant

CHUNK: Final = 5_000
WIDE: Final = 1_000  # rows of a page with all that records hold
STAGE: Final = "stage_rows"
SEEN: Final = "stage_seen"
REJECTS: Final = "stage_rejects"
REVISIONS: Final = "stage_revision"
DOCUMENT: Final = "search_document"
INSIDE: Final = ("given_", "link_", DOCUMENT)  # columns of the stage that are none of the record

Reject = tuple[int, int, str, str, str]  # number of the row, its line, code, field, reason
Values = dict[str, Any]


class Key(NamedTuple):
    """A column by which rows are compared, and the field it belongs to."""

    column: str
    field: str


class Sameness(NamedTuple):
    """What makes a row and a record, or two rows, the same without a key.

    `firm` columns are equal, blanks included. `loose` ones are equal where the row says anything: what a
    rule or the clock filled in is no difference.
    """

    title: str  # the column that must not be blank
    firm: Sequence[str]
    loose: Sequence[str]
    defaults: Mapping[str, Any]  # what a blank stands for


class Revision(NamedTuple):
    """A record and the row that would change it: as it is, as the row says, and as the row would make it."""

    n: int
    line: int
    current: Values
    given: Values
    made: Values


class Stage:
    """Rows of a file on their way into a table: what they hold, and what is to become of them.

    A long file comes in blocks, each of which is judged and merged before the next is put on the stage;
    what became of the rows of earlier blocks is remembered in `stage_seen`.

    `n` is the number of a row in the file, `line` where it starts (several objects of JSON may share one).
    `columns` are those of the entity's table that rows may fill. A column `given_X` holds what the file
    says of X where rules turn it into something else; `link_X` holds the text by which X names a record.
    `verdict` is create, update, unchanged, duplicate or reject, or nothing yet; `id` the record's.
    """

    def __init__(self, work: UnitOfWork, entity: str, columns: Sequence[str]) -> None:
        self.work = work
        self.entity = entity
        self.columns = list(columns)
        self.is_sqlite = work.reader.is_sqlite
        self.same = "IS" if self.is_sqlite else "IS NOT DISTINCT FROM"
        if self.is_sqlite:
            driver: Any = work.connection.connection.dbapi_connection
            driver.create_function("plain_json", 1, plain_json, deterministic=True)
        own = "".join(f", {name} {self.type_of(name)}" for name in columns)
        raw_type = "BLOB" if self.is_sqlite else "BYTEA"
        self.create(
            STAGE,
            f"n INTEGER PRIMARY KEY, line BIGINT, uid TEXT, raw {raw_type}, verdict TEXT, id BIGINT{own}",
        )
        self.create(REJECTS, "n INTEGER PRIMARY KEY, line BIGINT, code TEXT, field TEXT, reason TEXT")
        self.create(SEEN, f"id INTEGER PRIMARY KEY, n BIGINT, line BIGINT, raw {raw_type}")
        self.before = self.value(
            f'SELECT max(id) FROM "{entity}"'
        )  # records with higher ids are of this file
        self.blocks = 0  # that have been put away

    def type_of(self, name: str, entity: str | None = None) -> str:
        """The type of a column of the stage: that of the record's, so that both compare, but without its length."""
        table = ENTITIES[entity or self.entity].__table__  # type: ignore[attr-defined]  # SQLModel's secret
        column = table.columns.get(name.removeprefix("given_"))
        if column is None or name.startswith("link_"):
            return "TEXT"
        declared = column.type.compile(dialect=self.work.connection.dialect)
        if declared in ("INTEGER", "BIGINT"):
            return "BIGINT"
        return 'TEXT COLLATE "C"' if declared.endswith('COLLATE "C"') else "TEXT"

    def create(self, name: str, definition: str) -> None:
        """Make a temporary table, anew."""
        self.run(f"DROP TABLE IF EXISTS {name}")
        self.run(f"CREATE TEMPORARY TABLE {name} ({definition}){'' if self.is_sqlite else ' ON COMMIT DROP'}")

    def run(self, sql: str, **params: Any) -> int:
        """Run a statement; the number of rows it changed."""
        return self.work.connection.execute(text(sql), params).rowcount

    def value(self, sql: str, **params: Any) -> int:
        """The number that a query gives."""
        return int(self.work.reader.value(sql, **params) or 0)

    def pages(self, sql: str, after: Any = -1, rows: int = CHUNK) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of a query in pages. Its first column is unique, and it says `> :after` and sorts by that."""
        while page := list(self.work.reader.rows(f"{sql} LIMIT {rows}", after=after)):
            yield page
            after = page[-1][0]

    # --- filling -----------------------------------------------------------------------------------

    def fill(
        self, rows: Iterable[tuple[Any, ...]], name: str = STAGE, columns: Sequence[str] | None = None
    ) -> None:
        """Insert rows of values in the order of (n, line, uid, raw, *columns)."""
        columns = columns or ("n", "line", "uid", "raw", *self.columns)
        told = ", ".join(columns)
        if not self.is_sqlite:
            driver: Any = self.work.connection.connection.dbapi_connection
            with driver.cursor() as cursor, cursor.copy(f'COPY "{name}" ({told}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            return
        sql = f'INSERT INTO "{name}" ({told}) VALUES ({", ".join("?" * len(columns))})'
        iterator = iter(rows)
        while chunk := list(islice(iterator, CHUNK)):
            self.work.connection.exec_driver_sql(sql, chunk)

    def is_base_empty(self) -> bool:
        """Whether there was no live record before the file came."""
        live = f'SELECT 1 FROM "{self.entity}" WHERE id <= :before AND deleted_at IS NULL LIMIT 1'
        found = self.value(f"SELECT count(*) FROM ({live}) x", before=self.before)
        return found == 0

    def put_away(self) -> None:
        """Remember what became of the rows on the stage, and make room for the next block."""
        self.run(
            f"INSERT INTO {SEEN} (id, n, line, raw) SELECT id, n, line, raw FROM {STAGE}"
            " WHERE verdict IN ('create', 'update', 'unchanged') AND id IS NOT NULL ORDER BY id, n"
            " ON CONFLICT (id) DO NOTHING"
        )
        self.run(f"DELETE FROM {STAGE}")
        self.blocks += 1

    def analyze(self, *names: str) -> None:
        """Tell a server how many rows tables have: it does not look at temporary ones, or at once, by itself."""
        for name in () if self.is_sqlite else names:
            self.run(f'ANALYZE "{name}"')

    # --- rejecting ---------------------------------------------------------------------------------

    def add_rejects(self, rows: Iterable[Reject]) -> None:
        """Reject rows by their numbers; they need not be staged."""
        self.fill(rows, REJECTS, ("n", "line", "code", "field", "reason"))
        self._strike()

    def reject(self, condition: str, code: str, field: str, reason: str, **params: Any) -> int:
        """Reject the rows of a condition that nothing has rejected yet; how many. `reason` is SQL about `s`."""
        count = self.run(
            f"INSERT INTO {REJECTS} (n, line, code, field, reason) SELECT s.n, s.line, :code, :field, {reason}"
            f" FROM {STAGE} s WHERE ({condition})"
            f" AND NOT EXISTS (SELECT 1 FROM {REJECTS} r WHERE r.n = s.n)",
            code=code,
            field=field,
            **params,
        )
        if count:
            self._strike()
        return count

    def _strike(self) -> None:
        self.run(
            f"UPDATE {STAGE} SET verdict = 'reject' WHERE (verdict IS NULL OR verdict <> 'reject')"
            f" AND n IN (SELECT n FROM {REJECTS})"
        )

    def rejects(self) -> Iterator[Reject]:
        """Every rejected row in the order of the file."""
        sql = f"SELECT n, line, code, field, reason FROM {REJECTS} WHERE n > :after ORDER BY n"
        for page in self.pages(sql):
            yield from page

    def rejected(self) -> int:
        """How many rows are rejected so far."""
        return self.value(f"SELECT count(*) FROM {REJECTS}")

    def reasons(self, most: int) -> list[tuple[str, str, int]]:
        """The codes and fields that rows were rejected for most often."""
        sql = (
            f"SELECT code, field, count(*) FROM {REJECTS} GROUP BY code, field"
            f" ORDER BY count(*) DESC, code, field LIMIT {most}"
        )
        return [(code, field, count) for code, field, count in self.work.reader.rows(sql)]

    def counts(self) -> dict[str, int]:
        """How many rows there are of each verdict."""
        found = self.work.reader.rows(f"SELECT verdict, count(*) FROM {STAGE} GROUP BY verdict")
        return {verdict: count for verdict, count in found}  # noqa: C416 - it says which is which

    # --- what is to become of them -----------------------------------------------------------------

    def outcomes(self, columns: Sequence[str], staged: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
        """Every row that is not rejected, in pages, once all are merged: n, line, verdict and record.

        Then of a repeat the line that it repeats, of an update the values before and after, as JSON; these
        columns of the record, as it is by now, and these of the stage.
        """
        if self.counts().get("duplicate"):
            self.run(f"CREATE INDEX IF NOT EXISTS ix_{STAGE}_raw ON {STAGE} (raw)")
        first = f"(SELECT min(e.line) FROM {STAGE} e WHERE e.raw = s.raw)"
        told = ", ".join([*(f"t.{name}" for name in columns), *(f"s.{name}" for name in staged)])
        yield from self.pages(
            f"SELECT s.n, s.line, s.verdict, s.id, CASE s.verdict WHEN 'duplicate' THEN {first} END,"
            f' r.before, r.after, {told} FROM {STAGE} s LEFT JOIN "{self.entity}" t ON t.id = s.id'
            f" LEFT JOIN {REVISIONS} r ON r.n = s.n WHERE s.verdict <> 'reject' AND s.n > :after ORDER BY s.n",
            rows=WIDE,
        )

    def made_besides(self) -> Iterator[tuple[str, list[Values]]]:
        """The records that were made for the rows so far, users first, in pages, each with its columns."""
        made = list(
            self.work.reader.rows(
                "SELECT entity, first_id, last_id FROM change WHERE entry_id = :entry AND op = 'add'"
                " ORDER BY entity DESC, first_id",
                entry=self.work.entry,
            )
        )
        for entity, first, last in made:
            names = list(ENTITIES[entity].model_fields)
            sql = f'SELECT {", ".join(names)} FROM "{entity}" WHERE id > :after AND id <= {last} ORDER BY id'
            for page in self.pages(sql, first - 1):
                yield entity, [dict(zip(names, row, strict=True)) for row in page]

    def named(self, entity: str, ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        """The names and uids of some records, by their ids."""
        if self.is_sqlite:
            those = "IN (SELECT value FROM json_each(:ids))"
        else:
            those = (
                "IN (SELECT CAST(value AS BIGINT) FROM json_array_elements_text(CAST(:ids AS JSON)) AS value)"
            )
        sql = f'SELECT id, {BY_ENTITY[entity].title}, uid FROM "{entity}" WHERE id {those}'
        return {id: (name, uid) for id, name, uid in self.work.reader.rows(sql, ids=json.dumps([*ids]))}

    # --- rows among themselves ---------------------------------------------------------------------

    def mark_repeats(self) -> None:
        """Rows that say again, cell by cell, what an earlier row said."""
        if self._has_repeats(["raw"]):
            self.run(
                f"UPDATE {STAGE} SET verdict = 'duplicate' WHERE verdict IS NULL AND n IN (SELECT n FROM"
                f" (SELECT n, row_number() OVER (PARTITION BY raw ORDER BY n) AS nth FROM {STAGE}) ranked"
                " WHERE nth > 1)"
            )

    def _has_repeats(self, columns: Sequence[str], condition: str = "1 = 1") -> bool:
        """Whether two rows of a condition are alike in some columns: quicker to tell than which ones."""
        alike = ", ".join(columns)
        found = self.value(
            f"SELECT count(*) FROM (SELECT 1 FROM {STAGE} WHERE {condition}"
            f" GROUP BY {alike} HAVING count(*) > 1 LIMIT 1) found"
        )
        return found > 0

    def refuse_repeated_keys(self, keys: Sequence[Key]) -> None:
        """Reject rows that mean the same record as an earlier one, and say otherwise of it."""
        filled = " AND ".join(f"{key.column} IS NOT NULL" for key in keys)
        fields = " and ".join(key.field for key in keys)
        self._refuse_later(
            [key.column for key in keys], f"verdict IS NULL AND {filled}", keys[0].field, fields
        )

    def _refuse_later(self, columns: Sequence[str], condition: str, field: str, shown: str) -> None:
        if not self._has_repeats(columns, condition):
            return
        self.create("stage_first", "n INTEGER PRIMARY KEY, first BIGINT")
        self.run(
            "INSERT INTO stage_first (n, first) SELECT n, first FROM (SELECT n,"
            f" min(n) OVER (PARTITION BY {', '.join(columns)}) AS first FROM {STAGE} WHERE {condition}) ranked"
            " WHERE n > first"
        )
        self.reject(
            "s.n IN (SELECT n FROM stage_first)",
            "duplicate_in_file",
            field,
            f"'the same {shown} as line ' || (SELECT e.line FROM stage_first f"
            f" JOIN {STAGE} e ON e.n = f.first WHERE f.n = s.n)",
        )

    def refuse_repeats_of_rejects(self) -> None:
        """A row that says again what a rejected row said is rejected as well."""
        self.reject(
            f"s.verdict = 'duplicate' AND s.raw IN (SELECT x.raw FROM {STAGE} x WHERE x.verdict = 'reject')",
            "duplicate_in_file",
            "",
            "'the same as an earlier row, which cannot be imported'",
        )

    # --- rows and records --------------------------------------------------------------------------

    def match(self, keys: Sequence[Key], sameness: Sameness) -> None:
        """Find the live record that each row means: by its keys, or, where one is blank, by holding the same."""
        if not self.blocks and self.is_base_empty():
            return
        self.create("stage_match", "n INTEGER PRIMARY KEY, id BIGINT, found BIGINT")
        blank = " OR ".join(f"s.{key.column} IS NULL" for key in keys) or "1 = 1"
        if keys:
            by_key = " AND ".join(f"t.{key.column} = s.{key.column}" for key in keys)
            self.run(
                f"INSERT INTO stage_match (n, id, found) SELECT s.n, min(t.id), count(*) FROM {STAGE} s"
                f' JOIN "{self.entity}" t ON {by_key} WHERE t.deleted_at IS NULL AND s.verdict IS NULL GROUP BY s.n'
            )
        if sameness.title in self.columns:
            self._match_twins(sameness, blank)
        self.run(
            f"UPDATE {STAGE} SET id = (SELECT m.id FROM stage_match m WHERE m.n = {STAGE}.n)"
            " WHERE n IN (SELECT n FROM stage_match)"
        )
        if keys:
            self.reject(
                "s.n IN (SELECT n FROM stage_match WHERE found > 1)",
                "ambiguous",
                keys[0].field,
                "'several records match'",
            )
            self._refuse_seen(keys)

    def _refuse_seen(self, keys: Sequence[Key]) -> None:
        """Rows that mean the record of a row of an earlier block: they repeat it, or contradict it."""
        if not self.blocks:
            return
        self.run(
            f"UPDATE {STAGE} SET verdict = 'duplicate' WHERE verdict IS NULL AND id IN (SELECT id FROM {SEEN})"
            f" AND raw = (SELECT e.raw FROM {SEEN} e WHERE e.id = {STAGE}.id)"
        )
        fields = " and ".join(key.field for key in keys)
        self.reject(
            f"s.verdict IS NULL AND s.id IN (SELECT id FROM {SEEN})",
            "duplicate_in_file",
            keys[0].field,
            f"'the same {fields} as line ' || (SELECT e.line FROM {SEEN} e WHERE e.id = s.id)",
        )

    def _match_twins(self, same: Sameness, blank: str) -> None:
        """Match rows without a key with records that hold the same, through one text that says it all."""
        rows = f"FROM {STAGE} s WHERE s.verdict IS NULL AND ({blank}) AND s.{same.title} IS NOT NULL"
        self.create("stage_title", f"title {self.type_of(same.title)} PRIMARY KEY")
        self.run(f"INSERT INTO stage_title (title) SELECT DISTINCT s.{same.title} {rows}")
        self.analyze("stage_title")
        self.create("stage_twin", f"id INTEGER PRIMARY KEY, said {self.type_of('uid')}")
        twins = self.run(
            f'INSERT INTO stage_twin (id, said) SELECT t.id, {self._said("t", same)} FROM "{self.entity}" t'
            f" WHERE t.deleted_at IS NULL AND t.id <= :before AND t.{same.title} IN (SELECT title FROM stage_title)",
            before=self.before,
        )
        if not twins:
            return
        if self.is_sqlite:
            self.run("CREATE INDEX stage_twin_said ON stage_twin (said)")
        self.analyze("stage_twin")
        loose = "".join(
            f" AND (s.{self.staged(name)} IS NULL OR t.{name} {self.same} s.{name})" for name in same.loose
        )
        self.run(
            "INSERT INTO stage_match (n, id, found) SELECT s.n, min(t.id), 1"
            f" FROM {STAGE} s JOIN stage_twin k ON k.said = {self._said('s', same)}"
            f' JOIN "{self.entity}" t ON t.id = k.id'
            f" WHERE s.verdict IS NULL AND ({blank}){loose} GROUP BY s.n",
            **{name: value for name, value in same.defaults.items() if name in same.firm},
        )

    def _said(self, alias: str, same: Sameness) -> str:
        """The firm columns as one text, in which no two different rows are alike."""
        parts = []
        for name in same.firm:
            value = f"{alias}.{name}"
            if name == "custom":
                value = f"coalesce({self._json(value)}, '{{}}')"
            elif alias == "s" and name in same.defaults:
                value = f"coalesce({value}, :{name})"
            plain = f"CAST({value} AS TEXT)"
            parts.append(f"coalesce(length({plain}) || '-' || {plain}, '-')")
        whole = " || ' ' || ".join(parts) or "''"
        return whole if self.is_sqlite else f'({whole}) COLLATE "C"'

    def _json(self, value: str) -> str:
        """An SQL expression for JSON in one spelling."""
        return f"plain_json({value})" if self.is_sqlite else f"CAST(CAST({value} AS JSONB) AS TEXT)"

    def staged(self, column: str) -> str:
        """Where the stage keeps what the file says of a column."""
        return f"given_{column}" if f"given_{column}" in self.columns else column

    def decide_new(self, mode: str) -> None:
        """Rows that match nothing become new records, unless only updates were asked for."""
        self.run(f"UPDATE {STAGE} SET verdict = 'create' WHERE verdict IS NULL AND id IS NULL")
        if mode == "update":
            self.reject("s.verdict = 'create'", "not_found", "", "'no record matches'")

    def require(self, keys: Sequence[Key]) -> None:
        """Reject new records that lack what every record must have."""
        for column, field in keys:
            lacks = f" AND s.{column} IS NULL" if column in self.columns else ""
            self.reject(f"s.verdict = 'create'{lacks}", "missing", field, f"'{field} is missing'")

    def refuse_taken(self, key: Key, verdict: str) -> None:
        """Reject rows whose unique value another record has, or an earlier row."""
        column = key.column
        if column not in self.columns:
            return
        shown = key.field.replace("_", " ")
        if self.blocks:
            # The + keeps SQLite from looking through all of the seen ids for each row.
            twins = (
                f'SELECT t.id FROM "{self.entity}" t WHERE t.{column} = s.{column} AND t.deleted_at IS NULL'
            )
            self.reject(
                f"s.verdict = '{verdict}' AND s.{column} IS NOT NULL AND EXISTS ({twins}"
                f" AND (s.id IS NULL OR t.id <> s.id) AND +t.id IN (SELECT id FROM {SEEN}))",
                "duplicate_in_file",
                key.field,
                f"'the same {shown} as line ' || (SELECT min(e.line) FROM {SEEN} e WHERE e.id IN ({twins}))",
            )
        self.reject(
            f"s.verdict = '{verdict}' AND s.{column} IS NOT NULL"
            f' AND EXISTS (SELECT 1 FROM "{self.entity}" t WHERE t.{column} = s.{column}'
            " AND t.deleted_at IS NULL AND (s.id IS NULL OR t.id <> s.id))",
            "exists",
            key.field,
            f"'another record has this {shown}'",
        )
        self._refuse_later(
            [column], f"verdict IN ('create', 'update') AND {column} IS NOT NULL", key.field, shown
        )

    def judge(self, given: Sequence[str], amounts: Sequence[str], clearable: Sequence[str]) -> None:
        """Of the rows that match a record, find those that may change it; the others leave it as it is."""
        differs = [self._differs(name, amounts) for name in given]
        differs += [
            f"(s.{self.staged(name)} IS NULL AND t.{name} IS NOT NULL)" for name in given if name in clearable
        ]
        self.run(
            f"UPDATE {STAGE} SET verdict = 'update' WHERE verdict IS NULL AND n IN (SELECT s.n FROM {STAGE} s"
            f' JOIN "{self.entity}" t ON t.id = s.id WHERE {" OR ".join(differs) or "1 = 0"})'
        )
        self.run(f"UPDATE {STAGE} SET verdict = 'unchanged' WHERE verdict IS NULL")

    def _differs(self, name: str, amounts: Sequence[str]) -> str:
        """A condition: the row says something of a column that the record does not hold."""
        staged = self.staged(name)
        if name == "custom":
            unlike = f"coalesce({self._json('t.custom')}, '{{}}') <> {self._json(f's.{staged}')}"
        else:
            unlike = f"NOT (t.{name} {self.same} s.{staged})"
        if name in amounts:
            unlike = f"({unlike} OR NOT (t.currency {self.same} s.currency))"
        elif staged != name and name != "custom":
            unlike += f" AND NOT (t.{name} {self.same} s.{name})"
        return f"(s.{staged} IS NOT NULL AND {unlike})"

    # --- new records -------------------------------------------------------------------------------

    def number(self) -> None:
        """Reserve ids for the new records, in the order of the file."""
        found = self.work.reader.row(f"SELECT count(*), min(n), max(n) FROM {STAGE} WHERE verdict = 'create'")
        count, lowest, highest = found or (0, 0, 0)
        if not count:
            return
        first = self.work.ids.take(self.entity, count)
        if highest - lowest + 1 == count:
            self.run(f"UPDATE {STAGE} SET id = :first + n WHERE verdict = 'create'", first=first - lowest)
            return
        self.create("stage_number", "n INTEGER PRIMARY KEY, number BIGINT")
        self.run(
            "INSERT INTO stage_number (n, number)"
            f" SELECT n, row_number() OVER (ORDER BY n) - 1 FROM {STAGE} WHERE verdict = 'create'"
        )
        self.run(
            f"UPDATE {STAGE} SET id = :first + (SELECT number FROM stage_number k WHERE k.n = {STAGE}.n)"
            " WHERE verdict = 'create'",
            first=first,
        )

    def lacks_owner(self) -> bool:
        """Whether there is a new record that the file gives no owner."""
        unowned = " AND owner_id IS NULL" if "owner_id" in self.columns else ""
        return self.value(f"SELECT count(*) FROM {STAGE} WHERE verdict = 'create'{unowned}") > 0

    def insert(self, defaults: Mapping[str, Any]) -> None:
        """Make the new records, begin their versions, and index them; `finish` journals them."""
        fixed = {
            "created_at": iso_instant(self.work.now),
            "updated_at": iso_instant(self.work.now),
            "custom": "{}",
            **defaults,
        }
        columns = [name for name in self.columns if not name.startswith(INSIDE) and name != "valid_from"]
        values = {name: f"s.{name}" for name in columns}
        for name in fixed:
            value = f"coalesce(s.{name}, :{name})" if name in values else f":{name}"
            values[name] = f"CAST({value} AS JSONB)" if name == "custom" and not self.is_sqlite else value
        created = self.run(
            f'INSERT INTO "{self.entity}" (id, uid, {", ".join(values)})'
            f" SELECT s.id, s.uid, {', '.join(values.values())} FROM {STAGE} s"
            " WHERE s.verdict = 'create' ORDER BY s.n",
            **fixed,
        )
        if not created:
            return
        if self.entity == "opportunity":
            self._first_versions()
        if DOCUMENT in self.columns:
            documents = f"SELECT id, {DOCUMENT} AS document FROM {STAGE} WHERE verdict = 'create' ORDER BY n"
            search.index_documents(self.work.connection, self.entity, documents)
            return
        made = self.work.reader.row(f"SELECT min(id), max(id) FROM {STAGE} WHERE verdict = 'create'")
        if made:
            search.index_new(self.work.connection, self.entity, made[0], made[1])

    def finish(self) -> int:
        """Drop new records that repeat a row of another block, and journal the others; how many were dropped."""
        dropped = 0
        if self.blocks > 1:
            dropped = self._drop_repeats()
        self._journal_added(self.entity, f"SELECT id FROM {SEEN} WHERE id > {self.before}")
        return dropped

    def _drop_repeats(self) -> int:
        """Rows without a key may say again what a row of an earlier block said; nothing refers to them yet."""
        new = f"FROM {SEEN} WHERE id > {self.before}"
        again = self.value(
            f"SELECT count(*) FROM (SELECT 1 {new} GROUP BY raw HAVING count(*) > 1 LIMIT 1) found"
        )
        if not again:
            return 0
        self.create("stage_again", "id INTEGER PRIMARY KEY")
        count = self.run(
            "INSERT INTO stage_again (id) SELECT id FROM"
            f" (SELECT id, row_number() OVER (PARTITION BY raw ORDER BY n) AS nth {new}) ranked WHERE nth > 1"
        )
        gone = "IN (SELECT id FROM stage_again)"
        if self.entity == "opportunity":
            self.run(f"DELETE FROM opportunity_version WHERE opportunity_id {gone}")
        search.remove(self.work.connection, self.entity, f"id {gone}")
        self.run(f'DELETE FROM "{self.entity}" WHERE id {gone}')
        self.run(f"DELETE FROM {SEEN} WHERE id {gone}")
        return count

    def _first_versions(self) -> None:
        tracked = ", ".join(f"t.{name}" for name in TRACKED)
        self.run(
            "INSERT INTO opportunity_version (opportunity_id, valid_from, recorded_at, entry_id,"
            f" {', '.join(TRACKED)})"
            f" SELECT t.id, coalesce(s.valid_from, t.created_at), :now, :entry, {tracked}"
            f" FROM {STAGE} s JOIN opportunity t ON t.id = s.id WHERE s.verdict = 'create' ORDER BY t.id",
            now=iso_instant(self.work.now),
            entry=self.work.entry,
        )

    def record_added(self, entity: str, ids: str) -> None:
        """Journal the new records that a query selects, and index them."""
        for first, last in self._journal_added(entity, ids):
            search.index_new(self.work.connection, entity, first, last)

    def _journal_added(self, entity: str, ids: str) -> list[tuple[int, int]]:
        """Journal the new records that a query selects: a range where their ids follow one another."""
        lowest, highest, count = next(
            iter(self.work.reader.rows(f"SELECT min(id), max(id), count(*) FROM ({ids}) made"))
        )
        if not count:
            return []
        found = [(lowest, highest)]
        if highest - lowest + 1 > count:
            ranges = self.work.reader.rows(
                "SELECT min(id), max(id) FROM"
                f" (SELECT id, id - row_number() OVER (ORDER BY id) AS island FROM ({ids}) made)"
                " numbered GROUP BY island ORDER BY min(id)"
            )
            found = [(first, last) for first, last in ranges]
        for first, last in found:
            self.work.wrote = True
            self.run(
                "INSERT INTO change (entry_id, entity, first_id, last_id, op)"
                " VALUES (:entry, :entity, :first, :last, 'add')",
                entry=self.work.entry,
                entity=entity,
                first=first,
                last=last,
            )
        return found

    def declare(self, specs: Sequence[FieldSpec]) -> None:
        """Describe custom fields that the file brings along."""
        for spec in specs:
            self.work.connection.execute(insert(FIELD).values(**field_row(spec)))

    # --- updates -----------------------------------------------------------------------------------

    def plan_updates(self, given: Sequence[str], revise: Callable[[Revision], Values]) -> None:
        """Ask a rule what each row that may change a record really changes; what it refuses is rejected.

        `revise` returns the columns to set, none where the record stays as it is, or raises CrmError.
        """
        self.create(REVISIONS, "n INTEGER PRIMARY KEY, id BIGINT, before TEXT, after TEXT")
        table = ENTITIES[self.entity].__table__  # type: ignore[attr-defined]  # SQLModel keeps it to itself
        names = [column.name for column in table.columns]
        judged = [name for name in given if self.staged(name) != name]
        wanted = [
            *(f"t.{name}" for name in names),
            *(f"s.{self.staged(name)}" for name in given),
            *(f"s.{name}" for name in judged),
        ]
        sql = (
            f'SELECT s.n, s.line, {", ".join(wanted)} FROM {STAGE} s JOIN "{self.entity}" t ON t.id = s.id'
            " WHERE s.verdict = 'update' AND s.n > :after ORDER BY s.n"
        )
        first, second = len(names) + 2, len(names) + len(given) + 2
        for page in self.pages(sql):
            self._plan_page(
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

    def _plan_page(self, page: Iterable[Revision], revise: Callable[[Revision], Values]) -> None:
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
        self.fill(planned, REVISIONS, ("n", "id", "before", "after"))
        if rejected:
            self.add_rejects(rejected)
        if idle:
            mark = "?" if self.is_sqlite else "%s"
            self.work.connection.exec_driver_sql(
                f"UPDATE {STAGE} SET verdict = 'unchanged' WHERE n = {mark}", idle
            )

    def update(self) -> None:
        """Carry out the planned updates, journal them with their before-images, and index them."""
        self.run(f"DELETE FROM {REVISIONS} WHERE n IN (SELECT n FROM {REJECTS})")
        if not self.value(f"SELECT count(*) FROM {REVISIONS}"):
            return
        pages = self.pages(f"SELECT n, id, after FROM {REVISIONS} WHERE n > :after ORDER BY n")
        for page in pages:
            self.work.wrote = True
            by_columns: dict[tuple[str, ...], list[Values]] = {}
            for _, id, after in page:
                values = json.loads(after)
                by_columns.setdefault(tuple(values), []).append({**values, "_id": id})
            for columns, rows in by_columns.items():
                self._set(columns, rows)
        self.analyze(
            REVISIONS, self.entity, *(["opportunity_version"] if self.entity == "opportunity" else [])
        )
        changed = f"SELECT id FROM {REVISIONS}"
        self.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
            f" SELECT :entry, :entity, id, id, 'edit', before, after FROM {REVISIONS} ORDER BY n",
            entry=self.work.entry,
            entity=self.entity,
        )
        if self.entity == "opportunity":
            versions.change_all(self.work.connection, changed, self.work.entry, self.work.now)
        search.index_where(self.work.connection, self.entity, f"id IN ({changed})")

    def _set(self, columns: Sequence[str], rows: list[Values]) -> None:
        assignments = [f"{name} = :{name}" for name in columns]
        if "custom" in columns:
            for row in rows:
                row["custom"] = written(row["custom"])
            if not self.is_sqlite:
                assignments[columns.index("custom")] = "custom = CAST(:custom AS JSONB)"
        self.work.connection.execute(
            text(f'UPDATE "{self.entity}" SET {", ".join(assignments)} WHERE id = :_id'), rows
        )


def written(value: Any) -> str:
    """JSON as the database keeps it."""
    return json.dumps(value, ensure_ascii=False)


def as_object(value: Any) -> Any:
    """A JSON value as Python has it, whatever the driver makes of it."""
    return json.loads(value) if isinstance(value, str) else value or {}


def plain_json(value: str | None) -> str | None:
    """JSON in one spelling, whoever wrote it."""
    return None if value is None else json.dumps(json.loads(value), sort_keys=True, ensure_ascii=False)
