"""Match keys: the normalised forms beside a name, e-mail, phone or website, kept in step with them."""

from typing import Any, Final

from crmcli.values.keys import domain_key, email_key, name_key, phone_key

# key column -> the column it is made of, and how
KEY_COLUMNS: Final = {
    "name_key": ("name", name_key),
    "email_key": ("email", email_key),
    "phone_key": ("phone", phone_key),
    "domain": ("website", domain_key),
}


def set_keys(record: Any) -> None:
    """Bring the match keys of a record up to date."""
    for column, (source, normal) in KEY_COLUMNS.items():
        if hasattr(record, column) and hasattr(record, source):
            value = getattr(record, source)
            key = (normal(value) or None) if value else None
            if getattr(record, column) != key:
                setattr(record, column, key)
