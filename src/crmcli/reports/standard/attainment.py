"""Attainment: what was won of each quota, how fast, and what it comes to with what is committed."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final

from crmcli.reports.standard import PEOPLE_BY, Asked
from crmcli.reports.standard._deals import alone, explain, left_out, names, sums, won
from crmcli.reports.standard._quotas import NO_QUOTA, Person, Quotas, pace_of, people
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import Line, Quota, Target, own_targets, whole_targets
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.dates import last_of_month
from crmcli.values.periods import Period, months

FORMULAS: Final = {
    "quota": "those set for periods within this one; a quarter's rather than its months'",
    "won": "amounts of the deals won with a close date in the period",
    "attainment": "won / quota, in percent",
    "gap": "quota - won, never below 0",
    "pace": "attainment / share of the period's days that have passed, today among them; 100 is on time",
    "projected": "(won + open deals in Commit that close in the rest of the period) / quota; no adjustments",
    "manager": "somebody with all below them: the quota set for the team, else the sum of their own",
    "of_deals": "deals won / deals to win, of those who have deals to win",
    "total": "what was set for the teams at the top, else the sum of all",
}


class Cell:
    """What came of one row's target."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.target = Target()
        self.deals = self.won = self.committed = 0
        self.aimed_at = 0  # of the deals, those of whoever has a target of deals

    def add(self, other: "Cell") -> None:
        self.deals += other.deals
        self.won += other.won
        self.committed += other.committed

    def figures(self, asked: Asked) -> list[Any]:
        quota = self.target.amount
        return [
            quota,
            self.won,
            attainment(self.won, quota),
            gap(self.won, quota),
            pace_of(self.won, quota, self.period, asked),
            attainment(self.won + self.committed, quota),
            self.target.deals,
            self.deals,
            attainment(self.aimed_at, self.target.deals),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """What was won of the quotas: by person, by team, by manager with all below, or by month."""
    condition, coming = won(asked), committed(asked)
    quotas = Quotas(reader, asked)
    asked = quotas.asked
    users = people(reader, asked)
    key_of = names(reader, asked, condition)
    found: dict[Any, Cell] = {}  # by what SQL groups by
    deals: dict[Any, Counter[Any]] = {}  # won, by what SQL groups by and by owner
    for each in sums(reader, asked, condition, "d.owner_id"):
        cell = found.setdefault(each.key, Cell(asked.period))
        cell.deals += each.deals
        cell.won += each.amount
        deals.setdefault(each.key, Counter())[each.more[0]] += each.deals
    for each in sums(reader, asked, coming):
        found.setdefault(each.key, Cell(asked.period)).committed += each.amount
    total = Cell(asked.period)
    for cell in found.values():
        total.add(cell)
    line = Line({id: person.manager for id, person in users.items()})
    total.target = total_target(asked, line, quotas.known)
    total.aimed_at = total_aimed_at(asked, line, quotas.known, sum(deals.values(), Counter()))
    rows_of = alone(key_of)
    if asked.by in ("month", "quarter"):
        cells = by_time(asked, key_of, found, deals, line, quotas)
    elif asked.by == "manager" and asked.scope.owner_id is None:
        cells = by_manager(asked, users, found, line, quotas)
        rows_of = managers_of(line, users)
    else:
        cells = by_people(asked, users, key_of, found, quotas)
    counted = any(quota.deals is not None for quota in quotas.known)
    made = Report(
        (
            Column(asked.by, asked.by.capitalize()),
            Column("currency", "Currency", hidden=True),
            Column("quota", "Quota", "money", absent=NO_QUOTA),
            Column("won", "Won", "money"),
            Column("attainment", "Attainment", "percent", short="Of quota", absent=NO_QUOTA),
            Column("gap", "Gap", "money", minor=3, absent=NO_QUOTA),
            Column("pace", "Pace", "percent", minor=1, absent=NO_QUOTA, ages=True),
            Column("projected", "Projected", "percent", minor=2, absent=NO_QUOTA),
            Column("deals_quota", "Deals to win", "number", minor=6, hidden=not counted),
            Column("deals_won", "Deals won", "number", minor=4),
            Column("deals_attainment", "Of deals", "percent", minor=5, hidden=not counted),
        ),
        [[key.name, asked.currency, *cell.figures(asked)] for key, cell in in_place(cells.items())],
        title=f"Attainment {asked.period.label} by {asked.by}, {asked.currency}",
        empty="There is nobody who could have a quota.",
        refs=None,
        head=head(asked, "attainment"),
        total=[None, asked.currency, *total.figures(asked)],
        notes=[footer(asked, "deals won")],
        chart=Chart("attainment"),
    )
    if asked.by == "manager" and asked.scope.owner_id is None:
        made.notes[:0] = [
            "Each manager stands with all below them, themselves too",
            *whole_targets(line, quotas.known).sentences(
                {id: person.name for id, person in users.items()}, asked.currency or asked.home
            ),
        ]
    elif asked.by in PEOPLE_BY and asked.scope.owner_id is None and any(quota.team for quota in quotas.known):
        made.notes.insert(0, "What is set for a team is in the total, and in no row: --by manager")
    quotas.say(made, users)
    either = f"(({condition}) OR ({coming}))"
    left_out(reader, asked, made, either)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, either, rows_of)
    return made


def committed(asked: Asked) -> str:
    """The open deals that are in Commit and close in what is left of the period."""
    return (
        f"{asked.scope.open} AND d.category IN ('Commit', 'Closed')"
        " AND d.close_date BETWEEN :start AND :end AND d.close_date >= :as_of"
    )


# --- the rows -------------------------------------------------------------------------------------------


def by_people(
    asked: Asked,
    users: dict[int, Person],
    key_of: Callable[[Any], Key],
    found: dict[Any, Cell],
    quotas: Quotas,
) -> dict[Key, Cell]:
    """Everybody with their own, or added up by team or manager; no quota is no reason not to be seen."""
    own = quotas.own()
    sellers = [id for id, person in users.items() if person.sells and asked.scope.covers(id)]
    cells: dict[Key, Cell] = {}
    for id in dict.fromkeys([*own, *found, *(sellers if asked.by == "owner" else ())]):
        cell = cells.setdefault(key_of(id), Cell(asked.period))
        target = own.get(id, Target())
        cell.target = cell.target.plus(target)
        if id in found:
            cell.add(found[id])
            cell.aimed_at += found[id].deals if target.deals is not None else 0
    return cells


def by_manager(
    asked: Asked, users: dict[int, Person], found: dict[Any, Cell], line: Line, quotas: Quotas
) -> dict[Key, Cell]:
    """Those who lead others, each with all below them, as `crm quota show` has teams; and who is in none."""
    whole = whole_targets(line, quotas.known).targets
    aimed = aimed_at(line, quotas.known, {id: cell.deals for id, cell in found.items()})
    cells: dict[Key, Cell] = {}
    for leader in line.walk():
        if not line.reports[leader]:
            continue
        cell = cells.setdefault(named_key(users[leader].name), Cell(asked.period))
        cell.target = cell.target.plus(whole[leader])
        cell.aimed_at += aimed[leader]
        for id in line.below(leader):
            if id in found:
                cell.add(found[id])
    alone = [id for id in line.tops if not line.reports[id] and (whole[id] != Target() or id in found)]
    others = [id for id in found if id not in users]
    if alone or others:
        cell = cells.setdefault(named_key(None), Cell(asked.period))
        for id in (*alone, *others):
            cell.target = cell.target.plus(whole.get(id, Target()))
            cell.aimed_at += aimed.get(id, 0)
            if id in found:
                cell.add(found[id])
    return {
        key: cell for key, cell in cells.items() if cell.target != Target() or cell.deals or cell.committed
    }


def managers_of(line: Line, users: dict[int, Person]) -> Callable[[Any], Iterable[Key]]:
    """The rows of by_manager that somebody's deals are in: of those above them, and their own."""
    rows: dict[Any, list[Key]] = {}
    for leader in line.walk():
        if line.reports[leader]:
            for id in line.below(leader):
                rows.setdefault(id, []).append(named_key(users[leader].name))
    return lambda id: rows.get(id) or [named_key(None)]


def by_time(
    asked: Asked,
    key_of: Callable[[Any], Key],
    found: dict[Any, Cell],
    deals: Mapping[Any, Counter[Any]],
    line: Line,
    quotas: Quotas,
) -> dict[Key, Cell]:
    """Every month or quarter of the period; a quota counts in the one that holds all of its days."""
    cells: dict[Key, Cell] = {}
    for month in months(asked.period):
        key = key_of(month)
        first = max(asked.period.start, date.fromisoformat(f"{month}-01"))
        last = min(asked.period.end, last_of_month(int(month[:4]), int(month[5:7])))
        start = cells[key].period.start if key in cells else first
        cells.setdefault(key, Cell(asked.period)).period = Period(start, last, key.name)
    for month, cell in found.items():
        cells[key_of(month)].add(cell)
    within: dict[Key, list[Quota]] = {}
    for quota in quotas.known:
        key = key_of(quota.start[:7])
        if key == key_of(quota.end[:7]):
            within.setdefault(key, []).append(quota)
    won_in: dict[Key, Counter[Any]] = {}
    for month, owners in deals.items():
        won_in.setdefault(key_of(month), Counter()).update(owners)
    for key, those in within.items():
        cells[key].target = total_target(asked, line, those)
        cells[key].aimed_at = total_aimed_at(asked, line, those, won_in.get(key, {}))
    return cells


# --- targets --------------------------------------------------------------------------------------------


def total_target(asked: Asked, line: Line, those: list[Quota]) -> Target:
    """What quotas of all add up to; those of one person alone are that person's own."""
    if asked.scope.owner_id is not None:
        return own_targets(those).get(asked.scope.owner_id, Target())
    whole = whole_targets(line, those).targets
    total = Target()
    for top in line.tops:
        total = total.plus(whole.get(top, Target()))
    return total


def total_aimed_at(asked: Asked, line: Line, those: list[Quota], won: Mapping[Any, int]) -> int:
    """How many of the deals that everybody won count towards the targets of deals."""
    if asked.scope.owner_id is not None:
        return won.get(asked.scope.owner_id, 0)
    aimed = aimed_at(line, those, won)
    return sum(aimed[top] for top in line.tops)


def aimed_at(line: Line, those: list[Quota], won: Mapping[Any, int]) -> dict[int, int]:
    """The same of everybody with all below them: a target for a team is for the deals of all in it."""
    own = {quota.owner for quota in those if quota.deals is not None and not quota.team}
    teams = {quota.owner for quota in those if quota.deals is not None and quota.team}
    found: dict[int, int] = {}
    for person in reversed(line.walk()):
        if person in teams:
            found[person] = sum(won.get(each, 0) for each in line.below(person))
        else:
            mine = won.get(person, 0) if person in own else 0
            found[person] = mine + sum(found[report] for report in line.reports[person])
    return found
