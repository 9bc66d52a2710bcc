"""The stage: the rows of a file in a temporary table, with their verdicts, and the rejected ones beside them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import text

from crmcli.fields import BY_ENTITY
from crmcli.model import ENTITIES
from crmcli.store.work import UnitOfWork

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
        self.before = self.value(f'SELECT max(id) FROM "{entity}"')  # higher ids are of this file
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

    def staged(self, column: str) -> str:
        """Where the stage keeps what the file says of a column."""
        return f"given_{column}" if f"given_{column}" in self.columns else column


def written(value: Any) -> str:
    """JSON as the database keeps it."""
    return json.dumps(value, ensure_ascii=False)


def as_object(value: Any) -> Any:
    """A JSON value as Python has it, whatever the driver makes of it."""
    return json.loads(value) if isinstance(value, str) else value or {}


def plain_json(value: str | None) -> str | None:
    """JSON in one spelling, whoever wrote it."""
    return None if value is None else json.dumps(json.loads(value), sort_keys=True, ensure_ascii=False)
