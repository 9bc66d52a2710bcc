"""The past of any noun: a table as it truly was at a moment, made from what was changed since.

The value of a column at a moment is what the first change after it found, else what the record holds now. What
was undone never was, so neither those acts nor their undoing count. Of deals, what is tracked comes from their
versions, which also know what happened on another day than it was recorded.
"""

from typing import Final

from crmcli.fields import FieldKind
from crmcli.store.deals import THEN, TRACKED
from crmcli.store.filter import KEYS, PHONES
from crmcli.store.query import identifier, kind_sql
from crmcli.store.reader import Reader

# How a value that the journal keeps as JSON becomes one of the column; anything else is text.
TYPES: Final[dict[FieldKind, str]] = {
    "number": "INTEGER",
    "percent": "INTEGER",
    "boolean": "INTEGER",
    "link": "INTEGER",
    "relation": "INTEGER",
    "money": "BIGINT",
}
# Every act that counts and what it found, from :moment on. Only what was added is ever kept as a range of
# records, and that needs no `before`.
FOUND: Final = (
    "FROM change AS c JOIN entry AS e ON e.id = c.entry_id WHERE c.entity = '{entity}' AND c.before IS NOT NULL"
    " AND e.at >= :moment AND e.undoes IS NULL AND e.undone_by IS NULL GROUP BY c.first_id"
)


class Past:
    """The tables of a database at :moment, each as SQL that stands where the table's name would.

    What one holds of a record are its id and uid, its fields, and the keys that filters compare. Its rows are
    all the records that ever were, for others may lead to one that was recorded later than it is true of;
    `there` is filled for those that were there at the moment.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.known: dict[str, str] = {}

    def __call__(self, entity: str) -> str:
        if entity not in self.known:
            self.known[entity] = self.table(identifier(entity))
        return self.known[entity]

    def table(self, entity: str) -> str:
        columns = self.columns(entity)
        values = {name: self.value(name, kind) for name, kind in columns.items()}
        there = f"CASE WHEN {values['created_at']} < :moment AND {values['deleted_at']} IS NULL THEN r.id END"
        versions = ""
        if entity == "opportunity":
            there = "d.opportunity_id"
            versions = f" LEFT JOIN opportunity_version AS d ON d.opportunity_id = r.id AND {THEN.holds}"
            values |= {name: f"CASE WHEN {there} IS NULL THEN r.{name} ELSE d.{name} END" for name in TRACKED}
            columns = {name: kind for name, kind in columns.items() if name not in TRACKED}
        firsts = ", ".join(
            f"min(CASE WHEN ({self.json('c')} -> '{name}') IS NOT NULL THEN c.id END) AS {name}"
            for name in columns
        )
        since = f"(SELECT c.first_id AS id, {firsts} {FOUND.format(entity=entity)})"
        held = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        return (
            f'(SELECT r.id, r.uid, {there} AS there, {held} FROM "{entity}" AS r{versions}'
            f" LEFT JOIN {since} AS f ON f.id = r.id)"
        )

    def columns(self, entity: str) -> dict[str, str]:
        """The columns that are not the same at all times, and their types."""
        found = {
            "created_at": "TEXT",
            "deleted_at": "TEXT",
            "custom": "TEXT" if self.reader.is_sqlite else "JSONB",
        }
        for spec in self.reader.fields(entity):
            if not spec.custom:
                found[identifier(spec.column)] = TYPES.get(spec.kind, "TEXT")
            if spec.kind == "relation":
                found[kind_sql(spec, "r").removeprefix("r.")] = "TEXT"
        found |= {column: "TEXT" for (of, _), (column, _) in KEYS.items() if of == entity}
        if any(of == entity for of, _ in PHONES):
            found["phone_key"] = "TEXT"
        return found

    def value(self, name: str, kind: str) -> str:
        """What a column held: what the first change after the moment found, or what it holds."""
        found = (
            f"(SELECT CAST(({self.json('b')} ->> '{name}') AS {kind}) FROM change AS b WHERE b.id = f.{name})"
        )
        return f"CASE WHEN f.{name} IS NULL THEN r.{name} ELSE {found} END"

    def json(self, change: str) -> str:
        """The values that a change found, as JSON."""
        return f"{change}.before" if self.reader.is_sqlite else f"CAST({change}.before AS JSONB)"
