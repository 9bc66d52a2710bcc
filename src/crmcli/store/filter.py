"""Filters as SQL: from the terms of a filter to the WHERE of a SELECT."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, NOUNS, FieldKind, FieldSpec
from crmcli.store import search
from crmcli.store.filter_terms import Term, at_term, is_one_number
from crmcli.store.filter_values import (
    BACKWARDS,
    LARGEST,
    Context,
    check_order,
    ends_of,
    number_of,
    priced,
    rescaled,
    span_of,
)
from crmcli.store.query import (
    TEXTS,
    by_places,
    currency_field,
    field_named,
    identifier,
    kind_sql,
    named_link,
    target_of,
    value_sql,
)
from crmcli.values.keys import domain_key, email_key, phone_key, phone_part
from crmcli.values.references import split_reference

FieldsOf = Callable[[str], list[FieldSpec]]

# The fields that are matched by a normalised twin, and how what is typed becomes one.
KEYS: Final[dict[tuple[str, str], tuple[str, Callable[[str], str]]]] = {
    ("lead", "email"): ("email_key", email_key),
    ("contact", "email"): ("email_key", email_key),
    ("user", "email"): ("email_key", email_key),
    ("account", "website"): ("domain", domain_key),
}
PHONES: Final = frozenset({("lead", "phone"), ("contact", "phone"), ("account", "phone")})
MOST_HOPS: Final = 4
MOST_VALUES: Final = 20_000  # SQLite takes 32,766 parameters
LONGEST_VALUE: Final = 10_000  # SQLite's LIKE takes 50,000 bytes


def where(
    terms: Sequence[Term], entity: str, fields_of: FieldsOf, context: Context
) -> tuple[str, dict[str, Any]]:
    """The condition that a record `t` meets all the terms, and its parameters f1, f2, …

    Raises InvalidValue, which names the term and its position.
    """
    condition = _Condition(fields_of, context)
    sql = _joined([condition.term(term, entity) for term in terms], "AND") if terms else "1 = 1"
    return sql, condition.params


def _joined(parts: Sequence[str], word: str) -> str:
    """Conditions under one word, as a balanced tree: SQLite refuses one that is a thousand deep."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_joined(parts[:middle], word)} {word} {_joined(parts[middle:], word)})"


class _Condition:
    """Filter terms on their way to SQL: what is typed becomes parameters only."""

    def __init__(self, fields_of: FieldsOf, context: Context) -> None:
        self.fields_of = fields_of
        self.context = context
        self.params: dict[str, Any] = {}
        self.known: dict[str, list[FieldSpec]] = {}

    def bind(self, value: Any) -> str:
        name = f"f{len(self.params) + 1}"
        if len(self.params) >= MOST_VALUES:
            raise InvalidValue(f"a filter may hold {MOST_VALUES} values at most.")
        self.params[name] = value
        return f":{name}"

    def fields(self, entity: str) -> list[FieldSpec]:
        if entity not in self.known:
            self.known[entity] = self.fields_of(entity)
        return self.known[entity]

    # --- terms

    def term(self, term: Term, entity: str) -> str:
        """The condition of one term; what is unknown does not match it, and so matches its negation."""
        try:
            if any(len(value) > LONGEST_VALUE for value in term.values):
                raise InvalidValue(f"a value may have {LONGEST_VALUE} characters at most.")
            if term.operator:
                sql = self.path(term.field.split("."), term, entity, "t", 0)
            else:
                sql = self.words(term.values[0], entity)
        except InvalidValue as error:
            raise at_term(term.text, term.position, error) from error
        return f"(({sql}) IS NOT TRUE)" if term.negated != (term.operator == "!=") else f"({sql})"

    def words(self, words: str, entity: str) -> str:
        """Free words: the record is found by them in the full text."""
        if entity not in search.CODES:
            raise InvalidValue(f"{BY_ENTITY[entity].plural} are not in the full text; name a field.")
        code, space = search.CODES[entity], search.CODE_SPACE
        condition, params = search.condition(self.context.is_sqlite, words)
        for name, value in params.items():
            condition = condition.replace(f":{name}", self.bind(value))
        row = "rowid" if self.context.is_sqlite else "id"
        condition += f" AND {row} % {space} = {code}"
        return f"t.id IN (SELECT ({row} - {code}) / {space} FROM search WHERE {condition})"

    def path(self, names: list[str], term: Term, entity: str, alias: str, depth: int) -> str:
        """The condition on a field, or on a field of the record that a link leads to."""
        fields = self.fields(entity)
        link = named_link(names[0], fields)
        if link is not None and link.kind == "link":
            names = [link.name, BY_ENTITY[target_of(link)].title, *names[1:]]
        spec = link or field_named(names[0], fields)
        if len(names) == 1:
            return self.alternatives(spec, alias, term)
        if spec.kind != "link":
            raise InvalidValue(f"{spec.name} leads to no one kind of record: nothing can follow the dot.")
        if depth >= MOST_HOPS:
            raise InvalidValue(f"a path may follow {MOST_HOPS} links at most.")
        inner = f"t{depth + 1}"
        beyond = self.path(names[1:], term, target_of(spec), inner, depth + 1)
        column = value_sql(spec, alias)
        sql = f"{column} IN (SELECT {inner}.id FROM {self.context.table(target_of(spec))} AS {inner} WHERE {beyond})"
        return f"({column} IS NULL OR {sql})" if "" in term.values else sql  # no owner: no team either

    def alternatives(self, spec: FieldSpec, alias: str, term: Term) -> str:
        """The condition that a field holds any of the values."""
        operator = "=" if term.operator == "!=" else term.operator
        ordered = operator not in (":", "=")
        if ordered and (spec.kind in TEXTS or spec.kind in ("boolean", "link", "relation")):
            what = {"boolean": "yes or no", "link": "a link", "relation": "a link"}.get(spec.kind, "text")
            raise InvalidValue(f"{spec.name} is {what}, which has no order: use : or =, not {operator}.")
        whole = ordered or (spec.kind in ("number", "percent", "money") and is_one_number(term))
        values = (term.whole,) if whole else term.values
        if ordered and not term.whole:
            raise InvalidValue(f"a value is missing after {operator}.")
        return _joined([self.test(spec, alias, operator, value) for value in values], "OR")

    def test(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        """The condition that a field holds one value."""
        if not value:
            return self.blank(spec, alias)
        if spec.name == "ref":
            return self.reference(spec, alias, operator, value)
        return _TESTS[spec.kind](self, spec, alias, operator, value)

    def blank(self, spec: FieldSpec, alias: str) -> str:
        value = value_sql(spec, alias)
        is_text = spec.kind in TEXTS and spec.column != "id"  # a reference is kept as a number
        return f"({value} IS NULL OR {value} = '')" if is_text else f"{value} IS NULL"

    # --- text

    def text(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        if (spec.entity, spec.name) in PHONES:
            if operator == "=" and (key := phone_key(value, self.context.country)):
                return f"{alias}.phone_key = {self.bind(key)}"
            if operator == ":" and (part := phone_part(value)):
                parts = {part, part.removeprefix("0") or part}  # 030 in Germany is +4930
                keys = [f"{alias}.phone_key LIKE {self.bind(f'%{each}%')}" for each in sorted(parts)]
                return _joined([*keys, self.contains(value_sql(spec, alias), operator, value)], "OR")
        elif operator == "=" and (spec.entity, spec.name) in KEYS:
            column, normal = KEYS[spec.entity, spec.name]
            if key := normal(value):
                return f"{alias}.{column} = {self.bind(key)}"
        return self.contains(value_sql(spec, alias), operator, value)

    def contains(self, sql: str, operator: str, value: str) -> str:
        """Text that contains another (`:`), or is it (`=`), without case."""
        plain = all(letter.isascii() or letter == letter.casefold() == letter.upper() for letter in value)
        if operator == ":":
            value = "%" + re.sub("[!%_]", r"!\g<0>", value) + "%"
        typed = self.bind(value.lower() if plain else value)
        left, right = (f"lower({sql})", typed) if plain else (self.folded(sql), self.folded(typed))
        return f"{left} LIKE {right} ESCAPE '!'" if operator == ":" else f"{left} = {right}"

    def folded(self, sql: str) -> str:
        """Text without case beyond ASCII; our columns' own collation in PostgreSQL folds ASCII alone."""
        return f"fold({sql})" if self.context.is_sqlite else f'lower({sql} COLLATE "default")'

    def reference(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        """The record's own reference, typed or as a bare number."""
        noun = BY_ENTITY[spec.entity]
        typed = split_reference(value)
        if value.isascii() and value.isdigit():
            typed = (noun.letter, int(value))
        if typed is None or typed[0] != noun.letter:
            raise InvalidValue(f"{value!r} is no reference of {noun.plural}; these look like {noun.letter}7.")
        return f"{alias}.id = {self.bind(min(typed[1], LARGEST))}"

    def boolean(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        flag = {"yes": 1, "true": 1, "1": 1, "no": 0, "false": 0, "0": 0}.get(value.casefold())
        if flag is None:
            raise InvalidValue(f"{value!r} is neither yes nor no.")
        return f"{value_sql(spec, alias)} = {self.bind(flag)}"

    # --- links

    def link(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        column, target = value_sql(spec, alias), target_of(spec)
        if target == "user" and value.casefold() == "me":
            if self.context.me is None:
                raise InvalidValue("nobody knows who you are.", hint="Say it with --as USER.")
            return f"{column} = {self.bind(self.context.me)}"
        typed = split_reference(value)
        if typed and typed[0] == BY_ENTITY[target].letter:
            return f"{column} = {self.bind(min(typed[1], LARGEST))}"
        return self.titled(target, column, operator, value)

    def titled(self, entity: str, column: str, operator: str, value: str) -> str:
        """The condition that a link leads to a record of such a name."""
        title = self.contains(f"n.{identifier(BY_ENTITY[entity].title)}", operator, value)
        return f"{column} IN (SELECT n.id FROM {self.context.table(entity)} AS n WHERE {title})"

    def relation(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        column, kind = value_sql(spec, alias), kind_sql(spec, alias)
        typed = split_reference(value)
        if typed and typed[0] in BY_LETTER:
            entity = self.bind(BY_LETTER[typed[0]].entity)
            return f"({kind} = {entity} AND {column} = {self.bind(min(typed[1], LARGEST))})"
        titled = [(noun.entity, self.titled(noun.entity, column, operator, value)) for noun in NOUNS]
        return _joined([f"({kind} = '{entity}' AND {title})" for entity, title in titled], "OR")

    # --- numbers, money, days

    def number(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        column = value_sql(spec, alias)
        ends = [
            (way, number_of(text, spec.kind == "percent", self.context.is_sqlite))
            for way, text in ends_of(value, operator)
        ]
        check_order([number for _, number in ends])
        return _joined([f"{column} {way} {self.bind(number)}" for way, number in ends], "AND")

    def money(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        typed = ends_of(value, operator)
        ends = [(way, *priced(self.context, text)) for way, text in typed]
        named = {currency for _, _, currency, given in ends if given}
        if len(named) > 1:
            raise InvalidValue("a range has one currency.")
        for currency in named:  # 10k..€50k: euros at both ends
            ends = [(way, *priced(self.context, text, currency)) for way, text in typed]
        check_order([minor for _, minor, _, _ in ends])
        return _joined([self.amount(spec, alias, *end) for end in ends], "AND")

    def amount(
        self, spec: FieldSpec, alias: str, operator: str, minor: int, currency: str, named: bool
    ) -> str:
        """The comparison with an amount, in a record's own minor units; in one currency if it was named."""
        from crmcli.values.money import decimals

        column, home = value_sql(spec, alias), self.context.currency
        own = currency_field(self.fields(spec.entity))
        if own is None:
            return "1 = 0" if currency != home else f"{column} {operator} {self.bind(minor)}"
        beside = f"{alias}.currency" if own.required else f"coalesce({alias}.currency, {self.bind(home)})"
        if named:
            return f"({beside} = {self.bind(currency)} AND {column} {operator} {self.bind(minor)})"
        places = decimals(currency)
        scaled = by_places(beside, lambda its: self.bind(rescaled(minor, its - places, operator)))
        return f"{column} {operator} {scaled}"

    def days(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        typed = ends_of(value, operator)
        spans = [span_of(self.context, text, spec.kind) for _, text in typed]
        if spans == [None] and typed[0][0] == "=":  # close_date:none
            return self.blank(spec, alias)
        ends: list[tuple[str, str]] = []
        for (way, text), span in zip(typed, spans, strict=True):
            if span is None:
                raise InvalidValue(f"{text!r} is no day; nothing is before or after it.")
            begin, after = span
            ways = {"<": [("<", begin)], "<=": [("<", after)], ">": [(">=", after)], ">=": [(">=", begin)]}
            ends += ways.get(way, [(">=", begin), ("<", after)])
        if len(ends) == 2 and ends[0][1] >= ends[1][1]:  # the second is the day after the last
            raise InvalidValue(BACKWARDS)
        column = value_sql(spec, alias)
        return _joined([f"{column} {way} {self.bind(end)}" for way, end in ends], "AND")


_TESTS: Final[dict[FieldKind, Callable[[_Condition, FieldSpec, str, str, str], str]]] = {
    "text": _Condition.text,
    "email": _Condition.text,
    "phone": _Condition.text,
    "url": _Condition.text,
    "select": _Condition.text,
    "number": _Condition.number,
    "percent": _Condition.number,
    "money": _Condition.money,
    "date": _Condition.days,
    "instant": _Condition.days,
    "boolean": _Condition.boolean,
    "link": _Condition.link,
    "relation": _Condition.relation,
}
