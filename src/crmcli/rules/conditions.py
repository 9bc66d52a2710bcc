"""Conditions on the figures of a report: `coverage<3`, `Li Wei:attainment<80`, `*:gap>10k`, `rows>0`."""

import re
from collections.abc import Callable, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue, NotFound, suggestion
from crmcli.result import Column, Row
from crmcli.values.money import amount_words, parse_money

WAYS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<=": le,
    ">=": ge,
    "!=": ne,
    "<": lt,
    ">": gt,
    "=": eq,
}
EACH: Final = "*"
COUNT: Final = "rows"  # how many there are
FIGURES: Final = ("number", "percent", "money")
FORM: Final = re.compile(r"\s*(?:(.+):)?\s*([A-Za-z][\w -]*?)\s*(<=|>=|!=|<|>|=)\s*(\S.*?)\s*")
EXAMPLES: Final = "Write coverage<3, 'Li Wei:attainment<80', '*:gap>10k' or rows>0."


class Condition(NamedTuple):
    """A condition as it was typed. `row` is the row it is about: None is the total, * is each."""

    text: str
    row: str | None
    column: str
    way: str
    value: str


class Found(NamedTuple):
    """What a condition came to: the sentences of the rows it holds for, and of those that cannot say."""

    holds: list[str]
    unknown: list[str]


class Rows(NamedTuple):
    """The rows that conditions are about, with the names people know them by."""

    columns: Sequence[Column]
    rows: Sequence[tuple[str, Row]]
    totals: Sequence[tuple[str, Row]]  # one, or one for each currency
    home: str | None  # the currency of a report that is in one


def parse_condition(text: str) -> Condition:
    """A condition from what was typed. Raises InvalidValue."""
    found = FORM.fullmatch(text)
    if found is None:
        raise InvalidValue(f"{text!r} is no condition.", hint=EXAMPLES, field="fail-if")
    row, column, way, value = found.groups()
    name = column.casefold().replace("-", "_").replace(" ", "_")
    return Condition(text, row and row.strip(), name, way, value)


def judged(condition: Condition, on: Rows) -> Found:
    """Whether a condition holds: of the total, or where there is none or it is told so, of each row.

    A figure that is not there (n/a) is neither above nor below anything: it is named. Raises InvalidValue for
    what is no figure, NotFound for a row that is not there.
    """
    if condition.column == COUNT:
        holds = WAYS[condition.way](len(on.rows), number(condition))
        return Found([f"There are {len(on.rows)} rows: {condition.text}."] if holds else [], [])
    at, column = figure(condition, on.columns)
    found = Found([], [])
    strange = ""  # the currency of a limit that nothing is in
    judged_any = False
    for name, row in chosen(condition, on):
        value = row[at]
        label = f"{name}: {column.name}" if name else column.name
        if value is None:
            found.unknown.append(f"{label} is n/a, so {condition.text} cannot be judged.")
            continue
        words, figure_of, limit = compared(condition, column, on, row, value)
        if limit is None:
            strange = f"{label} is {words}, another currency: {condition.text} cannot be judged."
            continue
        judged_any = True
        if WAYS[condition.way](figure_of, limit):
            found.holds.append(f"{label} is {words}: {condition.text}.")
    if strange and not judged_any:
        found.unknown.append(strange)
    return found


def figure(condition: Condition, columns: Sequence[Column]) -> tuple[int, Column]:
    known = {column.name: (at, column) for at, column in enumerate(columns) if column.kind in FIGURES}
    if condition.column not in known:
        hint = suggestion(condition.column, list(known)) or f"There are {', '.join([*known, COUNT])}."
        raise InvalidValue(
            f"There is no figure {condition.column!r} to compare here.", hint=hint, field="fail-if"
        )
    return known[condition.column]


def chosen(condition: Condition, on: Rows) -> Sequence[tuple[str, Row]]:
    """The rows that a condition is about."""
    if condition.row is None:
        return on.totals or on.rows
    if condition.row == EACH:
        return on.rows
    wanted = condition.row.casefold()
    rows = [(name, row) for name, row in on.rows if name.casefold() == wanted]
    if not rows:
        names = [name for name, _ in on.rows]
        raise NotFound(
            f"There is no row {condition.row!r} for {condition.text}.",
            hint=suggestion(condition.row, names) or f"Rows: {', '.join(names[:20]) or 'none'}.",
        )
    return rows


def compared(condition: Condition, column: Column, on: Rows, row: Row, value: Any) -> tuple[str, Any, Any]:
    """A figure in words, as a number, and what it is compared with: None for money of another currency."""
    if column.kind != "money":
        from decimal import Decimal

        words = f"{value} %" if column.kind == "percent" else str(value)
        return words, Decimal(str(value)), number(condition)
    names = [each.name for each in on.columns]
    currency = row[names.index(column.currency)] if column.currency in names else on.home
    assert currency is not None
    limit, of = parse_money(condition.value, currency=currency)
    return amount_words(value, currency), value, limit if of == currency else None


def number(condition: Condition) -> Any:
    """The value of a condition on a number or a share. Raises InvalidValue."""
    from decimal import Decimal

    found = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?)\s*%?", condition.value)
    if found is None:
        raise InvalidValue(
            f"{condition.value!r} is no number in {condition.text!r}.", hint=EXAMPLES, field="fail-if"
        )
    return Decimal(found[1])
