"""Forecast: what deals add up to, by category, in a period."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nsmallest
from itertools import chain
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Report, Row
from crmcli.rules.adjustments import CATEGORIES, Judged, Layers, judged
from crmcli.rules.forecast import (
    NO_AMOUNT,
    NO_CLOSE_DATE,
    PARTS,
    REASONS,
    ROLLUPS,
    SLIPPED,
    attainment,
    coverage,
    gap,
    open_pipeline,
    part_of,
    roll_up,
    weighted,
)
from crmcli.rules.quotas import Line, Quota, Target, own_targets, whole_targets
from crmcli.rules.rates import NO_RATE, Rates
from crmcli.store import figures as known
from crmcli.store import groups
from crmcli.store.deals import WEIGHTED, Scope
from crmcli.store.groups import BY, NONE, Key, named_key, quarter_key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import Period, months

NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a row that --explain shows to people
MINOR: Final = {"open_pipeline": 2, "pipeline": 2, "weighted": 1}  # after the count of deals
MEASURES: Final = ("quota", "attainment", "gap", "coverage")
NO_QUOTA: Final = "n/a"
MORE_FORMULAS: Final = {
    "quota": "those set for periods within this one; a quarter's rather than its months'",
    "adjusted": "what is shown is the manager's figure, else the owner's, else the raw one",
}


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    period: Period
    by: str
    rollup: str
    currency: str  # the home currency: of rates, and of a forecast in which there is nothing
    fiscal_start: int
    explain: bool = False
    every: bool = True  # name every deal that was left out or is explained: for programs
    into: str | None = None  # the currency that all is converted to
    team: bool = False  # each person with everybody below them
    what_if: tuple[str, ...] = ()  # as it was typed; the scope holds what it means

    @property
    def bounds(self) -> dict[str, Any]:
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        into = {"into": self.into} if self.into else {}
        return {
            "start": start,
            "end": end,
            "open_from": max(start, self.scope.as_of),
            **into,
            **self.scope.params,
        }

    @property
    def adjustable(self) -> bool:
        """Whether rows are figures that somebody may have adjusted."""
        return self.by == "owner" and self.rollup == "cumulative"


class Cell:
    """What the deals of one row and currency add up to."""

    def __init__(self) -> None:
        self.amounts = dict.fromkeys(PARTS, 0)
        self.counts = dict.fromkeys(PARTS, 0)
        self.weighted = 0

    def add(self, part: str, count: int, amount: int, weighted: int) -> None:
        self.amounts[part] += amount
        self.counts[part] += count
        if part != "closed":
            self.weighted += weighted

    def merge(self, other: "Cell") -> None:
        for part in PARTS:
            self.amounts[part] += other.amounts[part]
            self.counts[part] += other.counts[part]
        self.weighted += other.weighted


Cells = dict[tuple[str, Key], Cell]

# --- SQL ----------------------------------------------------------------------------------------------


def counted_sql(asked: Asked) -> str:
    """The deals of the period that have an amount: the open ones from the as-of day on, and the won ones."""
    those = " AND d.currency = :into" if asked.into else ""
    # Grouped as the indexes are ordered: days, of which the fold makes months, and owners, of all that is open.
    key = "d.close_date" if asked.by in ("month", "quarter") else "1"
    parts = [_part(asked, won) for won in (0, 1)]
    if asked.by in ("owner", "team", "manager"):
        parts[0] = f"{asked.scope.open} AND coalesce(d.close_date, '') BETWEEN :open_from AND :end"
    return " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, count(*) AS deals,"
        f" CAST(sum(d.amount) AS BIGINT), CAST(sum({WEIGHTED}) AS BIGINT)"
        f" FROM {asked.scope.source.table} WHERE {part} AND d.amount IS NOT NULL{those}"
        f" GROUP BY {key}, 2, 3"
        for won, part in enumerate(parts)
    )


def foreign_sql(asked: Asked) -> str:
    """The deals in other currencies than the one that all is converted to, each amount apart."""
    return " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, count(*) AS deals,"
        f" d.amount, d.probability, {'d.close_date' if won else ':as_of'} AS day"
        f" FROM {asked.scope.source.table} WHERE {_part(asked, won)} AND d.amount IS NOT NULL"
        f" AND d.currency <> :into GROUP BY 1, 2, 3, 6, 7, 8"
        for won in (0, 1)
    )


def counted(reader: Reader, asked: Asked, rates: Rates) -> Iterator[tuple[Any, ...]]:
    """The groups of deals, converted deal by deal where that is asked for; what has no rate is left out."""
    yield from reader.rows(counted_sql(asked), **asked.bounds)
    if asked.into is None:
        return
    found = reader.rows(foreign_sql(asked), as_of=asked.scope.as_of, **asked.bounds)
    for key, currency, category, won, deals, amount, probability, day in found:
        converted = rates.convert(amount, currency, asked.into, day)
        if converted is not None:
            expected = weighted(converted, probability) * deals
            yield key, asked.into, category, won, deals, converted * deals, expected


def deals_sql(asked: Asked) -> str:
    """The same deals one by one, the largest first; of each row and currency at most :most."""
    source = asked.scope.source
    both = " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, {source.id} AS id,"
        f" {source.name} AS name, d.amount, d.probability, d.close_date"
        f" FROM {source.named} WHERE {_part(asked, won)} AND d.amount IS NOT NULL"
        for won in (0, 1)
    )
    place = "row_number() OVER (PARTITION BY k, currency ORDER BY amount DESC, id) AS place"
    return f"SELECT * FROM (SELECT b.*, {place} FROM ({both}) AS b) AS p WHERE place <= :most ORDER BY place"


def _part(asked: Asked, won: int) -> str:
    """The condition on the open deals of the period, or on the won ones."""
    if won:
        closed = f"{asked.scope.holds} AND d.is_closed = 1 AND d.is_won = 1"
        return f"{closed} AND d.close_date BETWEEN :start AND :end"
    return f"{asked.scope.open} AND d.close_date BETWEEN :open_from AND :end"


def left_out_sql(asked: Asked) -> str:
    """The deals that are left out, and why; no deal for two reasons."""
    source = asked.scope.source
    blank = "d.close_date BETWEEN :open_from AND :end AND d.amount IS NULL"
    why = f"CASE WHEN d.close_date IS NULL THEN '{NO_CLOSE_DATE}' WHEN d.close_date < :as_of THEN '{SLIPPED}'"
    open = f"{asked.scope.open} AND (d.close_date IS NULL OR d.close_date < :as_of OR ({blank}))"
    return (
        f"SELECT {why} ELSE '{NO_AMOUNT}' END AS reason, d.currency, d.amount, {source.id} AS id"
        f" FROM {source.table} WHERE {open}"
        f" UNION ALL SELECT '{NO_AMOUNT}', d.currency, d.amount, {source.id}"
        f" FROM {source.table} WHERE {_part(asked, 1)} AND d.amount IS NULL"
    )


def unrated_sql(asked: Asked) -> str:
    """Those in a currency that had no rate on their day."""
    source = asked.scope.source
    days = ("CAST(:as_of AS TEXT)", "d.close_date")
    return " UNION ALL ".join(
        f"SELECT '{NO_RATE}' AS reason, d.currency, d.amount, {source.id} AS id FROM {source.table}"
        f" WHERE {_part(asked, won)} AND d.amount IS NOT NULL AND d.currency = :unrated AND {day} < :rated_from"
        for won, day in enumerate(days)
    )


# --- the names of rows --------------------------------------------------------------------------------


def keys_of(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to."""
    accounts = " UNION ALL ".join(
        f"SELECT d.account_id FROM {asked.scope.source.table} WHERE {_part(asked, won)}" for won in (0, 1)
    )
    return groups.keys_of(reader, asked.by, asked.fiscal_start, accounts, asked.bounds)


def without_deals(asked: Asked) -> list[Key]:
    """The rows that are there whether or not a deal is."""
    if asked.by == "month":
        return [named_key(month) for month in months(asked.period)]
    if asked.by == "quarter":
        return list(dict.fromkeys(quarter_key(month, asked.fiscal_start) for month in months(asked.period)))
    return []


# --- the fold -----------------------------------------------------------------------------------------


def fold(
    rows: Iterable[tuple[Any, ...]], key_of: Callable[[Any], Key], always: Iterable[Key], home: str
) -> Cells:
    """The groups that SQL counted, as cells; every currency has the rows that are always there."""
    cells: Cells = {}
    for key, currency, category, won, count, amount, expected in rows:
        part = part_of(category, is_closed=bool(won), is_won=bool(won))
        if part is not None:
            cells.setdefault((currency, key_of(key)), Cell()).add(part, count, amount, expected)
    always = list(always)
    for currency in {currency for currency, _ in cells} or {home}:
        for each in always:
            cells.setdefault((currency, each), Cell())
    return dict(sorted(cells.items(), key=lambda item: (item[0][0], item[0][1].place)))


def figures(cell: Cell, rollup: str, quota: int | None = None, shown: Mapping[str, int] = {}) -> list[Any]:
    """The figures of a row, from its count to its coverage; `shown` holds those that were adjusted."""
    closed, pipeline = cell.amounts["closed"], open_pipeline(cell.amounts)
    return [
        sum(cell.counts.values()),
        *{**roll_up(cell.amounts, rollup), **shown}.values(),
        cell.weighted,
        quota,
        attainment(closed, quota),
        gap(closed, quota),
        coverage(pipeline, closed, quota),
    ]


def forecast(reader: Reader, asked: Asked) -> Report:
    """The forecast of a period."""
    rates = Rates(asked.currency, known.rates(reader, asked.scope.known_until, asked.currency))
    key_of = keys_of(reader, asked)
    own = fold(counted(reader, asked, rates), key_of, without_deals(asked), asked.into or asked.currency)
    plan = Plan(reader, asked, rates, key_of)
    cells = plan.rows_of(own)
    totals: dict[str, Cell] = {}
    for (currency, _), cell in own.items():
        totals.setdefault(currency, Cell()).merge(cell)
    currencies = sorted({*totals, *(currency for currency, _ in cells), *plan.totals}) or [
        asked.into or asked.currency
    ]
    one = currencies[0] if len(currencies) == 1 else None
    by_account = asked.by == "account"
    first = [None, None] if by_account else [None]
    sums: dict[str, Row] = {}
    for currency in currencies:
        cell, shown = totals.get(currency) or Cell(), plan.shown_total(currency)
        row = [*first, currency, *figures(cell, asked.rollup, plan.totals.get(currency), shown)]
        sums[currency] = [*row, *raw_of(asked, cell, currency, shown)]
    missing = LeftOut(reader, asked, rates)
    rows: list[Row] = []
    for (currency, key), cell in cells.items():
        shown = plan.shown(currency, key)
        row = [*([key.ref] if by_account else []), key.name, currency]
        row += figures(cell, asked.rollup, plan.targets.get((currency, key)), shown)
        rows.append([*row, *raw_of(asked, cell, currency, shown)])
    report = Report(
        columns_of(asked, bool(plan.quotas)),
        rows,
        title=f"Forecast {asked.period.label} by {asked.by}"
        + (" with their teams" if asked.team else "")
        + (f", {one}" if one else ""),
        empty=f"No deals close in {asked.period.label}.",
        refs="ref" if by_account else None,
        head={
            "as_of": asked.scope.as_of,
            "period": {
                "start": asked.period.start.isoformat(),
                "end": asked.period.end.isoformat(),
                "label": asked.period.label,
            },
            "currency": one,
            "rollup": asked.rollup,
            "by": asked.by,
            "owner": asked.scope.owner,
            **({"what_if": list(asked.what_if)} if asked.what_if else {}),
        },
        total=sums[one] if one else None,
        totals={} if one else sums,
        block="" if one else "currency",
        tail={"slipped": missing.slipped_json(), "excluded": missing.excluded},
        notes=[*missing.sentences(), *plan.notes(own), *footer(asked, rates, plan)],
    )
    if one is None and asked.into is None:
        add_total(reader, asked, report)
    if plan.judgements:
        report.tail["adjustments"] = plan.adjustments_json()
    if asked.into:
        report.tail["rates"] = [
            {"currency": currency, "valid_from": day, "rate": rate}
            for (currency, day), rate in sorted(rates.used.items())
        ]
    if asked.explain:
        explain(reader, asked, report, own, key_of, missing, rates)
        report.explain += plan.explained()
        report.tail["explain"]["quotas"] = plan.quotas_json()
    return report


def add_total(reader: Reader, asked: Asked, report: Report) -> None:
    """The total of several currencies, in the home currency; none where a rate is missing."""
    whole = forecast(reader, asked._replace(into=asked.currency, explain=False))
    missing = sum(each["reason"] == NO_RATE for each in whole.tail["excluded"])
    if missing or whole.total is None:
        report.notes.append(f"Together: no total in {asked.currency}, as rates are missing: crm rate set")
        return
    report.total = whole.total
    figures = zip(whole.columns, whole.total, strict=True)
    words = (
        f"{column.label.lower()} {amount_words(amount, asked.currency)}"
        for column, amount in figures
        if column.name in (*ROLLUPS[asked.rollup], "weighted")
    )
    report.notes.append(f"Together: {', '.join(words)}, at the rates of the day")


def raw_of(asked: Asked, cell: Cell, currency: str, shown: Mapping[str, int]) -> list[Any]:
    """What adjusted figures are without the judgement, beside what is shown."""
    raw = roll_up(cell.amounts, asked.rollup)
    return [{name: amount_text(raw[name], currency) for name in shown} or None]


def raw_figure(reader: Reader, asked: Asked, owner: int, category: str, currency: str) -> int:
    """A figure of somebody's forecast in a currency as it stands: their own deals, and what is shown of those below."""
    rates = Rates(asked.currency)
    key_of = keys_of(reader, asked)
    plan = Plan(reader, asked._replace(team=True), rates, key_of)
    mine = {
        plan.ids[key]: roll_up(cell.amounts, asked.rollup)[category]
        for (of, key), cell in fold(counted(reader, asked, rates), key_of, (), currency).items()
        if of == currency and key in plan.ids
    }
    return judged(plan.line, mine, plan.layers(currency, category))[owner].raw


# --- quotas and judgements ------------------------------------------------------------------------------


class Judgement(NamedTuple):
    """One layer over a figure, as it was set."""

    owner: int
    category: str
    layer: str
    amount: int
    currency: str
    raw: int
    note: str
    by: str
    at: str


class Plan:
    """What was planned and judged for the period: quotas and adjustments, row by row."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates, key_of: Callable[[Any], Key]) -> None:
        self.asked = asked
        self.key_of = key_of
        self.targets: dict[tuple[str, Key], int] = {}
        self.totals: dict[str, int] = {}
        self.judgements: list[Judgement] = []
        self.judged: dict[tuple[str, str], dict[int, Judged]] = {}  # by currency and category
        self.without_rate: list[str] = []
        until = asked.scope.known_until
        start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
        self.quotas = list(self._in_one_currency(known.quotas(reader, until, start, end), rates))
        if asked.adjustable:
            for row in known.adjustments(reader, until, start, end):
                self._judge(Judgement(*row), rates)
        users = 'SELECT id, name, manager_id FROM "user" ORDER BY name_key, id'
        people = list(reader.rows(users)) if self.quotas or self.judgements or asked.team else []
        self.names = {id: name for id, name, _ in people}
        self.line = Line({id: manager for id, _, manager in people})
        self.ids = {key_of(id): id for id in self.names} if asked.by == "owner" else {}
        for currency in sorted({quota.currency for quota in self.quotas}):
            self._target([quota for quota in self.quotas if quota.currency == currency], currency)

    def _in_one_currency(self, found: list[tuple[Any, ...]], rates: Rates) -> Iterator[Quota]:
        """The quotas of the owners that are asked for, converted where that is asked for."""
        into, day = self.asked.into, self.asked.scope.as_of
        for owner, start, end, team, amount, deals, currency in found:
            quota = Quota(owner, start, end, bool(team), amount, deals, currency)
            if amount is None or not self.asked.scope.covers(owner):
                continue
            if into:
                converted = rates.convert(amount, currency, into, day)
                if converted is None:
                    self.without_rate.append(f"a quota of {amount_words(amount, currency)}")
                    continue
                quota = quota._replace(amount=converted, currency=into)
            yield quota

    def _judge(self, one: Judgement, rates: Rates) -> None:
        into, day = self.asked.into, self.asked.scope.as_of
        if not self.asked.scope.covers(one.owner):
            return
        if into:
            amount = rates.convert(one.amount, one.currency, into, day)
            raw = rates.convert(one.raw, one.currency, into, day)
            if amount is None or raw is None:
                self.without_rate.append(f"an adjustment to {amount_words(one.amount, one.currency)}")
                return
            one = one._replace(amount=amount, raw=raw, currency=into)
        self.judgements.append(one)

    def _target(self, quotas: list[Quota], currency: str) -> None:
        """The targets of the rows, and of the whole, in one currency."""
        by, own = self.asked.by, own_targets(quotas)
        if by == "owner":
            targets = self.whole(quotas)[0] if self.asked.team else own
            for owner, target in targets.items():
                self._add(currency, self.key_of(owner), target)
        elif by in ("team", "manager"):
            for owner, target in own.items():
                self._add(currency, self.key_of(owner), target)
        elif by in ("month", "quarter"):
            slices: dict[Key, list[Quota]] = {}
            for quota in quotas:
                key = self.key_of(quota.start[:7])
                if key == self.key_of(quota.end[:7]):
                    slices.setdefault(key, []).append(quota)
            for key, those in slices.items():
                self._add(currency, key, self.total(those))
        total = self.total(quotas).amount
        if total is not None:
            self.totals[currency] = total

    def _add(self, currency: str, key: Key, target: Target) -> None:
        if target.amount is not None:
            self.targets[currency, key] = self.targets.get((currency, key), 0) + target.amount

    def whole(self, quotas: list[Quota]) -> tuple[dict[int, Target], dict[int, tuple[int, int]]]:
        return whole_targets(self.line, own_targets(quotas), own_targets(quotas, team=True))

    def total(self, quotas: list[Quota]) -> Target:
        """What the quotas of all add up to; those of one person alone are that person's own."""
        own = own_targets(quotas)
        whole, _ = self.whole(quotas)
        if (owner := self.asked.scope.owner_id) is not None:
            return (whole if self.asked.team else own).get(owner, Target())
        total = Target()
        for top in self.line.tops:
            total = total.plus(whole.get(top, Target()))
        return total

    # --- the rows ---

    def rows_of(self, own: Cells) -> Cells:
        """The rows that are shown: those of the deals, of whoever has a quota, and, if asked for, of teams."""
        cells = dict(own)
        if self.asked.by == "owner":
            for row in self.targets:
                cells.setdefault(row, Cell())
            for one in self.judgements:
                cells.setdefault((one.currency, self.key_of(one.owner)), Cell())
        rows = self._of_teams(cells) if self.asked.team else cells
        self._judge_rows(own)
        return (
            rows
            if self.asked.team
            else dict(sorted(rows.items(), key=lambda item: (item[0][0], item[0][1].place)))
        )

    def _of_teams(self, cells: Cells) -> Cells:
        rows: Cells = {}
        keys = {id: self.key_of(id) for id in self.names}
        for currency in sorted({currency for currency, _ in cells}):
            for person in filter(self.asked.scope.covers, self.line.walk()):
                whole, there = Cell(), False
                for each in self.line.below(person):
                    if (cell := cells.get((currency, keys[each]))) is not None:
                        whole.merge(cell)
                        there = True
                if there:
                    rows[currency, keys[person]] = whole
            nobody = (currency, self.key_of(None))
            if nobody in cells:
                rows[nobody] = cells[nobody]
        return rows

    def _judge_rows(self, own: Cells) -> None:
        """Put the layers over the figures: of everybody's own deals, or, for teams, of all below them."""
        if not self.judgements:
            return
        for currency in {one.currency for one in self.judgements}:
            amounts = {
                self.ids[key]: roll_up(cell.amounts, self.asked.rollup)
                for (of, key), cell in own.items()
                if of == currency and key in self.ids
            }
            for category in CATEGORIES:
                layers: dict[int, Layers] = {}
                for one in self.judgements:
                    if (one.currency, one.category) == (currency, category):
                        layers[one.owner] = layers.get(one.owner, Layers())._replace(
                            **{one.layer: one.amount}
                        )
                mine = {id: found[category] for id, found in amounts.items()}
                if layers:
                    self.judged[currency, category] = judged(self.line, mine, layers)

    def layers(self, currency: str, category: str) -> dict[int, Layers]:
        """Who thinks what of a figure, by whose figure it is."""
        found: dict[int, Layers] = {}
        for one in self.judgements:
            if (one.currency, one.category) == (currency, category):
                before = found.get(one.owner, Layers())
                found[one.owner] = before._replace(**{one.layer: one.amount})
        return found

    def _counts(self, owner: int) -> bool:
        """Whether a judgement is of a row that is shown: of somebody with reports it is of the whole team."""
        return self.asked.team or not self.line.reports.get(owner)

    def shown(self, currency: str, key: Key) -> dict[str, int]:
        """The figures of a row that were adjusted, its own or those of somebody below."""
        found: dict[str, int] = {}
        id = self.ids.get(key)
        if id is None or not self._counts(id):
            return found
        for (of, category), people in self.judged.items():
            if of == currency and any(people[each].layers != Layers() for each in self.line.below(id)):
                found[category] = people[id].shown
        return found

    def shown_total(self, currency: str) -> dict[str, int]:
        """The adjusted figures of all together."""
        found: dict[str, int] = {}
        for (of, category), people in self.judged.items():
            if of != currency:
                continue
            if self.asked.team:
                found[category] = sum(people[top].shown for top in self.line.tops)
            else:
                found[category] = sum(
                    one.shown if not self.line.reports[id] else self._own(one, id, people)
                    for id, one in people.items()
                )
        return found

    def _own(self, one: Judged, id: int, people: Mapping[int, Judged]) -> int:
        """What somebody's own deals come to, of a figure that holds what is shown of those below too."""
        return one.raw - sum(people[report].shown for report in self.line.reports[id])

    # --- what is said of it ---

    def raw_now(self, one: Judgement) -> int:
        """What a figure that was adjusted is now, without the judgement."""
        found = self.judged[one.currency, one.category].get(one.owner)
        return found.raw if found else 0

    def adjustments_json(self) -> list[dict[str, Any]]:
        return [
            {
                "owner": self.names.get(one.owner, NONE),
                "category": one.category,
                "layer": one.layer,
                "currency": one.currency,
                "amount": amount_text(one.amount, one.currency),
                "raw": amount_text(self.raw_now(one), one.currency),
                "raw_then": amount_text(one.raw, one.currency),
                "drift": amount_text(self.raw_now(one) - one.raw, one.currency),
                "note": one.note,
                "by": one.by,
                "at": one.at,
            }
            for one in self.judgements
        ]

    def quotas_json(self) -> list[dict[str, Any]]:
        """The quotas that are known for the period, whether or not a longer one holds them."""
        return [
            {
                "owner": self.names.get(quota.owner, NONE),
                "team": quota.team,
                "start": quota.start,
                "end": quota.end,
                "amount": amount_text(quota.amount or 0, quota.currency),
                "currency": quota.currency,
            }
            for quota in self.quotas
        ]

    def explained(self) -> Iterator[str]:
        for each in self.quotas_json():
            team = "team of " if each["team"] else ""
            yield f"quota of {team}{each['owner']}, {each['start']}..{each['end']}: {each['currency']} {each['amount']}"

    def notes(self, own: Cells) -> Iterator[str]:
        """The judgements with their reasons and drift, and what cannot be compared."""
        for one in self.judgements:
            raw = self.raw_now(one)
            drift = raw - one.raw
            words = f"{one.category.replace('_', ' ')} {amount_words(one.amount, one.currency)}"
            moved = f", {'+' if drift > 0 else ''}{amount_words(drift, one.currency)} since" if drift else ""
            where = "" if self._counts(one.owner) else " (of the team: --team)"
            yield (
                f"Adjusted: {self.names.get(one.owner, NONE)}, {words}, by {one.by}: {one.note};"
                f" raw {amount_words(raw, one.currency)}{moved}{where}"
            )
        for what in self.without_rate:
            yield f"No rate: {what} is left out"
        others = sorted({currency for currency, _ in own} - {quota.currency for quota in self.quotas})
        if self.quotas and others and not self.asked.into:
            convert = f"--currency {self.quotas[0].currency} converts them"
            yield f"Deals in {', '.join(others)} count towards no quota; {convert}"
        if self.asked.team:
            for currency in self.totals:
                _, differ = self.whole([quota for quota in self.quotas if quota.currency == currency])
                for leader, (given, summed) in differ.items():
                    yield (
                        f"Mismatch: the team of {self.names[leader]} has {amount_words(given, currency)},"
                        f" the quotas of its members come to {amount_words(summed, currency)}"
                    )


def columns_of(asked: Asked, with_quotas: bool) -> list[Column]:
    label, hidden = asked.by.capitalize(), not with_quotas
    measured = (*ROLLUPS[asked.rollup], "weighted")
    names = [Column("key", label)]
    if asked.by == "account":
        names = [Column("ref", label, "link"), Column("key", label, folded=True)]
    return [
        *names,
        Column("currency", "Currency", hidden=True),
        Column("count", "Deals", "number", minor=3),
        *(
            Column(name, name.replace("_", " ").capitalize(), "money", minor=MINOR.get(name, 0))
            for name in measured
        ),
        Column("quota", "Quota", "money", hidden=hidden, minor=5, absent=NO_QUOTA),
        Column("attainment", "Attainment", "percent", hidden=hidden, absent=NO_QUOTA),
        Column("gap", "Gap", "money", hidden=hidden, minor=6, absent=NO_QUOTA),
        Column("coverage", "Coverage", "number", hidden=hidden, minor=4, absent=NO_QUOTA),
        Column("raw", "Raw", "json", hidden=True),
    ]


def whose(asked: Asked) -> str:
    if not asked.scope.owner:
        return "all owners"
    return f"owner {asked.scope.owner}{' and team' if asked.scope.team else ''}"


def footer(asked: Asked, rates: Rates, plan: Plan) -> list[str]:
    """What the figures stand on."""
    period = asked.period
    said = [
        f"As of {asked.scope.as_of} · closing {period.start.isoformat()}..{period.end.isoformat()}"
        f" · {asked.rollup} roll-up of amounts"
        f" · {whose(asked)}"
    ]
    if asked.what_if:
        said.append(f"What if: {'; '.join(asked.what_if)}. Nothing was written.")
    said += rates.sentences()
    if not plan.quotas:
        said.append(f"{', '.join(MEASURES).capitalize()}: n/a, as there is no quota.")
    return said


# --- what was left out ----------------------------------------------------------------------------------


class LeftOut:
    """The deals that are in no row though one might look for them: counted, summed and named."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates | None = None) -> None:
        self.as_of = asked.scope.as_of
        self.counts: dict[str, dict[str, tuple[int, int]]] = {reason: {} for reason in REASONS}
        ids: dict[str, list[int]] = {reason: [] for reason in REASONS}
        params = {"as_of": self.as_of, **asked.bounds}
        found = [reader.rows(left_out_sql(asked), **params)]
        unrated = rates.unrated(asked.into) if rates and asked.into else {}
        for code, day in unrated.items():
            found.append(reader.rows(unrated_sql(asked), unrated=code, rated_from=day, **params))
        for reason, currency, amount, id in chain(*found):
            counts = self.counts.setdefault(reason, {})
            before = counts.get(currency, (0, 0))
            counts[currency] = (before[0] + 1, before[1] + (amount or 0))
            ids.setdefault(reason, []).append(id)
        self.excluded = [
            {"ref": reference("opportunity", id), "reason": reason}
            for reason, those in ids.items()
            for id in (sorted(those) if asked.every else nsmallest(NAMED, those))
        ]

    def deals(self, reason: str) -> int:
        return sum(count for count, _ in self.counts[reason].values())

    def slipped_json(self) -> list[dict[str, Any]]:
        return [
            {"currency": currency, "count": count, "amount": amount_text(amount, currency)}
            for currency, (count, amount) in sorted(self.counts[SLIPPED].items())
        ]

    def sentences(self) -> list[str]:
        said = []
        why = {
            SLIPPED: f"close date before {self.as_of}",
            NO_CLOSE_DATE: "in no period",
            NO_AMOUNT: "adding nothing",
            NO_RATE: "in no figure; `crm rate set` mends it",
        }
        for reason in self.counts:
            deals = self.deals(reason)
            if not deals:
                continue
            amounts = [
                amount_words(amount, currency)
                for currency, (_, amount) in sorted(self.counts[reason].items())
                if reason in (SLIPPED, NO_RATE)
            ]
            refs = [each["ref"] for each in self.excluded if each["reason"] == reason][:NAMED]
            more = [f"and {deals - len(refs)} more"] if deals > len(refs) else []
            counted = ", ".join([f"{deals} deal{'s' if deals > 1 else ''}", *amounts, why[reason]])
            said.append(f"{reason.capitalize()}: {counted}: {' '.join([*refs, *more])}")
        return said


# --- the origin of the figures --------------------------------------------------------------------------


def explain(
    reader: Reader,
    asked: Asked,
    report: Report,
    cells: Cells,
    key_of: Callable[[Any], Key],
    missing: LeftOut,
    rates: Rates,
) -> None:
    """Say of every figure how it is made, from how many deals, and from which."""
    deals: dict[tuple[str, Key], list[dict[str, Any]]] = {}
    most = 2**31 if asked.every else EXPLAINED
    for key, currency, category, won, id, name, given, probability, close_date, _ in reader.rows(
        deals_sql(asked), most=most, **asked.bounds
    ):
        part = part_of(category, is_closed=bool(won), is_won=bool(won))
        amount, original = given, currency
        if asked.into:
            converted = rates.convert(given, currency, asked.into, close_date if won else asked.scope.as_of)
            if converted is None:
                continue
            amount, currency = converted, asked.into
        expected = weighted(amount, probability) if part not in (None, "closed") else None
        deals.setdefault((currency, key_of(key)), []).append(
            {
                "ref": reference("opportunity", id),
                "name": name,
                "amount": amount_text(amount, currency),
                "category": category,
                "probability": probability,
                "weighted": None if expected is None else amount_text(expected, currency),
                "columns": [column for column, parts in ROLLUPS[asked.rollup].items() if part in parts],
                **({} if original == currency else {"original": amount_words(given, original)}),
            }
        )
    formulas = formulas_of(asked)
    out = {**{reason: missing.deals(reason) for reason in missing.counts}, **out_of_figures(reader, asked)}
    report.explain = [
        *(f"{name}: {formula}" for name, formula in formulas.items()),
        f"left out here: {', '.join(f'{reason} {count}' for reason, count in out.items())}",
        *_explained(asked, cells, deals),
    ]
    report.tail["explain"] = {
        "formulas": formulas,
        "left_out": out,
        "rows": [
            {
                "key": key.name,
                "currency": currency,
                "counted": roll_up(cell.counts, asked.rollup),
                "deals": deals.get((currency, key), []),
            }
            for (currency, key), cell in cells.items()
        ],
    }


def out_of_figures(reader: Reader, asked: Asked) -> dict[str, int]:
    """How many deals of the period are in no figure because they were lost, or are Omitted."""
    table = asked.scope.source.table
    lost = (
        f"{asked.scope.holds} AND d.is_closed = 1 AND d.is_won = 0 AND d.close_date BETWEEN :start AND :end"
    )
    omitted = " UNION ALL ".join(
        f"SELECT 1 FROM {table} WHERE {_part(asked, won)} AND d.amount IS NOT NULL AND d.category = 'Omitted'"
        for won in (0, 1)
    )
    return {
        "lost": reader.value(f"SELECT count(*) FROM {table} WHERE {lost}", **asked.bounds),
        "omitted": reader.value(f"SELECT count(*) FROM ({omitted}) AS x", **asked.bounds),
    }


def formulas_of(asked: Asked) -> dict[str, str]:
    """What each figure is, in words."""
    words = {"closed": "Closed (won)", "commit": "Commit", "best_case": "Best Case", "pipeline": "Pipeline"}
    columns = {
        column: f"amounts of {' + '.join(words[part] for part in parts)}"
        for column, parts in ROLLUPS[asked.rollup].items()
    }
    return {
        **columns,
        "weighted": "open deals, amount × probability / 100, a half rounded up deal by deal",
        "attainment": "closed / quota, in percent",
        "gap": "quota - closed, never below 0",
        "coverage": "open pipeline / (quota - closed)",
        **MORE_FORMULAS,
        "period": f"close dates {asked.bounds['start']}..{asked.bounds['end']}; for won deals the day of it",
        "left out": "lost and Omitted deals; open deals that slipped; deals without close date or amount",
    }


def _explained(
    asked: Asked, cells: Cells, deals: dict[tuple[str, Key], list[dict[str, Any]]]
) -> Iterator[str]:
    for (currency, key), cell in cells.items():
        counted = ", ".join(
            f"{column} {count}" for column, count in roll_up(cell.counts, asked.rollup).items()
        )
        yield f"{key.name}, {currency}: deals counted: {counted}"
        shown = deals.get((currency, key), [])[:EXPLAINED]
        for deal in shown:
            amount = f"{deal['amount']} {deal['category']} {deal['probability']} %"
            columns = ", ".join(deal["columns"]) or "in no column"
            of = f" · of {deal['original']}" if "original" in deal else ""
            yield f"  {deal['ref']} {deal['name']} · {amount}{of} · {columns}"
        hidden = sum(cell.counts.values()) - sum(bool(deal["columns"]) for deal in shown)
        if hidden > 0:
            yield f"  and {hidden} more"
