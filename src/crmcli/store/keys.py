"""Match keys: the normalised forms beside a name, e-mail, phone or website, kept in step with them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from crmcli.values.keys import domain_key, email_key, name_key, phone_key

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

PAGE: Final = 10_000  # records that are keyed again at once

# key column -> the column it is made of, and how
KEY_COLUMNS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "name_key": ("name", name_key),
    "email_key": ("email", email_key),
    "phone_key": ("phone", phone_key),
    "domain": ("website", domain_key),
}


def key_columns(country: str) -> dict[str, tuple[str, Callable[[str], str]]]:
    """The key columns, where phone numbers without + are those of a country."""
    return {**KEY_COLUMNS, "phone_key": ("phone", partial(phone_key, country=country))}


def set_keys(record: Any, country: str = "") -> None:
    """Bring the match keys of a record up to date."""
    for column, (source, normal) in key_columns(country).items():
        if hasattr(record, column) and hasattr(record, source):
            value = getattr(record, source)
            key = (normal(value) or None) if value else None
            if getattr(record, column) != key:
                setattr(record, column, key)


def key_phones_again(connection: "Connection", country: str, entry: int | None = None) -> None:
    """Bring the keys of phone numbers up to date: of all records, or of those that an entry touched.

    Keys follow from what records hold, so this is neither a change of theirs nor in the journal; that is why
    undo may meet keys of another country, and deleted records have theirs kept in step too.
    """
    from sqlalchemy import text

    touched = (
        " JOIN change c ON r.id BETWEEN c.first_id AND c.last_id"
        " WHERE c.entry_id = :entry AND c.entity = '{entity}' AND"
    )
    for entity in ("lead", "account", "contact"):
        those = " WHERE" if entry is None else touched.format(entity=entity)
        page = text(
            f"SELECT DISTINCT r.id, r.phone, r.phone_key FROM {entity} r{those} r.id > :last"
            f" AND (r.phone IS NOT NULL OR r.phone_key IS NOT NULL) ORDER BY r.id LIMIT {PAGE}"
        )
        update = text(f"UPDATE {entity} SET phone_key = :key WHERE id = :id")
        last, more = 0, True
        while more:
            params = {"last": last} if entry is None else {"last": last, "entry": entry}
            rows = connection.execute(page, params).all()
            keyed = [(id, key, phone_key(phone or "", country) or None) for id, phone, key in rows]
            if changed := [{"id": id, "key": key} for id, before, key in keyed if key != before]:
                connection.execute(update, changed)
            more = len(rows) == PAGE
            last = rows[-1].id if rows else last
