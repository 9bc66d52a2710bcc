"""What the standard reports about other records than deals share: which there were, and which were counted."""

from collections.abc import Callable, Mapping
from typing import Any

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import EXPLAINED, in_place
from crmcli.result import Report
from crmcli.store.groups import Key
from crmcli.store.past import Past
from crmcli.store.reader import Reader


def tables(reader: Reader, asked: Asked) -> Callable[[str], str]:
    """What stands in SQL for the table of an entity: as it is, or as it was at the as-of day."""
    return Past(reader) if asked.scope.moment else lambda entity: f'"{entity}"'


def there(asked: Asked, alias: str) -> str:
    """The records of such a table that are there, and the owner's."""
    whose = "" if asked.scope.owner_id is None else f" AND {alias}.owner_id = :owner"
    return f"{alias}.deleted_at IS NULL{whose}"


def by_then(asked: Asked, column: str) -> str:
    """A moment that has come by the as-of day."""
    return f"{column} IS NOT NULL" if asked.scope.moment is None else f"{column} < :moment"


def within(asked: Asked, column: str) -> str:
    """A moment in the period that has come by the as-of day."""
    return f"{column} >= :since AND {column} < :until AND {by_then(asked, column)}"


def counts(asked: Asked) -> str:
    """An entry of the journal that was made by the as-of day and not taken back by then."""
    if asked.scope.moment is None:
        return "e.undoes IS NULL AND e.undone_by IS NULL"
    return (
        "e.undoes IS NULL AND e.at < :moment AND NOT EXISTS"
        " (SELECT 1 FROM entry AS b WHERE b.id = e.undone_by AND b.at < :moment)"
    )


def explained(report: Report, formulas: Mapping[str, str], found: Mapping[Key, list[dict[str, Any]]]) -> None:
    """Say how the figures are made and from which records, each with its `ref` and a `name`, row by row."""
    ordered = in_place(found.items())
    rows = [{"key": key.name, "counted": len(records), "records": records} for key, records in ordered]
    report.tail["explain"] = {"formulas": dict(formulas), "rows": rows}
    report.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
    for key, records in ordered:
        report.explain.append(f"{key.name or 'All'}: counted: {len(records)}")
        for record in records[:EXPLAINED]:
            words = [str(value) for name, value in record.items() if name != "ref" and value is not None]
            report.explain.append(f"  {record['ref']} {' · '.join(words)}")
        if len(records) > EXPLAINED:
            report.explain.append(f"  and {len(records) - EXPLAINED} more")
