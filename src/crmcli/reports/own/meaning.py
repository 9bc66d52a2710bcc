"""What a definition means in terms of the fields that there are: groups, measures, an order."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.reports.own.computed import computed, is_age
from crmcli.reports.own.query import LINKS, sorted_by
from crmcli.result import Column, Kind
from crmcli.rules.own_reports import CHARTS, COUNT, UNITS, WAYS, Definition
from crmcli.store.filter import FieldsOf, where
from crmcli.store.filter_terms import parse_filter
from crmcli.store.filter_values import Context
from crmcli.store.query import SHOWN_AS, columns_for, field_named, named_link, target_of

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
    """A field that makes rows, one for each of its values, or for each stretch of time."""

    spec: FieldSpec
    unit: str = ""  # of days
    link: FieldSpec | None = None  # to the record whose field it is

    @property
    def path(self) -> str:
        """The field as a filter names it: owner.team."""
        return f"{self.link.name}.{self.spec.name}" if self.link else self.spec.name

    @property
    def text(self) -> str:
        return f"{self.path}:{self.unit}" if self.unit else self.path

    @property
    def name(self) -> str:
        return re.sub("[.:]", "_", self.text)

    @property
    def by_reference(self) -> bool:
        """Whether it is a link of two columns, the reference and the name; of owners the name is enough."""
        return self.spec.kind in LINKS and self.spec.name != "owner"

    @property
    def columns(self) -> list[Column]:
        spec, label = self.spec, self.spec.label
        if self.link:
            label = f"{self.link.label} {_inner(label)}"
        if self.by_reference:
            name = Column(f"{self.name}_name", f"{label} name", folded=True)
            return [Column(self.name, label, "link", absent=NONE), name]
        if self.unit:
            kind: Kind = "date" if self.unit == "day" else "text"
            label = label if self.unit == "day" else f"{label}, {self.unit}"
            return [Column(self.name, label, kind, cut="never", absent=NONE)]
        kind = "text" if spec.kind in LINKS else SHOWN_AS[spec.kind]
        return [Column(self.name, label, kind, absent=NONE if kind == "text" else "")]


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
        kind = SHOWN_AS[self.spec.kind]
        way = {"min": "Earliest", "max": "Latest"}[self.way] if kind in DAYS else LABELS[self.way]
        return Column(self.name, f"{way} {_inner(self.spec.label)}", kind, currency=currency)


def _inner(label: str) -> str:
    """A label behind another word; abbreviations keep their capitals."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


class Meaning(NamedTuple):
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


def meaning_of(definition: Definition, entity: str, fields_of: FieldsOf) -> Meaning:
    """What a definition means. Raises InvalidValue where the fields are not such as it needs."""
    fields = fields_of(entity)
    groups = [group_of(text, fields, fields_of) for text in definition.by]
    columns = [column.name for group in groups for column in group.columns]
    if len(groups) > MOST_GROUPS or len({*columns}) < len(columns):
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
    meaning = Meaning(entity, fields, groups, measures, order)
    if definition.chart and drawn(meaning) is None:
        raise InvalidValue("There is no figure that a chart could show.", hint="--count", field="chart")
    return meaning


def checked(definition: Definition, entity: str, context: Context, fields_of: FieldsOf) -> Definition:
    """A definition that can be run, its fields by their names. Raises InvalidValue."""
    meaning = meaning_of(definition, entity, fields_of)
    where(parse_filter(definition.filter), entity, fields_of, context)
    return replace(
        definition,
        by=tuple(group.text for group in meaning.groups),
        measures=tuple(measure.text for measure in meaning.measures),
        fields=tuple(column_of(name, meaning.fields) for name in definition.fields),
        sort=",".join("-" * down + name for name, down in meaning.order) or definition.sort,
    )


def column_of(name: str, fields: Sequence[FieldSpec]) -> str:
    """The column of a list that is meant. Raises InvalidValue."""
    link = named_link(name, fields)
    return f"{link.name}_name" if link else field_named(name, fields).name


def group_of(text: str, fields: Sequence[FieldSpec], fields_of: FieldsOf) -> Group:
    """The group that is meant: owner, owner.team, close_date:month. Raises InvalidValue."""
    name, colon, typed = text.rpartition(":") if ":" in text else (text, "", "")
    link = None
    if "." in name:
        before, _, name = name.partition(".")
        link = field_named(before, fields)
        if link.kind != "link":
            raise InvalidValue(f"{text}: {link.name} leads to no one kind of record.", field="by")
        if "." in name:
            raise InvalidValue(f"{text}: a report groups along one dot.", field="by")
        fields = fields_of(target_of(link))
    spec = named_link(name, fields) or field_named(name, fields)
    unit = typed.strip().casefold()
    if spec.kind in DAYS:
        if colon and unit not in UNITS:
            raise InvalidValue(
                f"{text}: there is no {typed!r}; there are {', '.join(UNITS)}.",
                hint=suggestion(unit, UNITS),
                field="by",
            )
        return Group(spec, unit or "day", link)
    if colon:
        raise InvalidValue(f"{text}: {spec.name} is no date, which alone has a {UNITS[2]}.", field="by")
    if spec.kind == "money" or spec.column in ("id", "uid"):
        what = "an amount" if spec.kind == "money" else "another one in each record"
        raise InvalidValue(f"A report by {spec.name} makes no groups: it is {what}.", field="by")
    return Group(spec, link=link)


def measure_of(text: str, fields: Sequence[FieldSpec]) -> Measure:
    """The measure that is meant: count, sum:amount. Raises InvalidValue."""
    way, _, name = text.partition(":")
    if way == COUNT and not name:
        return Measure(COUNT)
    if way not in WAYS or not name:
        raise InvalidValue(
            f"{text!r} is no measure: count, or {', '.join(WAYS)} of a field.", field="measures"
        )
    known = measurable(fields)
    spec = field_named(name, known)
    can = ways_of(spec)
    if way not in can:
        takes = [each.name for each in known if way in ways_of(each)]
        also = f" It has {' and '.join(f'--{one}' for one in can)}." if can else ""
        words = {
            "sum": "has no sum",
            "avg": "has no average",
            "min": "has no lowest",
            "max": "has no highest",
        }
        kinds = {"percent": "a percentage", "date": "a date", "instant": "a moment", "number": "a number"}
        raise InvalidValue(
            f"{spec.name} is {kinds.get(spec.kind, 'no number')}: it {words[way]}.{also}",
            hint=f"--{way} takes {', '.join(takes)}." if takes else None,
            field=way,
        )
    return Measure(way, spec)


def measurable(fields: Sequence[FieldSpec]) -> list[FieldSpec]:
    """The fields, and what is computed of a record where none of them is called so."""
    names = {each.name for each in fields}
    return [*fields, *(each for each in computed(fields[0].entity) if each.name not in names)]


def ways_of(spec: FieldSpec) -> tuple[str, ...]:
    """What can be measured of a field."""
    if is_age(spec):
        return MEASURED["percent"]  # nobody asks for a sum of ages
    return MEASURED.get(spec.kind, ()) if spec.column != "id" else ()


def order_of(text: str, groups: Sequence[Group], measures: Sequence[Measure]) -> list[tuple[str, bool]]:
    """The columns that rows are sorted by: -sum_amount,owner. Raises InvalidValue."""
    known = {
        **{group._replace(unit="").name: group.name for group in groups},
        **{group.name: group.name for group in groups},
        **{measure.name: measure.name for measure in measures},
    }
    order = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        wanted = re.sub(r"[\s:.-]+", "_", part.removeprefix("-").strip()).casefold()
        if wanted not in known:
            raise InvalidValue(
                f"The report has no {part.removeprefix('-')!r} to sort by. It has {', '.join(known.values())}.",
                hint=suggestion(wanted, list(known)),
                field="sort",
            )
        order.append((known[wanted], part.startswith("-")))
    return order


def drawn(meaning: Meaning) -> str | None:
    """The column that a chart shows: the measure that the rows are sorted by, or else the first."""
    figures = [each.name for each in meaning.measures if each.spec is None or each.spec.kind not in DAYS]
    sorted_by = [name for name, _ in meaning.order if name in figures]
    return next(iter([*sorted_by, *figures]), None)
