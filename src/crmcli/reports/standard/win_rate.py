"""Win rate: of the deals that were closed in a period, how many were won."""

from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    alone,
    closed,
    explain,
    in_one_currency,
    key_cells,
    key_columns,
    left_out,
    names,
    refs_of,
    sums,
)
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.ratios import mean_amount

FORMULAS: Final = {
    "won, lost": "deals closed in the period, by close date",
    "win_rate": "won / (won + lost), in percent; open deals are not in it",
    "value_win_rate": "the same of amounts: won amount / (won amount + lost amount)",
    "average_won": "won amount / won deals that have an amount",
}


class Cell:
    """What was closed in one row."""

    def __init__(self) -> None:
        self.deals = {True: 0, False: 0}  # won and lost
        self.amount = {True: 0, False: 0}
        self.valued = 0  # won deals with an amount

    def add(self, won: bool, deals: int, valued: int, amount: int) -> None:
        self.deals[won] += deals
        self.amount[won] += amount
        self.valued += valued if won else 0

    def figures(self) -> list[Any]:
        return [
            self.deals[True],
            self.deals[False],
            win_rate(self.deals[True], self.deals[False]),
            self.amount[True],
            self.amount[False],
            win_rate(self.amount[True], self.amount[False]),
            mean_amount(self.amount[True], self.valued),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """The win rate by number and by amount, row by row."""
    condition = closed(asked)
    asked = in_one_currency(reader, asked)
    key_of = names(reader, asked, condition)
    cells: dict[Key, Cell] = {}
    total = Cell()
    for key, (is_won,), deals, valued, amount in sums(reader, asked, condition, "d.is_won"):
        for cell in (cells.setdefault(key_of(key), Cell()), total):
            cell.add(bool(is_won), deals, valued, amount)
    made = Report(
        (
            *key_columns(asked),
            Column("currency", "Currency", hidden=True),
            Column("won", "Won", "number"),
            Column("lost", "Lost", "number"),
            Column("win_rate", "Win rate", "percent"),
            Column("won_amount", "Won amount", "money"),
            Column("lost_amount", "Lost amount", "money", minor=2),
            Column("value_win_rate", "By value", "percent", minor=1),
            Column("average_won", "Average won", "money", minor=3),
        ),
        [[*key_cells(asked, key), asked.currency, *cell.figures()] for key, cell in in_place(cells.items())],
        title=f"Win rate {asked.period.label} by {asked.by}, {asked.currency}",
        empty=f"No deals were closed in {asked.period.label}.",
        refs=refs_of(asked),
        head=head(asked, "win-rate"),
        total=[*key_cells(asked, None), asked.currency, *total.figures()],
        stands_on=footer(asked, "deals closed"),
        chart=Chart("win_rate"),
    )
    left_out(reader, asked, made, condition)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, condition, alone(key_of))
    return made
