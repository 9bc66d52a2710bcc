"""Sources: what the leads of each became, and brought."""

from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    alone,
    closed,
    explain,
    in_one_currency,
    left_out,
    names,
    sums,
    won,
)
from crmcli.reports.standard._records import by_then, owned, tables, there, within
from crmcli.reports.standard._said import EXPLAINED, footer, head, in_place
from crmcli.result import Chart, Column, Report
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import Key, named_key
from crmcli.store.reader import Reader
from crmcli.values.ratios import mean_amount, share

FORMULAS: Final = {
    "leads": "leads made in the period",
    "converted": "of these, the leads that are converted by the as-of day",
    "conversion_rate": "converted / leads, in percent",
    "deals": "deals made in the period",
    "won, lost": "deals closed in the period, by close date, whenever they were made",
    "win_rate": "won / (won + lost), in percent; open deals are not in it",
    "average_won": "won amount / won deals that have an amount",
    "won_per_lead": "won amount / leads",
}


class Cell:
    """What became of one source."""

    def __init__(self) -> None:
        self.leads = self.converted = self.deals = self.won = self.lost = self.valued = self.amount = 0

    def figures(self) -> list[Any]:
        return [
            self.leads,
            self.converted,
            share(self.converted, self.leads),
            self.deals,
            self.won,
            self.lost,
            win_rate(self.won, self.lost),
            self.amount,
            mean_amount(self.amount, self.valued),
            mean_amount(self.amount, self.leads),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """The leads, the deals and what was won, source by source."""
    asked = in_one_currency(reader, asked._replace(by="source"))
    counted = f"{asked.scope.holds} AND ({new(asked)} OR {over()})"
    key_of = names(reader, asked, counted)
    cells: dict[Key, Cell] = {}
    total = Cell()
    for key, leads, converted in leads_of(reader, asked):
        for cell in (cells.setdefault(key_of(key), Cell()), total):
            cell.leads += leads
            cell.converted += converted
    for key, _, deals, _, _ in sums(reader, asked, f"{asked.scope.holds} AND {new(asked)}"):
        for cell in (cells.setdefault(key_of(key), Cell()), total):
            cell.deals += deals
    for key, (is_won,), deals, valued, amount in sums(reader, asked, closed(asked), "d.is_won"):
        for cell in (cells.setdefault(key_of(key), Cell()), total):
            if is_won:
                cell.won += deals
                cell.valued += valued
                cell.amount += amount
            else:
                cell.lost += deals
    made = Report(
        (
            Column("source", "Source"),
            Column("currency", "Currency", hidden=True),
            Column("leads", "Leads", "number"),
            Column("converted", "Converted", "number", minor=3),
            Column("conversion_rate", "Conversion", "percent", short="Conv.", minor=1),
            Column("deals", "Deals", "number", minor=4),
            Column("won", "Won", "number"),
            Column("lost", "Lost", "number", minor=6),
            Column("win_rate", "Win rate", "percent"),
            Column("won_amount", "Won amount", "money"),
            Column("average_won", "Average won", "money", short="Average", minor=5),
            Column("won_per_lead", "Per lead", "money", minor=2),
        ),
        [[key.name, asked.currency, *cell.figures()] for key, cell in in_place(cells.items())],
        title=f"Source return {asked.period.label}, {asked.currency}",
        empty=f"No leads or deals were made and no deals were closed in {asked.period.label}.",
        refs=None,
        head=head(asked, "source-return"),
        total=[None, asked.currency, *total.figures()],
        stands_on=footer(asked, "leads and deals made, deals closed"),
        chart=Chart("won_amount"),
    )
    left_out(reader, asked, made, won(asked))
    if asked.explain:
        explain(reader, asked, made, FORMULAS, counted, alone(key_of))
        tell_leads(reader, asked, made)
    return made


# --- what is counted ----------------------------------------------------------------------------------


def new(asked: Asked) -> str:
    """The deals that were made in the period."""
    made = "SELECT m.id FROM opportunity AS m WHERE m.created_at >= :since AND m.created_at < :until"
    return f"{asked.scope.source.id} IN ({made})"


def over() -> str:
    """The deals that were closed in the period."""
    return "(d.is_closed = 1 AND d.close_date BETWEEN :start AND :end)"


def leads_sql(reader: Reader, asked: Asked) -> tuple[str, str]:
    """The leads `l` that were made in the period, as FROM and WHERE, and whether one is converted by then.

    It is converted once: when it was, is known better than when that was recorded.
    """
    return (
        f"FROM {tables(reader, asked)('lead')} AS l JOIN lead AS x ON x.id = l.id"
        f" WHERE {there(asked, 'l')}{owned(asked, 'l')} AND {within(asked, 'l.created_at')}",
        f"CASE WHEN {by_then(asked, 'x.converted_at')} THEN 1 ELSE 0 END",
    )


def leads_of(reader: Reader, asked: Asked) -> list[tuple[Any, int, int]]:
    """How many leads were made in the period, and how many of them were converted, by source."""
    found, converted = leads_sql(reader, asked)
    rows = reader.rows(f"SELECT l.source, count(*), sum({converted}) {found} GROUP BY 1", **asked.bounds)
    return [(source, leads, int(done)) for source, leads, done in rows]


def tell_leads(reader: Reader, asked: Asked, report: Report) -> None:
    """Add to what is explained which leads were counted."""
    found, converted = leads_sql(reader, asked)
    leads: dict[Key, list[dict[str, Any]]] = {}
    for source, id, name, done in reader.rows(
        f"SELECT l.source, l.id, l.name, {converted} {found} ORDER BY 2", **asked.bounds
    ):
        lead = {"ref": reference("lead", id), "name": name, "converted": bool(done)}
        leads.setdefault(named_key(source), []).append(lead)
    ordered = in_place(leads.items())
    report.tail["explain"]["leads"] = [
        {"key": key.name, "counted": len(each), "leads": each} for key, each in ordered
    ]
    for key, each in ordered:
        shown = [
            f"{lead['ref']} {'converted' if lead['converted'] else 'not converted'}"
            for lead in each[:EXPLAINED]
        ]
        more = [f"and {len(each) - EXPLAINED} more"] if len(each) > EXPLAINED else []
        report.explain.append(f"{key.name}: leads counted: {len(each)}: {', '.join([*shown, *more])}")
