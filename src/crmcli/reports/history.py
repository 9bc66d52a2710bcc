"""History: what was done, by whom, and which fields of a record it changed."""

import json
from collections.abc import Iterator
from typing import Any, Final

from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.result import Column, Table
from crmcli.store.find import find_any
from crmcli.store.reader import Reader

COLUMNS: Final = (
    Column("entry", "Entry", "number"),
    Column("at", "At", "instant"),
    Column("user", "User"),
    Column("source", "Source", hidden=True),
    Column("command", "Command", room=32),
    Column("records", "Records", "number", minor=2),
    Column("undoes", "Undoes", "number", hidden=True),
    Column("undone_by", "Undone by", "number", minor=1),
)
# Entries of a moment are in the order of their numbers; a range of new records is one row of `change`.
SQL: Final = (
    "SELECT e.id, e.at, e.actor, e.source, e.command,"
    " (SELECT coalesce(sum(d.last_id - d.first_id + 1), 0) FROM"
    " (SELECT DISTINCT c.entity, c.first_id, c.last_id FROM change c WHERE c.entry_id = e.id) d),"
    " e.undoes, e.undone_by FROM entry e"
)
OF_RECORD: Final = (
    " WHERE e.id IN (SELECT c.entry_id FROM change c"
    " WHERE c.entity = :entity AND c.first_id <= :id AND c.last_id >= :id)"
)
CHANGES: Final = (
    "SELECT op, before, after FROM change"
    " WHERE entry_id = :entry AND entity = :entity AND first_id <= :id AND last_id >= :id ORDER BY id"
)
NEVER_SHOWN: Final = frozenset(
    {
        *("updated_at", "deleted_at", "name_key", "email_key", "phone_key", "domain"),
        *("stage_since", "stage_probability", "stage_category", "own_probability", "own_category"),
    }
)


def history(reader: Reader, ref: str | None, limit: int | None, *, people: bool) -> Table:
    """The newest entries first; of one record, with what they changed in it, for people in sentences."""
    last = "" if limit is None else f" LIMIT {int(limit)}"
    if ref is None:
        rows = reader.rows(f"{SQL} ORDER BY e.id DESC{last}")
        return Table(
            COLUMNS,
            (with_numbers(row) for row in rows),
            title="History",
            empty="Nothing has been done yet.",
            refs="entry",
        )
    entity, id = record_named(reader, ref)
    rows = reader.rows(f"{SQL}{OF_RECORD} ORDER BY e.id DESC{last}", entity=entity, id=id)
    words = Words(reader, entity, id)
    entries = [(*with_numbers(row), words.changes(row[0])) for row in list(rows)]
    columns = (*COLUMNS, Column("changes", "Changes", "list" if people else "json", wraps=people))
    if people:
        entries = [(*row[:-1], [sentence(change) for change in row[-1]]) for row in entries]
    return Table(
        columns,
        entries,
        title=f"History of {words.called}",
        empty="Nothing has been done to it.",
        refs="entry",
    )


def with_numbers(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """PostgreSQL sums to decimals."""
    return (*row[:5], int(row[5]), *row[6:])


def record_named(reader: Reader, ref: str) -> tuple[str, int]:
    """The record that is meant, deleted ones too. Raises InvalidValue, NotFound or Conflict."""
    from crmcli.fields import BY_LETTER
    from crmcli.values.references import split_reference

    typed = split_reference(ref)
    if typed and typed[0] in BY_LETTER and typed[1] < 2**31:
        entity = BY_LETTER[typed[0]].entity
        if reader.row(f'SELECT 1 FROM "{entity}" WHERE id = :id', id=typed[1]):
            return entity, typed[1]
    return find_any(reader, ref)


class Words:
    """Puts the changes of one record into words."""

    def __init__(self, reader: Reader, entity: str, id: int) -> None:
        self.reader = reader
        self.entity = entity
        self.id = id
        self.ref = reference(entity, id)
        self.fields = {spec.column: spec for spec in reader.fields(entity)}
        title = BY_ENTITY[entity].title
        row = reader.row(f'SELECT * FROM (SELECT {title} AS title FROM "{entity}" WHERE id = :id) t', id=id)
        self.called = f"{self.ref} {row[0] if row else ''}".strip()
        self.currency = self.now("currency") if "currency" in self.fields else None

    def now(self, column: str) -> Any:
        return self.reader.value(f'SELECT {column} FROM "{self.entity}" WHERE id = :id', id=self.id)

    def changes(self, entry: int) -> list[dict[str, Any]]:
        """What an entry did to the record, a field at a time."""
        found: list[dict[str, Any]] = []
        for op, before, after in list(self.reader.rows(CHANGES, entry=entry, entity=self.entity, id=self.id)):
            old, new = json.loads(before or "{}"), json.loads(after or "{}")
            fields = list(self.of_fields(op, old, new)) if op == "edit" else []
            if op != "edit":
                fields = [self.change(op, None, None, None)]
            found += fields
        return found

    def of_fields(self, op: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for column in new:
            if column == "custom":
                was, became = old.get("custom") or {}, new.get("custom") or {}
                for name in dict.fromkeys((*was, *became)):
                    if was.get(name) != became.get(name):
                        yield self.change(op, name, was.get(name), became.get(name))
            elif column not in NEVER_SHOWN:
                spec = self.fields.get(column)
                name = spec.name if spec else column
                yield self.change(
                    op, name, self.said(spec, old.get(column), old), self.said(spec, new[column], new)
                )

    def change(self, op: str, field: str | None, old: Any, new: Any) -> dict[str, Any]:
        return {"ref": self.ref, "op": op, "field": field, "old": old, "new": new}

    def said(self, spec: FieldSpec | None, value: Any, beside: dict[str, Any]) -> Any:
        """A stored value as people write it."""
        if value is None or spec is None:
            return value
        if spec.kind == "money":
            from crmcli.values.money import amount_words

            currency = beside.get("currency") or self.currency
            return amount_words(value, currency) if currency else value
        if spec.kind == "boolean":
            return bool(value)
        if spec.kind == "link" and spec.target:
            title = BY_ENTITY[spec.target].title if spec.target in BY_ENTITY else "name"
            name = self.reader.value(f'SELECT {title} FROM "{spec.target}" WHERE id = :id', id=value)
            return name if spec.target == "user" else f"{reference(spec.target, value)} {name or ''}".strip()
        return value


def sentence(change: dict[str, Any]) -> str:
    """A change on one line: amount: USD 5,000.00 → USD 6,000.00."""
    if change["field"] is None:
        return {"add": "added", "remove": "deleted", "restore": "brought back"}[change["op"]]
    old, new = ("—" if value is None else str(value) for value in (change["old"], change["new"]))
    return f"{change['field']}: {old} → {new}"
