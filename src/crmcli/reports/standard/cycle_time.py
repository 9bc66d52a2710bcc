"""Cycle time: how many days won deals took, from their creation, and from that of the lead they came from."""

from collections import Counter
from typing import Any, Final

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    alone,
    closings,
    explain,
    key_cells,
    key_columns,
    local_day,
    names,
    not_timed,
    refs_of,
    won,
)
from crmcli.reports.standard._said import footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.cycle_time import cycle_days, spread
from crmcli.store.groups import Key
from crmcli.store.reader import Reader

FORMULAS: Final = {
    "deals": "deals won in the period, by close date, of which both days are known",
    "days": "close date - day of creation, on your calendar; 0 where both are one day",
    "mean": "days of all / deals, to 0.1",
    "median": "half of the deals took no longer, half no less",
    "from lead": "the same from the creation of the lead that became the deal, where there was one",
}


class Cell:
    """How long the deals of one row took: numbers of days, each with how many deals took it."""

    def __init__(self) -> None:
        self.days: Counter[int] = Counter()
        self.days_of_lead: Counter[int] = Counter()

    def figures(self) -> list[Any]:
        own, lead = spread(self.days), spread(self.days_of_lead)
        return [*own, lead.deals, lead.mean, lead.median]


def report(reader: Reader, asked: Asked) -> Report:
    """The mean, the median, the least and the most of the days that won deals took, row by row."""
    condition = won(asked)
    key_of = names(reader, asked, condition)
    leads, day = leads_of(reader, asked), local_day(asked.zone)
    cells: dict[Key, Cell] = {}
    total = Cell()
    untimed: list[int] = []
    for deal in closings(reader, asked, condition):
        days = cycle_days(deal.made, deal.closed)
        if days is None:
            untimed.append(deal.id)
            continue
        lead = leads.get(deal.id)
        days_of_lead = None if lead is None else cycle_days(day(lead), deal.closed)
        for cell in (cells.setdefault(key_of(deal.key), Cell()), total):
            cell.days[days] += 1
            if days_of_lead is not None:
                cell.days_of_lead[days_of_lead] += 1
    made = Report(
        (
            *key_columns(asked),
            Column("deals", "Deals", "number"),
            Column("mean_days", "Mean days", "number", short="Mean"),
            Column("median_days", "Median days", "number", short="Median"),
            Column("shortest_days", "Shortest", "number", minor=3),
            Column("longest_days", "Longest", "number", minor=4),
            Column("from_lead", "From leads", "number", minor=5),
            Column("lead_mean_days", "Mean from lead", "number", short="Lead mean", minor=2),
            Column("lead_median_days", "Median from lead", "number", short="Lead median", minor=1),
        ),
        [[*key_cells(asked, key), *cell.figures()] for key, cell in in_place(cells.items())],
        title=f"Cycle time {asked.period.label} by {asked.by}, in days",
        empty=f"No deals were won in {asked.period.label}.",
        refs=refs_of(asked),
        head=head(asked, "cycle-time"),
        total=[*key_cells(asked, None), *total.figures()],
        stands_on=footer(asked, "deals won"),
        chart=Chart("median_days"),
    )
    not_timed(made, untimed)
    if asked.explain:
        explain(reader, asked, made, FORMULAS, condition, alone(key_of))
    return made


def leads_of(reader: Reader, asked: Asked) -> dict[int, str]:
    """When the lead of each deal was made, of the deals that came from one; the first where there are several."""
    there, moment = "deleted_at IS NULL", asked.scope.moment
    if moment is not None:
        there = "converted_at < :moment AND (deleted_at IS NULL OR deleted_at >= :moment)"
    found = reader.rows(
        f"SELECT converted_opp_id, min(created_at) FROM lead WHERE converted_opp_id IS NOT NULL AND {there}"
        " GROUP BY 1",
        **asked.bounds,
    )
    return dict(found)
