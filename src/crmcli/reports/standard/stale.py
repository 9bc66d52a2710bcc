"""Stale: open leads and deals that nobody has touched, the longest first, with what to do about each."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import local_day
from crmcli.reports.standard._records import by_then, counts, owned, tables, there
from crmcli.reports.standard._said import head, named
from crmcli.result import Column, Report
from crmcli.rules.blockers import QUIET
from crmcli.rules.snoozing import STATUS, SUBJECT
from crmcli.store.reader import Reader

FORMULAS: Final = {
    "touched": "the latest of: it was made, something happened with it (crm log), a task for it was done, it"
    " was edited; what was undone is no touch",
    "days": "from that day to the as-of day",
    "limit_days": f"the limit of a deal's stage, as it is today, else {QUIET}; for leads {QUIET}",
    "stale": "days > limit_days; snoozed deals are hidden till their day",
}
COMMAND: Final = "crm log call TEXT --for {}"
COLUMNS: Final = (
    Column("ref", "Ref"),
    Column("kind", "Kind", hidden=True),
    Column("name", "Name", minor=1),
    Column("stage", "Stage", cut="last", minor=4),
    Column("owner", "Owner", minor=5),
    Column("amount", "Amount", "money", minor=3),
    Column("currency", "Currency", hidden=True),
    Column("touched", "Touched", "date", minor=2),
    Column("last", "Last", minor=6),
    Column("days", "Days", "number", ages=True),
    Column("limit_days", "Limit", "number", minor=7),
    Column("command", "Then", cut="never"),
)
DAYS: Final = [column.name for column in COLUMNS].index("days")


class Open(NamedTuple):
    """An open lead or deal, with the moments of the last touches of each kind."""

    id: int
    name: str
    stage: str
    owner: str | None
    amount: int | None
    currency: str | None
    limit: int | None
    snoozed: str | None  # until when
    made: str
    activity: str | None
    task: str | None
    edited: str | None

    @property
    def touched(self) -> tuple[str, str]:
        """The last touch: when, and what."""
        known = {"made": self.made, "activity": self.activity, "task": self.task, "edited": self.edited}
        return max((moment, what) for what, moment in known.items() if moment)


class Looked:
    """What was looked at: how many, how many of them are stale, and what is said of the others."""

    def __init__(self) -> None:
        self.at = {"opportunity": 0, "lead": 0}
        self.stale = {"opportunity": 0, "lead": 0}
        self.snoozed: list[dict[str, str]] = []
        self.unrated: list[str] = []  # in another currency than the one asked for


def report(reader: Reader, asked: Asked) -> Report:
    """What nobody has touched for longer than its limit, the longest first."""
    looked = Looked()
    rows = sorted(untouched(reader, asked, looked), key=lambda row: -row[DAYS])
    made = Report(
        COLUMNS,
        rows,
        title="Leads and deals that nobody has touched",
        empty="Every open lead and deal has been touched of late.",
        head={**head(asked, "stale"), "period": None},
        tail={"snoozed": looked.snoozed},
        notes=notes(looked),
        stands_on=stands_on(asked, looked),
    )
    if asked.explain:
        counted = [
            {"key": kind, "looked_at": looked.at[kind], "counted": looked.stale[kind]} for kind in looked.at
        ]
        made.tail["explain"] = {"formulas": FORMULAS, "rows": counted}
        made.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in FORMULAS.items()]
    return made


def untouched(reader: Reader, asked: Asked, looked: Looked) -> Iterator[list[Any]]:
    """A row for everything that is stale: deals, then leads, by their numbers."""
    day_of = local_day(asked.zone)
    for kind in looked.at:
        for each in records(reader, asked, kind):
            ref = reference(kind, each.id)
            if each.snoozed is not None:
                looked.snoozed.append({"ref": ref, "until": each.snoozed})
                continue
            looked.at[kind] += 1
            moment, last = each.touched
            day, limit = day_of(moment), each.limit or QUIET
            days = max(0, (asked.as_of - day).days)
            if days <= limit:
                continue
            looked.stale[kind] += 1
            amount, currency = worth(asked, each)
            if asked.currency and amount is not None and currency != asked.currency:
                looked.unrated.append(ref)
            about = [ref, kind, each.name, each.stage, each.owner, amount, currency]
            yield [*about, day.isoformat(), last, days, limit, COMMAND.format(ref)]


def notes(looked: Looked) -> list[str]:
    """What is not in it or not converted."""
    said = []
    if looked.snoozed:
        said.append(named("Snoozed", [each["ref"] for each in looked.snoozed], "not looked at"))
    if looked.unrated:
        said.append(named("No rate (crm rate set)", looked.unrated, "in their own currency"))
    return said


def stands_on(asked: Asked, looked: Looked) -> str:
    """The last line: the day it stands on, what was looked at, and whose."""
    whose = f"owner {asked.scope.owner}" if asked.scope.owner else "all owners"
    deals, leads = (f"{looked.stale[kind]} of {looked.at[kind]} open" for kind in looked.at)
    return (
        f"As of {asked.scope.as_of} · untouched for longer than the limit of the stage, or {QUIET} days:"
        f" {deals} deals, {leads} leads · {whose}"
    )


def worth(asked: Asked, each: Open) -> tuple[int | None, str | None]:
    """The amount of a deal in the currency that was asked for, or in its own where there is no rate."""
    if each.amount is None or each.currency is None or asked.currency is None:
        return each.amount, each.currency
    converted = asked.rates.convert(each.amount, each.currency, asked.currency, asked.scope.as_of)
    return (each.amount, each.currency) if converted is None else (converted, asked.currency)


# --- SQL ----------------------------------------------------------------------------------------------


def records(reader: Reader, asked: Asked, entity: str) -> Iterator[Open]:
    """The open leads or deals, by their ids."""
    table = tables(reader, asked)
    activity, task, edited = (dict(reader.rows(sql, **asked.bounds)) for sql in touches(asked, table, entity))
    snoozed: dict[int, str] = {}
    if entity == "opportunity":
        sql = snoozed_sql(asked, table)
        snoozed = dict(reader.rows(sql, snooze=SUBJECT, deferred=STATUS, **asked.bounds))
    sql = deals_sql(asked) if entity == "opportunity" else leads_sql(asked, table(entity))
    for id, *about, made in reader.rows(sql, **asked.bounds):
        moments = (snoozed.get(id), made, activity.get(id), task.get(id), edited.get(id))
        yield Open(*(id, *about, *moments))


def deals_sql(asked: Asked) -> str:
    source = asked.scope.source
    return (
        f"SELECT {source.id}, {source.name}, d.stage, {owner('d')}, d.amount, d.currency,"
        " (SELECT s.limit_days FROM stage AS s WHERE s.name = d.stage AND s.deleted_at IS NULL),"
        f" {source.created} FROM {source.named} WHERE {asked.scope.open} ORDER BY 1"
    )


def leads_sql(asked: Asked, table: str) -> str:
    return (
        f"SELECT r.id, r.name, r.status, {owner('r')}, NULL, NULL, NULL, r.created_at FROM {table} AS r"
        f" WHERE {there(asked, 'r')}{owned(asked, 'r')} AND r.converted_at IS NULL"
        " AND r.status NOT LIKE 'Closed%' ORDER BY 1"
    )


def owner(alias: str) -> str:
    return f'(SELECT u.name FROM "user" AS u WHERE u.id = {alias}.owner_id)'


def touches(asked: Asked, table: Callable[[str], str], entity: str) -> tuple[str, ...]:
    """The moments, until the as-of day, of the last activity, of the last task done, of the last edit, by id."""
    last = (
        "SELECT r.related_to_id, max(r.{at}) FROM {table} AS r WHERE r.related_to_entity = '{entity}'"
        " AND r.deleted_at IS NULL AND {come} GROUP BY 1"
    )
    return (
        *(
            last.format(table=table(kind), entity=entity, at=at, come=by_then(asked, f"r.{at}"))
            for kind, at in (("activity", "happened_at"), ("task", "completed_at"))
        ),
        "SELECT c.first_id, max(e.at) FROM change AS c JOIN entry AS e ON e.id = c.entry_id"
        f" WHERE c.entity = '{entity}' AND c.op <> 'add' AND {counts(asked)} GROUP BY 1",
    )


def snoozed_sql(asked: Asked, table: Callable[[str], str]) -> str:
    """Until when deals are snoozed."""
    return (
        f"SELECT r.related_to_id, max(r.due_date) FROM {table('task')} AS r WHERE {there(asked, 'r')}"
        " AND r.related_to_entity = 'opportunity' AND r.subject = :snooze AND r.status = :deferred"
        " AND r.due_date > :as_of AND r.completed_at IS NULL GROUP BY 1"
    )
