"""Leaderboard: who won most, who is at the top, and who falls behind."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import alone, closed, explain, left_out, names, sums, won
from crmcli.reports.standard._quotas import NO_QUOTA, Quotas, people
from crmcli.reports.standard._said import footer, head
from crmcli.result import Chart, Column, Report
from crmcli.rules.forecast import attainment
from crmcli.rules.quotas import Target, Won, pace, towards
from crmcli.rules.standing import BEHIND, TOP, is_behind, is_top, ranks
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import NONE
from crmcli.store.reader import Reader
from crmcli.values.ratios import share

FORMULAS: Final = {
    "who": "whoever won something, has a quota, or is active and owns a deal, open or closed",
    "rank": "by won amount, the largest first; equal amounts share their rank",
    "won": "deals won with a close date in the period",
    "share": "won amount / won amount of all",
    "win_rate": "won / (won + lost) of the deals closed in the period",
    "quota": "somebody's own, set for periods within this one; those of teams are in crm report attainment",
    "attainment": "amount won on the days of the quota / quota, in percent",
    "pace": "that amount / what the quota comes to by the as-of day, spread evenly over its days; 100 is on time",
    "behind": "with a quota a pace below 80 %; without, less won than half the median of those who own deals",
    "behind, not": "nobody of whom a won deal has no amount, or no rate",
    "top": "the first quarter of the ranking, rounded up, who won something and are not behind",
}


class Cell:
    """What somebody closed, and was to win."""

    def __init__(self) -> None:
        self.won = self.lost = self.amount = 0
        self.unvalued = 0  # won deals whose amount is not in the sum: there is none, or no rate
        self.target = Target()

    def add(self, is_won: int, deals: int, valued: int, amount: int) -> None:
        if is_won:
            self.won += deals
            self.amount += amount
            self.unvalued += deals - valued
        else:
            self.lost += deals

    def figures(self, total: "Cell", asked: Asked, won: Won, people: Iterable[Any]) -> list[Any]:
        reached = towards(self.target.amounts, won, people)
        return [
            self.won,
            self.amount,
            share(self.amount, total.amount),
            win_rate(self.won, self.lost),
            self.target.amount,
            attainment(reached, self.target.amount),
            pace(reached, self.target.amounts, asked.scope.as_of),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """Everybody who sells, ranked by what they won in the period; one person alone is ranked among all."""
    one = asked.scope.owner_id
    everybody = asked._replace(scope=asked.scope._replace(owner_id=None, owner=None), by="owner")
    quotas = Quotas(reader, everybody)
    everybody = quotas.asked
    asked = asked._replace(currency=everybody.currency)
    users = people(reader, everybody)
    cells: dict[Any, Cell] = {}
    total = Cell()
    by_day: dict[Any, Counter[str]] = {}  # what each won
    for id, (is_won, day), deals, valued, amount in sums(
        reader, everybody, closed(everybody), "d.is_won", "d.close_date"
    ):
        for cell in (cells.setdefault(id, Cell()), total):
            cell.add(is_won, deals, valued, amount)
        if is_won:
            by_day.setdefault(id, Counter())[day] += amount
    for id, target in quotas.own().items():
        cells.setdefault(id, Cell()).target = target
        total.target = total.target.plus(target)
    scope = everybody.scope
    own_deals = f"SELECT DISTINCT d.owner_id FROM {scope.source.table} WHERE {scope.holds}"
    owners = {row[0] for row in reader.rows(own_deals, **scope.params)}
    listed: dict[int, Cell] = {}
    for id, person in users.items():
        cell = cells.get(id) or Cell()
        if cell.won or cell.target.amounts or (person.sells and id in owners):
            listed[id] = cell
    owned = [cell.amount for id, cell in listed.items() if id in owners]
    ranked = dict(zip(listed, ranks([cell.amount for cell in listed.values()]), strict=True))
    rows: list[list[Any]] = []
    for id in sorted(listed, key=lambda id: ranked[id]):
        cell, standing = listed[id], None
        figures = cell.figures(total, asked, by_day, [id])
        quota, speed = cell.target.amount, figures[-1]
        if not cell.unvalued and is_behind(cell.amount, owned, quota, speed):
            standing = BEHIND
        elif is_top(ranked[id], cell.amount, len(listed)):
            standing = TOP
        if one in (None, id):
            rows.append([ranked[id], users[id].name, asked.currency, *figures, standing])
    if one is None and None in cells:  # what belongs to nobody is part of the total
        rows.append([None, NONE, asked.currency, *cells[None].figures(total, asked, by_day, [None]), None])
    some = bool(total.target.amounts)
    made = Report(
        (
            Column("rank", "Rank", "number", short="#"),
            Column("owner", "Owner"),
            Column("currency", "Currency", hidden=True),
            Column("deals_won", "Won", "number", minor=4),
            Column("won_amount", "Won amount", "money"),
            Column("share", "Share", "percent", minor=3),
            Column("win_rate", "Win rate", "percent", minor=2),
            Column("quota", "Quota", "money", minor=5, absent=NO_QUOTA, hidden=not some),
            Column("attainment", "Attainment", "percent", minor=1, absent=NO_QUOTA, hidden=not some),
            Column("pace", "Pace", "percent", absent=NO_QUOTA, hidden=not some, ages=True),
            Column("standing", "Standing"),
        ),
        rows,
        title=f"Leaderboard {asked.period.label}, {asked.currency}",
        empty="Nobody owns a deal or has a quota.",
        refs=None,
        head=head(asked, "leaderboard"),
        total=[None, None, asked.currency, *total.figures(total, asked, by_day, by_day), None]
        if one is None
        else None,
        stands_on=footer(asked, f"ranked among {len(listed)} by what was won"),
        chart=Chart("won_amount"),
    )
    quotas.say(made, users)
    left_out(reader, asked, made, won(asked))
    if asked.explain:
        by_owner, condition = asked._replace(by="owner"), closed(asked)
        explain(reader, by_owner, made, FORMULAS, condition, alone(names(reader, by_owner, condition)))
    return made
