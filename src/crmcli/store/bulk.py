"""Many records of one kind in one act: staged in a temporary table, judged and merged by whole sets.

No statement here runs once for each row but those that fill the stage. SQL is portable; the two databases
differ only in the words of `same` and in how a temporary table is made.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import text

from crmcli.fields import FieldSpec
from crmcli.model import ENTITIES
from crmcli.store import search, versions
from crmcli.store.find import KEYS, NORMAL
from crmcli.store.identity import uuid7
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant
from crmcli.values.references import split_reference

CHUNK: Final = 5_000
STAGE: Final = "stage_rows"
REJECTS: Final = "stage_rejects"


class Stage:
    """Rows of a file on their way into a table: their line, what they hold, and what is to become of them.

    `columns` are those of the entity's table that rows may fill. A column `given_X` holds what the file
    says of X where rules turn it into something else; `link_X` holds the text by which X names a record.
    `verdict` is create, update, unchanged, duplicate or reject; `id` the record's.
    """

    def __init__(self, work: UnitOfWork, entity: str, columns: Sequence[str]) -> None:
        self.work = work
        self.entity = entity
        self.columns = list(columns)
        self.is_sqlite = work.reader.is_sqlite
        self.same = "IS" if self.is_sqlite else "IS NOT DISTINCT FROM"
        kinds = {column.name: column for column in ENTITIES[entity].__table__.columns}  # type: ignore[attr-defined]
        definitions = ", ".join(
            f"{name} {self._type(kinds.get(name.removeprefix('given_')), name)}" for name in columns
        )
        self._create(
            STAGE,
            f"line INTEGER PRIMARY KEY, uid TEXT, raw TEXT, verdict TEXT, id INTEGER{', ' + definitions if columns else ''}",
        )
        self._create(REJECTS, "line INTEGER PRIMARY KEY, code TEXT, field TEXT, reason TEXT")

    def _type(self, column: Any, name: str) -> str:
        if name.startswith("link_") or column is None:
            return "TEXT"
        return "BIGINT" if column.type.__class__.__name__ in ("BigInteger", "Integer", "Flag") else "TEXT"

    def _create(self, name: str, definition: str) -> None:
        self.run(f"DROP TABLE IF EXISTS {name}")
        self.run(f"CREATE TEMPORARY TABLE {name} ({definition}){'' if self.is_sqlite else ' ON COMMIT DROP'}")

    def run(self, sql: str, **params: Any) -> int:
        """Run a statement; the number of rows it changed."""
        return self.work.connection.execute(text(sql), params).rowcount

    # --- filling -----------------------------------------------------------------------------------

    def fill(
        self, rows: Iterable[tuple[Any, ...]], name: str = STAGE, columns: Sequence[str] | None = None
    ) -> int:
        """Insert rows of values in the order of (line, uid, raw, *columns); how many there were."""
        columns = columns or ("line", "uid", "raw", *self.columns)
        mark = "?" if self.work.connection.dialect.paramstyle == "qmark" else "%s"
        sql = f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join([mark] * len(columns))})"
        count = 0
        iterator = iter(rows)
        while chunk := list(islice(iterator, CHUNK)):
            self.work.connection.exec_driver_sql(sql, chunk)
            count += len(chunk)
        return count

    def reject(self, condition: str, code: str, field: str, reason: str, **params: Any) -> int:
        """Reject the rows of a condition that nothing has rejected yet; `reason` is an SQL expression of `s`."""
        return self.run(
            f"INSERT INTO {REJECTS} (line, code, field, reason) SELECT s.line, :code, :field, {reason} FROM {STAGE} s"
            f" WHERE ({condition}) AND NOT EXISTS (SELECT 1 FROM {REJECTS} r WHERE r.line = s.line)",
            code=code,
            field=field,
            **params,
        ) and self.run(
            f"UPDATE {STAGE} SET verdict = 'reject' WHERE (verdict IS NULL OR verdict <> 'reject')"
            f" AND line IN (SELECT line FROM {REJECTS})"
        )

    def rejects(self) -> Iterator[tuple[int, str, str, str]]:
        """Every rejected row by its line: line, code, field, reason."""
        return self.work.reader.rows(f"SELECT line, code, field, reason FROM {REJECTS} ORDER BY line")  # type: ignore[return-value]

    # --- links -------------------------------------------------------------------------------------

    def resolve(self, spec: FieldSpec, *, create: bool, me: str, owner: int | None) -> None:
        """Turn the texts by which a column names records into their ids; make missing ones if told to."""
        table = f"link_{spec.name}"
        target = str(spec.target)
        self._create(
            table,
            "text TEXT PRIMARY KEY, number INTEGER, external_id TEXT, email_key TEXT, domain TEXT, name_key TEXT,"
            " id INTEGER, found INTEGER, line INTEGER",
        )
        letter_of = {
            "lead": "L",
            "account": "A",
            "contact": "C",
            "opportunity": "O",
            "user": "U",
            "stage": "S",
            "task": "T",
        }
        texts = self.work.reader.rows(f"SELECT DISTINCT {table} FROM {STAGE} WHERE {table} IS NOT NULL")
        keys = [(column, NORMAL[form]) for column, form in KEYS[target]]

        def rows() -> Iterator[tuple[Any, ...]]:
            for (typed,) in list(texts):
                meant = me if target == "user" and typed.casefold() == "me" else typed
                reference = split_reference(meant)
                number = reference[1] if reference and reference[0] == letter_of[target] else None
                if number is None and meant.isascii() and meant.isdigit() and len(meant) < 10:
                    number = int(meant)
                named = {column: normal(meant) or None for column, normal in keys}
                yield (
                    typed,
                    number,
                    *(named.get(key) for key in ("external_id", "email_key", "domain", "name_key")),
                )

        self.fill(rows(), table, ("text", "number", "external_id", "email_key", "domain", "name_key"))
        for key, column in (("number", "id"), *((column, column) for column, _ in keys)):
            match = f'FROM "{target}" t WHERE t.{column} = {table}.{key} AND t.deleted_at IS NULL'
            self.run(
                f"UPDATE {table} SET id = (SELECT min(t.id) {match}), found = (SELECT count(*) {match})"
                f" WHERE coalesce(found, 0) = 0 AND {key} IS NOT NULL"
            )
        if target == self.entity:
            self._resolve_in_file(table)
        if create and target in ("account", "user"):
            self._create_missing(table, target, owner)
        self._take_ids(spec, table)
        shown = f"coalesce(s.{table}, '')"
        for many, code, reason in (
            ("> 1", "ambiguous", f"'several {target}s are called ' || {shown}"),
            ("= 0", "not_found", f"'there is no {target} ' || {shown}"),
        ):
            self.reject(
                f"s.{table} IN (SELECT text FROM {table} WHERE coalesce(found, 0) {many} AND line IS NULL)",
                code,
                spec.name,
                reason,
            )

    def _resolve_in_file(self, table: str) -> None:
        """A record may belong to one that stands in the same file, before it or after it."""
        for key in ("external_id", "name_key"):
            if key in self.columns:
                self.run(f"CREATE INDEX IF NOT EXISTS ix_{STAGE}_{key} ON {STAGE} ({key})")
                self.run(
                    f"UPDATE {table} SET line = (SELECT min(s.line) FROM {STAGE} s WHERE s.{key} = {table}.{key})"
                    f" WHERE coalesce(found, 0) = 0 AND line IS NULL AND {key} IS NOT NULL"
                )

    def _create_missing(self, table: str, target: str, owner: int | None) -> None:
        missing = list(
            self.work.reader.rows(
                f"SELECT min(text), name_key FROM {table} WHERE coalesce(found, 0) = 0 AND line IS NULL"
                " AND name_key IS NOT NULL GROUP BY name_key ORDER BY min(text)"
            )
        )
        if not missing:
            return
        first = self.work.ids.take(target, len(missing))
        now = iso_instant(self.work.now)
        extra = {"active": 1} if target == "user" else {"owner_id": owner}
        columns = ("id", "uid", "name", "name_key", "created_at", "updated_at", "custom", *extra)
        self.fill(
            (
                (first + index, uuid7(), name, key, now, now, "{}", *extra.values())
                for index, (name, key) in enumerate(missing)
            ),
            f'"{target}"',
            columns,
        )
        self.record_added(target, first, first + len(missing) - 1)
        self.run(
            f'UPDATE {table} SET found = 1, id = (SELECT t.id FROM "{target}" t WHERE t.name_key = {table}.name_key'
            " AND t.id BETWEEN :first AND :last) WHERE coalesce(found, 0) = 0 AND line IS NULL AND name_key IS NOT NULL",
            first=first,
            last=first + len(missing) - 1,
        )

    def _take_ids(self, spec: FieldSpec, table: str) -> None:
        self.run(
            f"UPDATE {STAGE} SET {spec.column} = (SELECT k.id FROM {table} k WHERE k.text = {STAGE}.{table} AND k.found = 1)"
            f" WHERE {table} IS NOT NULL"
        )

    def link_within_file(self, spec: FieldSpec) -> None:
        """Once rows have ids: point those at each other that name each other; reject children of rejected rows."""
        table = f"link_{spec.name}"
        while self.reject(
            f"s.{table} IN (SELECT k.text FROM {table} k JOIN {REJECTS} r ON r.line = k.line)",
            "not_found",
            spec.name,
            f"'the row of ' || s.{table} || ' was rejected'",
        ):
            pass
        self.run(
            f"UPDATE {STAGE} SET {spec.column} = (SELECT p.id FROM {table} k JOIN {STAGE} p ON p.line = k.line"
            f" WHERE k.text = {STAGE}.{table}) WHERE {spec.column} IS NULL AND {table} IS NOT NULL"
        )

    # --- judging -----------------------------------------------------------------------------------

    def match(
        self, keys: Sequence[str], given: Sequence[str], title: str, defaults: Mapping[str, Any]
    ) -> None:
        """Find the live record that each row means: by its keys, or, where these are blank, one that holds the same."""
        self._create("stage_match", "line INTEGER PRIMARY KEY, id INTEGER, found INTEGER")
        by_key = " AND ".join(f"t.{key} = s.{key}" for key in keys)
        if keys:
            self._match_by(by_key)
        blank = " OR ".join(f"s.{key} IS NULL" for key in keys) or "1 = 1"
        equal = " AND ".join(
            f"t.{name} {self.same} " + (f"coalesce(s.{name}, :{name})" if name in defaults else f"s.{name}")
            for name in given
        )
        used = {name: value for name, value in defaults.items() if name in given}
        self._match_by(f"t.{title} = s.{title} AND {equal or '1 = 1'} AND ({blank})", **used)
        self.run(f"UPDATE {STAGE} SET id = (SELECT m.id FROM stage_match m WHERE m.line = {STAGE}.line)")
        if keys:
            self.reject(
                f"s.line IN (SELECT line FROM stage_match WHERE found > 1) AND NOT ({blank})",
                "ambiguous",
                keys[0],
                "'several records match'",
            )

    def _match_by(self, condition: str, **params: Any) -> None:
        self.run(
            "INSERT INTO stage_match (line, id, found)"
            f' SELECT s.line, min(t.id), count(*) FROM {STAGE} s JOIN "{self.entity}" t ON {condition}'
            " WHERE t.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM stage_match m WHERE m.line = s.line)"
            " GROUP BY s.line",
            **params,
        )

    def staged(self, column: str) -> str:
        """Where the stage keeps what the file says of a column."""
        return f"given_{column}" if f"given_{column}" in self.columns else column

    def find_duplicates(self, keys: Sequence[str]) -> None:
        """Rows that say again what an earlier row said; rows that say otherwise of the same record are rejected."""
        key = ", ".join(keys)
        self.run(
            f"UPDATE {STAGE} SET verdict = 'duplicate' WHERE line IN (SELECT line FROM (SELECT line,"
            f" row_number() OVER (PARTITION BY raw ORDER BY line) AS n FROM {STAGE}) ranked WHERE n > 1)"
        )
        if keys:
            filled = " AND ".join(f"{name} IS NOT NULL" for name in keys)
            self._create("stage_first", "line INTEGER PRIMARY KEY, first INTEGER")
            self.run(
                "INSERT INTO stage_first (line, first) SELECT line, first FROM (SELECT line,"
                f" min(line) OVER (PARTITION BY {key}) AS first FROM {STAGE} WHERE {filled} AND verdict IS NULL) ranked"
                " WHERE line > first"
            )
            self.reject(
                "s.line IN (SELECT line FROM stage_first)",
                "duplicate_in_file",
                keys[0],
                f"'the same {key} as line ' || (SELECT f.first FROM stage_first f WHERE f.line = s.line)",
            )

    def judge(self, mode: str, given: Sequence[str], *, blank_clears: bool) -> None:
        """Create what matches nothing, update what differs, and leave the rest."""
        differs = (
            " OR ".join(
                (f"s.{self.staged(name)} IS NOT NULL AND " if not blank_clears else "")
                + f"NOT (t.{name} {self.same} s.{self.staged(name)})"
                for name in given
            )
            or "1 = 0"
        )
        self.run(f"UPDATE {STAGE} SET verdict = 'create' WHERE verdict IS NULL AND id IS NULL")
        self.run(
            f"UPDATE {STAGE} SET verdict = 'update' WHERE verdict IS NULL AND line IN"
            f' (SELECT s.line FROM {STAGE} s JOIN "{self.entity}" t ON t.id = s.id WHERE {differs})'
        )
        self.run(f"UPDATE {STAGE} SET verdict = 'unchanged' WHERE verdict IS NULL")
        if mode == "update":
            self.reject("s.verdict = 'create'", "not_found", "", "'no record matches'")
        if mode == "insert":
            self.reject(
                "s.verdict = 'update'", "exists", "", "'there is such a record already, with other values'"
            )

    def require(self, columns: Sequence[str]) -> None:
        """Reject new records that lack what every record must have."""
        for column in columns:
            if column in self.columns:
                self.reject(
                    f"s.verdict = 'create' AND s.{column} IS NULL",
                    "missing",
                    column,
                    f"'{column} is missing'",
                )

    def unique(self, column: str) -> None:
        """Reject new records whose unique value somebody else has."""
        if column in self.columns:
            self.reject(
                f"s.verdict = 'create' AND s.{column} IN (SELECT t.{column} FROM \"{self.entity}\" t WHERE t.deleted_at IS NULL)",
                "exists",
                column,
                f"'another record has this {column.removesuffix('_key').replace('_', ' ')}'",
            )

    def counts(self) -> dict[str, int]:
        """How many rows there are of each verdict."""
        return dict(
            self.work.reader.rows(
                f"SELECT coalesce(verdict, 'create'), count(*) FROM {STAGE} GROUP BY verdict"
            )  # type: ignore[arg-type]
        )

    # --- merging -----------------------------------------------------------------------------------

    def number(self) -> tuple[int, int]:
        """Reserve ids for the new records, in the order of the file; the first, and how many."""
        count = int(self.work.reader.value(f"SELECT count(*) FROM {STAGE} WHERE verdict = 'create'"))
        first = self.work.ids.take(self.entity, count) if count else 0
        self._create("stage_number", "line INTEGER PRIMARY KEY, n INTEGER")
        self.run(
            "INSERT INTO stage_number (line, n)"
            f" SELECT line, row_number() OVER (ORDER BY line) - 1 FROM {STAGE} WHERE verdict = 'create'"
        )
        self.run(
            f"UPDATE {STAGE} SET id = :first + (SELECT n FROM stage_number k WHERE k.line = {STAGE}.line)"
            " WHERE verdict = 'create'",
            first=first,
        )
        return first, count

    def insert(self, first: int, count: int, defaults: Mapping[str, Any]) -> None:
        """Make the new records: one statement, one range in the journal, one pass of the index."""
        if not count:
            return
        columns = [
            name for name in self.columns if not name.startswith(("given_", "link_")) and name != "valid_from"
        ]
        fixed = {
            "created_at": iso_instant(self.work.now),
            "updated_at": iso_instant(self.work.now),
            "custom": "{}",
            **defaults,
        }
        values = [
            (f"coalesce(s.{name}, :{name})" if name in fixed else f"s.{name}")
            if name != "custom"
            else self._custom()
            for name in columns
        ]
        rest = [name for name in fixed if name not in columns]
        cast = {"custom": "CAST(:custom AS JSONB)" if not self.is_sqlite else ":custom"}
        self.run(
            f'INSERT INTO "{self.entity}" (id, uid, {", ".join([*columns, *rest])})'
            f" SELECT s.id, s.uid, {', '.join([*values, *(cast.get(name, f':{name}') for name in rest)])}"
            f" FROM {STAGE} s WHERE s.verdict = 'create' ORDER BY s.id",
            **fixed,
        )
        self.record_added(self.entity, first, first + count - 1)
        if self.entity == "opportunity":
            self._first_versions(first, first + count - 1)

    def _custom(self) -> str:
        value = "coalesce(s.custom, :custom)"
        return value if self.is_sqlite else f"CAST({value} AS JSONB)"

    def _first_versions(self, first: int, last: int) -> None:
        tracked = ", ".join(f"t.{name}" for name in versions.TRACKED)
        self.run(
            "INSERT INTO opportunity_version (opportunity_id, valid_from, recorded_at, entry_id,"
            f" {', '.join(versions.TRACKED)})"
            f" SELECT t.id, coalesce(s.valid_from, t.created_at), :now, :entry, {tracked}"
            f" FROM opportunity t JOIN {STAGE} s ON s.id = t.id AND s.verdict = 'create'"
            " WHERE t.id BETWEEN :first AND :last ORDER BY t.id",
            now=iso_instant(self.work.now),
            entry=self.work.entry,
            first=first,
            last=last,
        )

    def record_added(self, entity: str, first: int, last: int) -> None:
        """Journal a range of new records, and index them."""
        self.work.wrote = True
        self.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op) VALUES (:entry, :entity, :first, :last, 'add')",
            entry=self.work.entry,
            entity=entity,
            first=first,
            last=last,
        )
        search.index(self.work.connection, entity, first, last)

    # --- updates -----------------------------------------------------------------------------------

    def plan_updates(
        self, columns: Sequence[str], revise: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
    ) -> None:
        """Ask a rule what each differing row really changes; what it refuses is rejected.

        `revise` takes the record as it is and the file's values, and returns columns to set, or raises.
        """
        from crmcli.errors import CrmError

        self._create("stage_revision", "line INTEGER PRIMARY KEY, id INTEGER, before TEXT, after TEXT")
        names = [column.name for column in ENTITIES[self.entity].__table__.columns]  # type: ignore[attr-defined]
        staged = [self.staged(name) for name in columns]
        found = list(
            self.work.reader.rows(
                f"SELECT s.line, {', '.join(f't.{name}' for name in names)}, {', '.join(f's.{name}' for name in staged)}"
                f" FROM {STAGE} s JOIN \"{self.entity}\" t ON t.id = s.id WHERE s.verdict = 'update' ORDER BY s.line"
            )
        )
        rejected: list[tuple[int, str, str, str]] = []

        def rows() -> Iterator[tuple[Any, ...]]:
            for row in found:
                current = dict(zip(names, row[1 : len(names) + 1], strict=True))
                values = dict(zip(columns, row[len(names) + 1 :], strict=True))
                try:
                    after = revise(current, values)
                except CrmError as error:
                    rejected.append((row[0], error.code, error.field or "", error.message))
                    continue
                before = {name: current[name] for name in after}
                yield (
                    row[0],
                    current["id"],
                    json.dumps(before, ensure_ascii=False),
                    json.dumps(after, ensure_ascii=False),
                )

        self.fill(rows(), "stage_revision", ("line", "id", "before", "after"))
        self.add_rejects(rejected)

    def add_rejects(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Reject rows by their lines, which need not be staged."""
        self.fill(rows, REJECTS, ("line", "code", "field", "reason"))
        self.run(f"UPDATE {STAGE} SET verdict = 'reject' WHERE line IN (SELECT line FROM {REJECTS})")

    def update(self) -> None:
        """Carry out the planned updates, journal them with their before-images, and index them."""
        if not self.work.reader.value("SELECT count(*) FROM stage_revision"):
            return
        self.work.wrote = True
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for id, after in list(self.work.reader.rows("SELECT id, after FROM stage_revision ORDER BY line")):
            values = json.loads(after)
            by_columns.setdefault(tuple(values), []).append({**values, "_id": id})
        for columns, rows in by_columns.items():
            assignments = ", ".join(
                f"{name} = CAST(:{name} AS JSONB)"
                if name == "custom" and not self.is_sqlite
                else f"{name} = :{name}"
                for name in columns
            )
            self.work.connection.execute(
                text(f'UPDATE "{self.entity}" SET {assignments} WHERE id = :_id'), rows
            )
        self.run(
            "INSERT INTO change (entry_id, entity, first_id, last_id, op, before, after)"
            " SELECT :entry, :entity, id, id, 'edit', before, after FROM stage_revision ORDER BY line",
            entry=self.work.entry,
            entity=self.entity,
        )
        if self.entity == "opportunity":
            versions.change_all(
                self.work.connection, "SELECT id FROM stage_revision", self.work.entry, self.work.now
            )
        search.index_where(self.work.connection, self.entity, "id IN (SELECT id FROM stage_revision)")
