"""The records that a report of one's own is about, as SQL: as they are, or as they were."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, NOUNS, FieldSpec
from crmcli.reports.own.computed import OVER, WEIGHS, is_age
from crmcli.rules.rates import Rates
from crmcli.store.filter import where
from crmcli.store.filter_terms import parse_filter
from crmcli.store.filter_values import Context
from crmcli.store.past import Past
from crmcli.store.query import (
    Selected,
    currency_field,
    field_named,
    identifier,
    kind_sql,
    named_link,
    sort_sql,
    table_of,
    target_of,
    value_sql,
)
from crmcli.store.reader import Reader

LINKS: Final = ("link", "relation")


class Asked(NamedTuple):
    """How a report is asked for, besides its definition."""

    as_of: str
    moment: str | None  # the end of that day where the past is asked for, None where the present is
    context: Context  # of filters; its today is the as-of day
    rates: Rates
    currency: str | None = None  # of the figures; None: the usual one
    explain: bool = False
    every: bool = True  # explain with every record: for programs


def sorted_by(text: str, fields: Sequence[FieldSpec]) -> list[tuple[FieldSpec, str]]:
    """The fields that a list is sorted by, and which way. Raises InvalidValue."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    names = [(part.removeprefix("-"), "DESC" if part.startswith("-") else "ASC") for part in parts]
    return [(named_link(name, fields) or field_named(name, fields), way) for name, way in names]


class Query:
    """The records `t` that a report is about, and those that they link to, as they are or as they were."""

    def __init__(self, reader: Reader, fields: list[FieldSpec], text: str, asked: Asked) -> None:
        self.reader = reader
        self.entity = fields[0].entity
        self.fields = fields
        self.table: Callable[[str], str] = table_of if asked.moment is None else Past(reader)
        terms = parse_filter(text)
        if asked.moment is not None and any(not term.operator for term in terms):
            raise InvalidValue(
                "With --as-of a filter names fields: free words find records as they are now.", field="filter"
            )
        context = replace(asked.context, table=self.table)
        condition, params = where(terms, self.entity, reader.fields, context)
        there = "t.deleted_at IS NULL" if asked.moment is None else "t.there IS NOT NULL"
        self.condition = f"{there} AND ({condition})"
        self.params = {"moment": asked.moment, "as_of": asked.as_of, "home": context.currency, **params}
        self.joins: dict[str, str] = {}

    def rows(
        self, columns: str, condition: str = "", rest: str = "", **params: Any
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of these columns of the records, or of those of them that meet a condition."""
        source = f"{self.table(self.entity)} AS t{''.join(self.joins.values())}"
        sql = f"SELECT {columns} FROM {source} WHERE {self.condition}{condition}{rest}"
        return self.reader.rows(sql, **self.params, **params)

    def value(self, spec: FieldSpec) -> str:
        """What a record has in a field, or what is computed of it in SQL."""
        if is_age(spec):
            raise ValueError("ages are not counted in SQL")
        return value_sql(spec, "t") if spec.column else f"({WEIGHS})"

    @property
    def life(self) -> tuple[str, str]:
        """When a record began and when it was over: days, or minutes, at which days begin everywhere."""
        over = OVER[self.entity]
        return "substr(t.created_at, 1, 16)", f"substr({over}, 1, 16)"

    @property
    def currency(self) -> str:
        """The currency of a record's amounts."""
        own = currency_field(self.fields)
        home = "CAST(:home AS TEXT)"
        return home if own is None else "t.currency" if own.required else f"coalesce(t.currency, {home})"

    @property
    def day(self) -> str:
        """The day whose rates count: of closed deals that of their closing, of all else the as-of day."""
        if self.entity != "opportunity":
            return "CAST(:as_of AS TEXT)"
        return "CASE WHEN t.is_closed = 1 AND t.close_date IS NOT NULL THEN t.close_date ELSE CAST(:as_of AS TEXT) END"

    def currencies(self, amounts: Sequence[FieldSpec]) -> set[str]:
        """Those of the records that have any of these amounts."""
        filled = " OR ".join(f"{self.value(spec)} IS NOT NULL" for spec in amounts)
        return {row[0] for row in self.rows(f"DISTINCT {self.currency}", f" AND ({filled})")}

    def beyond(self, link: FieldSpec) -> tuple[str, str]:
        """The records that a link leads to, and the condition that what they hold is shown."""
        entity = target_of(link)
        alias = self.joined(link, "t", entity)
        return alias, live(entity, alias)

    def link(self, spec: FieldSpec, base: str = "t") -> tuple[str, str]:
        """The reference and the name of the record that a link leads to, as lists show them."""
        if spec.kind == "link":
            return self.titled(target_of(spec), self.joined(spec, base, target_of(spec)))
        found = [
            self.titled(noun.entity, self.joined(spec, base, noun.entity, f"_{noun.entity}"))
            for noun in NOUNS
        ]
        refs, names = zip(*found, strict=True)
        return f"coalesce({', '.join(refs)})", f"coalesce({', '.join(names)})"

    def titled(self, entity: str, alias: str) -> tuple[str, str]:
        """The reference and the name of a record that was joined."""
        noun = BY_ENTITY[entity]
        name = f"{alias}.{identifier(noun.title)}"
        return (
            f"CASE WHEN {alias}.deleted_at IS NULL THEN '{noun.letter}' || {alias}.id END",
            f"CASE WHEN {live(entity, alias)} THEN {name} END",
        )

    def joined(self, spec: FieldSpec, base: str, entity: str, kind: str = "") -> str:
        """The name under which the record is joined that a link of another leads to."""
        alias = f"{base}_{spec.name}{kind}"
        also = f" AND {kind_sql(spec, base)} = '{entity}'" if kind else ""
        on = f"{identifier(alias)}.id = {value_sql(spec, base)}{also}"
        self.joins[alias] = f" LEFT JOIN {self.table(entity)} AS {alias} ON {on}"
        return alias

    def linked(self, name: str, selected: Selected) -> str:
        """The SQL of a list's column, where that is a link's as this query joins it."""
        for spec in self.fields:
            if spec.kind in LINKS and name in (spec.name, f"{spec.name}_name"):
                ref, title = self.link(spec)
                return ref if name == spec.name and name != "owner" else title
        return selected.sql

    def order(self, text: str) -> str:
        """The ORDER BY of a list: blanks last, equals in the order of their ids."""
        order = []
        for spec, way in sorted_by(text, self.fields):
            sql = "t.id" if spec.column == "id" else sort_sql(spec, self.fields)
            if spec.kind in LINKS:
                sql = f"lower({self.link(spec)[1]})"
            order.append(f"{sql} {way} NULLS LAST")
        return ", ".join([*order, "t.id"])


def live(entity: str, alias: str) -> str:
    """The condition that what a joined record holds is shown: who left still owns what they owned."""
    return "TRUE" if entity == "user" else f"{alias}.deleted_at IS NULL"
