"""What the standard reports about other records than deals share: which there were, and which acts count."""

from collections.abc import Callable
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._said import EXPLAINED, Origin, most
from crmcli.store.past import Past
from crmcli.store.reader import Reader

# An entry of the journal that is no undoing, and was not taken back: what was undone never was.
COUNTS: Final = "e.undoes IS NULL AND e.undone_by IS NULL"


def tables(reader: Reader, asked: Asked) -> Callable[[str], str]:
    """What stands in SQL for the table of an entity: as it is, or as it was at the as-of day."""
    return Past(reader) if asked.scope.moment else lambda entity: f'"{entity}"'


def there(asked: Asked, alias: str) -> str:
    """The records of such a table that are there."""
    return f"{alias}.deleted_at IS NULL" if asked.scope.moment is None else f"{alias}.there IS NOT NULL"


def owned(asked: Asked, alias: str) -> str:
    """And are the owner's, if one is asked for."""
    return "" if asked.scope.owner_id is None else f" AND {alias}.owner_id = :owner"


def by_then(asked: Asked, column: str) -> str:
    """A moment that has come by the as-of day."""
    return f"{column} IS NOT NULL" if asked.scope.moment is None else f"{column} < :moment"


def within(asked: Asked, column: str) -> str:
    """A moment in the period that has come by the as-of day."""
    return f"{column} >= :since AND {column} < :until AND {by_then(asked, column)}"


def counts(asked: Asked) -> str:
    """The acts that count, made by the as-of day."""
    return f"{COUNTS} AND {by_then(asked, 'e.at')}"


def origin(asked: Asked, records: list[dict[str, Any]]) -> Origin:
    return Origin(len(records), records[: most(asked, EXPLAINED)])


def words(record: dict[str, Any]) -> str:
    """A record in words, but for its reference."""
    told = [value for name, value in record.items() if name != "ref" and value is not None]
    return " · ".join(map(str, told))
