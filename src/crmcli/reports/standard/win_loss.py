"""Won and lost: why deals are lost, and where; a row for each reason, stage, person, …, and one for the won."""

import json
from collections.abc import Callable
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    Closing,
    closed,
    closings,
    explain_those,
    in_one_currency,
    key_cells,
    key_columns,
    left_out,
    names,
    not_timed,
    refs_of,
)
from crmcli.reports.standard._records import COUNTS
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.cycle_time import cycle_days
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.ratios import mean, share

WON: Final = Key("Won", None, (2,))  # the last row
FORMULAS: Final = {
    "deals": "deals closed in the period, by close date; the won ones stand together in a row of their own",
    "reason": "why a deal was lost, as it is given now, or as it was before the deal was opened again",
    "stage": "the last open stage before the loss; (none) where the deal came to us lost",
    "share": "lost deals of the row / all lost deals",
    "share_of_amount": "lost amount of the row / all lost amounts",
    "average_days": "the mean of the days from the creation of a deal to its close",
}


class Cell:
    """What was closed in one row."""

    def __init__(self) -> None:
        self.deals = self.amount = 0
        self.days = self.timed = 0  # of the deals whose days are known, and how many these are

    def add(self, amount: int, days: int | None) -> None:
        self.deals += 1
        self.amount += amount
        if days is not None:
            self.days += days
            self.timed += 1

    def figures(self, lost: "Cell | None") -> list[Any]:
        """The figures, with the shares of what was lost where it is part of that."""
        return [
            self.deals,
            share(self.deals, lost.deals) if lost else None,
            self.amount,
            share(self.amount, lost.amount) if lost else None,
            mean(self.days, self.timed),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """The lost deals by what is asked for, the most frequent reason first, and the won ones beside them."""
    condition = closed(asked)
    asked = in_one_currency(reader, asked)
    column, row_of = rows_by(reader, asked, condition)
    deals_of: dict[Key, list[tuple[int, int]]] = {}  # for --explain: amounts and deals
    cells: dict[Key, Cell] = {}
    lost, won, total = Cell(), Cell(), Cell()
    untimed: list[int] = []
    for deal in closings(reader, asked, condition, column):
        days = cycle_days(deal.made, deal.closed)
        if days is None:
            untimed.append(deal.id)
        row = WON if deal.is_won else row_of(deal.id, deal.key)
        mine = (won,) if deal.is_won else (cells.setdefault(row, Cell()), lost)
        amount = worth(asked, deal)
        for cell in (*mine, total):
            cell.add(amount, days)
        if asked.explain:
            deals_of.setdefault(row, []).append((-1 if deal.amount is None else deal.amount, -deal.id))
    ordered = in_place(cells.items())
    if asked.by == "reason":
        ordered.sort(key=lambda row: -row[1].deals)
    found = [[*key_cells(asked, key), "lost", asked.currency, *cell.figures(lost)] for key, cell in ordered]
    if won.deals:
        found.append([*key_cells(asked, WON), "won", asked.currency, *won.figures(None)])
    made = Report(
        (
            *key_columns(asked),
            Column("outcome", "Outcome", hidden=True),
            Column("currency", "Currency", hidden=True),
            Column("deals", "Deals", "number"),
            Column("share", "Of lost", "percent"),
            Column("amount", "Amount", "money"),
            Column("share_of_amount", "Of lost amount", "percent", minor=2),
            Column("average_days", "Average days", "number", short="Days", minor=1),
        ),
        found,
        title=f"Won and lost {asked.period.label} by {asked.by}, {asked.currency}",
        empty=f"No deals were closed in {asked.period.label}.",
        refs=refs_of(asked),
        head=head(asked, "win-loss"),
        total=[*key_cells(asked, None), None, asked.currency, *total.figures(None)],
        stands_on=footer(asked, "deals closed"),
        chart=Chart("share"),
    )
    left_out(reader, asked, made, condition)
    not_timed(made, untimed)
    if asked.explain:
        ids = {row: [-id for _, id in sorted(deals, reverse=True)] for row, deals in deals_of.items()}
        those: dict[Key, list[tuple[int, dict[str, Any]]]] = {
            row: [(id, {}) for id in ids[row]] for row in ids
        }
        explain_those(reader, asked, made, FORMULAS, those)
    return made


def worth(asked: Asked, deal: Closing) -> int:
    """The amount of a deal in the currency of the report; what has none, or no rate, is named apart."""
    assert asked.currency is not None
    if deal.amount is None:
        return 0
    return asked.rates.convert(deal.amount, deal.currency, asked.currency, deal.closed.isoformat()) or 0


# --- the rows -------------------------------------------------------------------------------------------


def rows_by(reader: Reader, asked: Asked, condition: str) -> tuple[str | None, Callable[[int, Any], Key]]:
    """What lost deals are grouped by in SQL, and a function from a deal's id and that to its row."""
    if asked.by == "reason":
        before = reasons_taken_back(reader, asked)
        column = "d.lost_reason" if asked.scope.moment is None else "o.lost_reason"
        return column, lambda id, reason: named_key(before.get(id, reason))
    if asked.by == "stage":
        stages, key_of = last_open_stages(reader, asked), names(reader, asked, condition)
        return None, lambda id, _: key_of(stages[id]) if id in stages else named_key(None)
    key_of = names(reader, asked, condition)
    return None, lambda _, key: key_of(key)


def reasons_taken_back(reader: Reader, asked: Asked) -> dict[int, str]:
    """The reasons that were given on the as-of day and are no longer: changed, or blank in a deal opened again.

    Versions do not keep the reason; the journal has what stood before the first change since.
    """
    if asked.scope.moment is None:
        return {}
    found: dict[int, str] = {}
    for id, before in reader.rows(
        "SELECT c.first_id, c.before FROM change c JOIN entry e ON e.id = c.entry_id"
        f" WHERE c.entity = 'opportunity' AND e.at >= :moment AND {COUNTS} AND c.before LIKE :named"
        " ORDER BY c.id DESC",
        **asked.bounds,
        named='%"lost_reason"%',
    ):
        reason = json.loads(before).get("lost_reason")
        if reason:
            found[id] = reason
    return found


def last_open_stages(reader: Reader, asked: Asked) -> dict[int, str]:
    """The stage that each deal was in when it was lost.

    A stage that was left within the second it was entered is no longer known to have been; it counts where the
    deal was lost in that second.
    """
    moment = asked.scope.moment
    holds = "c.valid_to IS NULL"
    if moment is not None:
        holds = "c.valid_from < :moment AND (c.valid_to IS NULL OR c.valid_to >= :moment)"
    newest = "row_number() OVER (PARTITION BY v.opportunity_id ORDER BY v.valid_from DESC, v.id DESC)"
    found = reader.rows(
        f"SELECT deal, stage FROM (SELECT v.opportunity_id AS deal, v.stage, {newest} AS newest"
        " FROM opportunity_version AS c JOIN opportunity_version AS v ON v.opportunity_id = c.opportunity_id"
        f" WHERE c.recorded_to IS NULL AND {holds} AND c.is_closed = 1 AND c.is_won = 0"
        " AND c.close_date BETWEEN :start AND :end AND v.is_closed = 0 AND v.valid_from <= c.valid_from"
        " AND (v.recorded_to IS NULL OR v.valid_from = c.valid_from)) AS x WHERE newest = 1",
        **asked.bounds,
    )
    return dict(found)
