"""Pipeline, blockers: the open deals that are stuck, and what on."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Report
from crmcli.rules.blockers import DECIDERS, Limit, Standing, blockers_of, limit_of, said_of_limits
from crmcli.rules.snoozing import STATUS, SUBJECT
from crmcli.rules.time_in_stage import days_by_stage
from crmcli.store.deals import Scope
from crmcli.store.reader import Reader
from crmcli.store.stages import lives, open_stages
from crmcli.values.dates import from_iso_instant

NAMED: Final = 10  # snoozed deals that the footer names


class Asked(NamedTuple):
    """The options of the report; no owner means everybody's."""

    today: date
    zone: tzinfo
    owner_id: int | None = None
    owner: str | None = None

    @property
    def holds(self) -> str:
        """The condition on the deals."""
        whose = " AND d.owner_id = :owner" if self.owner_id is not None else ""
        return f"d.is_closed = 0 AND d.deleted_at IS NULL{whose}"

    @property
    def params(self) -> dict[str, Any]:
        whose = {"owner": self.owner_id} if self.owner_id is not None else {}
        return {"today": self.today.isoformat(), "snooze": SUBJECT, "status": STATUS, **whose}

    def day_of(self, moment: str) -> date:
        """The day of a stored moment on the user's calendar."""
        return from_iso_instant(moment).astimezone(self.zone).date()


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


def deals_sql(asked: Asked) -> str:
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
        f" FROM opportunity AS d WHERE {asked.holds}"
        f" AND NOT EXISTS (SELECT 1 FROM task AS t WHERE {_SNOOZE})"
        " ORDER BY coalesce(d.close_date, '9999-12-31'), d.id"
    )


def snoozed_sql(asked: Asked) -> str:
    """The deals that are snoozed, and until when."""
    return (
        "SELECT d.id, max(t.due_date) FROM opportunity AS d JOIN task AS t"
        f" ON {_SNOOZE} WHERE {asked.holds} GROUP BY d.id ORDER BY 2, 1"
    )


# --- the report ---------------------------------------------------------------------------------------


def pipeline_blockers(reader: Reader, asked: Asked) -> Report:
    """The open deals that are stuck: a line for each thing they are stuck on, the first to close first."""
    snoozed = [
        {"ref": reference("opportunity", id), "until": until}
        for id, until in reader.rows(snoozed_sql(asked), **asked.params)
    ]
    limits = limits_of(reader, asked)
    whose = f"owner {asked.owner}" if asked.owner else "all owners"
    return Report(
        COLUMNS,
        rows(reader, asked, limits),
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
        notes=[
            *said_of(snoozed),
            *said_of_limits(limits),
            f"As of {asked.today.isoformat()} · open deals · {whose}",
        ],
    )


def limits_of(reader: Reader, asked: Asked) -> dict[str, Limit]:
    """The days that a deal may be in each stage: its own limit, else what was usual of everybody's won deals."""
    stages = open_stages(reader)
    won_days: dict[str, Counter[int]] = {}
    if any(stage.limit_days is None for stage in stages):
        won = lives(reader, Scope(asked.today.isoformat()), "d.is_won = 1")
        won_days = days_by_stage((life.path for life in won), asked.today, asked.day_of)
    return {stage.name: limit_of(stage.limit_days, won_days.get(stage.name, {})) for stage in stages}


def rows(reader: Reader, asked: Asked, limits: dict[str, Limit]) -> Iterator[list[Any]]:
    def days_since(moment: str) -> int:
        return max(0, (asked.today - asked.day_of(moment)).days)

    for row in reader.rows(deals_sql(asked), **asked.params):
        id, name, amount, currency, owner, stage, since, close_date, created = row[:9]
        pushes, has_next, has_decider, task, due, last = row[9:]
        ref = reference("opportunity", id)
        deal = Standing(
            ref,
            stage,
            limits.get(stage, Limit(None)),
            days_since(since),
            date.fromisoformat(close_date) if close_date else None,
            pushes,
            bool(has_next),
            bool(has_decider),
            (reference("task", task), date.fromisoformat(due)) if task else None,
            days_since(max(created, last or created)),
        )
        for blocker in blockers_of(deal, asked.today):
            yield [ref, name, amount, currency, owner, *blocker]


def said_of(snoozed: list[dict[str, str]]) -> list[str]:
    if not snoozed:
        return []
    named = [f"{each['ref']} until {each['until']}" for each in snoozed[:NAMED]]
    more = [f"and {len(snoozed) - NAMED} more"] if len(snoozed) > NAMED else []
    return [f"Snoozed: {', '.join([*named, *more])}"]
