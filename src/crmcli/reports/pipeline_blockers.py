"""Pipeline, blockers: the open deals that are stuck, and what on."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, tzinfo
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Report
from crmcli.rules.blockers import DECIDERS, Limit, Standing, blockers_of, limit_of, said_of_limits
from crmcli.rules.snoozing import STATUS, SUBJECT
from crmcli.store.reader import Reader
from crmcli.store.stages import open_stages
from crmcli.values.dates import from_iso_instant, iso_instant, midnight

NAMED: Final = 10  # snoozed deals that the footer names
SHOWN: Final = 100  # deals that people see, unless they ask for another number


class Asked(NamedTuple):
    """The options of the report; no owner means everybody's."""

    today: date
    zone: tzinfo
    owner_id: int | None = None
    owner: str | None = None
    limit: int | None = None  # deals that are shown at most

    @property
    def holds(self) -> str:
        """The condition on the deals."""
        whose = " AND d.owner_id = :owner" if self.owner_id is not None else ""
        return f"d.is_closed = 0 AND d.deleted_at IS NULL{whose}"

    @property
    def params(self) -> dict[str, Any]:
        whose = {"owner": self.owner_id} if self.owner_id is not None else {}
        return {"today": self.today.isoformat(), "snooze": SUBJECT, "status": STATUS, **whose}


COLUMNS: Final = (
    Column("ref", "Ref"),
    Column("name", "Deal", minor=1),
    Column("amount", "Amount", "money", minor=3),
    Column("currency", "Currency", hidden=True),
    Column("owner", "Owner", minor=2),
    Column("reason", "Reason", hidden=True),
    Column("message", "Stuck on", wraps=True, room=14),
    Column("command", "Then", cut="never"),
)

# --- SQL ----------------------------------------------------------------------------------------------

_TASK: Final = (
    "t.related_to_entity = 'opportunity' AND t.related_to_id = d.id"
    " AND t.completed_at IS NULL AND t.deleted_at IS NULL"
)
_SNOOZE: Final = f"{_TASK} AND t.subject = :snooze AND t.status = :status AND t.due_date > :today"
_PUSHES: Final = (
    "SELECT count(*) FROM (SELECT v.close_date, v.is_closed,"
    " lag(v.close_date) OVER life AS before, lag(v.is_closed) OVER life AS was"
    " FROM opportunity_version AS v WHERE v.opportunity_id = d.id AND v.recorded_to IS NULL"
    " WINDOW life AS (ORDER BY v.valid_from, v.id)) AS p"
    " WHERE p.close_date > p.before AND p.is_closed = 0 AND p.was = 0"
)


# In the order of their close dates, which is that of an index: so the first come before the others are looked at.
_DATED: Final = ("d.close_date IS NOT NULL", "d.close_date, d.id")
_UNDATED: Final = ("d.close_date IS NULL", "d.id")


def deals_sql(asked: Asked, which: str, order: str) -> str:
    """The open deals that are not snoozed, with all that they can be stuck on."""
    deciders = ", ".join(f"'{role}'" for role in DECIDERS)
    overdue = f"{_TASK} AND t.due_date < :today"
    return (
        "SELECT d.id, d.name, d.amount, d.currency,"
        ' (SELECT u.name FROM "user" AS u WHERE u.id = d.owner_id), d.stage,'
        " d.stage_since, d.close_date, d.created_at,"
        f" ({_PUSHES}),"
        " CASE WHEN coalesce(d.next_step, '') <> '' OR EXISTS"
        f" (SELECT 1 FROM task AS t WHERE {_TASK} AND t.subject <> :snooze) THEN 1 ELSE 0 END,"
        " CASE WHEN EXISTS (SELECT 1 FROM contact_role AS r"
        " JOIN contact AS c ON c.id = r.contact_id AND c.deleted_at IS NULL"
        f" WHERE r.opportunity_id = d.id AND r.deleted_at IS NULL AND r.role IN ({deciders}))"
        " THEN 1 ELSE 0 END,"
        f" (SELECT t.id FROM task AS t WHERE {overdue} ORDER BY t.due_date, t.id LIMIT 1),"
        f" (SELECT min(t.due_date) FROM task AS t WHERE {overdue}),"
        " (SELECT max(a.happened_at) FROM activity AS a WHERE a.related_to_entity = 'opportunity'"
        " AND a.related_to_id = d.id AND a.deleted_at IS NULL)"
        f" FROM opportunity AS d WHERE {asked.holds} AND {which}"
        f" AND NOT EXISTS (SELECT 1 FROM task AS t WHERE {_SNOOZE}) ORDER BY {order}"
    )


def snoozed_sql(asked: Asked) -> str:
    """The deals that are snoozed, and until when."""
    return (
        "SELECT d.id, max(t.due_date) FROM opportunity AS d JOIN task AS t"
        f" ON {_SNOOZE} WHERE {asked.holds} GROUP BY d.id ORDER BY 2, 1"
    )


# The days of won deals in open stages. CROSS JOIN has SQLite read deal after deal, so that nothing is sorted.
_WON: Final = (
    "SELECT d.id, v.stage, v.valid_from, v.valid_to"
    " FROM opportunity AS d CROSS JOIN opportunity_version AS v WHERE v.opportunity_id = d.id"
    " AND d.is_won = 1 AND d.deleted_at IS NULL"
    " AND v.is_closed = 0 AND v.valid_to IS NOT NULL AND v.recorded_to IS NULL ORDER BY d.id"
)


# --- the report ---------------------------------------------------------------------------------------


def pipeline_blockers(reader: Reader, asked: Asked) -> Report:
    """The open deals that are stuck: a line for each thing they are stuck on, the first to close first."""
    day_of = numbered_days(asked.zone)
    snoozed = [
        {"ref": reference("opportunity", id), "until": until}
        for id, until in reader.rows(snoozed_sql(asked), **asked.params)
    ]
    limits = limits_of(reader, day_of)
    found: Iterable[list[Any]] = rows(reader, asked, limits, day_of)
    cut = []
    if asked.limit is not None:
        found, more = first_deals(found, asked.limit)
        cut = [said_of_more(asked.limit)] if more else []
    whose = f"owner {asked.owner}" if asked.owner else "all owners"
    return Report(
        COLUMNS,
        found,
        title="Deals that are stuck",
        empty="No open deal is stuck.",
        head={"as_of": asked.today.isoformat(), "owner": asked.owner},
        tail={
            "snoozed": snoozed,
            "limits": [
                {
                    "stage": stage,
                    "limit_days": limit.days,
                    "won_deals": limit.won,
                    "median_days": limit.median,
                }
                for stage, limit in limits.items()
            ],
        },
        notes=[*cut, *said_of(snoozed), *said_of_limits(limits)],
        stands_on=f"As of {asked.today.isoformat()} · open deals · {whose}",
    )


def first_deals(rows: Iterable[list[Any]], limit: int) -> tuple[list[list[Any]], bool]:
    """The rows of so many deals, and whether there are more."""
    taken: list[list[Any]] = []
    for place, (_, of_deal) in enumerate(groupby(rows, key=itemgetter(0))):
        if place == limit:
            return taken, True
        taken += of_deal
    return taken, False


def numbered_days(zone: tzinfo) -> Callable[[str], int]:
    """A function from a stored moment to its day on the user's calendar, as a number."""
    turns: dict[
        str, tuple[str, int, int]
    ] = {}  # when, on a day in UTC, the user's turns, and from which to which

    def day_of(moment: str) -> int:
        found = turns.get(moment[:10])
        if found is None:
            ends = (f"{moment[:10]}T00:00:00Z", f"{moment[:10]}T23:59:59Z")
            first, last = (from_iso_instant(end).astimezone(zone).date() for end in ends)
            found = (iso_instant(midnight(last, zone)), first.toordinal(), last.toordinal())
            turns[moment[:10]] = found
        turn, before, after = found
        return after if moment >= turn else before

    return day_of


def limits_of(reader: Reader, day_of: Callable[[str], int]) -> dict[str, Limit]:
    """The days that a deal may be in each stage: its own limit, else what was usual of everybody's won deals."""
    stages = open_stages(reader)
    won_days: dict[str, Counter[int]] = {}
    if any(stage.limit_days is None for stage in stages):
        won_days = days_of_won(reader, day_of)
    return {stage.name: limit_of(stage.limit_days, won_days.get(stage.name, {})) for stage in stages}


def days_of_won(reader: Reader, day_of: Callable[[str], int]) -> dict[str, Counter[int]]:
    """How many days won deals were in each stage, each number with how often it is there.

    A version ends when the next begins: the days of those in a stage are the days of all visits to it.
    """
    found: dict[str, Counter[int]] = {}
    for _, versions in groupby(reader.rows(_WON), key=itemgetter(0)):
        days: dict[str, int] = {}
        for _, stage, since, left in versions:
            days[stage] = days.get(stage, 0) + day_of(left) - day_of(since)
        for stage, count in days.items():
            found.setdefault(stage, Counter())[count] += 1
    return found


def rows(
    reader: Reader, asked: Asked, limits: dict[str, Limit], day_of: Callable[[str], int]
) -> Iterator[list[Any]]:
    for which in (_DATED, _UNDATED):
        yield from rows_of(reader, asked, limits, day_of, deals_sql(asked, *which))


def rows_of(
    reader: Reader, asked: Asked, limits: dict[str, Limit], day_of: Callable[[str], int], sql: str
) -> Iterator[list[Any]]:
    today = asked.today.toordinal()
    for row in reader.rows(sql, **asked.params):
        id, name, amount, currency, owner, stage, since, close_date, created = row[:9]
        pushes, has_next, has_decider, task, due, last = row[9:]
        ref = reference("opportunity", id)
        deal = Standing(
            ref,
            stage,
            limits.get(stage, Limit(None)),
            max(0, today - day_of(since)),
            date.fromisoformat(close_date) if close_date else None,
            pushes,
            bool(has_next),
            bool(has_decider),
            (reference("task", task), date.fromisoformat(due)) if task else None,
            max(0, today - day_of(max(created, last or created))),
        )
        for blocker in blockers_of(deal, asked.today):
            yield [ref, name, amount, currency, owner, *blocker]


def said_of_more(limit: int) -> str:
    deals = "deal" if limit == 1 else f"{limit:,} deals"
    return f"The first {deals} by close date; more are stuck (--limit)"


def said_of(snoozed: list[dict[str, str]]) -> list[str]:
    if not snoozed:
        return []
    named = [f"{each['ref']} until {each['until']}" for each in snoozed[:NAMED]]
    more = [f"and {len(snoozed) - NAMED} more"] if len(snoozed) > NAMED else []
    return [f"Snoozed: {', '.join([*named, *more])}"]
