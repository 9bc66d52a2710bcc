"""Attainment: what was won of each quota, how fast, and what it comes to with what is committed."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

from crmcli.reports.standard import PEOPLE_BY, Asked
from crmcli.reports.standard._deals import alone, explain, left_out, names, sums, won
from crmcli.reports.standard._quotas import NO_QUOTA, Person, Quotas, people
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import Line, Quota, Target, Won, own_targets, pace, towards, whole_targets
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.periods import months

FORMULAS: Final = {
    "quota": "those set for periods within this one; a quarter's rather than its months'",
    "won": "amounts of the deals won with a close date in the period",
    "towards": "of these, what was won on the days of the quotas of whoever won it; who has none counts on the days of"
    " the others",
    "attainment": "towards / quota, in percent",
    "gap": "quota - towards, never below 0",
    "pace": "towards / what the quotas come to by the as-of day, each spread evenly over its days; 100 is on time",
    "projected": "(towards + open deals in Commit that are to close on the rest of their days) / quota; no"
    " adjustments",
    "manager": "somebody with all below them: the quota set for the team, else the sum of their own",
    "of_deals": "deals won / deals to win, on the days of those targets",
    "total": "what was set for the teams at the top, else the sum of all",
}


class Book:
    """What everybody won, and what is committed, by owner and day."""

    def __init__(self) -> None:
        self.won: dict[Any, Counter[str]] = {}
        self.deals: dict[Any, Counter[str]] = {}
        self.committed: dict[Any, Counter[str]] = {}


class Cell:
    """What came of one row's target, and whose deals are in it: everybody's where nobody is named."""

    def __init__(self) -> None:
        self.target = Target()
        self.people: list[Any] = []
        self.deals = self.won = 0

    def add(self, other: "Cell") -> None:
        self.deals += other.deals
        self.won += other.won

    def figures(self, asked: Asked, book: Book) -> list[Any]:
        target, quota = self.target, self.target.amount

        def reached_in(won: Won) -> int:
            return towards(target.amounts, won, self.people or won)

        reached = reached_in(book.won)
        return [
            quota,
            self.won,
            reached if target.amounts else None,
            attainment(reached, quota),
            gap(reached, quota),
            pace(reached, target.amounts, asked.scope.as_of),
            attainment(reached + reached_in(book.committed), quota),
            target.deals,
            self.deals,
            attainment(towards(target.counts, book.deals, self.people or book.deals), target.deals),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """What was won of the quotas: by person, by team, by manager with all below, or by month."""
    condition, coming = won(asked), committed(asked)
    quotas = Quotas(reader, asked)
    asked = quotas.asked
    users = people(reader, asked)
    key_of = names(reader, asked, condition)
    found: dict[Any, Cell] = {}  # by what SQL groups by
    book = Book()
    total = Cell()
    for key, (owner, day), deals, _, amount in sums(reader, asked, condition, "d.owner_id", "d.close_date"):
        for cell in (found.setdefault(key, Cell()), total):
            cell.deals += deals
            cell.won += amount
        book.won.setdefault(owner, Counter())[day] += amount
        book.deals.setdefault(owner, Counter())[day] += deals
    for key, (owner, day), _, _, amount in sums(reader, asked, coming, "d.owner_id", "d.close_date"):
        found.setdefault(key, Cell())
        book.committed.setdefault(owner, Counter())[day] += amount
    line = Line({id: person.manager for id, person in users.items()})
    total.target = total_target(asked, line, quotas.known)
    rows_of = alone(key_of)
    if asked.by in ("month", "quarter"):
        cells = by_time(asked, key_of, found, line, quotas)
    elif asked.by == "manager" and asked.scope.owner_id is None:
        cells = by_manager(asked, users, found, line, quotas)
        rows_of = managers_of(line, users)
    else:
        cells = by_people(asked, users, key_of, found, quotas)
    rows = [[key.name, asked.currency, *cell.figures(asked, book)] for key, cell in in_place(cells.items())]
    all_of_it = [None, asked.currency, *total.figures(asked, book)]
    part = any(row[4] not in (None, row[3]) for row in (*rows, all_of_it))
    counted = any(quota.deals is not None for quota in quotas.known)
    made = Report(
        (
            Column(asked.by, asked.by.capitalize()),
            Column("currency", "Currency", hidden=True),
            Column("quota", "Quota", "money", absent=NO_QUOTA),
            Column("won", "Won", "money"),
            Column(
                "towards",
                "Towards quota",
                "money",
                short="Towards",
                minor=4,
                absent=NO_QUOTA,
                hidden=not part,
            ),
            Column("attainment", "Attainment", "percent", short="Of quota", absent=NO_QUOTA),
            Column("gap", "Gap", "money", minor=3, absent=NO_QUOTA),
            Column("pace", "Pace", "percent", minor=1, absent=NO_QUOTA, ages=True),
            Column("projected", "Projected", "percent", minor=2, absent=NO_QUOTA),
            Column("deals_quota", "Deals to win", "number", minor=6, hidden=not counted),
            Column("deals_won", "Deals won", "number", minor=4),
            Column("deals_attainment", "Of deals", "percent", minor=5, hidden=not counted),
        ),
        rows,
        title=f"Attainment {asked.period.label} by {asked.by}, {asked.currency}",
        empty="There is nobody who could have a quota.",
        refs=None,
        head=head(asked, "attainment"),
        total=all_of_it,
        stands_on=footer(asked, "deals won"),
        chart=Chart("attainment"),
    )
    if asked.by == "manager" and asked.scope.owner_id is None:
        made.notes = [
            "Each manager stands with all below them, themselves too",
            *whole_targets(line, quotas.known).sentences(
                {id: person.name for id, person in users.items()}, asked.currency or asked.home
            ),
        ]
    elif asked.by in PEOPLE_BY and asked.scope.owner_id is None and any(quota.team for quota in quotas.known):
        made.notes = ["What is set for a team is in the total, and in no row: --by manager"]
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
        cell = cells.setdefault(key_of(id), Cell())
        cell.target = cell.target.plus(own.get(id, Target()))
        cell.people.append(id)
        if id in found:
            cell.add(found[id])
    return cells


def by_manager(
    asked: Asked, users: dict[int, Person], found: dict[Any, Cell], line: Line, quotas: Quotas
) -> dict[Key, Cell]:
    """Those who lead others, each with all below them, as `crm quota show` has teams; and who is in none."""
    whole = whole_targets(line, quotas.known).targets
    cells: dict[Key, Cell] = {}
    for leader in line.walk():
        below = line.below(leader)
        if not line.reports[leader] or not (whole[leader] != Target() or found.keys() & below):
            continue
        cell = cells.setdefault(named_key(users[leader].name), Cell())
        cell.target = cell.target.plus(whole[leader])
        cell.people += below
        for id in below:
            if id in found:
                cell.add(found[id])
    alone = [id for id in line.tops if not line.reports[id] and (whole[id] != Target() or id in found)]
    others = [id for id in found if id not in users]
    if alone or others:
        cell = cells.setdefault(named_key(None), Cell())
        for id in (*alone, *others):
            cell.target = cell.target.plus(whole.get(id, Target()))
            cell.people.append(id)
            if id in found:
                cell.add(found[id])
    return cells


def managers_of(line: Line, users: dict[int, Person]) -> Callable[[Any], Iterable[Key]]:
    """The rows of by_manager that somebody's deals are in: of those above them, and their own."""
    rows: dict[Any, list[Key]] = {}
    for leader in line.walk():
        if line.reports[leader]:
            for id in line.below(leader):
                rows.setdefault(id, []).append(named_key(users[leader].name))
    return lambda id: rows.get(id) or [named_key(None)]


def by_time(
    asked: Asked, key_of: Callable[[Any], Key], found: dict[Any, Cell], line: Line, quotas: Quotas
) -> dict[Key, Cell]:
    """Every month or quarter of the period; a quota counts in the one that holds all of its days."""
    cells = {key_of(month): Cell() for month in months(asked.period)}
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


def total_target(asked: Asked, line: Line, those: list[Quota]) -> Target:
    """What quotas of all add up to; those of one person alone are that person's own."""
    if asked.scope.owner_id is not None:
        return own_targets(those).get(asked.scope.owner_id, Target())
    whole = whole_targets(line, those).targets
    total = Target()
    for top in line.tops:
        total = total.plus(whole.get(top, Target()))
    return total
