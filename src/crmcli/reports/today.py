"""Today: tasks that are due, deals that wait, leads nobody has called."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import NOUNS, reference
from crmcli.result import Column, Table
from crmcli.store.reader import Reader

NEW_DAYS: Final = 2  # that a lead may wait before it is said

OVERDUE: Final = "overdue"
DUE: Final = "due"
PAST_CLOSE: Final = "past close"
NO_NEXT_STEP: Final = "no next step"
NEW_LEAD: Final = "new lead"

COLUMNS: Final = (
    Column("kind", "Why", cut="never"),
    Column("ref", "Ref"),
    Column("what", "What", room=18),
    Column("related", "For", "link", folded=True),
    Column("related_name", "For name", folded=True),
    Column("date", "Date", "date", minor=1),
    Column("amount", "Amount", "money", minor=2),
    Column("currency", "Currency", hidden=True),
    Column("owner", "Owner", hidden=True),
    Column("suggestion", "Then", cut="never"),
)


class Asked(NamedTuple):
    """The options of the view; no owner means everybody's."""

    today: date
    zone: tzinfo
    owner_id: int | None = None
    owner: str | None = None


# --- SQL ----------------------------------------------------------------------------------------------

_RELATED: Final = [noun for noun in NOUNS if noun.entity in ("lead", "account", "contact", "opportunity")]
_TITLES: Final = " ".join(
    f"WHEN '{noun.entity}' THEN (SELECT x.{noun.title} FROM {noun.entity} AS x WHERE x.id = r.related_to_id)"
    for noun in _RELATED
)
_OWNER: Final = '(SELECT u.name FROM "user" AS u WHERE u.id = r.owner_id)'
_ACCOUNT: Final = "(SELECT a.name FROM account AS a WHERE a.id = r.account_id)"

TASKS: Final = (
    "SELECT r.id, r.subject, r.due_date, r.related_to_entity, r.related_to_id,"
    f" CASE r.related_to_entity {_TITLES} END, {_OWNER}"
    " FROM task AS r WHERE r.completed_at IS NULL AND r.deleted_at IS NULL AND r.due_date <= :today"
)
DEALS: Final = (
    f"SELECT r.id, r.name, r.close_date, r.account_id, {_ACCOUNT}, r.amount, r.currency, {_OWNER}"
    " FROM opportunity AS r WHERE r.is_closed = 0 AND r.deleted_at IS NULL"
)
LATE: Final = f"{DEALS} AND r.close_date < :today"
IDLE: Final = (
    f"{DEALS} AND coalesce(r.close_date, '9999-12-31') >= :today AND coalesce(r.next_step, '') = ''"
    " AND NOT EXISTS (SELECT 1 FROM task AS t WHERE t.related_to_entity = 'opportunity'"
    " AND t.related_to_id = r.id AND t.completed_at IS NULL AND t.deleted_at IS NULL)"
)
LEADS: Final = (
    f"SELECT r.id, r.name, r.created_at, r.company, {_OWNER} FROM lead AS r"
    " WHERE r.converted_at IS NULL AND r.deleted_at IS NULL AND r.created_at < :before"
    " AND r.status = (SELECT f.default_value FROM field AS f WHERE f.entity = 'lead' AND f.name = 'status')"
    " AND NOT EXISTS (SELECT 1 FROM activity AS a WHERE a.related_to_entity = 'lead'"
    " AND a.related_to_id = r.id AND a.deleted_at IS NULL)"
)
OWNS: Final = " OR ".join(
    f"EXISTS (SELECT 1 FROM {entity} AS r WHERE r.owner_id = :owner AND r.deleted_at IS NULL)"
    for entity in ("opportunity", "task", "lead", "account", "contact")
)


def owns_anything(reader: Reader, user: int) -> bool:
    """Whether any record is a user's."""
    return bool(reader.value(f"SELECT CASE WHEN {OWNS} THEN 1 ELSE 0 END", owner=user))


# --- the view -----------------------------------------------------------------------------------------


def today(reader: Reader, asked: Asked) -> Table:
    """What to do now, the most pressing first."""
    whose = f" for {asked.owner}" if asked.owner else ""
    columns: tuple[Column, ...] = COLUMNS
    if asked.owner_id is None:
        columns = tuple(
            replace(column, hidden=False) if column.name == "owner" else column for column in COLUMNS
        )
    return Table(
        columns,
        [*tasks(reader, asked), *deals(reader, asked), *leads(reader, asked)],
        title=f"Today, {asked.today.isoformat()}{whose}",
        empty=f"Nothing is due today{whose}, and no deal waits.",
    )


def _rows(reader: Reader, asked: Asked, sql: str, order: str, **params: Any) -> Iterator[tuple[Any, ...]]:
    if asked.owner_id is not None:
        return reader.rows(f"{sql} AND r.owner_id = :owner ORDER BY {order}", owner=asked.owner_id, **params)
    return reader.rows(f"{sql} ORDER BY {order}", **params)


def tasks(reader: Reader, asked: Asked) -> Iterator[list[Any]]:
    """The tasks that were due before today, then those that are due today."""
    day = asked.today.isoformat()
    for id, subject, due, entity, related, name, owner in _rows(
        reader, asked, TASKS, "r.due_date, r.id", today=day
    ):
        ref = reference("task", id)
        kind = OVERDUE if due < day else DUE
        of = reference(entity, related) if entity and related else None
        yield [kind, ref, subject, of, name, due, None, None, owner, f"crm task done {ref}"]


def deals(reader: Reader, asked: Asked) -> Iterator[list[Any]]:
    """The open deals whose close date has passed, then those for which nothing is to come."""
    day = asked.today.isoformat()
    for kind, sql, option in (
        (PAST_CLOSE, LATE, "--close +2w"),
        (NO_NEXT_STEP, IDLE, "--next TEXT"),
    ):
        order = "coalesce(r.close_date, '9999-12-31'), r.id"
        for id, name, close_date, account, account_name, amount, currency, owner in _rows(
            reader, asked, sql, order, today=day
        ):
            ref = reference("opportunity", id)
            of = reference("account", account) if account else None
            yield [
                kind,
                ref,
                name,
                of,
                account_name,
                close_date,
                amount,
                currency,
                owner,
                f"crm opp edit {ref} {option}",
            ]


def leads(reader: Reader, asked: Asked) -> Iterator[list[Any]]:
    """The leads that nobody has contacted since they came, more than two days ago."""
    from crmcli.values.dates import from_iso_instant, iso_instant

    before = datetime.combine(asked.today - timedelta(days=NEW_DAYS), time(), asked.zone)
    for id, name, created, company, owner in _rows(
        reader, asked, LEADS, "r.created_at, r.id", before=iso_instant(before)
    ):
        ref = reference("lead", id)
        made = from_iso_instant(created).astimezone(asked.zone).date().isoformat()
        yield [
            NEW_LEAD,
            ref,
            name,
            None,
            company,
            made,
            None,
            None,
            owner,
            f"crm log call TEXT --for {ref}",
        ]
