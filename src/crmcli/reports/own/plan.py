"""What a definition means in terms of the fields that there are: groups, measures, an order."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.reports.own.query import LINKS, sorted_by
from crmcli.result import Column
from crmcli.rules.own_reports import CHARTS, COUNT, UNITS, WAYS, Definition
from crmcli.store.filter import Context, parse_filter, where
from crmcli.store.query import SHOWN_AS, columns_for, field_named, named_link
from crmcli.store.reader import Reader

MOST_GROUPS: Final = 2
NONE: Final = "(none)"
DAYS: Final = ("date", "instant")
# What can be measured of a field, by its kind.
MEASURED: Final[dict[str, tuple[str, ...]]] = {
    "money": WAYS,
    "number": WAYS,
    "percent": ("avg", "min", "max"),
    "date": ("min", "max"),
    "instant": ("min", "max"),
}
LABELS: Final = {"sum": "Total", "avg": "Average", "min": "Lowest", "max": "Highest"}


class Group(NamedTuple):
    """A field that makes rows: one for each of its values, or for each stretch of time."""

    spec: FieldSpec
    unit: str = ""  # of days

    @property
    def name(self) -> str:
        return f"{self.spec.name}_{self.unit}" if self.unit else self.spec.name

    @property
    def text(self) -> str:
        return f"{self.spec.name}:{self.unit}" if self.unit else self.spec.name

    @property
    def columns(self) -> list[Column]:
        """A column; of a link two, the reference and the name."""
        spec = self.spec
        if spec.kind in LINKS and spec.name != "owner":
            name = Column(f"{spec.name}_name", f"{spec.label} name", folded=True)
            return [Column(spec.name, spec.label, "link", absent=NONE), name]
        if self.unit:
            label = spec.label if self.unit == "day" else f"{spec.label}, {self.unit}"
            return [
                Column(self.name, label, "date" if self.unit == "day" else "text", cut="never", absent=NONE)
            ]
        kind = "text" if spec.kind in LINKS else SHOWN_AS[spec.kind]
        return [Column(spec.name, spec.label, kind, absent=NONE if kind == "text" else "")]


class Measure(NamedTuple):
    """A figure of each row."""

    way: str
    spec: FieldSpec | None = None

    @property
    def name(self) -> str:
        return f"{self.way}_{self.spec.name}" if self.spec else self.way

    @property
    def text(self) -> str:
        return f"{self.way}:{self.spec.name}" if self.spec else self.way

    def column(self, entity: str, currency: str) -> Column:
        if self.spec is None:
            return Column(self.name, BY_ENTITY[entity].plural.capitalize(), "number")
        label, kind = self.spec.label, SHOWN_AS[self.spec.kind]
        lower = label if label[1:2].isupper() else label[:1].lower() + label[1:]
        way = {"min": "Earliest", "max": "Latest"}[self.way] if kind in DAYS else LABELS[self.way]
        return Column(self.name, f"{way} {lower}", kind, currency=currency)


class Plan(NamedTuple):
    """A definition in terms of the fields that there are."""

    entity: str
    fields: list[FieldSpec]
    groups: list[Group]
    measures: list[Measure]
    order: list[tuple[str, bool]]  # the columns that grouped rows are sorted by, and whether downwards

    @property
    def lists(self) -> bool:
        """Whether it lists records."""
        return not self.measures


def planned(definition: Definition, fields: list[FieldSpec]) -> Plan:
    """What a definition means. Raises InvalidValue where the fields are not such as it needs."""
    entity = fields[0].entity
    groups = [group_of(text, fields) for text in definition.by]
    if len(groups) > MOST_GROUPS or len({group.name for group in groups}) < len(groups):
        raise InvalidValue("A report is by one field, or by two different ones.", field="by")
    texts = definition.measures or ((COUNT,) if groups else ())
    measures = [measure_of(text, fields) for text in dict.fromkeys(texts)]
    if definition.fields and measures:
        raise InvalidValue(
            "A report either lists fields of records or groups and measures them.",
            hint="Leave out --fields, or --by and the measures.",
            field="fields",
        )
    if definition.chart and definition.chart not in CHARTS:
        raise InvalidValue(
            f"{definition.chart!r} is no chart: there are {', '.join(CHARTS)}, and none.", field="chart"
        )
    order: list[tuple[str, bool]] = []
    if measures:
        order = order_of(definition.sort, groups, measures)
    else:
        columns_for(fields, definition.fields or None, everything=False)
        sorted_by(definition.sort, fields)
    plan = Plan(entity, fields, groups, measures, order)
    if definition.chart and drawn(plan) is None:
        raise InvalidValue("There is no figure that a chart could show.", hint="--count", field="chart")
    return plan


def checked(definition: Definition, fields: list[FieldSpec], context: Context, reader: Reader) -> Definition:
    """A definition that can be run, its fields by their names. Raises InvalidValue."""
    plan = planned(definition, fields)
    where(parse_filter(definition.filter), plan.entity, reader.fields, context)
    return replace(
        definition,
        by=tuple(group.text for group in plan.groups),
        measures=tuple(measure.text for measure in plan.measures),
        fields=tuple(column_of(name, fields) for name in definition.fields),
        sort=",".join("-" * down + name for name, down in plan.order) or definition.sort,
    )


def column_of(name: str, fields: Sequence[FieldSpec]) -> str:
    """The column of a list that is meant. Raises InvalidValue."""
    link = named_link(name, fields)
    return f"{link.name}_name" if link else field_named(name, fields).name


def group_of(text: str, fields: Sequence[FieldSpec]) -> Group:
    """The group that is meant: owner, close_date:month. Raises InvalidValue."""
    name, colon, typed = text.rpartition(":") if ":" in text else (text, "", "")
    spec = named_link(name, fields) or field_named(name, fields)
    unit = typed.strip().casefold()
    if spec.kind in DAYS:
        if colon and unit not in UNITS:
            raise InvalidValue(
                f"{text}: there is no {typed!r}; there are {', '.join(UNITS)}.",
                hint=suggestion(unit, UNITS),
                field="by",
            )
        return Group(spec, unit or "day")
    if colon:
        raise InvalidValue(f"{text}: {spec.name} is no date, which alone has a {UNITS[2]}.", field="by")
    if spec.kind == "money" or spec.column in ("id", "uid"):
        what = "an amount" if spec.kind == "money" else "another one in each record"
        raise InvalidValue(f"A report by {spec.name} makes no groups: it is {what}.", field="by")
    return Group(spec)


def measure_of(text: str, fields: Sequence[FieldSpec]) -> Measure:
    """The measure that is meant: count, sum:amount. Raises InvalidValue."""
    way, _, name = text.partition(":")
    if way == COUNT and not name:
        return Measure(COUNT)
    if way not in WAYS or not name:
        raise InvalidValue(
            f"{text!r} is no measure: count, or {', '.join(WAYS)} of a field.", field="measures"
        )
    spec = field_named(name, fields)
    can = MEASURED.get(spec.kind, ()) if spec.column != "id" else ()
    if way not in can:
        known = [each.name for each in fields if way in MEASURED.get(each.kind, ())]
        also = f" It has {' and '.join(f'--{one}' for one in can)}." if can else ""
        words = {
            "sum": "has no sum",
            "avg": "has no average",
            "min": "has no lowest",
            "max": "has no highest",
        }
        kind = (
            "a percentage"
            if spec.kind == "percent"
            else f"a {spec.kind}"
            if spec.kind in DAYS
            else "no number"
        )
        raise InvalidValue(
            f"{spec.name} is {kind}: it {words[way]}.{also}",
            hint=f"--{way} takes {', '.join(known)}." if known else None,
            field=way,
        )
    return Measure(way, spec)


def order_of(text: str, groups: Sequence[Group], measures: Sequence[Measure]) -> list[tuple[str, bool]]:
    """The columns that rows are sorted by: -sum_amount,owner. Raises InvalidValue."""
    known = {
        **{group.spec.name: group.name for group in groups},
        **{group.name: group.name for group in groups},
        **{measure.name: measure.name for measure in measures},
    }
    order = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        wanted = re.sub(r"[\s:-]+", "_", part.removeprefix("-").strip()).casefold()
        if wanted not in known:
            raise InvalidValue(
                f"The report has no {part.removeprefix('-')!r} to sort by. It has {', '.join(known.values())}.",
                hint=suggestion(wanted, list(known)),
                field="sort",
            )
        order.append((known[wanted], part.startswith("-")))
    return order


def drawn(plan: Plan) -> str | None:
    """The column that a chart shows: the measure that the rows are sorted by, or else the first."""
    figures = [each.name for each in plan.measures if each.spec is None or each.spec.kind not in DAYS]
    sorted_by = [name for name, _ in plan.order if name in figures]
    return next(iter([*sorted_by, *figures]), None)
