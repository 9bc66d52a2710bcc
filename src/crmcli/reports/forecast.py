"""Forecast: what deals add up to, by category, in a period."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Report, Row
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
from crmcli.store.deals import WEIGHTED, Scope
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import Period, months, quarter_of

# What the rows can be, and the column that SQL groups by; the rest is a matter of names.
BY: Final = {
    "owner": "d.owner_id",
    "month": "substr(d.close_date, 1, 7)",
    "stage": "d.stage",
    "account": "d.account_id",
    "source": "d.source",
    "quarter": "substr(d.close_date, 1, 7)",
    "team": "d.owner_id",
    "manager": "d.owner_id",
}
NONE: Final = "(none)"
NAMED: Final = 10  # deals that a footer names
EXPLAINED: Final = 20  # deals of a row that --explain shows to people
MINOR: Final = {"open_pipeline": 2, "pipeline": 2, "weighted": 1}  # after the count of deals
MEASURES: Final = ("quota", "attainment", "gap", "coverage")


class Key(NamedTuple):
    """What a row stands for: its name, its reference if it is a record, and its place among the rows."""

    name: str
    ref: str | None = None
    place: tuple[Any, ...] = ()


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    period: Period
    by: str
    rollup: str
    currency: str  # of a forecast in which there is nothing
    fiscal_start: int
    explain: bool = False
    every: bool = True  # name every deal that was left out or is explained: for programs

    @property
    def bounds(self) -> dict[str, Any]:
        start, end = self.period.start.isoformat(), self.period.end.isoformat()
        return {"start": start, "end": end, "open_from": max(start, self.scope.as_of), **self.scope.params}


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
    return " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, count(*) AS deals,"
        f" CAST(sum(d.amount) AS BIGINT), CAST(sum({WEIGHTED}) AS BIGINT)"
        f" FROM {asked.scope.source.table} WHERE {_part(asked, won)} AND d.amount IS NOT NULL"
        " GROUP BY 1, 2, 3"
        for won in (0, 1)
    )


def deals_sql(asked: Asked) -> str:
    """The same deals one by one, the largest first; of each row and currency at most :most."""
    source = asked.scope.source
    both = " UNION ALL ".join(
        f"SELECT {BY[asked.by]} AS k, d.currency, d.category, {won} AS won, {source.id} AS id,"
        f" {source.name} AS name, d.amount, d.probability"
        f" FROM {source.named} WHERE {_part(asked, won)} AND d.amount IS NOT NULL"
        for won in (0, 1)
    )
    place = "row_number() OVER (PARTITION BY k, currency ORDER BY amount DESC, id) AS place"
    return f"SELECT * FROM (SELECT b.*, {place} FROM ({both}) AS b) AS p WHERE place <= :most ORDER BY place"


def _part(asked: Asked, won: int) -> str:
    """The condition on the open deals of the period, or on the won ones."""
    state = "d.is_closed = 1 AND d.is_won = 1" if won else "d.is_closed = 0"
    start = ":start" if won else ":open_from"
    return f"{asked.scope.holds} AND {state} AND d.close_date BETWEEN {start} AND :end"


def left_out_sql(asked: Asked, reason: str) -> list[str]:
    """The conditions on the deals that are left out for a reason; no deal meets two."""
    if reason == SLIPPED:
        return [f"{asked.scope.holds} AND d.is_closed = 0 AND d.close_date < :as_of"]
    if reason == NO_CLOSE_DATE:
        return [f"{asked.scope.holds} AND d.is_closed = 0 AND d.close_date IS NULL"]
    return [f"{_part(asked, won)} AND d.amount IS NULL" for won in (0, 1)]


# --- the names of rows --------------------------------------------------------------------------------


def keys_of(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to."""
    makers: dict[str, Callable[[Reader, Asked], Callable[[Any], Key]]] = {
        "owner": _owners,
        "team": _owners,
        "manager": _owners,
        "stage": _stages,
        "account": _accounts,
    }
    if asked.by in makers:
        return makers[asked.by](reader, asked)
    if asked.by == "quarter":
        return lambda month: _quarter(month, asked.fiscal_start)
    return _named


def _named(value: Any, ref: str | None = None) -> Key:
    if value in (None, ""):
        return Key(NONE, None, (1,))
    return Key(value, ref, (0, value.casefold(), value, ref or ""))


def _quarter(month: str, fiscal_start: int) -> Key:
    name = quarter_of(f"{month}-01", fiscal_start)
    return Key(name, None, (0, name))


def _owners(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    users = {id: facts for id, *facts in reader.rows('SELECT id, name, team, manager_id FROM "user"')}

    def key(id: Any) -> Key:
        name, team, manager = users.get(id, (None, None, None))
        if asked.by == "manager":
            return _named(users[manager][0] if manager in users else None)
        return _named(team if asked.by == "team" else name)

    return key


def _stages(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    rows = reader.rows("SELECT name, position FROM stage ORDER BY deleted_at IS NULL, id")
    places = dict(rows)
    return lambda name: Key(name, None, (name not in places, places.get(name, 0), name))


def _accounts(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    of_deals = " UNION ALL ".join(
        f"SELECT d.account_id FROM {asked.scope.source.table} WHERE {_part(asked, won)}" for won in (0, 1)
    )
    names = dict(reader.rows(f"SELECT id, name FROM account WHERE id IN ({of_deals})", **asked.bounds))
    return lambda id: _named(names.get(id), None if id is None else reference("account", id))


def without_deals(asked: Asked) -> list[Key]:
    """The rows that are there whether or not a deal is."""
    if asked.by == "month":
        return [_named(month) for month in months(asked.period)]
    if asked.by == "quarter":
        return list(dict.fromkeys(_quarter(month, asked.fiscal_start) for month in months(asked.period)))
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


def figures(cell: Cell, rollup: str, quota: int | None = None) -> list[Any]:
    """The figures of a row, from its count to its coverage."""
    closed, pipeline = cell.amounts["closed"], open_pipeline(cell.amounts)
    return [
        sum(cell.counts.values()),
        *roll_up(cell.amounts, rollup).values(),
        cell.weighted,
        quota,
        attainment(closed, quota),
        gap(closed, quota),
        coverage(pipeline, closed, quota),
    ]


def forecast(reader: Reader, asked: Asked) -> Report:
    """The forecast of a period."""
    key_of = keys_of(reader, asked)
    cells = fold(
        reader.rows(counted_sql(asked), **asked.bounds), key_of, without_deals(asked), asked.currency
    )
    totals: dict[str, Cell] = {}
    for (currency, _), cell in cells.items():
        totals.setdefault(currency, Cell()).merge(cell)
    currencies = list(totals) or [asked.currency]
    one = currencies[0] if len(currencies) == 1 else None
    by_account = asked.by == "account"
    first = [None, None] if by_account else [None]
    sums: dict[str, Row] = {
        currency: [*first, currency, *figures(totals.get(currency) or Cell(), asked.rollup)]
        for currency in currencies
    }
    missing = LeftOut(reader, asked)
    report = Report(
        columns_of(asked),
        [
            [*([key.ref] if by_account else []), key.name, currency, *figures(cell, asked.rollup)]
            for (currency, key), cell in cells.items()
        ],
        title=f"Forecast {asked.period.label} by {asked.by}" + (f", {one}" if one else ""),
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
        },
        total=sums[one] if one else None,
        totals={} if one else sums,
        block="" if one else "currency",
        tail={"slipped": missing.slipped_json(), "excluded": missing.excluded},
        notes=[*missing.sentences(), *footer(asked)],
    )
    if asked.explain:
        explain(reader, asked, report, cells, key_of, missing)
    return report


def columns_of(asked: Asked) -> list[Column]:
    label = asked.by.capitalize()
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
        Column("quota", "Quota", "money", hidden=True),
        Column("attainment", "Attainment", "percent", hidden=True),
        Column("gap", "Gap", "money", hidden=True),
        Column("coverage", "Coverage", "number", hidden=True),
    ]


def footer(asked: Asked) -> list[str]:
    """What the figures stand on."""
    period = asked.period
    return [
        f"As of {asked.scope.as_of} · closing {period.start.isoformat()}..{period.end.isoformat()}"
        f" · {asked.rollup} roll-up of amounts"
        f" · {'owner ' + asked.scope.owner if asked.scope.owner else 'all owners'}",
        f"{', '.join(MEASURES).capitalize()}: n/a, as there is no quota.",
    ]


# --- what was left out ----------------------------------------------------------------------------------


class LeftOut:
    """The deals that are in no row though one might look for them: counted, summed and named."""

    def __init__(self, reader: Reader, asked: Asked) -> None:
        self.as_of = asked.scope.as_of
        self.counts: dict[str, dict[str, tuple[int, int]]] = {}  # reason -> currency -> deals and amount
        self.excluded: list[dict[str, str]] = []
        table, id = asked.scope.source.table, asked.scope.source.id
        params = {"as_of": self.as_of, **asked.bounds}
        limit = "" if asked.every else f" LIMIT {NAMED}"
        for reason in REASONS:
            counts = self.counts[reason] = {}
            conditions = left_out_sql(asked, reason)
            for condition in conditions:
                sums = "d.currency, count(*), CAST(coalesce(sum(d.amount), 0) AS BIGINT)"
                found = reader.rows(f"SELECT {sums} FROM {table} WHERE {condition} GROUP BY 1", **params)
                for currency, count, amount in found:
                    before = counts.get(currency, (0, 0))
                    counts[currency] = (before[0] + count, before[1] + amount)
            if counts:
                ids = " UNION ALL ".join(
                    f"SELECT {id} AS id FROM {table} WHERE {each}" for each in conditions
                )
                named = reader.rows(f"{ids} ORDER BY id{limit}", **params)
                self.excluded += [
                    {"ref": reference("opportunity", row[0]), "reason": reason} for row in named
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
        }
        for reason in REASONS:
            deals = self.deals(reason)
            if not deals:
                continue
            amounts = [
                amount_words(amount, currency)
                for currency, (_, amount) in sorted(self.counts[reason].items())
                if reason == SLIPPED
            ]
            refs = [each["ref"] for each in self.excluded if each["reason"] == reason][:NAMED]
            more = [f"and {deals - len(refs)} more"] if deals > len(refs) else []
            counted = ", ".join([f"{deals} deal{'s' if deals > 1 else ''}", *amounts, why[reason]])
            said.append(f"{reason.capitalize()}: {counted}: {' '.join([*refs, *more])}")
        return said


# --- the origin of the figures --------------------------------------------------------------------------


def explain(
    reader: Reader, asked: Asked, report: Report, cells: Cells, key_of: Callable[[Any], Key], missing: LeftOut
) -> None:
    """Say of every figure how it is made, from how many deals, and from which."""
    deals: dict[tuple[str, Key], list[dict[str, Any]]] = {}
    most = 2**31 if asked.every else EXPLAINED
    for key, currency, category, won, id, name, amount, probability, _ in reader.rows(
        deals_sql(asked), most=most, **asked.bounds
    ):
        part = part_of(category, is_closed=bool(won), is_won=bool(won))
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
            }
        )
    formulas = formulas_of(asked)
    out = {**{reason: missing.deals(reason) for reason in REASONS}, **out_of_figures(reader, asked)}
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
            yield f"  {deal['ref']} {deal['name']} · {amount} · {columns}"
        hidden = sum(cell.counts.values()) - sum(bool(deal["columns"]) for deal in shown)
        if hidden > 0:
            yield f"  and {hidden} more"
