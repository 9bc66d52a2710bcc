"""Sales velocity: what the pipeline brings a day, from the deals that are open and those that were closed."""

from fractions import Fraction
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    alone,
    closed,
    closings,
    explain,
    in_one_currency,
    key_cells,
    key_columns,
    left_out,
    names,
    not_timed,
    open_now,
    refs_of,
    sums,
    won,
)
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.cycle_time import cycle_days
from crmcli.rules.velocity import velocity
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.ratios import mean, mean_amount

NONE: Final = "n/a"
FORMULAS: Final = {
    "velocity": "open deals × win rate × average won / cycle days: money a day, from unrounded factors",
    "open_deals": "deals open on the as-of day, whenever they are to close",
    "win_rate": "won / (won + lost) of the deals closed in the period",
    "average_won": "won amount / won deals that have an amount",
    "cycle_days": "the mean of the days from the creation of a won deal to its close",
    "closed, won": "the deals that the win rate is founded on, and those of the average and the days",
    "n/a": "a factor is missing: nothing closed, nothing won, or all won on the day they were made",
}


class Cell:
    """The factors of one row, each as what it is the quotient of."""

    def __init__(self) -> None:
        self.open = 0
        self.won = self.lost = 0
        self.amount = self.valued = 0  # of the won deals, and how many have one
        self.days = self.timed = 0  # likewise

    def figures(self) -> list[Any]:
        brought = velocity(
            self.open,
            fraction(self.won, self.won + self.lost),
            fraction(self.amount, self.valued),
            fraction(self.days, self.timed),
        )
        return [
            self.open,
            win_rate(self.won, self.lost),
            mean_amount(self.amount, self.valued),
            mean(self.days, self.timed),
            brought,
            self.won + self.lost,
            self.won,
        ]


def fraction(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def report(reader: Reader, asked: Asked) -> Report:
    """The sales velocity with each of its factors, row by row."""
    those_open, those_closed, those_won = open_now(asked), closed(asked), won(asked)
    either = f"(({those_open}) OR ({those_closed}))"
    asked = in_one_currency(reader, asked)
    key_of = names(reader, asked, either)
    cells: dict[Key, Cell] = {}
    total = Cell()
    for key, (is_closed, is_won), deals, valued, amount in sums(
        reader, asked, either, "d.is_closed", "d.is_won"
    ):
        for cell in (cells.setdefault(key_of(key), Cell()), total):
            if not is_closed:
                cell.open += deals
            elif is_won:
                cell.won += deals
                cell.valued += valued
                cell.amount += amount
            else:
                cell.lost += deals
    untimed: list[int] = []
    for deal in closings(reader, asked, those_won):
        days = cycle_days(deal.made, deal.closed)
        if days is None:
            untimed.append(deal.id)
            continue
        for cell in (cells[key_of(deal.key)], total):
            cell.days += days
            cell.timed += 1
    made = Report(
        (
            *key_columns(asked),
            Column("currency", "Currency", hidden=True),
            Column("open_deals", "Open deals", "number", short="Open"),
            Column("win_rate", "Win rate", "percent", absent=NONE),
            Column("average_won", "Average won", "money", absent=NONE, minor=1),
            Column("cycle_days", "Cycle days", "number", short="Cycle", absent=NONE, minor=2),
            Column("velocity", "Velocity", "money", absent=NONE),
            Column("closed", "Closed", "number", minor=3),
            Column("won", "Won", "number", minor=4),
        ),
        [[*key_cells(asked, key), asked.currency, *cell.figures()] for key, cell in in_place(cells.items())],
        title=f"Sales velocity {asked.period.label} by {asked.by}, {asked.currency} a day",
        empty=f"No deals are open, and none were closed in {asked.period.label}.",
        refs=refs_of(asked),
        head=head(asked, "velocity"),
        total=[*key_cells(asked, None), asked.currency, *total.figures()],
        notes=[founded(total)],
        stands_on=footer(asked, "open deals × win rate, average and days of those closed"),
        chart=Chart("velocity"),
    )
    left_out(reader, asked, made, those_won)
    not_timed(made, untimed)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, either, alone(key_of))
    return made


def founded(total: Cell) -> str:
    closed_deals = total.won + total.lost
    return f"Founded on {closed_deals} closed deal{'' if closed_deals == 1 else 's'}, {total.won} of them won"
