"""The whole view of an account: its people, its deals and what they brought, what is to do and was done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, tzinfo
from typing import Any, Final

from crmcli.fields import BY_ENTITY, reference
from crmcli.result import Column, Record, Row, Table
from crmcli.store.deals import WEIGHTED
from crmcli.store.query import Selected, columns_for, select
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant

SUBSIDIARIES: Final = """
    WITH RECURSIVE below(id) AS (
        SELECT id FROM account WHERE parent_id = :id AND deleted_at IS NULL
        UNION SELECT a.id FROM account AS a JOIN below AS b ON a.parent_id = b.id WHERE a.deleted_at IS NULL
    )
    SELECT count(*) FROM below WHERE id <> :id
"""
ROLES: Final = """
    SELECT r.contact_id, r.role, r.is_primary, r.opportunity_id
    FROM contact AS c
    JOIN contact_role AS r ON r.contact_id = c.id AND r.deleted_at IS NULL
    JOIN opportunity AS o ON o.id = r.opportunity_id AND o.deleted_at IS NULL
    WHERE c.account_id = :id AND c.deleted_at IS NULL
    ORDER BY r.opportunity_id DESC
"""
SUMMARY: Final = f"""
    SELECT d.currency,
           CAST(coalesce(sum(CASE WHEN d.is_won = 1 THEN d.amount END), 0) AS BIGINT),
           sum(d.is_won),
           sum(CASE WHEN d.is_closed = 1 AND d.is_won = 0 THEN 1 ELSE 0 END),
           CAST(coalesce(sum(CASE WHEN d.is_closed = 0 THEN d.amount END), 0) AS BIGINT),
           sum(CASE WHEN d.is_closed = 0 THEN 1 ELSE 0 END),
           CAST(coalesce(sum(CASE WHEN d.is_closed = 0 THEN {WEIGHTED} END), 0) AS BIGINT),
           sum(CASE WHEN d.amount IS NULL THEN 1 ELSE 0 END)
    FROM opportunity AS d
    WHERE d.account_id = :id AND d.deleted_at IS NULL
    GROUP BY d.currency
    ORDER BY d.currency
"""
SUMMED: Final = (
    Column("currency", "Currency", hidden=True),  # people read it beside every amount
    Column("won", "Won", "money"),
    Column("won_deals", "Won deals", "number", short="Deals", minor=2),
    Column("lost_deals", "Lost deals", "number", short="Lost", minor=1),
    Column("win_rate", "Win rate", "percent", short="Rate", minor=3),
    Column("open", "Open", "money"),
    Column("open_deals", "Open deals", "number", short="Deals", minor=2),
    Column("weighted", "Weighted", "money", minor=1),
    Column("without_amount", "No amount", "number", short="Blank", minor=4),
)
# What is about the account itself, about its deals, about its people, or was with them. A CROSS JOIN is a join in
# which SQLite keeps the order: it is not to read what is about any deal there is.
ABOUT: Final = """t.id IN (
    SELECT x.id FROM {0} AS x WHERE x.related_to_entity = 'account' AND x.related_to_id = :id
    UNION SELECT x.id FROM opportunity AS o CROSS JOIN {0} AS x
        WHERE o.account_id = :id AND o.deleted_at IS NULL
        AND x.related_to_entity = 'opportunity' AND x.related_to_id = o.id
    UNION SELECT x.id FROM contact AS c CROSS JOIN {0} AS x
        WHERE c.account_id = :id AND c.deleted_at IS NULL
        AND x.related_to_entity = 'contact' AND x.related_to_id = c.id
    UNION SELECT x.id FROM contact AS c JOIN {0} AS x ON x.contact_id = c.id
        WHERE c.account_id = :id AND c.deleted_at IS NULL
)"""
DEAL: Final = ("ref", "name", "stage", "amount", "probability", "close_date", "next_step", "owner")
PAST_DEAL: Final = ("ref", "name", "stage", "amount", "closed_at", "is_won", "lost_reason", "owner")
TASK: Final = ("ref", "subject", "due_date", "status", "priority", "related_to", "contact", "owner")
MINOR: Final = {"owner": 5, "contact": 2, "next_step": 2, "probability": 2, "status": 4, "priority": 3}
ACTIVITY: Final = ("ref", "happened_at", "type", "subject", "outcome", "related_to", "contact", "owner")


def account_view(
    reader: Reader, account: Record, id: int, *, today: date, zone: tzinfo, limit: int | None
) -> Record:
    """An account's record with all that belongs to it; of the activities the newest, if there is a limit."""
    columns, row = with_family(reader, account, id)
    sections = {
        "summary": summary(reader, id),
        "contacts": contacts(reader, id),
        "open_opportunities": open_deals(reader, id, today, zone),
        "closed_opportunities": closed_deals(reader, id),
        "tasks": tasks(reader, id),
        "activities": activities(reader, id, limit),
    }
    return replace(account, columns=columns, row=row, sections=sections)


def with_family(reader: Reader, account: Record, id: int) -> tuple[Sequence[Column], Row]:
    """The record with the chain of accounts above it, and how many are below it."""
    chain = ancestors(reader, id)
    below = reader.value(SUBSIDIARIES, id=id)
    at = next(number for number, column in enumerate(account.columns) if column.name == "parent_name") + 1
    # The parent alone is in the record already.
    added = [
        Column("ancestors", "Part of", "list", hidden=len(chain) < 2),
        Column("subsidiaries", "Subsidiaries", "number", hidden=not below),
    ]
    columns = [*account.columns[:at], *added, *account.columns[at:]]
    return columns, [*account.row[:at], chain, below, *account.row[at:]]


def ancestors(reader: Reader, id: int) -> list[str]:
    """The accounts above an account, the topmost first; a ring ends where it began."""
    sql = "SELECT p.id, p.name FROM account AS a JOIN account AS p ON p.id = a.parent_id WHERE a.id = :id"
    chain: dict[int, str] = {}
    above = reader.row(sql, id=id)
    while above is not None and above[0] != id and above[0] not in chain:
        chain[above[0]] = f"{reference('account', above[0])} {above[1]}"
        above = reader.row(sql, id=above[0])
    return list(reversed(chain.values()))


def summary(reader: Reader, id: int) -> Table:
    """What the account has brought and may bring, a line for each currency."""
    rows = [
        (currency, won, wins, losses, win_rate(wins, losses), to_come, deals, weighted, blank)
        for currency, won, wins, losses, to_come, deals, weighted, blank in reader.rows(SUMMARY, id=id)
    ]
    blanks = any(row[-1] for row in rows)
    columns = [*SUMMED[:-1], replace(SUMMED[-1], hidden=not blanks)]
    return Table(columns, rows, empty="No opportunities yet.")


def win_rate(won: int, lost: int) -> int | None:
    """Of the deals that are over, those won, in percent."""
    return (200 * won + won + lost) // (2 * (won + lost)) if won + lost else None


def contacts(reader: Reader, id: int) -> Table:
    """The people at the account, with what they have to say in which deal."""
    roles: defaultdict[int, list[str]] = defaultdict(list)
    for contact, role, primary, deal in reader.rows(ROLES, id=id):
        said = [text for text in (role, "primary" if primary else "") if text]
        roles[contact].append(" ".join([", ".join(said), f"({reference('opportunity', deal)})"]).strip())
    extra = {"roles": Selected(Column("roles", "Roles", "list", wraps=True), "t.id")}
    table = listed(
        reader,
        "contact",
        ("ref", "name", "title", "email", "phone"),
        "t.account_id = :id",
        "lower(t.name), t.id",
        id,
        extra,
    )
    table.rows = [[*row[:-1], roles.get(row[-1], [])] for row in table.rows]
    return table


def open_deals(reader: Reader, id: int, today: date, zone: tzinfo) -> Table:
    """The deals under way, the next to be closed first, with their days since creation and in the stage."""
    extra = {
        "age_days": Selected(Column("age_days", "Age", "number", minor=4), "t.created_at"),
        "stage_days": Selected(Column("stage_days", "In stage", "number", minor=3), "t.stage_since"),
    }
    condition = "t.account_id = :id AND t.is_closed = 0"
    order = "t.close_date ASC NULLS LAST, t.id"
    table = listed(reader, "opportunity", DEAL, condition, order, id, extra, empty="No open opportunities.")

    def days(instant: str) -> int:
        return (today - from_iso_instant(instant).astimezone(zone).date()).days

    table.rows = [[*row[:-2], days(row[-2]), days(row[-1])] for row in table.rows]
    return table


def closed_deals(reader: Reader, id: int) -> Table:
    """The deals won and lost, the newest first."""
    condition, order = "t.account_id = :id AND t.is_closed = 1", "t.closed_at DESC NULLS LAST, t.id DESC"
    table = listed(reader, "opportunity", PAST_DEAL, condition, order, id, empty="None won or lost yet.")
    table.columns = [
        replace(column, hidden=column.hidden or column.name == "is_won") for column in table.columns
    ]
    return table


def tasks(reader: Reader, id: int) -> Table:
    """What is to do for the account, its people and its deals."""
    condition = f"t.completed_at IS NULL AND {ABOUT.format('task')}"
    return listed(
        reader, "task", TASK, condition, "t.due_date ASC NULLS LAST, t.id", id, empty="No open tasks."
    )


def activities(reader: Reader, id: int, limit: int | None) -> Table:
    """What happened with the account, its people and its deals, the newest first."""
    condition, order = ABOUT.format("activity"), "t.happened_at DESC, t.id DESC"
    table = listed(reader, "activity", ACTIVITY, condition, order, id, limit=limit)
    if limit is not None and len(list(table.rows)) == limit:
        count = reader.value(
            f"SELECT count(*) FROM activity AS t WHERE t.deleted_at IS NULL AND {condition}", id=id
        )
        if count > limit:
            table.title = f"Activities: the newest {limit} of {count}"
    return table


def listed(
    reader: Reader,
    entity: str,
    names: Sequence[str],
    condition: str,
    order: str,
    id: int,
    extra: Mapping[str, Selected] | None = None,
    limit: int | None = None,
    empty: str = "",
) -> Table:
    """The records of a kind that belong to the account; what is `extra` comes last in every row."""
    selected = [*columns_for(reader.fields(entity), names, everything=False), *(extra or {}).values()]
    minor = [MINOR.get(each.column.name, each.column.minor) for each in selected]
    columns = [replace(each.column, minor=rank) for each, rank in zip(selected, minor, strict=True)]
    rows: list[Any] = list(reader.rows(select(entity, selected, condition, order, limit), id=id))
    return Table(columns, rows, empty=empty or f"No {BY_ENTITY[entity].plural}.")
