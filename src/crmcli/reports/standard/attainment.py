"""Attainment: what was won of each quota, how fast, and what it comes to with what is committed."""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import explain, footer, head, in_place, left_out, names, sums, won
from crmcli.reports.standard._quotas import NO_QUOTA, Person, Quotas, pace_of, people
from crmcli.result import Chart, Column, Report
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import Line, Quota, Target, own_targets, whole_targets
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.dates import last_of_month
from crmcli.values.money import amount_words
from crmcli.values.periods import Period, months

FORMULAS: Final = {
    "quota": "those set for periods within this one; a quarter's rather than its months'",
    "won": "amounts of the deals won with a close date in the period",
    "attainment": "won / quota, in percent",
    "gap": "quota - won, never below 0",
    "pace": "attainment / share of the period's days that have passed, today among them; 100 is on time",
    "projected": "(won + open deals in Commit that close in the rest of the period) / quota; no adjustments",
    "manager": "somebody with all below them: the quota set for the team, else the sum of their own",
    "total": "what was set for the teams at the top, else the sum of all",
}


class Cell:
    """What came of one row's target."""

    def __init__(self, period: Period) -> None:
        self.period = period
        self.target = Target()
        self.deals = self.won = self.committed = 0

    def add(self, other: "Cell") -> None:
        self.deals += other.deals
        self.won += other.won
        self.committed += other.committed

    def figures(self, asked: Asked) -> list[Any]:
        quota = self.target.amount
        reached = attainment(self.won, quota)
        return [
            quota,
            self.won,
            reached,
            gap(self.won, quota),
            pace_of(reached, self.period, asked),
            attainment(self.won + self.committed, quota),
            self.target.deals,
            self.deals,
            attainment(self.deals, self.target.deals),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """What was won of the quotas: by person, by team, by manager with all below, or by month."""
    condition, coming = won(asked), committed(asked)
    quotas = Quotas(reader, asked, condition, coming)
    asked = quotas.asked
    users = people(reader, asked)
    key_of = names(reader, asked, condition)
    found: dict[Any, Cell] = {}  # by what SQL groups by
    for each in sums(reader, asked, condition):
        cell = found.setdefault(each.key, Cell(asked.period))
        cell.deals += each.deals
        cell.won += each.amount
    for each in sums(reader, asked, coming):
        found.setdefault(each.key, Cell(asked.period)).committed += each.amount
    total = Cell(asked.period)
    for cell in found.values():
        total.add(cell)
    line = Line({id: person.manager for id, person in users.items()})
    total.target = total_target(asked, line, quotas.known)
    if asked.by in ("month", "quarter"):
        cells = by_time(asked, key_of, found, line, quotas)
    elif asked.by == "manager" and asked.scope.owner_id is None:
        cells = by_manager(asked, users, found, line, quotas)
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
            *mismatches(line, quotas, users),
        ]
    elif asked.by not in ("month", "quarter") and any(quota.team for quota in quotas.known):
        made.notes.insert(0, "What is set for a team is in the total, and in no row: --by manager")
    quotas.say(made, users)
    left_out(reader, asked, made, condition, coming)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, f"(({condition}) OR ({coming}))", key_of)
    return made


def committed(asked: Asked) -> str:
    """The open deals that are in Commit and close in what is left of the period."""
    return (
        f"{asked.scope.holds} AND d.is_closed = 0 AND d.category IN ('Commit', 'Closed')"
        f" AND d.close_date BETWEEN :start AND :end AND d.close_date >= '{asked.as_of.isoformat()}'"
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
        cell.target = cell.target.plus(own.get(id, Target()))
        if id in found:
            cell.add(found[id])
    return cells


def by_manager(
    asked: Asked, users: dict[int, Person], found: dict[Any, Cell], line: Line, quotas: Quotas
) -> dict[Key, Cell]:
    """Those who lead others, each with all below them, as `crm quota show` has teams; and who is in none."""
    whole, _ = whole_of(line, quotas.known)
    cells: dict[Key, Cell] = {}
    for leader in line.walk():
        if not line.reports[leader]:
            continue
        cell = cells.setdefault(named_key(users[leader].name), Cell(asked.period))
        cell.target = cell.target.plus(whole[leader])
        for id in line.below(leader):
            if id in found:
                cell.add(found[id])
    alone = [id for id in line.tops if not line.reports[id] and (whole[id] != Target() or id in found)]
    others = [id for id in found if id not in users]
    if alone or others:
        cell = cells.setdefault(named_key(None), Cell(asked.period))
        for id in (*alone, *others):
            cell.target = cell.target.plus(whole.get(id, Target()))
            if id in found:
                cell.add(found[id])
    return {
        key: cell for key, cell in cells.items() if cell.target != Target() or cell.deals or cell.committed
    }


def by_time(
    asked: Asked, key_of: Callable[[Any], Key], found: dict[Any, Cell], line: Line, quotas: Quotas
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
    for key, those in within.items():
        cells[key].target = total_target(asked, line, those)
    return cells


# --- targets --------------------------------------------------------------------------------------------


def whole_of(line: Line, those: list[Quota]) -> tuple[dict[int, Target], dict[int, tuple[int, int]]]:
    return whole_targets(line, own_targets(those), own_targets(those, team=True))


def total_target(asked: Asked, line: Line, those: list[Quota]) -> Target:
    """What quotas of all add up to; those of one person alone are that person's own."""
    if asked.scope.owner_id is not None:
        return own_targets(those).get(asked.scope.owner_id, Target())
    whole, _ = whole_of(line, those)
    total = Target()
    for top in line.tops:
        total = total.plus(whole.get(top, Target()))
    return total


def mismatches(line: Line, quotas: Quotas, users: dict[int, Person]) -> list[str]:
    """The teams that were given another quota than those of their members come to."""
    currency = quotas.asked.currency or quotas.asked.home
    return [
        f"Mismatch: the team of {users[leader].name} has {amount_words(given, currency)},"
        f" the quotas of its members come to {amount_words(summed, currency)}"
        for leader, (given, summed) in whole_of(line, quotas.known)[1].items()
    ]
