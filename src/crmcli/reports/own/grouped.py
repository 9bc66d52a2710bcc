"""Records in groups, measured: SQL sums what is alike, Python converts it and puts it together."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, tzinfo
from functools import cache
from typing import Any, Final, NamedTuple

from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.reports.own.plan import DAYS, NONE, Group, Measure, Plan, drawn
from crmcli.reports.own.query import LINKS, Asked, Query
from crmcli.result import Chart, Column, Report
from crmcli.rules.own_reports import COUNT, Definition
from crmcli.store.query import TEXTS, identifier, value_sql
from crmcli.values.periods import parse_period
from crmcli.values.ratios import mean_amount

NAMED: Final = 10  # records that a footer names
EXPLAINED: Final = 20  # records of a row that --explain shows to people
FORMULAS: Final = {
    COUNT: "the number of records",
    "sum": "the sum of {0}; blank ones are not in it",
    "avg": "the sum of {0} / the records that have it",
    "min": "the lowest {0}",
    "max": "the highest {0}",
}
CONVERTED: Final = (
    "each amount in another currency is converted to {} at the rate of the as-of day",
    "each amount in another currency is converted to {} at the rate of the day its deal was closed, if it was,"
    " else at that of the as-of day",
)


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


class Key(NamedTuple):
    """A row: what stands in its columns, and its place among the others."""

    values: tuple[Any, ...]
    place: tuple[Any, ...]


class Grouped:
    """The rows of a report that groups and measures, and all that is said beside them."""

    def __init__(self, query: Query, plan: Plan, asked: Asked) -> None:
        self.query = query
        self.plan = plan
        self.asked = asked
        self.specs = list({each.spec.name: each.spec for each in plan.measures if each.spec}.values())
        self.amounts = [spec for spec in self.specs if spec.kind == "money"]
        self.keys = [sql for group in plan.groups for sql in self.key_sql(group)]
        self.rows: dict[Key, Cell] = {}
        self.total = Cell(self.specs)
        self.named = [self.namer(group) for group in plan.groups]

    def report(self, definition: Definition) -> Report:
        self.into, foreign = self.currencies()
        self.count()
        for spec in self.amounts if foreign else ():
            self.convert(spec)
        taken = {column.name for group in self.plan.groups for column in group.columns}
        beside = "converted_to" if "currency" in taken else "currency"
        columns = [Column("key", "Key", hidden=True)]
        columns += [column for group in self.plan.groups for column in group.columns]
        columns += [Column(beside, "Currency", hidden=True)] if self.amounts else []
        columns += [each.column(self.plan.entity, beside) for each in self.plan.measures]
        rows = self.in_order()
        made = Report(
            columns,
            [self.row(key, cell) for key, cell in rows[: definition.top or None]],
            title=f", {self.into}" if self.into else "",
            refs=next((column.name for column in columns if column.kind == "link"), None),
            head={"currency": self.into},
            total=self.row(None, self.total) if self.plan.groups else None,
            notes=[*more(definition.top, len(rows)), *self.blank()],
        )
        if not self.plan.groups:
            made.rows = [self.row(None, self.total)]
        if self.amounts:
            self.leave_out(made)
            self.name_rates(made)
        column = drawn(self.plan)
        if definition.chart and column:
            made.chart = Chart(column, "columns" if definition.chart == "columns" else "bars")
        if self.asked.explain:
            self.explain(made)
        return made

    def row(self, key: Key | None, cell: Cell) -> list[Any]:
        columns = [column for group in self.plan.groups for column in group.columns]
        values = key.values if key else ["" if column.absent else None for column in columns]
        name = None if key is None else called(self.plan.groups, key)
        money = [self.into] if self.amounts else []
        return [name, *values, *money, *(cell.value(each) for each in self.plan.measures)]

    # --- what the rows are

    def key_sql(self, group: Group) -> list[str]:
        """What SQL groups by: the value, a stretch of time that lies within the unit, or a link's two."""
        spec, value = group.spec, value_sql(group.spec, "t")
        if spec.kind in LINKS:
            ref, name = self.query.link(spec)
            return [name] if spec.name == "owner" else [ref, name]
        if spec.kind == "instant" and not is_utc(self.asked.context.zone):
            return [f"substr({value}, 1, 16)"]  # a day begins at a full minute everywhere
        if group.unit:
            return [f"substr({value}, 1, {10 if group.unit in ('day', 'week') else 7})"]
        if spec.name == "currency" and not spec.custom:
            return [f"nullif({value}, '')"]
        return [f"nullif({value}, '')" if spec.kind in TEXTS else value]

    def namer(self, group: Group) -> Callable[..., Key]:
        """A function from what SQL grouped by to what stands in the columns of the row, and its place."""
        spec = group.spec
        if spec.kind in LINKS and spec.name != "owner":
            return lambda ref, name: Key(
                (ref, name), (1,) if ref is None else (0, folded(name), name or "", ref)
            )
        if group.unit:
            return stretches(group, self.asked.context.zone, self.asked.context.fiscal_start)
        if (spec.entity, spec.name) == ("opportunity", "stage"):
            found = self.query.reader.rows("SELECT name, position FROM stage ORDER BY deleted_at IS NULL, id")
            places = dict(found)
            return lambda name: Key((name,), (0, name not in places, places.get(name, 0), name))
        if spec.kind in ("boolean", "number", "percent"):
            return lambda value: Key((plain(value),), (1,) if value is None else (0, plain(value)))
        return lambda value: Key((value,), (1,) if value is None else (0, folded(value), value))

    def key(self, found: Sequence[Any]) -> Key:
        """The row that a group of SQL's belongs to."""
        values: list[Any] = []
        places = []
        for name, group in zip(self.named, self.plan.groups, strict=True):
            wide = len(group.columns)
            one = name(*found[len(values) : len(values) + wide])
            values += one.values
            places.append(one.place)
        return Key(tuple(values), tuple(places))

    def cells(self, found: Sequence[Any]) -> tuple[Cell, ...]:
        """What a group of SQL's counts in: the row, and the total."""
        if not self.plan.groups:
            return (self.total,)
        key = self.key(found)
        if key not in self.rows:
            self.rows[key] = Cell(self.specs)
        return self.rows[key], self.total

    # --- the figures

    def currencies(self) -> tuple[str | None, bool]:
        """The currency of the figures: the one asked for, the only one in use, or the home currency; and
        whether there are amounts in others."""
        if not self.amounts:
            return None, False
        filled = " OR ".join(f"{value_sql(spec, 't')} IS NOT NULL" for spec in self.amounts)
        found = {row[0] for row in self.query.rows(f"DISTINCT {self.query.currency}", f" AND ({filled})")}
        into = self.asked.currency or (next(iter(found)) if len(found) == 1 else self.asked.context.currency)
        return into, bool(found - {into})

    def by(self, *more: str) -> tuple[str, str]:
        """The columns that SQL groups by, and its GROUP BY."""
        columns = [*self.keys, *more]
        places = ", ".join(str(number + 1) for number in range(len(columns)))
        return "".join(f"{column}, " for column in columns), f" GROUP BY {places}" if columns else ""

    def count(self) -> None:
        """Count all records, and measure what needs no conversion."""
        columns, grouped = self.by()
        for spec in self.specs:
            value = value_sql(spec, "t")
            if spec.kind == "money":
                value = f"CASE WHEN {self.query.currency} = :into THEN {value} END"
            total = "NULL" if spec.kind in DAYS else f"sum({value})"
            columns += f"count({value}), {total}, min({value}), max({value}), "
        for row in self.query.rows(f"{columns}count(*)", rest=grouped, into=self.into):
            for cell in self.cells(row):
                cell.records += row[-1]
                for at, spec in enumerate(self.specs):
                    start = len(self.keys) + 4 * at
                    count, *found = row[start : start + 4]
                    cell.figures[spec.name].add(count, *(plain(value) for value in found))

    def convert(self, spec: FieldSpec) -> None:
        """Measure amounts in other currencies, each converted at the rate of its day."""
        value = value_sql(spec, "t")
        columns, grouped = self.by(self.query.currency, value, self.query.day)
        others = f" AND {self.query.currency} <> :into AND {value} IS NOT NULL"
        for row in self.query.rows(f"{columns}count(*)", others, grouped, into=self.into):
            currency, amount, day, count = row[len(self.keys) :]
            assert self.into is not None
            converted = self.asked.rates.convert(amount, currency, self.into, day)
            if converted is not None:
                for cell in self.cells(row):
                    cell.figures[spec.name].add(count, converted * count, converted, converted)

    def in_order(self) -> list[tuple[Key, Cell]]:
        """The rows as they are sorted: blanks last either way, equals by their names."""
        rows = sorted(self.rows.items(), key=lambda row: row[0].place)
        groups = [group.name for group in self.plan.groups]
        measures = {each.name: each for each in self.plan.measures}
        for name, down in reversed(self.plan.order):
            if name in measures:
                known = [row for row in rows if row[1].value(measures[name]) is not None]
                known.sort(key=lambda row: row[1].value(measures[name]), reverse=down)
                blank = [row for row in rows if row[1].value(measures[name]) is None]
            else:
                at = groups.index(name)
                known = [row for row in rows if row[0].place[at] != (1,)]
                known.sort(key=lambda row: row[0].place[at], reverse=down)
                blank = [row for row in rows if row[0].place[at] == (1,)]
            rows = known + blank
        return rows

    # --- what is said beside them

    def blank(self) -> list[str]:
        """How many records a sum or an average leaves out because they have no value."""
        said = []
        for spec in self.specs:
            if not any(each.spec == spec and each.way in ("sum", "avg") for each in self.plan.measures):
                continue
            count = next(self.query.rows("count(*)", f" AND {value_sql(spec, 't')} IS NULL"))[0]
            if count:
                records = "1 record, counted" if count == 1 else f"{count:,} records, counted"
                said.append(f"{spec.label} is blank in {records}, in no sum.")
        return said

    def leave_out(self, made: Report) -> None:
        """Name the records whose amount is in no sum because it cannot be converted."""
        excluded: list[dict[str, str]] = []
        assert self.into is not None
        for currency, day in self.asked.rates.unrated(self.into).items():
            filled = " OR ".join(f"{value_sql(spec, 't')} IS NOT NULL" for spec in self.amounts)
            found = self.query.rows(
                "t.id",
                f" AND ({filled}) AND {self.query.currency} = :unrated AND {self.query.day} < :rated_from",
                " ORDER BY 1",
                unrated=currency,
                rated_from=day,
            )
            refs = [reference(self.plan.entity, row[0]) for row in found]
            excluded += [{"ref": ref, "reason": f"no rate for {currency}"} for ref in refs]
            rest = [f"and {len(refs) - NAMED} more"] if len(refs) > NAMED else []
            words = f"No rate for {currency} (crm rate set): {len(refs)} counted, in no amount"
            made.notes.insert(0, f"{words}: {' '.join([*refs[:NAMED], *rest])}")
        made.tail["excluded"] = excluded

    def name_rates(self, made: Report) -> None:
        """Say at which rates amounts were converted."""
        rates = self.asked.rates
        used = sorted(rates.used.items())
        made.tail["rates"] = [
            {"currency": currency, "valid_from": day, "rate": rate} for (currency, day), rate in used
        ]
        each = [f"1 {currency} = {rate} {rates.home} from {day}" for (currency, day), rate in used]
        made.notes += [f"Rates: {'; '.join(each)}"] if each else []

    def explain(self, made: Report) -> None:
        """Say how the figures are made and from which records: all of them to programs."""
        formulas = {
            each.name: FORMULAS[each.way].format(each.spec.name.replace("_", " ") if each.spec else "")
            for each in self.plan.measures
        }
        if self.asked.rates.used or self.asked.rates.failed:
            formulas["currency"] = CONVERTED[self.plan.entity == "opportunity"].format(self.into)
        title = BY_ENTITY[self.plan.entity].title
        values = "".join(f", {value_sql(spec, 't')}" for spec in self.specs)
        found: dict[Key, list[dict[str, Any]]] = {}
        columns, _ = self.by()
        sql = f"{columns}t.id, t.{identifier(title)}, {self.query.currency}{values}"
        for row in self.query.rows(sql, rest=" ORDER BY t.id"):
            id, name, currency, *measured = row[len(self.keys) :]
            record = {"ref": reference(self.plan.entity, id), "name": name}
            for spec, value in zip(self.specs, measured, strict=True):
                record[spec.name] = said(spec, value, currency)
            record |= {"currency": currency} if self.amounts else {}
            key = self.key(row) if self.plan.groups else Key((), ())
            found.setdefault(key, []).append(record)
        made.tail["explain"] = {
            "formulas": formulas,
            "rows": [
                {"key": called(self.plan.groups, key) or None, "counted": len(records), "records": records}
                for key, records in sorted(found.items(), key=lambda row: row[0].place)
            ],
        }
        made.explain = [f"{name.replace('_', ' ')}: {formula}" for name, formula in formulas.items()]
        for row in made.tail["explain"]["rows"]:
            made.explain.append(f"{row['key'] or 'All'}: records counted: {row['counted']}")
            for record in row["records"][:EXPLAINED]:
                facts = [f"{spec.name} {record[spec.name] or 'blank'}" for spec in self.specs]
                facts += [record["currency"]] if self.amounts else []
                made.explain.append(f"  {record['ref']} {' · '.join([record['name'] or '', *facts])}")
            if row["counted"] > EXPLAINED:
                made.explain.append(f"  and {row['counted'] - EXPLAINED} more")


def called(groups: Sequence[Group], key: Key) -> str:
    """The name of a row: the last column of each of its groups."""
    names = []
    values = list(key.values)
    for group in groups:
        value = values[: len(group.columns)][-1]
        del values[: len(group.columns)]
        if group.spec.kind == "boolean" and value is not None:
            value = "yes" if value else "no"
        names.append(NONE if value is None else str(value))
    return " · ".join(names)


def stretches(group: Group, zone: tzinfo, fiscal_start: int) -> Callable[[str | None], Key]:
    """A function from the beginning of a stored day or moment to the stretch of time it lies in."""
    from crmcli.values.dates import from_iso_instant

    @cache
    def of_day(text: str) -> Key:
        day = date.fromisoformat(f"{text}-01"[:10])
        if group.unit == "day":
            return Key((text,), (0, text))
        period = parse_period(f"this-{group.unit}", today=day, fiscal_start=fiscal_start)
        return Key((period.label,), (0, period.start.isoformat()))

    def of(text: str | None) -> Key:
        if text is None:
            return Key((None,), (1,))
        if len(text) > len("2026-12-01"):  # a minute
            text = from_iso_instant(f"{text}:00Z").astimezone(zone).date().isoformat()
        return of_day(text)

    return of


def is_utc(zone: tzinfo) -> bool:
    return zone.tzname(None) == "UTC"


def folded(text: str | None) -> str:
    return (text or "").casefold()


def plain(value: Any) -> Any:
    """A number as both databases say it; anything else as it is."""
    if value is None or isinstance(value, str | int):
        return value
    near = round(float(value), 6)
    return int(value) if value == int(value) else near


def rounded(total: Any, count: int) -> float | int:
    """A mean to two decimals, a half rounded up."""
    from decimal import ROUND_HALF_UP, Decimal

    mean = (Decimal(str(total)) / count).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return int(mean) if mean == int(mean) else float(mean)


def said(spec: FieldSpec, value: Any, currency: str) -> Any:
    """A measured value as JSON says it."""
    if value is None or spec.kind != "money":
        return plain(value)
    from crmcli.values.money import amount_text

    return amount_text(value, currency)


def more(top: int, count: int) -> list[str]:
    """What to say where not all is shown."""
    return [f"The first {top} of {count:,}: {count - top:,} more."] if top and count > top else []
