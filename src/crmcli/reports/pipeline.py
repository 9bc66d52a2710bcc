"""Pipeline: the open deals by stage."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Chart, Column, Report, Row
from crmcli.rules.forecast import NO_AMOUNT, NO_CLOSE_DATE, weighted
from crmcli.rules.rates import NO_RATE, Rates
from crmcli.store.deals import WEIGHTED, Scope
from crmcli.store.figures import rates as known_rates
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant
from crmcli.values.money import amount_text
from crmcli.values.ratios import mean

NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a stage that --explain shows to people
YEARS: Final = 30  # for which the changes of the clock are looked up


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    currency: str  # the home currency: of rates, and of a pipeline in which there is nothing
    zone: tzinfo
    explain: bool = False
    every: bool = True  # name every deal that was left out or is explained: for programs
    into: str | None = None  # the currency that all is converted to

    @property
    def params(self) -> dict[str, Any]:
        period = self.scope.period
        within = {"start": period.start.isoformat(), "end": period.end.isoformat()} if period else {}
        return {**self.scope.params, **within}

    @property
    def holds(self) -> str:
        """The condition on the deals."""
        within = " AND d.close_date BETWEEN :start AND :end" if self.scope.period else ""
        return self.scope.open + within


class Cell:
    """What the deals of one stage and currency add up to."""

    def __init__(self) -> None:
        self.count = self.blank = self.amount = self.weighted = self.days = 0

    def add(self, count: int, blank: int, amount: int, weighted: int, days: int) -> None:
        self.count += count
        self.blank += blank  # deals without an amount
        self.amount += amount
        self.weighted += weighted
        self.days += days

    def figures(self) -> list[Any]:
        return [self.count, self.amount, self.weighted, mean(self.days, self.count)]


Cells = dict[str, dict[str, Cell]]  # currency -> stage -> cell

# --- SQL ----------------------------------------------------------------------------------------------


def stages_sql(asked: Asked, midnights: Iterable[str]) -> str:
    """The open deals by the day in UTC they were made on, stage and currency.

    Last come how many of them were made at or after each local midnight (they move with the seasons). Days come
    first because there are many of them: where groups have to be sorted, most are told apart by their first key.
    """
    source = asked.scope.source
    clock = f"substr({source.created}, 12)"
    later = "".join(f", sum(CASE WHEN {clock} >= '{at}' THEN 1 ELSE 0 END)" for at in midnights)
    return (
        f"SELECT substr({source.created}, 1, 10) AS day, d.stage, d.currency, count(*),"
        " count(*) - count(d.amount),"
        f" CAST(coalesce(sum(d.amount), 0) AS BIGINT), CAST(coalesce(sum({WEIGHTED}), 0) AS BIGINT){later}"
        f" FROM {source.named} WHERE {asked.holds} GROUP BY 1, 2, 3"
    )


def foreign_sql(asked: Asked) -> str:
    """Those in other currencies than the one that all is converted to, each amount apart."""
    return (
        "SELECT d.stage, d.currency, d.amount, d.probability, count(*)"
        f" FROM {asked.scope.source.table} WHERE {asked.holds} AND d.amount IS NOT NULL AND d.currency <> :into"
        " GROUP BY 1, 2, 3, 4"
    )


def deals_sql(asked: Asked) -> str:
    """The same deals one by one, the largest first; of each stage and currency at most :most."""
    source = asked.scope.source
    order = f"PARTITION BY d.stage, d.currency ORDER BY coalesce(d.amount, -1) DESC, {source.id}"
    inner = (
        f"SELECT d.stage, d.currency, {source.id} AS id, {source.name} AS name, d.amount, d.probability,"
        f" {source.created} AS created, row_number() OVER ({order}) AS place"
        f" FROM {source.named} WHERE {asked.holds}"
    )
    return f"SELECT * FROM ({inner}) AS p WHERE place <= :most ORDER BY place"


# --- ages ---------------------------------------------------------------------------------------------


def midnights_of(zone: tzinfo, year: int) -> list[str]:
    """The times in UTC, as they end a stored moment, at which days begin in a zone, in any season of late."""
    if datetime(year, 1, 1, tzinfo=zone).tzname() == "UTC":
        return []
    found = set()
    for number in range((year - YEARS) * 24, (year + 1) * 24):
        day = datetime(number // 24, number // 2 % 12 + 1, 1 + 14 * (number % 2), tzinfo=zone)
        offset = day.utcoffset() or timedelta()
        found.add(int(-offset.total_seconds()) % 86400)
    return [
        f"{time(seconds // 3600, seconds // 60 % 60, seconds % 60).isoformat()}Z" for seconds in sorted(found)
    ]


def age(made: date, as_of: date) -> int:
    """The days from the making of a deal to the as-of day, both on the user's calendar."""
    return max(0, (as_of - made).days)


class Calendar:
    """The local day of a stored moment."""

    def __init__(self, zone: tzinfo, midnights: list[str]) -> None:
        self.zone = zone
        self.begins = ["00:00:00Z", *midnights]
        self.known: dict[tuple[str, int], date] = {}

    def day(self, utc_day: str, past: int) -> date:
        if (found := self.known.get((utc_day, past))) is None:
            found = from_iso_instant(f"{utc_day}T{self.begins[past]}").astimezone(self.zone).date()
            self.known[utc_day, past] = found
        return found


# --- the fold -----------------------------------------------------------------------------------------


def fold(rows: Iterable[tuple[Any, ...]], calendar: Calendar, as_of: date) -> Cells:
    """The groups that SQL counted, by currency and stage."""
    cells: Cells = {}
    for day, stage, currency, count, blank, amount, expected, *later in rows:
        begun = [count, *later, 0]
        days = sum(
            (begun[past] - begun[past + 1]) * age(calendar.day(day, past), as_of)
            for past in range(len(later) + 1)
            if begun[past] > begun[past + 1]
        )
        cells.setdefault(currency, {}).setdefault(stage, Cell()).add(count, blank, amount, expected, days)
    return cells


def converted(reader: Reader, asked: Asked, into: str, rates: Rates, cells: Cells) -> Cells:
    """The same in one currency, at the rates of the as-of day; what has no rate is counted, and adds nothing."""
    whole: dict[str, Cell] = {}
    for currency, stages in cells.items():
        for stage, cell in stages.items():
            amount, expected = (cell.amount, cell.weighted) if currency == into else (0, 0)
            whole.setdefault(stage, Cell()).add(cell.count, cell.blank, amount, expected, cell.days)
    for stage, currency, amount, probability, count in reader.rows(
        foreign_sql(asked), into=into, **asked.params
    ):
        worth = rates.convert(amount, currency, into, asked.scope.as_of)
        if worth is not None:
            whole[stage].add(0, 0, worth * count, weighted(worth, probability) * count, 0)
    return {into: whole}


def pipeline(reader: Reader, asked: Asked) -> Report:
    """The open deals by stage, in the order of the sales process."""
    as_of = date.fromisoformat(asked.scope.as_of)
    rates = Rates(asked.currency)
    midnights = midnights_of(asked.zone, as_of.year)
    cells = fold(
        reader.rows(stages_sql(asked, midnights), **asked.params), Calendar(asked.zone, midnights), as_of
    )
    blank = sum(cell.blank for found in cells.values() for cell in found.values())
    if asked.into:
        rates = Rates(asked.currency, known_rates(reader, asked.scope.known, asked.currency))
        cells = converted(reader, asked, asked.into, rates, cells)
    currencies = sorted(cells) or [asked.currency]
    one = currencies[0] if len(currencies) == 1 else None
    usual = "active = 1 AND is_closed = 0 AND deleted_at IS NULL"
    known = dict(reader.rows(f"SELECT name, {usual} FROM stage ORDER BY position, deleted_at IS NULL, id"))
    rows: list[list[Any]] = []
    totals: dict[str, Row] = {}
    order: list[tuple[str, str]] = []
    for currency in currencies:
        found = cells.get(currency, {})
        names = [name for name, shown in known.items() if name in found or shown]
        names += sorted(set(found) - set(names))
        total = Cell()
        for name in names:
            cell = found.get(name) or Cell()
            total.add(cell.count, cell.blank, cell.amount, cell.weighted, cell.days)
            rows.append([name, currency, *cell.figures()])
            order.append((currency, name))
        totals[currency] = [None, currency, *total.figures()]
    missing = LeftOut(reader, asked, blank, rates)
    report = Report(
        columns_of(),
        rows,
        title="Pipeline" + (f", {one}" if one else ""),
        empty="There are no stages.",
        refs=None,
        head=head(asked, one),
        total=totals[one] if one else None,
        totals={} if one else totals,
        block="" if one else "currency",
        tail={"excluded": missing.excluded},
        notes=missing.sentences(),
        stands_on=footer(asked),
        remarks=rates.sentences(),
        chart=Chart("amount"),
    )
    if asked.explain:
        explain(reader, asked, report, order, as_of)
    return report


def columns_of() -> list[Column]:
    return [
        Column("stage", "Stage", cut="last"),
        Column("currency", "Currency", hidden=True),
        Column("count", "Deals", "number"),
        Column("amount", "Amount", "money"),
        Column("weighted", "Weighted", "money"),
        Column("average_age_days", "Age, days", "number", short="Age", minor=1, ages=True),
    ]


def head(asked: Asked, currency: str | None) -> dict[str, Any]:
    scope = asked.scope
    return {"as_of": scope.as_of, "period": scope.bounds, "currency": currency, "owner": scope.owner}


def footer(asked: Asked) -> str:
    period, owner = asked.scope.period, asked.scope.owner
    closing = (
        f"closing {period.start.isoformat()}..{period.end.isoformat()}" if period else "whenever they close"
    )
    return f"As of {asked.scope.as_of} · open deals {closing} · {'owner ' + owner if owner else 'all owners'}"


# --- what adds nothing --------------------------------------------------------------------------------


class LeftOut:
    """The deals that add nothing: those without an amount, and in a period those without a close date."""

    def __init__(self, reader: Reader, asked: Asked, blank: int, rates: Rates) -> None:
        self.counts = {NO_AMOUNT: blank}
        self.excluded: list[dict[str, str]] = []
        source = asked.scope.source
        conditions = {NO_AMOUNT: f"{asked.holds} AND d.amount IS NULL"}
        if asked.scope.period:
            dateless = f"{asked.scope.open} AND d.close_date IS NULL"
            conditions[NO_CLOSE_DATE] = dateless
            count = f"SELECT count(*) FROM {source.table} WHERE {dateless}"
            self.counts[NO_CLOSE_DATE] = reader.value(count, **asked.scope.params)
        for currency in sorted(rates.failed):
            reason = f"{NO_RATE} for {currency}"
            conditions[reason] = f"{asked.holds} AND d.amount IS NOT NULL AND d.currency = '{currency}'"
            count = f"SELECT count(*) FROM {source.table} WHERE {conditions[reason]}"
            self.counts[reason] = reader.value(count, **asked.params)
        limit = "" if asked.every else f" LIMIT {NAMED}"
        for reason, condition in conditions.items():
            if self.counts[reason]:
                # + 0: for a few deals, SQLite is not to walk through all of them in the order of their ids
                order = f"ORDER BY {source.id} + 0{limit}"
                sql = f"SELECT {source.id} FROM {source.table} WHERE {condition} {order}"
                params = asked.scope.params if reason == NO_CLOSE_DATE else asked.params
                named = reader.rows(sql, **params)
                self.excluded += [
                    {"ref": reference("opportunity", row[0]), "reason": reason} for row in named
                ]

    def sentences(self) -> list[str]:
        said = []
        for reason, count in self.counts.items():
            if count:
                refs = [each["ref"] for each in self.excluded if each["reason"] == reason][:NAMED]
                more = [f"and {count - len(refs)} more"] if count > len(refs) else []
                what = "in no period" if reason == NO_CLOSE_DATE else "counted, adding nothing"
                hint = " (crm rate set)" if reason.startswith(NO_RATE) else ""
                deals = f"{count} deal{'s' if count > 1 else ''}"
                said.append(
                    f"{reason[0].upper()}{reason[1:]}{hint}: {deals}, {what}: {' '.join([*refs, *more])}"
                )
        return said


# --- the origin of the figures --------------------------------------------------------------------------

FORMULAS: Final = {
    "count": "open deals in the stage, those without an amount too",
    "amount": "the sum of their amounts",
    "weighted": "amount × probability / 100, a half rounded up deal by deal",
    "average_age_days": "local calendar days from the making of a deal to the as-of day, on average to 0.1",
    "left out": "won and lost deals; with --period also deals that close outside it or have no close date",
}


def explain(reader: Reader, asked: Asked, report: Report, order: list[tuple[str, str]], as_of: date) -> None:
    """Say of every figure how it is made, from how many deals, and from which."""
    deals: dict[tuple[str, str], list[dict[str, Any]]] = {}
    most = 2**31 if asked.every else EXPLAINED
    for stage, currency, id, name, amount, probability, created, _ in reader.rows(
        deals_sql(asked), most=most, **asked.params
    ):
        made = from_iso_instant(created).astimezone(asked.zone).date()
        deals.setdefault((asked.into or currency, stage), []).append(
            {
                "ref": reference("opportunity", id),
                "name": name,
                "amount": None if amount is None else amount_text(amount, currency),
                "currency": currency,
                "probability": probability,
                "age_days": age(made, as_of),
            }
        )
    counts = {(row[1], row[0]): row[2] for row in report.rows}
    report.tail["explain"] = {
        "formulas": FORMULAS,
        "rows": [
            {
                "stage": stage,
                "currency": currency,
                "counted": counts[currency, stage],
                "deals": deals.get((currency, stage), []),
            }
            for currency, stage in order
        ],
    }
    report.explain = [f"{name}: {formula}" for name, formula in FORMULAS.items()]
    for currency, stage in order:
        shown = deals.get((currency, stage), [])[:EXPLAINED]
        if not shown:
            continue
        report.explain.append(f"{stage}, {currency}: deals counted: {counts[currency, stage]}")
        for deal in shown:
            own = f"{deal['currency']} " if deal["currency"] != currency else ""
            worth = f"{own}{deal['amount']}" if deal["amount"] else "no amount"
            figures = f"{worth} · {deal['probability']} % · {deal['age_days']} days"
            report.explain.append(f"  {deal['ref']} {deal['name']} · {figures}")
        if counts[currency, stage] > len(shown):
            report.explain.append(f"  and {counts[currency, stage] - len(shown)} more")
