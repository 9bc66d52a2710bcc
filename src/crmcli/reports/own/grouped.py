"""Records in groups, measured: SQL sums what is alike, Python converts it and puts it together."""

from collections.abc import Iterable, Sequence
from typing import Any

from crmcli.fields import FieldSpec
from crmcli.reports.own.computed import aged, is_age
from crmcli.reports.own.meaning import DAYS, Meaning, Measure, drawn
from crmcli.reports.own.query import Asked, Query
from crmcli.reports.own.rows import LAST, Key, Rows, plain
from crmcli.result import Chart, Column, Report
from crmcli.rules.own_reports import Definition
from crmcli.store.deals import Scope, usual_currency
from crmcli.values.ratios import mean_amount


class Figures:
    """What is known of one field in one row."""

    __slots__ = ("count", "high", "low", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total: Any = 0
        self.low: Any = None
        self.high: Any = None

    def add(self, count: int, total: Any, low: Any, high: Any) -> None:
        if not count:
            return
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        self.count += count
        self.total += total or 0

    def value(self, way: str, kind: str) -> Any:
        """One of the measures; None of nothing."""
        if not self.count:
            return None
        if way == "avg":
            if kind == "money":
                return mean_amount(self.total, self.count)
            return rounded(self.total, self.count)
        return plain({"sum": self.total, "min": self.low, "max": self.high}[way])


class Cell:
    """The records of one row, or of all."""

    __slots__ = ("figures", "records")

    def __init__(self, specs: Iterable[FieldSpec]) -> None:
        self.records = 0
        self.figures = {spec.name: Figures() for spec in specs}

    def value(self, measure: Measure) -> Any:
        if measure.spec is None:
            return self.records
        return self.figures[measure.spec.name].value(measure.way, measure.spec.kind)


class Grouped:
    """The records in rows, each with its figures, and the total of them."""

    def __init__(self, query: Query, meaning: Meaning, asked: Asked) -> None:
        self.query = query
        self.meaning = meaning
        self.asked = asked
        self.specs = list({each.spec.name: each.spec for each in meaning.measures if each.spec}.values())
        self.amounts = [spec for spec in self.specs if spec.kind == "money"]
        self.named = Rows(query, meaning.groups, asked)
        self.rows: dict[Key, Cell] = {}
        self.total = Cell(self.specs)
        self.into, foreign = self.currencies()
        self.count()
        for spec in self.specs:
            if is_age(spec):
                self.count_days(spec)
        for spec in self.amounts if foreign else ():
            self.convert(spec)

    def report(self, definition: Definition) -> Report:
        """The rows as a report shows them, without what is said beside them."""
        groups = [column for group in self.meaning.groups for column in group.columns]
        beside = "converted_to" if any(column.name == "currency" for column in groups) else "currency"
        columns = [Column("key", "Key", hidden=True), *groups]
        columns += [Column(beside, "Currency", hidden=True)] if self.amounts else []
        columns += [each.column(self.meaning.entity, beside) for each in self.meaning.measures]
        rows = self.in_order()
        made = Report(
            columns,
            [self.row(key, cell) for key, cell in rows[: definition.top or None]],
            title=f", {self.into}" if self.into else "",
            refs=next((column.name for column in columns if column.kind == "link"), None),
            head={"currency": self.into},
            total=self.row(None, self.total) if groups else None,
            notes=more(definition.top, len(rows)),
        )
        if not groups:
            made.rows = [self.row(None, self.total)]
        column = drawn(self.meaning)
        if definition.chart and column:
            made.chart = Chart(column, "columns" if definition.chart == "columns" else "bars")
        return made

    def row(self, key: Key | None, cell: Cell) -> list[Any]:
        columns = [column for group in self.meaning.groups for column in group.columns]
        values = key.values if key else ["" if column.absent else None for column in columns]
        name = None if key is None else self.named.called(key)
        money = [self.into] if self.amounts else []
        return [name, *values, *money, *(cell.value(each) for each in self.meaning.measures)]

    def cells(self, found: Sequence[Any]) -> tuple[Cell, ...]:
        """What a group of SQL's counts in: the row, and the total."""
        if not self.meaning.groups:
            return (self.total,)
        key = self.named.key(found)
        if key not in self.rows:
            self.rows[key] = Cell(self.specs)
        return self.rows[key], self.total

    # --- the figures

    def currencies(self) -> tuple[str | None, bool]:
        """The currency of the figures: the one asked for, or the usual one; and whether there are amounts in
        others."""
        if not self.amounts:
            return None, False
        into = self.asked.currency or self.usual_currency()
        return into, bool(self.query.currencies(self.amounts) - {into})

    def usual_currency(self) -> str:
        """The only one in use among all records of the noun, whichever are asked for, else the home currency; of
        deals as every report has it."""
        asked, reader = self.asked, self.query.reader
        if self.meaning.entity == "opportunity":
            return usual_currency(reader, Scope(asked.as_of, asked.moment), asked.context.currency)
        found = Query(reader, self.query.fields, "", asked).currencies(self.amounts)
        return found.pop() if len(found) == 1 else asked.context.currency

    def by(self, *more: str) -> tuple[str, str]:
        """The columns that SQL groups by, and its GROUP BY."""
        columns = [*self.named.sql, *more]
        places = ", ".join(str(number + 1) for number in range(len(columns)))
        return "".join(f"{column}, " for column in columns), f" GROUP BY {places}" if columns else ""

    def count(self) -> None:
        """Count all records, and measure what needs no conversion."""
        columns, grouped = self.by()
        stored = [spec for spec in self.specs if not is_age(spec)]
        for spec in stored:
            value = self.query.value(spec)
            if spec.kind == "money":
                value = f"CASE WHEN {self.query.currency} = :into THEN {value} END"
            total = "NULL" if spec.kind in DAYS else f"sum({value})"
            columns += f"count({value}), {total}, min({value}), max({value}), "
        for row in self.query.rows(f"{columns}count(*)", rest=grouped, into=self.into):
            for cell in self.cells(row):
                cell.records += row[-1]
                for at, spec in enumerate(stored):
                    start = len(self.named.sql) + 4 * at
                    count, *found = row[start : start + 4]
                    cell.figures[spec.name].add(count, *(plain(value) for value in found))

    def count_days(self, spec: FieldSpec) -> None:
        """Measure how old records are."""
        age = aged(self.asked.as_of, self.asked.context.zone)
        columns, grouped = self.by(*self.query.life)
        for row in self.query.rows(f"{columns}count(*)", rest=grouped):
            begun, over, count = row[len(self.named.sql) :]
            days = age(begun, over)
            if days is not None:
                for cell in self.cells(row):
                    cell.figures[spec.name].add(count, days * count, days, days)

    def convert(self, spec: FieldSpec) -> None:
        """Measure amounts in other currencies, each converted at the rate of its day."""
        value = self.query.value(spec)
        columns, grouped = self.by(self.query.currency, value, self.query.day)
        others = f" AND {self.query.currency} <> :into AND {value} IS NOT NULL"
        for row in self.query.rows(f"{columns}count(*)", others, grouped, into=self.into):
            currency, amount, day, count = row[len(self.named.sql) :]
            assert self.into is not None
            converted = self.asked.rates.convert(amount, currency, self.into, day)
            if converted is not None:
                for cell in self.cells(row):
                    cell.figures[spec.name].add(count, converted * count, converted, converted)

    def in_order(self) -> list[tuple[Key, Cell]]:
        """The rows as they are sorted: blanks last either way, equals by their names."""
        rows = sorted(self.rows.items(), key=lambda row: row[0].place)
        groups = [group.name for group in self.meaning.groups]
        measures = {each.name: each for each in self.meaning.measures}
        for name, down in reversed(self.meaning.order):
            if name in measures:
                known = [row for row in rows if row[1].value(measures[name]) is not None]
                known.sort(key=lambda row: row[1].value(measures[name]), reverse=down)
                blank = [row for row in rows if row[1].value(measures[name]) is None]
            else:
                at = groups.index(name)
                known = [row for row in rows if row[0].place[at] != LAST]
                known.sort(key=lambda row: row[0].place[at], reverse=down)
                blank = [row for row in rows if row[0].place[at] == LAST]
            rows = known + blank
        return rows


def rounded(total: Any, count: int) -> float | int:
    """A mean to two decimals, a half rounded up."""
    from decimal import ROUND_HALF_UP, Decimal

    mean = (Decimal(str(total)) / count).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return int(mean) if mean == int(mean) else float(mean)


def more(top: int, count: int) -> list[str]:
    """What to say where not all is shown."""
    return [f"The first {top} of {count:,}: {count - top:,} more."] if top and count > top else []
