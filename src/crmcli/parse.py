"""From what is typed for a field to the value it takes: one reading for options, filters and files."""

from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import FieldSpec
from crmcli.values.dates import midnight, parse_date, parse_instant
from crmcli.values.keys import check_email
from crmcli.values.money import check_currency, parse_money


class Reading(NamedTuple):
    """How values are to be read: the day it is, the zone, the order of dates, the home currency, the fiscal year.

    Beside these the country of phone numbers without +, and, for files, the decimal mark of numbers and
    whether a time may stand behind a date.
    """

    today: date
    zone: tzinfo
    date_order: str | None
    currency: str
    fiscal_start: int = 1
    country: str = ""
    decimal: str | None = None
    times: bool = False


LARGEST = 2**31 - 1  # what every database keeps in a plain number
TRUE = frozenset(("yes", "true", "1", "y", "on"))
FALSE = frozenset(("no", "false", "0", "n", "off"))


def parse_value(spec: FieldSpec, text: str, reading: Reading) -> Any:
    """The value of a field, or None where the text is `none` or blank; money is (minor units, currency).

    Links are not read here: what they name must be looked up. Raises InvalidValue naming the field.
    """
    text = text.strip()
    if text == "" or (text.casefold() == "none" and spec.kind != "text"):
        return None
    try:
        value = _parse(spec, text, reading)
    except InvalidValue as error:
        named = error.message.startswith(f"{spec.name}:")
        message = error.message if named else f"{spec.name}: {error.message}"
        raise InvalidValue(message, hint=error.hint, field=spec.name) from error
    if spec.max_length and isinstance(value, str) and len(value) > spec.max_length:
        raise InvalidValue(
            f"{spec.name} may have {spec.max_length} characters; this has {len(value)}.", field=spec.name
        )
    return value


def _parse(spec: FieldSpec, text: str, reading: Reading) -> Any:
    match spec.kind:
        case "date":
            return parse_date(
                text,
                today=reading.today,
                order=reading.date_order,
                period_end=True,
                fiscal_start=reading.fiscal_start,
                times=reading.times,
            )
        case "instant":
            return parse_instant(
                text,
                today=reading.today,
                zone=reading.zone,
                order=reading.date_order,
                fiscal_start=reading.fiscal_start,
            )
        case "money":
            return _money(spec, text, reading)
        case "number" | "percent":
            return _number(spec, text, reading.decimal)
        case "boolean":
            return _boolean(text)
        case "select":
            return chosen(spec, text, begun=not spec.open)
        case "email":
            return check_email(text)
        case _:
            return check_currency(text) if spec.name == "currency" else text


def _money(spec: FieldSpec, text: str, reading: Reading) -> tuple[int, str]:
    minor, currency = parse_money(text, currency=reading.currency, decimal=reading.decimal)
    if spec.low is not None and minor < spec.low:
        raise InvalidValue(f"{text!r} is negative.")
    return minor, currency


def _number(spec: FieldSpec, text: str, decimal: str | None = None) -> int:
    plain = text.rstrip("%") if spec.kind == "percent" else text
    plain = "".join(plain.replace("_", "").split())
    if decimal == ",":
        plain = plain.translate({ord("."): ",", ord(","): "."})
    groups = plain.split(",")
    if len(groups) > 1 and all(len(group) == 3 for group in groups[1:]):
        plain = "".join(groups)
    if plain.endswith((".0", ".00")):
        plain = plain.partition(".")[0]
    if not plain.lstrip("-").isdecimal() or len(plain) > 18:
        raise InvalidValue(f"{text!r} is not a whole number.")
    value = int(plain)
    high = LARGEST if spec.high is None else spec.high
    if (spec.low is not None and value < spec.low) or value > high:
        bounds = f"at most {high}" if spec.low is None else f"from {spec.low} to {high}"
        raise InvalidValue(f"{text} is out of bounds: {bounds}.")
    return value


def _boolean(text: str) -> bool:
    folded = text.casefold()
    if folded in TRUE or folded in FALSE:
        return folded in TRUE
    raise InvalidValue(f"{text!r} is neither yes nor no.")


def chosen(spec: FieldSpec, text: str, *, begun: bool = True) -> str:
    """The choice a text means: without case, whatever its dashes and spaces, or, if `begun`, by a unique beginning.

    An open picklist takes other values as they are; where a beginning may be meant is said by who reads it.
    Raises InvalidValue with a suggestion.
    """
    wanted = _loose(text)
    for choice in spec.choices:
        if _loose(choice) == wanted:
            return choice
    begins = [choice for choice in spec.choices if _loose(choice).startswith(wanted)]
    if begun and len(begins) == 1:
        return begins[0]
    if spec.open:
        return text
    raise InvalidValue(
        f"{text!r} is not one of {', '.join(spec.choices)}.",
        hint=suggestion(text, spec.choices),
        field=spec.name,
    )


def _loose(text: str) -> str:
    return "".join(text.replace("–", "-").replace("—", "-").casefold().split())


def moment_of(day: date | datetime, now: datetime, zone: tzinfo) -> datetime:
    """The moment from which something that happened on a day is true: its beginning, or now if it is today."""

    if isinstance(day, datetime):
        return day
    if day == now.astimezone(zone).date():
        return now
    return midnight(day, zone)
