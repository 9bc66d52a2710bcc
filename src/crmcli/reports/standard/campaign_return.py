"""Campaign return: what became of the leads and deals of each campaign, and what it brought for its cost."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import (
    alone,
    explain,
    in_one_currency,
    left_out,
    local_day,
    sums,
)
from crmcli.reports.standard._said import footer, head, in_place, named
from crmcli.result import Chart, Column, Report
from crmcli.rules.campaign_return import Cost, campaign_return, cost_each, cost_of
from crmcli.rules.rates import NO_RATE
from crmcli.rules.win_rate import win_rate
from crmcli.store.groups import Key, named_key
from crmcli.store.past import Past
from crmcli.store.reader import Reader
from crmcli.values.ratios import share

FORMULAS: Final = {
    "campaigns": "those that ran in the period and had begun by the as-of day, with all that came of them by then;"
    " (none): leads and deals made in the period that name none",
    "conversion_rate": "converted / leads, in percent",
    "win_rate": "won / (won + lost), in percent; open deals are not in it",
    "cost": "the actual cost, or the budgeted one where that is not known, at the rate of the first day",
    "return": "(won amount - cost) / cost, in percent; n/a where the cost is 0 or not known",
    "cost_per_lead, cost_per_won": "cost / leads, cost / won deals; in the total, as the return, of the"
    " campaigns whose cost is known",
}
NOT_BEGUN: Final = "not begun"
# A campaign `c` whose making was not undone.
MADE: Final = (
    "EXISTS (SELECT 1 FROM change AS m JOIN entry AS e ON e.id = m.entry_id WHERE m.entity = 'campaign'"
    " AND m.op = 'add' AND c.id BETWEEN m.first_id AND m.last_id AND e.undone_by IS NULL)"
)


class Campaign(NamedTuple):
    """A campaign; its cost is in its own currency."""

    key: Key
    owner_id: int | None
    begun: str  # its first day, or the day it was made
    last: str | None  # none of one that goes on
    cost: Cost | None
    currency: str | None


class Cell:
    """What became of one row."""

    def __init__(self) -> None:
        self.leads = self.converted = self.deals = self.won = self.lost = self.amount = 0
        self.cost: int | None = None
        self.kind: str | None = None

    def add(self, other: "Cell") -> None:
        for name in ("leads", "converted", "deals", "won", "lost", "amount"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.cost is not None:
            self.cost = (self.cost or 0) + other.cost

    def figures(self, costing: "Cell | None" = None) -> list[Any]:
        """The row; what is reckoned with the cost may be that of other cells."""
        paid = costing or self
        return [
            self.leads,
            self.converted,
            share(self.converted, self.leads),
            self.deals,
            self.won,
            win_rate(self.won, self.lost),
            self.amount,
            self.cost,
            self.kind,
            campaign_return(paid.amount, paid.cost),
            cost_each(paid.cost, paid.leads),
            cost_each(paid.cost, paid.won),
        ]


def report(reader: Reader, asked: Asked) -> Report:
    """What campaigns cost and brought, one by one."""
    known = campaigns_of(reader, asked)
    campaigns, later = counted(asked, known)
    condition = deals_of(asked, campaigns, known)
    won = f"{condition} AND d.is_won = 1"
    asked = in_one_currency(reader, asked)
    cells: dict[int | None, Cell] = {id: Cell() for id in campaigns}
    unrated = set_costs(asked, campaigns, cells)
    none = Cell()
    for id, leads, converted in leads_of(reader, asked, campaigns, known):
        cell = cells.get(id, none)
        cell.leads += leads
        cell.converted += converted
    for _, (id, is_closed, is_won), deals, _, amount in sums(
        reader, asked, condition, "d.campaign_id", "d.is_closed", "d.is_won"
    ):
        cell = cells.get(id, none)
        cell.deals += deals
        if is_won:
            cell.won += deals
            cell.amount += amount
        elif is_closed:
            cell.lost += deals
    if none.leads or none.deals:
        cells[None] = none
    total, costing = Cell(), Cell()
    for cell in cells.values():
        total.add(cell)
        if cell.cost is not None:
            costing.add(cell)

    def key_of(id: Any) -> Key:
        return campaigns[id].key if id in campaigns else named_key(None)

    rows = in_place((key_of(id), cell) for id, cell in cells.items())
    made = Report(
        (
            Column("campaign", "Campaign"),
            Column("ref", "Ref", hidden=True),
            Column("currency", "Currency", hidden=True),
            Column("leads", "Leads", "number"),
            Column("converted", "Converted", "number", minor=2),
            Column("conversion_rate", "Conversion", "percent", minor=1),
            Column("deals", "Deals", "number"),
            Column("won", "Won", "number"),
            Column("win_rate", "Win rate", "percent", minor=3),
            Column("won_amount", "Won amount", "money"),
            Column("cost", "Cost", "money", absent="n/a"),
            Column("cost_is", "Cost is", minor=4),
            Column("return", "Return", "percent", absent="n/a", signed=True),
            Column("cost_per_lead", "Per lead", "money", absent="n/a", minor=6),
            Column("cost_per_won", "Per won deal", "money", absent="n/a", minor=5),
        ),
        [[key.name, key.ref, asked.currency, *cell.figures()] for key, cell in rows],
        title=f"Campaign return {asked.period.label}, {asked.currency}",
        empty=f"No campaigns ran in {asked.period.label}.",
        head=head(asked, "campaign-return"),
        total=[None, None, asked.currency, *total.figures(costing)],
        stands_on=footer(asked, "campaigns that ran"),
        chart=Chart("won_amount"),
    )
    left_out(reader, asked, made, won)
    leave_out(made, NOT_BEGUN, later, "in no row")
    for currency, refs in unrated.items():
        leave_out(made, f"{NO_RATE} for {currency}", refs, "with no cost (crm rate set)")
    if asked.explain:
        explain(reader, asked, made, FORMULAS, condition, alone(key_of), "d.campaign_id")
    return made


# --- what is counted ------------------------------------------------------------------------------------


def campaigns_of(reader: Reader, asked: Asked) -> dict[int, Campaign]:
    """All campaigns that are there; in the past also those that had begun before they were recorded."""
    table, there = "campaign AS c", "c.deleted_at IS NULL"
    if asked.scope.moment is not None:
        table = f"{Past(reader)('campaign')} AS c"
        begun = f"c.created_at >= :moment AND c.start_date <= :as_of AND {MADE}"
        there = f"c.there IS NOT NULL OR ({begun})"
    sql = (
        "SELECT c.id, c.name, c.owner_id, c.start_date, c.created_at, c.end_date, c.actual_cost,"
        f" c.budgeted_cost, c.currency FROM {table} WHERE {there} ORDER BY c.id"
    )
    rows = list(reader.rows(sql, **asked.bounds))
    called = Counter(row[1] for row in rows)
    made = local_day(asked.zone)
    found = {}
    for id, name, owner, first, created, last, actual, budgeted, currency in rows:
        ref = reference("campaign", id)
        key = named_key(name if called[name] == 1 else f"{name} ({ref})", ref)
        begun = first or made(created).isoformat()
        found[id] = Campaign(key, owner, begun, last, cost_of(actual, budgeted), currency)
    return found


def counted(asked: Asked, known: Mapping[int, Campaign]) -> tuple[dict[int, Campaign], list[str]]:
    """The campaigns that ran in the period until the as-of day, and those that are to run in it."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    running = {
        id: each
        for id, each in known.items()
        if each.begun <= end
        and (each.last is None or each.last >= start)
        and asked.scope.owner_id in (None, each.owner_id)
    }
    as_of = asked.scope.as_of
    begun = {id: each for id, each in running.items() if each.begun <= as_of and start <= as_of}
    return begun, [str(each.key.ref) for each in running.values() if each.begun > as_of]


def of_rows(
    asked: Asked, row: str, campaigns: Iterable[int], known: Iterable[int], made_in_period: str
) -> str:
    """The condition of what belongs to a row: to a campaign that is counted, or to none and to the period."""
    counted, there = (", ".join(map(str, ids)) or "0" for ids in (campaigns, known))
    owner = f" AND {row}.owner_id = :owner" if asked.scope.owner_id is not None else ""
    none = f"({row}.campaign_id IS NULL OR {row}.campaign_id NOT IN ({there}))"
    return f"({row}.campaign_id IN ({counted}) OR ({none} AND {made_in_period}{owner}))"


def deals_of(asked: Asked, campaigns: Iterable[int], known: Iterable[int]) -> str:
    """The condition of the deals that are counted."""
    source = asked.scope.source
    made = "SELECT m.id FROM opportunity AS m WHERE m.created_at >= :since AND m.created_at < :until"
    return f"{source.holds} AND {of_rows(asked, 'd', campaigns, known, f'{source.id} IN ({made})')}"


def leads_of(
    reader: Reader, asked: Asked, campaigns: Iterable[int], known: Iterable[int]
) -> list[tuple[int | None, int, int]]:
    """How many leads there are of each campaign, and how many of them were converted."""
    table, there, converted = "lead AS l", "l.deleted_at IS NULL", "l.converted_at IS NOT NULL"
    if asked.scope.moment is not None:  # when a lead was converted may be earlier than when that was recorded
        table = f"{Past(reader)('lead')} AS l JOIN lead AS x ON x.id = l.id"
        there, converted = "l.there IS NOT NULL", "x.converted_at < :moment"
    made = "l.created_at >= :since AND l.created_at < :until"
    sql = (
        f"SELECT l.campaign_id, count(*), sum(CASE WHEN {converted} THEN 1 ELSE 0 END) FROM {table}"
        f" WHERE {there} AND {of_rows(asked, 'l', campaigns, known, made)} GROUP BY l.campaign_id"
    )
    return [(id, leads, int(done)) for id, leads, done in reader.rows(sql, **asked.bounds)]


# --- costs ----------------------------------------------------------------------------------------------


def set_costs(
    asked: Asked, campaigns: Mapping[int, Campaign], cells: Mapping[int | None, Cell]
) -> dict[str, list[str]]:
    """Give every row its cost; the campaigns whose cost cannot be converted, by its currency."""
    unrated: dict[str, list[str]] = {}
    into = asked.currency or asked.home
    for id, each in campaigns.items():
        if each.cost is None:
            continue
        currency = each.currency or asked.home
        cost = asked.rates.convert(each.cost.amount, currency, into, each.begun)
        if cost is None:
            unrated.setdefault(currency, []).append(reference("campaign", id))
        else:
            cells[id].cost, cells[id].kind = cost, each.cost.kind
    return unrated


def leave_out(report: Report, why: str, refs: list[str], what: str) -> None:
    """Name the campaigns of which something is not in the figures."""
    if refs:
        report.tail["excluded"] += [{"ref": ref, "reason": why} for ref in refs]
        report.notes.insert(0, named(why, refs, what, "campaign"))
