"""Adoption: who works with it, and how complete the records are."""

import json
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import local_day
from crmcli.reports.standard._records import by_then, counts, origin, owned, tables, there, within, words
from crmcli.reports.standard._said import Origin, explained, footer, head
from crmcli.result import Chart, Column, Report
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.ratios import share

RECORDS: Final = ("lead", "account", "contact", "opportunity", "task", "activity")
COMPLETED: Final = ("lead", "account", "contact", "opportunity")  # those whose fields are to be filled
TEXTS: Final = ("text", "email", "phone", "url", "select")  # fields that may be blank and still there
BY_HAND: Final = "e.source <> 'import'"
KINDS: Final = ", ".join(f"'{entity}'" for entity in RECORDS)
FORMULAS: Final = {
    "made": f"records that the user added by hand in the period: {', '.join(RECORDS)}; activities: those of them"
    " that are activities",
    "changed": "records that the user changed by hand, each once; deals_changed: those of them that are deals",
    "imported": "records that imports of the user made or changed",
    "active_days, active_weeks": "days and weeks on which the user made or changed anything by hand",
    "overdue": "of the user's tasks that are to do on the as-of day, the share that is overdue",
    "completeness": "of the listed fields of the user's leads, accounts, contacts and deals, the share that is"
    " filled; in the total, of everybody's and nobody's",
    "last_seen": "the last day on which the user made, changed or imported anything",
    "from": "the journal (crm history), without what was taken back",
}


class Cell:
    """What one user did, or all of them, and has."""

    def __init__(self) -> None:
        self.made = self.activities = self.changed = self.deals = self.imported = 0
        self.days: set[date] = set()
        self.to_do = self.overdue = self.fields = self.filled = 0
        self.seen: date | None = None

    def figures(self) -> list[Any]:
        return [
            self.made,
            self.changed,
            self.deals,
            self.activities,
            self.imported,
            len(self.days),
            len({day.isocalendar()[:2] for day in self.days}),
            self.to_do,
            self.overdue,
            share(self.overdue, self.to_do),
            share(self.filled, self.fields),
            self.seen.isoformat() if self.seen else None,
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """What each user did in the period and has on the as-of day: the users of today, and whoever did anything."""
    total = Cell()
    actors = Actors(reader)
    did(reader, asked, actors, "'total'", {"total": total})
    users = dict(users_of(reader, asked))
    cells = {name: Cell() for name in users.values()}
    did(reader, asked, actors, actors.sql, cells)
    if asked.scope.owner is not None:
        cells = {asked.scope.owner: cells.get(asked.scope.owner, Cell())}
        total = cells[asked.scope.owner]
    has(reader, asked, users, cells, total)
    rows = sorted(cells.items(), key=lambda each: named_key(each[0]).place)
    made = Report(
        (
            Column("user", "User"),
            Column("made", "Made", "number"),
            Column("changed", "Changed", "number"),
            Column("deals_changed", "Deals", "number", minor=3),
            Column("activities", "Activities", "number", short="Activ.", minor=4),
            Column("imported", "Imported", "number", minor=5),
            Column("active_days", "Days", "number"),
            Column("active_weeks", "Weeks", "number", minor=6),
            Column("tasks_to_do", "To do", "number", hidden=True),
            Column("tasks_overdue", "Tasks overdue", "number", hidden=True),
            Column("overdue", "Overdue", "percent", minor=2, ages=True),
            Column("completeness", "Complete", "percent", minor=1),
            Column("last_seen", "Last seen", "date"),
        ),
        [[name, *cell.figures()] for name, cell in rows],
        title=f"Adoption {asked.period.label}",
        empty="Nobody has done anything yet.",
        refs=None,
        head=head(asked, "adoption"),
        total=[None, *total.figures()],
        stands_on=footer(asked, "made and changed"),
        chart=Chart("active_days"),
    )
    if asked.explain:
        explained(made, FORMULAS, entries(reader, asked, actors), words)
    return made


# --- what they did: the journal -----------------------------------------------------------------------


class Actors:
    """Who made an entry `e`, by the name they have today; the journal has the one they had."""

    def __init__(self, reader: Reader) -> None:
        self.params: dict[str, Any] = {}
        cases = []
        for number, (entry, before, name) in enumerate(
            reader.rows(
                'SELECT c.entry_id, c.before, u.name FROM change AS c JOIN "user" AS u ON u.id = c.first_id'
                " WHERE c.entity = 'user' AND c.before LIKE :named ORDER BY c.id",
                named='%"name"%',
            )
        ):
            old = json.loads(before)["name"]
            self.params |= {f"old_{number}": old, f"now_{number}": name}
            cases.append(f"WHEN e.actor = :old_{number} AND e.id <= {entry} THEN :now_{number}")
        self.sql = f"CASE {' '.join(cases)} ELSE e.actor END" if cases else "e.actor"


def acts(asked: Asked, actors: Actors, until: str) -> str:
    """The entries `e` of the journal that count, with their changes `c` of records."""
    whose = "" if asked.scope.owner is None else f" AND {actors.sql} = :actor"
    return (
        f"FROM entry AS e JOIN change AS c ON c.entry_id = e.id WHERE c.entity IN ({KINDS}) AND {counts(asked)}"
        f" AND {until}{whose}"
    )


def did(reader: Reader, asked: Asked, actors: Actors, key: str, cells: dict[str, Cell]) -> None:
    """What was done, by what SQL groups by: the user, or nothing for the total."""
    then = acts(asked, actors, within(asked, "e.at"))
    ever = acts(asked, actors, by_then(asked, "e.at"))
    day_of = local_day(asked.zone)
    params = {**asked.bounds, **actors.params, "actor": asked.scope.owner}

    def cell(name: str) -> Cell:
        return cells.setdefault(name, Cell())

    records = "CAST(sum(c.last_id - c.first_id + 1) AS BIGINT)"
    for name, made, activities in reader.rows(
        f"SELECT {key}, {records},"
        f" count(CASE WHEN c.entity = 'activity' THEN 1 END) {then} AND c.op = 'add' AND {BY_HAND} GROUP BY 1",
        **params,
    ):
        cell(name).made, cell(name).activities = made, activities
    for name, changed, deals in reader.rows(
        f"SELECT {key}, count(DISTINCT c.entity || c.first_id),"
        " count(DISTINCT CASE WHEN c.entity = 'opportunity' THEN c.first_id END)"
        f" {then} AND c.op <> 'add' AND {BY_HAND} GROUP BY 1",
        **params,
    ):
        cell(name).changed, cell(name).deals = changed, deals
    for name, imported in reader.rows(
        f"SELECT {key}, {records} {then} AND NOT ({BY_HAND}) GROUP BY 1", **params
    ):
        cell(name).imported = imported
    for name, minute in reader.rows(
        f"SELECT DISTINCT {key}, substr(e.at, 1, 16) {then} AND {BY_HAND}", **params
    ):
        cell(name).days.add(day_of(f"{minute}:00Z"))
    for name, seen in reader.rows(f"SELECT {key}, max(e.at) {ever} GROUP BY 1", **params):
        if name in cells:
            cells[name].seen = day_of(seen)


def entries(reader: Reader, asked: Asked, actors: Actors) -> dict[Key, Origin]:
    """The entries that were counted, by who made them."""
    day_of = local_day(asked.zone)
    found: dict[Key, list[dict[str, Any]]] = {}
    for actor, id, command, at in reader.rows(
        f"SELECT DISTINCT {actors.sql}, e.id, e.command, e.at {acts(asked, actors, within(asked, 'e.at'))}"
        " ORDER BY e.id",
        **asked.bounds,
        **actors.params,
        actor=asked.scope.owner,
    ):
        record = {"ref": f"entry {id}", "name": command, "day": day_of(at).isoformat()}
        found.setdefault(named_key(actor), []).append(record)
    return {key: origin(asked, records) for key, records in found.items()}


# --- what they have -----------------------------------------------------------------------------------


def users_of(reader: Reader, asked: Asked) -> Iterator[tuple[int, str]]:
    """The users who work with it."""
    by = by_then(asked, "created_at")
    sql = f'SELECT id, name FROM "user" WHERE active = 1 AND deleted_at IS NULL AND {by}'
    return ((id, name) for id, name in reader.rows(sql, **asked.bounds))


def has(reader: Reader, asked: Asked, users: dict[int, str], cells: dict[str, Cell], total: Cell) -> None:
    """The tasks to do, and how complete the records are, of each user and of all."""

    def those(owner: int | None) -> list[Cell]:
        own = cells.get(users.get(owner or 0, ""))
        return [total] if own is None or own is total else [own, total]

    table = tables(reader, asked)
    sql = (
        "SELECT r.owner_id, count(*), count(CASE WHEN r.due_date < :as_of THEN 1 END)"
        f" FROM {table('task')} AS r WHERE {there(asked, 'r')}{owned(asked, 'r')}"
        " AND r.completed_at IS NULL GROUP BY 1"
    )
    for owner, to_do, overdue in reader.rows(sql, **asked.bounds):
        for cell in those(owner):
            cell.to_do += to_do
            cell.overdue += overdue
    for entity in COMPLETED:
        listed = [
            spec for spec in reader.fields(entity) if spec.listed and not spec.custom and spec.name != "owner"
        ]
        filled = [
            f"count(NULLIF(r.{spec.column}, ''))" if spec.kind in TEXTS else f"count(r.{spec.column})"
            for spec in listed
        ]
        sql = (
            f"SELECT r.owner_id, count(*), {' + '.join(filled) or '0'} FROM {table(entity)} AS r"
            f" WHERE {there(asked, 'r')}{owned(asked, 'r')} GROUP BY 1"
        )
        for owner, records, known in reader.rows(sql, **asked.bounds):
            for cell in those(owner):
                cell.fields += records * len(listed)
                cell.filled += known
