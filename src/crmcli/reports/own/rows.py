"""What the rows of a grouped report stand for: from what SQL groups by to names in their order."""

from collections.abc import Callable, Sequence
from datetime import date, tzinfo
from functools import cache
from typing import Any, NamedTuple

from crmcli.fields import FieldSpec
from crmcli.reports.own.computed import local_day
from crmcli.reports.own.meaning import NONE, Group
from crmcli.reports.own.query import LINKS, Asked, Query
from crmcli.store.query import TEXTS, value_sql
from crmcli.values.periods import parse_period

LAST = (1,)  # the place of what is blank


class Key(NamedTuple):
    """A row: what stands in its columns, and its place among the others."""

    values: tuple[Any, ...]
    place: tuple[Any, ...]


class Rows:
    """The groups of a report in SQL, and the row that each of SQL's groups belongs to."""

    def __init__(self, query: Query, groups: Sequence[Group], asked: Asked) -> None:
        self.query = query
        self.groups = groups
        self.asked = asked
        self.sql = [sql for group in groups for sql in self.grouped_by(group)]
        self.named = [self.namer(group) for group in groups]

    def grouped_by(self, group: Group) -> list[str]:
        """What SQL groups by: the value, a stretch of time that lies within the unit, or a link's two."""
        spec = group.spec
        whose, there = self.query.beyond(group.link) if group.link else ("t", "")
        found = self.query.link(spec, whose) if spec.kind in LINKS else [value_sql(spec, whose)]
        values = [f"CASE WHEN {there} THEN {sql} END" if there else sql for sql in found]
        if spec.kind in LINKS:
            return values if group.by_reference else values[1:]
        value = values[0]
        if spec.kind == "instant" and not is_utc(self.asked.context.zone):
            return [f"substr({value}, 1, 16)"]  # a day begins at a full minute everywhere
        if group.unit:
            return [f"substr({value}, 1, {10 if group.unit in ('day', 'week') else 7})"]
        return [f"nullif({value}, '')" if spec.kind in TEXTS else value]

    def namer(self, group: Group) -> Callable[..., Key]:
        """A function from what SQL grouped by to what stands in the columns of the row, and its place."""
        spec = group.spec
        if group.by_reference:
            return lambda ref, name: Key(
                (ref, name), LAST if ref is None else (0, folded(name), name or "", ref)
            )
        if group.unit:
            return stretches(group.unit, self.asked.context.zone, self.asked.context.fiscal_start)
        if is_stage(spec):
            found = self.query.reader.rows("SELECT name, position FROM stage ORDER BY deleted_at IS NULL, id")
            places = dict(found)
            return lambda name: Key(
                (name,), LAST if name is None else (0, name not in places, places.get(name, 0), name)
            )
        if spec.kind in ("boolean", "number", "percent"):
            return lambda value: Key((plain(value),), LAST if value is None else (0, plain(value)))
        return lambda value: Key((value,), LAST if value is None else (0, folded(value), value))

    def key(self, found: Sequence[Any]) -> Key:
        """The row that a group of SQL's belongs to."""
        values: list[Any] = []
        places = []
        for name, group in zip(self.named, self.groups, strict=True):
            one = name(*found[len(values) : len(values) + len(group.columns)])
            values += one.values
            places.append(one.place)
        return Key(tuple(values), tuple(places))

    def called(self, key: Key) -> str:
        """The name of a row: the last column of each of its groups."""
        names = []
        values = list(key.values)
        for group in self.groups:
            value = values[: len(group.columns)][-1]
            del values[: len(group.columns)]
            if group.spec.kind == "boolean" and value is not None:
                value = "yes" if value else "no"
            names.append(NONE if value is None else str(value))
        return " · ".join(names)


def is_stage(spec: FieldSpec) -> bool:
    """Whether it has the order of the stages."""
    return (spec.entity, spec.name) == ("opportunity", "stage")


def stretches(unit: str, zone: tzinfo, fiscal_start: int) -> Callable[[str | None], Key]:
    """A function from the beginning of a stored day or moment to the stretch of time it lies in."""

    @cache
    def of_day(day: date) -> Key:
        if unit == "day":
            return Key((day.isoformat(),), (0, day.isoformat()))
        period = parse_period(f"this-{unit}", today=day, fiscal_start=fiscal_start)
        return Key((period.label,), (0, period.start.isoformat()))

    def of(text: str | None) -> Key:
        if text is None:
            return Key((None,), LAST)
        return of_day(local_day(f"{text}-01" if len(text) == len("2026-12") else text, zone))

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
