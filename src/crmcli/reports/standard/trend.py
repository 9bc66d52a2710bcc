"""Sales trend: what was made, won and lost, month by month or quarter by quarter."""

from collections.abc import Iterator
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    closed,
    explain,
    footer,
    head,
    in_one_currency,
    left_out,
    local_day,
    names,
    sums,
    used,
)
from crmcli.result import Chart, Column, Report
from crmcli.rules.win_rate import win_rate
from crmcli.store.reader import Reader
from crmcli.values.periods import months
from crmcli.values.ratios import mean_amount

FORMULAS: Final = {
    "made": "deals made in the month, by the day of their creation on your calendar, whatever became of them",
    "won, lost": "deals closed in the month, by close date",
    "win_rate": "won / (won + lost), in percent",
    "average_won": "won amount / won deals that have an amount",
    "cumulative_won": "won amount from the beginning of the period on",
}


class Cell:
    """What happened in one month or quarter."""

    def __init__(self) -> None:
        self.made = self.won = self.lost = 0
        self.amount = self.valued = 0  # of the won deals, and how many have one

    def figures(self) -> list[Any]:
        return [
            self.made,
            self.won,
            self.lost,
            win_rate(self.won, self.lost),
            self.amount,
            mean_amount(self.amount, self.valued),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """Every month or quarter of the period, those without any deals too; none where there are none in all."""
    condition = closed(asked)
    asked = in_one_currency(reader, asked, condition)
    key_of = names(reader, asked, condition)
    total = Cell()
    cells = {key_of(month): Cell() for month in months(asked.period)}
    for month, deals in made_in(reader, asked):
        for cell in (cells[key_of(month)], total):
            cell.made += deals
    for month, (is_won,), deals, valued, amount in sums(reader, asked, condition, "d.is_won"):
        for cell in (cells[key_of(month)], total):
            if is_won:
                cell.won += deals
                cell.amount += amount
                cell.valued += valued
            else:
                cell.lost += deals
    rows: list[list[Any]] = []
    so_far = 0
    for key, cell in cells.items():
        so_far += cell.amount
        rows.append([key.name, asked.currency, *cell.figures(), so_far])
    made = Report(
        (
            Column(asked.by, asked.by.capitalize()),
            Column("currency", "Currency", hidden=True),
            Column("made", "Made", "number", minor=2),
            Column("won", "Won", "number"),
            Column("lost", "Lost", "number"),
            Column("win_rate", "Win rate", "percent"),
            Column("won_amount", "Won amount", "money"),
            Column("average_won", "Average won", "money", minor=3),
            Column("cumulative_won", "So far", "money", minor=1),
        ),
        rows if total.made + total.won + total.lost else [],
        title=f"Sales trend {asked.period.label} by {asked.by}, {asked.currency}",
        empty=f"No deals were made or closed in {asked.period.label}.",
        refs=None,
        head=head(asked, "trend"),
        total=[None, asked.currency, *total.figures(), so_far],
        notes=[footer(asked, "deals made and closed")],
        chart=Chart("won_amount", "columns"),
    )
    left_out(reader, asked, made, condition)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, condition, key_of)
    return made


def made_in(reader: Reader, asked: Asked) -> Iterator[tuple[str, int]]:
    """The deals that were made in the period: a month, and how many."""
    source, day_of = asked.scope.source, local_day(asked.zone)
    condition = f"{asked.scope.holds} AND {source.created} >= :since AND {source.created} < :until"
    for minute, deals in reader.rows(
        f"SELECT substr({source.created}, 1, 16), count(*) FROM {source.named} WHERE {condition} GROUP BY 1",
        **used(asked, condition),
    ):
        yield day_of(f"{minute}:00Z").isoformat()[:7], deals
