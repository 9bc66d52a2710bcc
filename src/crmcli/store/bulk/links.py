"""The links of staged rows: from the texts by which they name records to ids, by whole sets.

A text is a reference, an external id, an e-mail address, a domain or a name, as on the command line, with
two differences that files need: digits alone are an external id before they are a number of ours, and a
reference beside which the file says the record's name (as exports do) has to be called so.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, NOUNS, FieldSpec
from crmcli.store.bulk.staging import STAGE, Stage
from crmcli.store.bulk.writing import record_added
from crmcli.store.find import DEEPEST, KEYS, NORMAL
from crmcli.store.identity import uuid7
from crmcli.values.dates import iso_instant
from crmcli.values.keys import check_email, email_key, name_key
from crmcli.values.references import split_reference

BETWEEN: Final = "\x1f"  # stands between a reference and the name beside it
RELATED: Final = ("account", "contact", "opportunity", "lead")  # what a name alone may mean, of any record
PARENTS: Final = ("account", "campaign")
MAKEABLE: Final = ("user", *PARENTS)  # where it is missing; in the order in which they need one another
COLUMNS: Final = ("external_id", "email_key", "domain", "name_key")
MISSING: Final = "stage_missing"


class Meant(NamedTuple):
    """What a text by which a row names a record can mean."""

    text: str
    shown: str
    name: str | None  # what to call the record if it is to be made
    entity: str | None  # of a typed reference
    number: int | None
    wanted: str | None  # the key of the name that stands beside a reference
    external_id: str | None
    email_key: str | None
    domain: str | None
    name_key: str | None


class Links:
    """Turns the texts of every link into ids; remembers what is to be made."""

    def __init__(self, stage: Stage, me: str) -> None:
        self.stage = stage
        self.me = me
        self.made: dict[str, list[str]] = {}  # what may be made -> the columns that link to it
        stage.create(
            MISSING,
            "target TEXT, id BIGINT, name TEXT, name_key TEXT, email TEXT, email_key TEXT, PRIMARY KEY (target, id)",
        )
        stage.run(f"CREATE INDEX {MISSING}_name ON {MISSING} (target, name_key)")

    def resolve(self, spec: FieldSpec, *, create: bool) -> None:
        """Find what a link's texts name, and reject the rows whose texts name nothing, or several records."""
        stage, table = self.stage, f"link_{spec.name}"
        targets = [spec.target] if spec.target else list(RELATED)
        types = ", ".join(f"{name} {stage.type_of(name, targets[0])}" for name in COLUMNS)
        stage.create(
            table,
            f"text TEXT PRIMARY KEY, shown TEXT, name TEXT, entity TEXT, number BIGINT, wanted TEXT, {types},"
            " id BIGINT, found BIGINT, n BIGINT",
        )
        self._read_texts(spec, targets)
        stage.analyze(table)
        self._look_up(table, [noun.entity for noun in NOUNS] if spec.kind == "relation" else targets)
        if spec.target == stage.entity:
            self._look_in_file(table)
        if spec.target in MAKEABLE and (create or spec.name == "owner"):
            self._plan_missing(spec, table, None if create else self.me)
        self._take_ids(spec, table)
        one, many = (spec.target, BY_ENTITY[spec.target].plural) if spec.target else ("record", "records")
        self._refuse(table, spec, "> 1", "ambiguous", f"'several {many} are called ' || k.shown")
        absent = (
            f"CASE WHEN k.wanted IS NULL THEN 'there is no {one} ' || k.shown"
            f" ELSE k.shown || ': this reference is another {one} here, or none, and nothing else is called so' END"
        )
        self._refuse(table, spec, "= 0", "not_found", absent)

    def _refuse(self, table: str, spec: FieldSpec, many: str, code: str, reason: str) -> None:
        self.stage.reject(
            f"s.{table} IN (SELECT text FROM {table} WHERE found {many} AND n IS NULL)",
            code,
            spec.name,
            f"(SELECT {reason} FROM {table} k WHERE k.text = s.{table})",
        )

    # --- reading -----------------------------------------------------------------------------------

    def _read_texts(self, spec: FieldSpec, targets: Sequence[str]) -> None:
        stage, table = self.stage, f"link_{spec.name}"
        texts = "stage_texts"
        stage.create(texts, "text TEXT PRIMARY KEY")
        stage.run(
            f"INSERT INTO {texts} (text) SELECT DISTINCT {table} FROM {STAGE} WHERE {table} IS NOT NULL"
        )
        sql = f"SELECT text FROM {texts} WHERE text > :after ORDER BY text"
        for page in stage.pages(sql, ""):
            stage.fill(self._meant(page, targets, spec), table, Meant._fields)

    def _meant(self, page: Sequence[tuple[str]], targets: Sequence[str], spec: FieldSpec) -> Iterator[Meant]:
        keys = {
            column: NORMAL[form] for target in targets for column, form in KEYS[target] if column in COLUMNS
        }
        letters = BY_LETTER if spec.kind == "relation" else {BY_ENTITY[targets[0]].letter: None}
        for (text,) in page:
            typed, _, beside = text.partition(BETWEEN)
            if targets == ["user"] and typed.casefold() == "me":
                typed = self.me
            reference = split_reference(typed)
            if reference and reference[0] in letters:
                number = reference[1] if reference[1] < 2**31 else 0
                shown = f"{typed} {beside}".strip()
                wanted = name_key(beside) if beside else None
                entity = BY_LETTER[reference[0]].entity
                yield Meant(text, shown, beside or None, entity, number, wanted, None, None, None, wanted)
                continue
            number_only = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None
            found = {column: normal(typed) or None for column, normal in keys.items()}
            yield Meant(text, typed, typed, None, number_only, None, *(found.get(name) for name in COLUMNS))

    # --- looking up --------------------------------------------------------------------------------

    def _look_up(self, table: str, entities: Sequence[str]) -> None:
        stage = self.stage
        stage.create("stage_hits", "text TEXT, entity TEXT, id BIGINT")
        stage.run("CREATE INDEX stage_hits_text ON stage_hits (text)")
        named = RELATED if len(entities) > 1 else tuple(entities)
        for entity in entities:
            columns = [column for column, _ in KEYS[entity] if column in COLUMNS]
            if "name_key" in columns:
                so_called = "(k.wanted IS NULL OR t.name_key = k.name_key)"
                self._hit(table, entity, f"k.entity = :entity AND t.id = k.number AND {so_called}")
                self._hit(table, entity, "k.entity = :entity AND t.name_key = k.name_key")
            else:
                self._hit(table, entity, "k.entity = :entity AND t.id = k.number")
            if entity not in named:
                continue
            for column in columns:
                self._hit(table, entity, f"k.entity IS NULL AND t.{column} = k.{column}")
                if column == "external_id" and len(named) == 1:
                    self._hit(table, entity, "k.entity IS NULL AND t.id = k.number")
        stage.run(
            f"UPDATE {table} SET found = (SELECT count(*) FROM stage_hits h WHERE h.text = {table}.text),"
            f" id = (SELECT min(h.id) FROM stage_hits h WHERE h.text = {table}.text),"
            f" entity = coalesce((SELECT min(h.entity) FROM stage_hits h WHERE h.text = {table}.text), entity)"
        )

    def _hit(self, table: str, entity: str, condition: str) -> None:
        """Note what a condition finds for texts that have found nothing yet among these records."""
        self.stage.run(
            f'INSERT INTO stage_hits (text, entity, id) SELECT k.text, :entity, t.id FROM {table} k JOIN "{entity}" t'
            f" ON {condition} WHERE t.deleted_at IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM stage_hits h WHERE h.text = k.text AND h.entity = :entity)",
            entity=entity,
        )

    def _look_in_file(self, table: str) -> None:
        """A record may belong to one that stands in the same file, before it or after it."""
        for key in COLUMNS:
            if key not in self.stage.columns:
                continue
            rows = f"FROM {STAGE} s WHERE s.{key} = {table}.{key} AND s.verdict IS NULL"
            self.stage.run(f"CREATE INDEX IF NOT EXISTS ix_{STAGE}_{key} ON {STAGE} ({key})")
            self.stage.run(
                f"UPDATE {table} SET found = (SELECT count(*) {rows}), n = (SELECT min(s.n) {rows})"
                f" WHERE found = 0 AND {key} IS NOT NULL AND EXISTS (SELECT 1 {rows})"
            )
        self.stage.run(f"UPDATE {table} SET n = NULL WHERE found > 1")

    def _take_ids(self, spec: FieldSpec, table: str) -> None:
        columns = [(spec.column, "id")]
        if spec.kind == "relation":
            columns.append((f"{spec.name}_entity", "entity"))
        taken = ", ".join(
            f"{column} = (SELECT k.{value} FROM {table} k WHERE k.text = {STAGE}.{table} AND k.found = 1)"
            for column, value in columns
        )
        self.stage.run(f"UPDATE {STAGE} SET {taken} WHERE {table} IS NOT NULL")

    # --- within the file ---------------------------------------------------------------------------

    def refuse_orphans(self, spec: FieldSpec) -> None:
        """Reject rows that belong to a row that was rejected, and those that belong to these."""
        table = f"link_{spec.name}"
        while self.stage.reject(
            f"s.{table} IN (SELECT k.text FROM {table} k JOIN {STAGE} p ON p.n = k.n WHERE p.verdict = 'reject')",
            "not_found",
            spec.name,
            f"(SELECT 'the row of {spec.target} ' || k.shown || ' (line ' || p.line || ') cannot be imported'"
            f" FROM {table} k JOIN {STAGE} p ON p.n = k.n WHERE k.text = s.{table})",
        ):
            pass

    def join_in_file(self, spec: FieldSpec) -> None:
        """Once rows have ids: point those that belong to a row of the file at its record."""
        table = f"link_{spec.name}"
        self.stage.run(
            f"UPDATE {STAGE} SET {spec.column} = (SELECT p.id FROM {table} k JOIN {STAGE} p ON p.n = k.n"
            f" WHERE k.text = {STAGE}.{table}) WHERE {spec.column} IS NULL AND {table} IS NOT NULL"
        )
        self.refuse_circles(spec)

    def refuse_circles(self, spec: FieldSpec) -> None:
        """Reject rows that would belong to themselves, straight or round several corners."""
        column, entity = spec.column, self.stage.entity
        self.stage.run(f"CREATE INDEX IF NOT EXISTS ix_{STAGE}_id ON {STAGE} (id)")
        above = (
            f"coalesce((SELECT x.{column} FROM {STAGE} x WHERE x.id = up.at AND x.{column} IS NOT NULL"
            " AND (x.verdict IS NULL OR x.verdict IN ('create', 'update')) LIMIT 1),"
            f' (SELECT t.{column} FROM "{entity}" t WHERE t.id = up.at))'
        )
        self.stage.reject(
            f"s.n IN (WITH RECURSIVE up (n, id, at, deep) AS (SELECT r.n, r.id, r.{column}, 1 FROM {STAGE} r"
            f" WHERE r.{column} IS NOT NULL AND (r.verdict IS NULL OR r.verdict IN ('create', 'update')) UNION ALL"
            f" SELECT up.n, up.id, {above}, up.deep + 1 FROM up WHERE up.at <> up.id AND up.deep < {DEEPEST})"
            " SELECT n FROM up WHERE at = id)",
            "circle",
            spec.name,
            f"'it would be its own {spec.name.replace('_', ' ')}'",
        )

    # --- making what is missing --------------------------------------------------------------------

    def _plan_missing(self, spec: FieldSpec, table: str, only: str | None) -> None:
        """Reserve ids for the records that are named and not there, each name once, in the order of the file.

        `only` is who acts: the first record that anybody owns makes its owner, as `add` does.
        """
        stage, target = self.stage, str(spec.target)
        self.made.setdefault(target, []).append(spec.column)
        lacking = "k.found = 0 AND k.n IS NULL AND k.name_key IS NOT NULL AND length(k.name) <= 255"
        if only is not None:
            lacking += " AND k.name_key = :only"
        acting = {} if only is None else {"only": name_key(only)}
        stage.create("stage_names", "n BIGINT, name_key TEXT, name TEXT")
        stage.run(
            "INSERT INTO stage_names (n, name_key, name) SELECT row_number() OVER (ORDER BY n) - 1, name_key, name FROM"
            " (SELECT k.name_key, k.name, s.n, row_number() OVER (PARTITION BY k.name_key ORDER BY s.n) AS nth"
            f" FROM {table} k JOIN {STAGE} s ON s.{table} = k.text WHERE {lacking}"
            f" AND k.name_key NOT IN (SELECT name_key FROM {MISSING} WHERE target = :target)) named WHERE nth = 1",
            target=target,
            **acting,
        )
        count = stage.value("SELECT count(*) FROM stage_names")
        if count:
            stage.run(
                f"INSERT INTO {MISSING} (id, target, name, name_key)"
                " SELECT :first + n, :target, name, name_key FROM stage_names",
                first=stage.work.ids.take(target, count),
                target=target,
            )
        known = f"FROM {MISSING} m WHERE m.target = :target AND m.name_key = {table}.name_key"
        stage.run(
            f"UPDATE {table} SET found = 1, id = (SELECT m.id {known}) WHERE found = 0"
            f" AND n IS NULL AND EXISTS (SELECT 1 {known})",
            target=target,
        )

    def make_missing(self, target: str, fixed: dict[str, Any]) -> int:
        """Make the planned records of a kind that rows still name; how many."""
        stage = self.stage
        if target not in self.made or not self.wanted(target):
            return 0
        if target == "user":
            self._give_addresses()
        now = iso_instant(stage.work.now)
        columns = {"created_at": now, "updated_at": now, "custom": "{}", **fixed}
        extra = ("email", "email_key") if target == "user" else ()
        told = ", ".join(("id", "name", "name_key", *extra))
        sql = f"SELECT {told} FROM {MISSING} WHERE {self._used(target)}"
        for page in stage.pages(f"{sql} AND id > :after ORDER BY id"):
            stage.fill(
                ((*row, uuid7(), *columns.values()) for row in page),
                target,
                ("id", "name", "name_key", *extra, "uid", *columns),
            )
        record_added(stage, target, f"SELECT id FROM {MISSING} WHERE {self._used(target)}")
        if target == "user" and stage.work.me is None:
            acting = 'SELECT id FROM "user" WHERE name_key = :key AND deleted_at IS NULL'
            stage.work.me = stage.work.reader.value(acting, key=name_key(self.me))
        return self.wanted(target)

    def wanted(self, target: str) -> int:
        """How many records of a kind are to be made."""
        if target not in self.made:
            return 0
        return self.stage.value(f"SELECT count(*) FROM {MISSING} WHERE {self._used(target)}")

    def _used(self, target: str) -> str:
        rows = " UNION ".join(
            f"SELECT {column} FROM {STAGE} WHERE verdict IN ('create', 'update') AND {column} IS NOT NULL"
            for column in self.made[target]
        )
        return f"target = '{target}' AND id IN ({rows})"

    def _give_addresses(self) -> None:
        """A user who is named by an e-mail address has it."""
        sql = f"SELECT id, name FROM {MISSING} WHERE target = 'user' AND name LIKE '%@%' AND id > :after ORDER BY id"
        for page in self.stage.pages(sql):
            for id, name in page:
                try:
                    email = check_email(name)
                except InvalidValue:
                    continue
                self.stage.run(
                    f"UPDATE {MISSING} SET email = :email, email_key = :key WHERE target = 'user' AND id = :id",
                    email=email,
                    key=email_key(email),
                    id=id,
                )


def titled(reference: str, name: str) -> str:
    """The text of a link that is told by a reference and, beside it, the record's name."""
    return f"{reference}{BETWEEN}{name}"
