"""What the rows of a report stand for: from the column that deals are grouped by to names, references and places."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.store.reader import Reader
from crmcli.values.periods import quarter_of

# What deals can be grouped by, and the column that SQL groups them by; the rest is a matter of names.
BY: Final = {
    "owner": "d.owner_id",
    "month": "substr(d.close_date, 1, 7)",
    "stage": "d.stage",
    "account": "d.account_id",
    "source": "d.source",
    "quarter": "substr(d.close_date, 1, 7)",
    "team": "d.owner_id",
    "manager": "d.owner_id",
}
NONE: Final = "(none)"


class Key(NamedTuple):
    """What a row stands for: its name, its reference if it is a record, and its place among the rows."""

    name: str
    ref: str | None = None
    place: tuple[Any, ...] = ()


def keys_of(
    reader: Reader,
    by: str,
    fiscal_start: int,
    accounts: str,
    params: Mapping[str, Any],
    moment: str | None = None,
) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to.

    `accounts` is a query for the ids of the accounts that may be asked for, `params` its parameters. Teams and
    managers are those of the moment; names are today's.
    """
    if by in ("owner", "team", "manager"):
        return _owners(reader, by, moment)
    if by == "stage":
        return _stages(reader)
    if by == "account":
        return _accounts(reader, accounts, params)
    if by == "quarter":
        return lambda month: quarter_key(month, fiscal_start)
    return named_key


def named_key(value: Any, ref: str | None = None) -> Key:
    """A row that is what its name says; those without one come last."""
    if value in (None, ""):
        return Key(NONE, None, (1,))
    return Key(value, ref, (0, value.casefold(), value, ref or ""))


def quarter_key(month: str | None, fiscal_start: int) -> Key:
    """The quarter of a month, 2026-07."""
    if month is None:
        return named_key(None)
    name = quarter_of(f"{month}-01", fiscal_start)
    return Key(name, None, (0, name))


class User(NamedTuple):
    """Somebody who owns records, or did."""

    id: int
    name: str  # as it is today
    team: str | None
    manager: int | None
    sells: bool  # is there, and active


def reporting_line(reader: Reader, moment: str | None) -> list[User]:
    """All users by name, also those who are no more: of which team and below whom they were at a moment, or are."""
    if moment is None:
        table, there, params = '"user"', "t.deleted_at IS NULL", {}
    else:
        from crmcli.store.past import Past

        table, there, params = Past(reader)("user"), "t.there IS NOT NULL", {"moment": moment}
    rows = reader.rows(
        f"SELECT u.id, u.name, t.team, t.manager_id, CASE WHEN {there} AND t.active = 1 THEN 1 ELSE 0 END"
        f' FROM "user" AS u JOIN {table} AS t ON t.id = u.id ORDER BY u.name_key, u.id',
        **params,
    )
    return [User(id, name, team, manager, bool(sells)) for id, name, team, manager, sells in rows]


def _owners(reader: Reader, by: str, moment: str | None) -> Callable[[Any], Key]:
    users = {user.id: user for user in reporting_line(reader, None if by == "owner" else moment)}

    def key(id: Any) -> Key:
        user = users.get(id)
        if by == "manager":
            manager = users.get(user.manager) if user and user.manager is not None else None
            return named_key(manager and manager.name)
        if by == "team":
            return named_key(user and user.team)
        return named_key(user and user.name, reference("user", id) if user else None)

    return key


def _stages(reader: Reader) -> Callable[[Any], Key]:
    rows = reader.rows("SELECT name, position FROM stage ORDER BY deleted_at IS NULL, id")
    places = dict(rows)
    return lambda name: Key(name, None, (name not in places, places.get(name, 0), name))


def _accounts(reader: Reader, accounts: str, params: Mapping[str, Any]) -> Callable[[Any], Key]:
    names = dict(reader.rows(f"SELECT id, name FROM account WHERE id IN ({accounts})", **params))
    return lambda id: named_key(names.get(id), None if id is None else reference("account", id))
