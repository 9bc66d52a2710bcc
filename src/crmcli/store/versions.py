"""Versions: what every deal was at any time, and what we knew of it then.

A version holds from `valid_from` until before `valid_to` (when it was true), and was what we knew from
`recorded_at` until before `recorded_to`. Rows are closed and added, never changed, so any past printout
can be made again.
"""

from datetime import datetime, tzinfo
from typing import Any, Final

from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from crmcli.errors import Refused
from crmcli.model import Opportunity
from crmcli.store.deals import TRACKED
from crmcli.store.tables import OPPORTUNITY_VERSION
from crmcli.values.dates import iso_instant, midnight

COLUMNS: Final = ", ".join(("opportunity_id", "valid_from", "valid_to", *TRACKED))


def begin(connection: Connection, deal: Opportunity, entry: int, now: datetime, zone: tzinfo) -> None:
    """The first version of a deal: from its creation, or, where it came to us closed, from its closing."""
    since = deal.created_at
    if deal.is_closed and deal.closed_at:
        since = max(since, midnight(deal.closed_at, zone))
    add(connection, deal, since, entry, now)


def add(connection: Connection, deal: Opportunity, since: datetime, entry: int, now: datetime) -> None:
    connection.execute(
        insert(OPPORTUNITY_VERSION).values(
            opportunity_id=deal.id,
            valid_from=since,
            recorded_at=now,
            entry_id=entry,
            **{name: plain(getattr(deal, name)) for name in TRACKED},
        )
    )


def plain(value: Any) -> Any:
    """A value as the table keeps it."""
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def change(
    connection: Connection, deal: Opportunity, at: datetime, entry: int, now: datetime, zone: tzinfo
) -> None:
    """From `at` on the deal is as it is now; what was thought to hold then is closed and recorded anew.

    Raises Refused where something is already known to have changed later than `at`.
    """
    last = end(connection, deal.id, at, entry, now, zone)
    if last is None:
        begin_at = min(at, now)
        add(connection, deal, begin_at, entry, now)
        return
    add(connection, deal, max(at, last), entry, now)


def end(
    connection: Connection, id: int, at: datetime, entry: int, now: datetime, zone: tzinfo
) -> datetime | None:
    """Close the version that holds now at `at`; the moment it began, or None where there is none.

    A change on the day (in `zone`) that the last one happened counts as made right after it.
    """
    row = connection.execute(
        text(
            "SELECT id, valid_from FROM opportunity_version"
            " WHERE opportunity_id = :id AND recorded_to IS NULL AND valid_to IS NULL"
        ),
        {"id": id},
    ).one_or_none()
    if row is None:
        return None
    began = datetime.fromisoformat(row.valid_from)
    day, last_day = at.astimezone(zone).date(), began.astimezone(zone).date()
    if at < began and day < last_day:
        raise Refused(
            f"O{id} has changed since: the last change is of {last_day}, later than {day}.",
            hint=f"`crm opp timeline O{id}` shows its stages; `crm undo` takes back the later change.",
        )
    connection.execute(
        text("UPDATE opportunity_version SET recorded_to = :now, closed_entry_id = :entry WHERE id = :row"),
        {"now": iso_instant(now), "entry": entry, "row": row.id},
    )
    # One that held for no time at all is kept too: the deal was in that stage, however fast the next act came.
    connection.execute(
        text(
            f"INSERT INTO opportunity_version ({COLUMNS}, recorded_at, entry_id)"
            f" SELECT opportunity_id, valid_from, :at, {', '.join(TRACKED)}, :now, :entry"
            " FROM opportunity_version WHERE id = :row"
        ),
        {"at": iso_instant(max(at, began)), "now": iso_instant(now), "entry": entry, "row": row.id},
    )
    return began


def take_back(connection: Connection, undone: int, entry: int, now: datetime) -> None:
    """The deals that an entry changed are known again as they were known just before it."""
    params = {"undone": undone, "entry": entry, "now": iso_instant(now)}
    deals = (
        "(SELECT opportunity_id FROM opportunity_version WHERE entry_id = :undone"
        " UNION SELECT opportunity_id FROM opportunity_version WHERE closed_entry_id = :undone)"
    )
    connection.execute(
        text(
            f"INSERT INTO opportunity_version ({COLUMNS}, recorded_at, entry_id)"
            f" SELECT {COLUMNS}, :now, :entry FROM opportunity_version"
            f" WHERE opportunity_id IN {deals} AND entry_id < :undone AND closed_entry_id >= :undone"
            " ORDER BY opportunity_id, valid_from, id"
        ),
        params,
    )
    connection.execute(
        text(
            "UPDATE opportunity_version SET recorded_to = :now, closed_entry_id = :entry"
            f" WHERE opportunity_id IN {deals} AND recorded_to IS NULL AND entry_id >= :undone AND entry_id < :entry"
        ),
        params,
    )


def change_all(connection: Connection, ids: str, entry: int, now: datetime) -> None:
    """From now on the deals that a query selects are as their rows say; those that are already are left alone."""
    same = "IS" if connection.dialect.name == "sqlite" else "IS NOT DISTINCT FROM"
    differs = " OR ".join(f"NOT (v.{name} {same} o.{name})" for name in TRACKED)
    params = {"entry": entry, "now": iso_instant(now)}
    connection.execute(
        text(
            "UPDATE opportunity_version SET recorded_to = :now, closed_entry_id = :entry"
            " WHERE recorded_to IS NULL AND valid_to IS NULL AND id IN (SELECT v.id FROM opportunity_version v"
            f" JOIN opportunity o ON o.id = v.opportunity_id WHERE o.id IN ({ids})"
            f" AND v.recorded_to IS NULL AND v.valid_to IS NULL AND ({differs}))"
        ),
        params,
    )
    connection.execute(
        text(
            f"INSERT INTO opportunity_version ({COLUMNS}, recorded_at, entry_id)"
            f" SELECT opportunity_id, valid_from, CAST(:now AS TEXT), {', '.join(TRACKED)}, CAST(:now AS TEXT), :entry"
            " FROM opportunity_version"
            f" WHERE closed_entry_id = :entry AND opportunity_id IN ({ids}) AND valid_from <= CAST(:now AS TEXT)"
        ),
        params,
    )
    connection.execute(
        text(
            f"INSERT INTO opportunity_version ({COLUMNS}, recorded_at, entry_id)"
            " SELECT o.id, CASE WHEN v.valid_from > CAST(:now AS TEXT) THEN v.valid_from"
            " ELSE CAST(:now AS TEXT) END, NULL,"
            f" {', '.join(f'o.{name}' for name in TRACKED)}, CAST(:now AS TEXT), :entry"
            " FROM opportunity o JOIN opportunity_version v"
            " ON v.opportunity_id = o.id AND v.closed_entry_id = :entry"
            f" WHERE o.id IN ({ids})"
        ),
        params,
    )
