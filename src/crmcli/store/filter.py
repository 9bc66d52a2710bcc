"""The filter language: from terms such as `stage:won amount>10k -owner:me` to the WHERE of a SELECT."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, NOUNS, FieldKind, FieldSpec
from crmcli.store import search
from crmcli.store.query import (
    TEXTS,
    by_places,
    currency_field,
    field_named,
    identifier,
    kind_sql,
    named_link,
    table_of,
    target_of,
    value_sql,
)
from crmcli.values.keys import domain_key, email_key, phone_key
from crmcli.values.references import split_reference

if TYPE_CHECKING:
    from datetime import date, tzinfo

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
LARGEST: Final = 2**63 - 1
BACKWARDS: Final = "the range ends before it begins."


@dataclass(frozen=True, slots=True)
class Term:
    """One term as it was typed: `-source=Web,Phone`. Free words have no field and no operator."""

    text: str
    position: int  # of its first character in the filter, from 1
    negated: bool
    field: str
    operator: str
    values: tuple[str, ...]  # any of them; an empty one stands for blank

    @property
    def whole(self) -> str:
        """The value where a comma does not part it."""
        return ",".join(self.values)


@dataclass(frozen=True, slots=True)
class Context:
    """What the values of a filter depend on."""

    today: "date"
    zone: "tzinfo"
    currency: str
    fiscal_start: int = 1
    date_order: str | None = None
    country: str = ""  # of phone numbers without +
    me: int | None = None  # the user's id
    is_sqlite: bool = True
    table: Callable[[str], str] = table_of  # where the records of an entity are: as they are, or were


_QUOTED: Final = r'"(?:[^"]|"")*"'
_OPERATOR: Final = r"!=|<=|>=|[:=<>]"


def parse_filter(text: str) -> list[Term]:
    """The terms of a filter. Raises InvalidValue, which names the term and its position.

    Double quotes may stand anywhere; what they hold is taken as it is, and a quote in them is written twice.
    """
    if any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidValue("The filter has characters in it that are not text.", field="filter")
    terms = []
    for found in re.finditer(rf'(?:{_QUOTED}|[^\s"])+|"', text):
        if found[0] == '"':
            raise InvalidValue(f"The quote at position {found.start() + 1} is not closed.", field="filter")
        terms.append(_term(found[0], found.start() + 1))
    return terms


def _term(typed: str, position: int) -> Term:
    """One term; `mask` is its letters with NUL for those in quotes, which mean nothing but themselves."""
    letters = mask = ""
    for piece in re.finditer(rf'{_QUOTED}|[^"]+', typed):
        inner = piece[0]
        if inner[0] == '"':
            inner = inner[1:-1].replace('""', '"')
        letters += inner
        mask += "\0" * len(inner) if piece[0][0] == '"' else inner
    minus = len(mask) - len(mask.lstrip("-"))
    letters, mask, negated = letters[minus:], mask[minus:], minus % 2 == 1
    found = re.search(_OPERATOR, mask)
    if found is None:
        if not letters.strip():
            raise _at(typed, position, InvalidValue("there is nothing to search for."))
        return Term(typed, position, negated, "", "", (letters,))
    if found.end() < len(mask) and mask[found.end()] in "=<>:":
        wrong = f"there is no operator {found[0] + mask[found.end()]!r}."
        raise _at(typed, position, InvalidValue(wrong, hint="Operators: : = != < <= > >="))
    field = letters[: found.start()].strip()
    if not field:
        raise _at(typed, position, InvalidValue("a field is missing before the operator."))
    return Term(typed, position, negated, field, found[0], _parted(letters, mask, found.end()))


def _parted(letters: str, mask: str, start: int) -> tuple[str, ...]:
    """The alternatives of a value: commas part them, except in quotes."""
    ends = [index for index in range(start, len(mask)) if mask[index] == ","]
    begins = [start, *(index + 1 for index in ends)]
    return tuple(letters[begin:end].strip() for begin, end in zip(begins, [*ends, None], strict=True))


def _at(typed: str, position: int, error: InvalidValue) -> InvalidValue:
    shown = typed if len(typed) <= 60 else typed[:59] + "…"
    return InvalidValue(
        f"Filter term {shown!r} (position {position}): {error.message}",
        hint=error.hint,
        field=error.field or "filter",
    )


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
            raise _at(term.text, term.position, error) from error
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
        whole = ordered or (spec.kind in ("number", "percent", "money") and _is_one_number(term))
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
        if operator == "=" and (spec.entity, spec.name) in PHONES:
            if key := phone_key(value, self.context.country):
                return f"{alias}.phone_key = {self.bind(key)}"
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
            (way, _number(text, spec.kind == "percent", self.context.is_sqlite))
            for way, text in _ends(value, operator)
        ]
        _check_order([number for _, number in ends])
        return _joined([f"{column} {way} {self.bind(number)}" for way, number in ends], "AND")

    def money(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        typed = _ends(value, operator)
        ends = [(way, *self.priced(text)) for way, text in typed]
        named = {currency for _, _, currency, given in ends if given}
        if len(named) > 1:
            raise InvalidValue("a range has one currency.")
        for currency in named:  # 10k..€50k: euros at both ends
            ends = [(way, *self.priced(text, currency)) for way, text in typed]
        _check_order([minor for _, minor, _, _ in ends])
        return _joined([self.amount(spec, alias, *end) for end in ends], "AND")

    def priced(self, text: str, code: str | None = None) -> tuple[int, str, bool]:
        """An amount, its currency, and whether that was named, by the text or by `code`."""
        from crmcli.values.money import parse_money

        home = code or self.context.currency
        minor, currency = parse_money(text, currency=home)
        if code or currency != home:
            return minor, currency, True
        other = "CLF" if home != "CLF" else "UYW"  # no sign means these, and none has more decimals
        try:
            return minor, currency, parse_money(text, currency=other)[1] != other
        except InvalidValue:  # a sign such as ¥, which the home currency alone made clear
            return minor, currency, True

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
        scaled = by_places(beside, lambda its: self.bind(_rescaled(minor, its - places, operator)))
        return f"{column} {operator} {scaled}"

    def days(self, spec: FieldSpec, alias: str, operator: str, value: str) -> str:
        typed = _ends(value, operator)
        spans = [self.span(text, spec.kind) for _, text in typed]
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

    def span(self, text: str, kind: FieldKind) -> tuple[str, str] | None:
        """A day, a period or a moment as stored texts: its beginning, and what comes just after it."""
        from datetime import timedelta

        from crmcli.values.dates import iso_instant, parse_instant

        context = self.context
        try:
            days = self.stretch(text)
        except InvalidValue:
            if kind != "instant":
                raise
            moment = parse_instant(
                text,
                today=context.today,
                zone=context.zone,
                order=context.date_order or None,
                fiscal_start=context.fiscal_start,
            )
            if moment is None or moment.year == 9999:
                raise
            return iso_instant(moment), iso_instant(moment + timedelta(seconds=1))
        if days is None:
            return None
        begin, after = days[0].isoformat(), _day_after(days[1])
        return (self.midnight(begin), self.midnight(after)) if kind == "instant" else (begin, after)

    def stretch(self, text: str) -> "tuple[date, date] | None":
        """The first and the last day of what is typed; None for `none`."""
        from crmcli.values.dates import parse_date
        from crmcli.values.periods import parse_period

        today, fiscal_start = self.context.today, self.context.fiscal_start
        try:
            period = parse_period(text, today=today, fiscal_start=fiscal_start)
        except InvalidValue:
            day = parse_date(
                text, today=today, order=self.context.date_order or None, fiscal_start=fiscal_start
            )
            return None if day is None else (day, day)
        return period.start, period.end

    def midnight(self, day: str) -> str:
        """When a day begins where the user is, in UTC."""
        from datetime import datetime

        from crmcli.values.dates import iso_instant

        try:
            return iso_instant(datetime.fromisoformat(day).replace(tzinfo=self.context.zone))
        except (OverflowError, ValueError):  # at the ends of the calendar
            return f"{day}T00:00:00Z"


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


def _ends(value: str, operator: str) -> list[tuple[str, str]]:
    """What a value is compared with, and how: two ends of a range `a..b`, one where the other is open."""
    first, dots, last = value.partition("..")
    if not dots:
        return [("=" if operator == ":" else operator, value)]
    if operator not in (":", "="):
        raise InvalidValue(f"a range goes with : or =, not with {operator}.")
    ends = [(way, text.strip()) for way, text in ((">=", first), ("<=", last)) if text.strip()]
    if not ends:
        raise InvalidValue("a range needs one end at least.")
    return ends


def _check_order(ends: Sequence[Any]) -> None:
    if len(ends) == 2 and ends[0] > ends[1]:
        raise InvalidValue(BACKWARDS)


def _is_one_number(term: Term) -> bool:
    """Whether the commas in a value group the digits of one number. Raises InvalidValue where they may not.

    `50,000` and `1.250,50` are one number, `10,20` and `1000,2000` are two, `100,200` may be either.
    """
    bare = re.sub(_QUOTED, '""', term.text)
    if len(term.values) < 2:
        return False
    if re.search(r"[0-9]\.[0-9]{3},[0-9]{1,2}(?![0-9,])", bare):
        return True
    if not re.search(r"(?<![0-9,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])", bare):
        return False
    if re.search(r",0[0-9]{2}(?![0-9])", bare):
        return True
    one, several = "".join(term.values), ",".join(f'"{value}"' for value in term.values)
    raise InvalidValue(f"{term.whole} could be one number or several.", hint=f"Write {one}, or {several}.")


def _number(text: str, percent: bool, is_sqlite: bool) -> Any:
    """A number as a database takes it: an int where it is whole."""
    typed = text.replace("_", "").replace(" ", "").casefold()
    found = re.fullmatch(r"([+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?)(k|m|bn)?(%)?", typed)
    if found is None or (found[3] and not percent):
        raise InvalidValue(f"{text!r} is not a number. Write 75, 1,250, 12.5 or 10k.")
    from decimal import Decimal

    value = Decimal(found[1].replace(",", "")) * {"k": 10**3, "m": 10**6, "bn": 10**9}.get(found[2] or "", 1)
    if abs(value) > LARGEST:
        raise InvalidValue(f"{text!r} is too large.")
    if value == int(value):
        return int(value)
    return float(value) if is_sqlite else value


def _rescaled(minor: int, shift: int, operator: str) -> int | None:
    """An amount in the minor units of another currency, rounded so that the comparison stays true.

    None where nothing can be equal to it: there is no half yen.
    """
    up: int = 10 ** max(shift, 0)
    down: int = 10 ** max(-shift, 0)
    whole, rest = divmod(minor * up, down)
    if operator == "=" and (rest or abs(whole) > LARGEST):
        return None
    if rest and operator in ("<", ">="):
        whole += 1
    return max(-LARGEST, min(LARGEST, whole))


def _day_after(day: "date") -> str:
    from datetime import timedelta

    try:
        return (day + timedelta(days=1)).isoformat()
    except OverflowError:  # no day comes later, but a text does
        return "9999-12-32"
