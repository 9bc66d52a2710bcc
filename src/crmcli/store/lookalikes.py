"""Lookalikes: the accounts and contacts that a lead may be already, and what is about a record."""

from typing import Final, NamedTuple

from crmcli.store.reader import Reader
from crmcli.values.keys import email_key, name_key

ACCOUNTS: Final = (
    "SELECT id FROM account WHERE deleted_at IS NULL AND (name_key = :name OR domain = :domain)"
    " ORDER BY id LIMIT 20"
)
PEOPLE: Final = (
    "SELECT id, account_id, email_key FROM contact WHERE deleted_at IS NULL"
    " AND (email_key = :email OR name_key = :name) ORDER BY id"
)


class Known(NamedTuple):
    """A contact, as far as it takes to tell who it is."""

    id: int
    account_id: int | None
    email_key: str | None


def accounts_like(reader: Reader, name: str | None, domain: str) -> list[int]:
    """The live accounts of a name, whatever its case and legal form, or of a domain."""
    return [id for (id,) in reader.rows(ACCOUNTS, name=name_key(name) if name else "", domain=domain)]


def people_like(reader: Reader, name: str, email: str | None) -> list[Known]:
    """The live contacts of an e-mail address or a name, at any account."""
    rows = reader.rows(PEOPLE, email=email_key(email) if email else "", name=name_key(name))
    return [Known(*row) for row in rows]


def about(reader: Reader, entity: str, what: str, id: int) -> list[int]:
    """The live tasks, or activities, that are about a record."""
    sql = (
        f'SELECT id FROM "{entity}" WHERE deleted_at IS NULL'
        " AND related_to_entity = :what AND related_to_id = :id ORDER BY id"
    )
    return [found for (found,) in reader.rows(sql, what=what, id=id)]
