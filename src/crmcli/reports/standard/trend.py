"""Sales trend: what was made, won and lost, month by month or quarter by quarter."""

from collections.abc import Callable
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    closed,
    explain_those,
    in_one_currency,
    left_out,
    local_day,
    names,
    sums,
)
from crmcli.reports.standard._said import footer, head
from crmcli.result import Chart, Column, Report
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import Key
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
    """Every month or quarter of the period, those without any deals too; as every report on what happened, none
    where nothing did."""
    condition = closed(asked)
    asked = in_one_currency(reader, asked)
    key_of = names(reader, asked, condition)
    total = Cell()
    cells = {key_of(month): Cell() for month in months(asked.period)}
    day_of, source = local_day(asked.zone), asked.scope.source
    for minute, deals in reader.rows(
        f"SELECT substr({source.created}, 1, 16), count(*) FROM {source.named} WHERE {made_in(asked)} GROUP BY 1",
        **asked.bounds,
    ):
        for cell in (cells[key_of(day_of(f"{minute}:00Z").isoformat()[:7])], total):
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
        stands_on=footer(asked, "deals made and closed"),
        chart=Chart("won_amount", "columns"),
    )
    left_out(reader, asked, made, condition)
    if asked.explain:
        explain_those(reader, asked, made, FORMULAS, deals_of(reader, asked, key_of))
    return made


def made_in(asked: Asked) -> str:
    """The deals that were made in the period."""
    created = asked.scope.source.created
    return f"{asked.scope.holds} AND {created} >= :since AND {created} < :until"


def deals_of(
    reader: Reader, asked: Asked, key_of: Callable[[Any], Key]
) -> dict[Key, list[tuple[int, dict[str, Any]]]]:
    """The deals of each row, the largest first, with the columns that they are in."""
    source, day_of = asked.scope.source, local_day(asked.zone)
    found: dict[Key, dict[tuple[int, int], list[str]]] = {}
    ways = (
        (f"'made', {source.created}", made_in(asked)),
        ("CASE WHEN d.is_won = 1 THEN 'won' ELSE 'lost' END, d.close_date", closed(asked)),
    )
    for columns, condition in ways:
        for id, amount, column, at in reader.rows(
            f"SELECT {source.id}, coalesce(d.amount, -1), {columns} FROM {source.named} WHERE {condition}",
            **asked.bounds,
        ):
            day = day_of(at).isoformat() if column == "made" else at
            found.setdefault(key_of(day[:7]), {}).setdefault((-amount, id), []).append(column)
    return {
        key: [(id, {"columns": columns}) for (_, id), columns in sorted(deals.items())]
        for key, deals in found.items()
    }
