"""What the values of filters mean: numbers, amounts of money, days and ranges."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import InvalidValue
from crmcli.fields import FieldKind
from crmcli.store.query import table_of

if TYPE_CHECKING:
    from datetime import date, tzinfo

LARGEST: Final = 2**63 - 1
BACKWARDS: Final = "the range ends before it begins."


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


def ends_of(value: str, operator: str) -> list[tuple[str, str]]:
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


def check_order(ends: Sequence[Any]) -> None:
    if len(ends) == 2 and ends[0] > ends[1]:
        raise InvalidValue(BACKWARDS)


def number_of(text: str, percent: bool, is_sqlite: bool) -> Any:
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


def rescaled(minor: int, shift: int, operator: str) -> int | None:
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


def priced(context: Context, text: str, code: str | None = None) -> tuple[int, str, bool]:
    """An amount, its currency, and whether that was named, by the text or by `code`."""
    from crmcli.values.money import parse_money

    home = code or context.currency
    minor, currency = parse_money(text, currency=home)
    if code or currency != home:
        return minor, currency, True
    other = "CLF" if home != "CLF" else "UYW"  # no sign means these, and none has more decimals
    try:
        return minor, currency, parse_money(text, currency=other)[1] != other
    except InvalidValue:  # a sign such as ¥, which the home currency alone made clear
        return minor, currency, True


def span_of(context: Context, text: str, kind: FieldKind) -> tuple[str, str] | None:
    """A day, a period or a moment as stored texts: its beginning, and what comes just after it."""
    from datetime import timedelta

    from crmcli.values.dates import iso_instant, parse_instant

    try:
        days = _stretch(context, text)
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
    return (_midnight(context, begin), _midnight(context, after)) if kind == "instant" else (begin, after)


def _stretch(context: Context, text: str) -> "tuple[date, date] | None":
    """The first and the last day of what is typed; None for `none`."""
    from crmcli.values.dates import parse_date
    from crmcli.values.periods import parse_period

    today, fiscal_start = context.today, context.fiscal_start
    try:
        period = parse_period(text, today=today, fiscal_start=fiscal_start)
    except InvalidValue:
        day = parse_date(text, today=today, order=context.date_order or None, fiscal_start=fiscal_start)
        return None if day is None else (day, day)
    return period.start, period.end


def _midnight(context: Context, day: str) -> str:
    """When a day begins where the user is, in UTC."""
    from datetime import datetime

    from crmcli.values.dates import iso_instant

    try:
        return iso_instant(datetime.fromisoformat(day).replace(tzinfo=context.zone))
    except (OverflowError, ValueError):  # at the ends of the calendar
        return f"{day}T00:00:00Z"


def _day_after(day: "date") -> str:
    from datetime import timedelta

    try:
        return (day + timedelta(days=1)).isoformat()
    except OverflowError:  # no day comes later, but a text does
        return "9999-12-32"
