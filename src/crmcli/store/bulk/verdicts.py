"""What is to become of staged rows: compared with one another, and with the records that are there.

A verdict is create, update, unchanged, duplicate or reject. SQL is portable; `same` is how each database says
that two values are alike, blanks included.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crmcli.store.bulk.staging import SEEN, STAGE, Stage


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


# --- rows among themselves ------------------------------------------------------------------------------


def mark_repeats(stage: Stage) -> None:
    """Rows that say again, cell by cell, what an earlier row said."""
    if _has_repeats(stage, ["raw"]):
        stage.run(
            f"UPDATE {STAGE} SET verdict = 'duplicate' WHERE verdict IS NULL AND n IN (SELECT n FROM"
            f" (SELECT n, row_number() OVER (PARTITION BY raw ORDER BY n) AS nth FROM {STAGE}) ranked"
            " WHERE nth > 1)"
        )


def refuse_repeated_keys(stage: Stage, keys: Sequence[Key]) -> None:
    """Reject rows that mean the same record as an earlier one, and say otherwise of it."""
    filled = " AND ".join(f"{key.column} IS NOT NULL" for key in keys)
    fields = " and ".join(key.field for key in keys)
    _refuse_later(stage, [key.column for key in keys], f"verdict IS NULL AND {filled}", keys[0].field, fields)


def _refuse_later(stage: Stage, columns: Sequence[str], condition: str, field: str, shown: str) -> None:
    if not _has_repeats(stage, columns, condition):
        return
    stage.create("stage_first", "n INTEGER PRIMARY KEY, first BIGINT")
    stage.run(
        "INSERT INTO stage_first (n, first) SELECT n, first FROM (SELECT n,"
        f" min(n) OVER (PARTITION BY {', '.join(columns)}) AS first FROM {STAGE} WHERE {condition}) ranked"
        " WHERE n > first"
    )
    stage.reject(
        "s.n IN (SELECT n FROM stage_first)",
        "duplicate_in_file",
        field,
        f"'the same {shown} as line ' || (SELECT e.line FROM stage_first f"
        f" JOIN {STAGE} e ON e.n = f.first WHERE f.n = s.n)",
    )


def _has_repeats(stage: Stage, columns: Sequence[str], condition: str = "1 = 1") -> bool:
    """Whether two rows of a condition are alike in some columns: quicker to tell than which ones."""
    alike = ", ".join(columns)
    found = stage.value(
        f"SELECT count(*) FROM (SELECT 1 FROM {STAGE} WHERE {condition}"
        f" GROUP BY {alike} HAVING count(*) > 1 LIMIT 1) found"
    )
    return found > 0


def refuse_repeats_of_rejects(stage: Stage) -> None:
    """A row that says again what a rejected row said is rejected as well."""
    stage.reject(
        f"s.verdict = 'duplicate' AND s.raw IN (SELECT x.raw FROM {STAGE} x WHERE x.verdict = 'reject')",
        "duplicate_in_file",
        "",
        "'the same as an earlier row, which cannot be imported'",
    )


# --- rows and records -----------------------------------------------------------------------------------


def match(stage: Stage, keys: Sequence[Key], sameness: Sameness) -> None:
    """Find the live record that each row means: by its keys, or, where one is blank, by holding the same."""
    if not stage.blocks and stage.is_base_empty():
        return
    stage.create("stage_match", "n INTEGER PRIMARY KEY, id BIGINT, found BIGINT")
    blank = " OR ".join(f"s.{key.column} IS NULL" for key in keys) or "1 = 1"
    if keys:
        by_key = " AND ".join(f"t.{key.column} = s.{key.column}" for key in keys)
        stage.run(
            f"INSERT INTO stage_match (n, id, found) SELECT s.n, min(t.id), count(*) FROM {STAGE} s"
            f' JOIN "{stage.entity}" t ON {by_key} WHERE t.deleted_at IS NULL AND s.verdict IS NULL GROUP BY s.n'
        )
    if sameness.title in stage.columns:
        _match_twins(stage, sameness, blank)
    stage.run(
        f"UPDATE {STAGE} SET id = (SELECT m.id FROM stage_match m WHERE m.n = {STAGE}.n)"
        " WHERE n IN (SELECT n FROM stage_match)"
    )
    if keys:
        stage.reject(
            "s.n IN (SELECT n FROM stage_match WHERE found > 1)",
            "ambiguous",
            keys[0].field,
            "'several records match'",
        )
        _refuse_seen(stage, keys)


def _refuse_seen(stage: Stage, keys: Sequence[Key]) -> None:
    """Rows that mean the record of a row of an earlier block: they repeat it, or contradict it."""
    if not stage.blocks:
        return
    stage.run(
        f"UPDATE {STAGE} SET verdict = 'duplicate' WHERE verdict IS NULL AND id IN (SELECT id FROM {SEEN})"
        f" AND raw = (SELECT e.raw FROM {SEEN} e WHERE e.id = {STAGE}.id)"
    )
    fields = " and ".join(key.field for key in keys)
    stage.reject(
        f"s.verdict IS NULL AND s.id IN (SELECT id FROM {SEEN})",
        "duplicate_in_file",
        keys[0].field,
        f"'the same {fields} as line ' || (SELECT e.line FROM {SEEN} e WHERE e.id = s.id)",
    )


def _match_twins(stage: Stage, same: Sameness, blank: str) -> None:
    """Match rows without a key with records that hold the same, through one text that says it all."""
    rows = f"FROM {STAGE} s WHERE s.verdict IS NULL AND ({blank}) AND s.{same.title} IS NOT NULL"
    stage.create("stage_title", f"title {stage.type_of(same.title)} PRIMARY KEY")
    stage.run(f"INSERT INTO stage_title (title) SELECT DISTINCT s.{same.title} {rows}")
    stage.analyze("stage_title")
    stage.create("stage_twin", f"id INTEGER PRIMARY KEY, said {stage.type_of('uid')}")
    twins = stage.run(
        f'INSERT INTO stage_twin (id, said) SELECT t.id, {_said(stage, "t", same)} FROM "{stage.entity}" t'
        f" WHERE t.deleted_at IS NULL AND t.id <= :before AND t.{same.title} IN (SELECT title FROM stage_title)",
        before=stage.before,
    )
    if not twins:
        return
    if stage.is_sqlite:
        stage.run("CREATE INDEX stage_twin_said ON stage_twin (said)")
    stage.analyze("stage_twin")
    loose = "".join(
        f" AND (s.{stage.staged(name)} IS NULL OR t.{name} {stage.same} s.{name})" for name in same.loose
    )
    stage.run(
        "INSERT INTO stage_match (n, id, found) SELECT s.n, min(t.id), 1"
        f" FROM {STAGE} s JOIN stage_twin k ON k.said = {_said(stage, 's', same)}"
        f' JOIN "{stage.entity}" t ON t.id = k.id'
        f" WHERE s.verdict IS NULL AND ({blank}){loose} GROUP BY s.n",
        **{name: value for name, value in same.defaults.items() if name in same.firm},
    )


def _said(stage: Stage, alias: str, same: Sameness) -> str:
    """The firm columns as one text, in which no two different rows are alike."""
    parts = []
    for name in same.firm:
        value = f"{alias}.{name}"
        if name == "custom":
            value = f"coalesce({_json(stage, value)}, '{{}}')"
        elif alias == "s" and name in same.defaults:
            value = f"coalesce({value}, :{name})"
        plain = f"CAST({value} AS TEXT)"
        parts.append(f"coalesce(length({plain}) || '-' || {plain}, '-')")
    whole = " || ' ' || ".join(parts) or "''"
    return whole if stage.is_sqlite else f'({whole}) COLLATE "C"'


# --- verdicts -------------------------------------------------------------------------------------------


def decide_new(stage: Stage, mode: str) -> None:
    """Rows that match nothing become new records, unless only updates were asked for."""
    stage.run(f"UPDATE {STAGE} SET verdict = 'create' WHERE verdict IS NULL AND id IS NULL")
    if mode == "update":
        stage.reject("s.verdict = 'create'", "not_found", "", "'no record matches'")


def require(stage: Stage, keys: Sequence[Key]) -> None:
    """Reject new records that lack what every record must have."""
    for column, field in keys:
        lacks = f" AND s.{column} IS NULL" if column in stage.columns else ""
        stage.reject(f"s.verdict = 'create'{lacks}", "missing", field, f"'{field} is missing'")


def refuse_taken(stage: Stage, key: Key, verdict: str) -> None:
    """Reject rows whose unique value another record has, or an earlier row."""
    column = key.column
    if column not in stage.columns:
        return
    shown = key.field.replace("_", " ")
    if stage.blocks:
        # The + keeps SQLite from looking through all of the seen ids for each row.
        twins = f'SELECT t.id FROM "{stage.entity}" t WHERE t.{column} = s.{column} AND t.deleted_at IS NULL'
        stage.reject(
            f"s.verdict = '{verdict}' AND s.{column} IS NOT NULL AND EXISTS ({twins}"
            f" AND (s.id IS NULL OR t.id <> s.id) AND +t.id IN (SELECT id FROM {SEEN}))",
            "duplicate_in_file",
            key.field,
            f"'the same {shown} as line ' || (SELECT min(e.line) FROM {SEEN} e WHERE e.id IN ({twins}))",
        )
    stage.reject(
        f"s.verdict = '{verdict}' AND s.{column} IS NOT NULL"
        f' AND EXISTS (SELECT 1 FROM "{stage.entity}" t WHERE t.{column} = s.{column}'
        " AND t.deleted_at IS NULL AND (s.id IS NULL OR t.id <> s.id))",
        "exists",
        key.field,
        f"'another record has this {shown}'",
    )
    _refuse_later(
        stage, [column], f"verdict IN ('create', 'update') AND {column} IS NOT NULL", key.field, shown
    )


def judge(stage: Stage, given: Sequence[str], amounts: Sequence[str], clearable: Sequence[str]) -> None:
    """Of the rows that match a record, find those that may change it; the others leave it as it is."""
    differs = [_differs(stage, name, amounts) for name in given]
    differs += [
        f"(s.{stage.staged(name)} IS NULL AND t.{name} IS NOT NULL)" for name in given if name in clearable
    ]
    stage.run(
        f"UPDATE {STAGE} SET verdict = 'update' WHERE verdict IS NULL AND n IN (SELECT s.n FROM {STAGE} s"
        f' JOIN "{stage.entity}" t ON t.id = s.id WHERE {" OR ".join(differs) or "1 = 0"})'
    )
    stage.run(f"UPDATE {STAGE} SET verdict = 'unchanged' WHERE verdict IS NULL")


def _differs(stage: Stage, name: str, amounts: Sequence[str]) -> str:
    """A condition: the row says something of a column that the record does not hold."""
    staged = stage.staged(name)
    if name == "custom":
        unlike = f"coalesce({_json(stage, 't.custom')}, '{{}}') <> {_json(stage, f's.{staged}')}"
    else:
        unlike = f"NOT (t.{name} {stage.same} s.{staged})"
    if name in amounts:
        unlike = f"({unlike} OR NOT (t.currency {stage.same} s.currency))"
    elif staged != name and name != "custom":
        unlike += f" AND NOT (t.{name} {stage.same} s.{name})"
    return f"(s.{staged} IS NOT NULL AND {unlike})"


def _json(stage: Stage, value: str) -> str:
    """An SQL expression for JSON in one spelling."""
    return f"plain_json({value})" if stage.is_sqlite else f"CAST(CAST({value} AS JSONB) AS TEXT)"
