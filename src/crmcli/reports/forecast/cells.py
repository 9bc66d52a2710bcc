"""The figures of a forecast: the groups of deals that SQL counted, folded into rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.sql import counted_sql, foreign_sql, in_period
from crmcli.rules.forecast import (
    PARTS,
    attainment,
    coverage,
    gap,
    open_pipeline,
    part_of,
    roll_up,
    weighted,
)
from crmcli.rules.rates import Rates
from crmcli.store import groups
from crmcli.store.groups import Key, named_key, quarter_key
from crmcli.store.reader import Reader
from crmcli.values.periods import months


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


def keys_of(reader: Reader, asked: Asked) -> Callable[[Any], Key]:
    """A function from what SQL grouped by to the row it belongs to."""
    accounts = " UNION ALL ".join(
        f"SELECT d.account_id FROM {asked.scope.source.table} WHERE {in_period(asked, won)}" for won in (0, 1)
    )
    return groups.keys_of(reader, asked.by, asked.fiscal_start, accounts, asked.bounds, asked.scope.moment)


def without_deals(asked: Asked) -> list[Key]:
    """The rows that are there whether or not a deal is."""
    if asked.by == "month":
        return [named_key(month) for month in months(asked.period)]
    if asked.by == "quarter":
        return list(dict.fromkeys(quarter_key(month, asked.fiscal_start) for month in months(asked.period)))
    return []


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
