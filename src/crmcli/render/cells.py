"""How a value of each kind is said: in JSON, as text for machines, and to people."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crmcli.render.clean import clean
from crmcli.result import Column, Record, Report, Row, Table

if TYPE_CHECKING:
    from datetime import tzinfo

Word = Callable[[Any], Any]  # says a value that is not None
Say = Callable[[Any, Row], Any]  # the same for a value that needs its row


def as_table(result: Table | Record) -> Table:
    """A record as a table of one row."""
    if isinstance(result, Record):
        return Table(result.columns, [result.row])
    return result


def home_currency(table: Table | Record) -> str | None:
    """The currency that a whole report is in."""
    return table.head.get("currency") if isinstance(table, Report) else None


def json_values(columns: Sequence[Column], home: str | None, zone: "tzinfo | None") -> Callable[[Row], Row]:
    """A function that makes a row of values JSON can say."""
    said = _said(columns, home, zone, {"boolean": bool})

    def values(row: Row) -> Row:
        made = list(row)
        for index, say in said:
            if made[index] is not None:
                made[index] = say(made[index], row)
        return made

    return values


def machine_texts(
    columns: Sequence[Column], home: str | None, zone: "tzinfo | None"
) -> Callable[[Row], list[str]]:
    """A function that makes a row of texts for CSV and TSV; null is empty."""
    said = machine_words(columns, home, zone)

    def texts(row: Row) -> list[str]:
        made = ["" if value is None else str(value) for value in row]
        for index, say in said:
            if row[index] is not None:
                made[index] = say(row[index], row)
        return made

    return texts


def machine_words(
    columns: Sequence[Column], home: str | None, zone: "tzinfo | None"
) -> list[tuple[int, Say]]:
    """The columns whose values are no texts for CSV as they stand, and how each is said."""
    return _said(columns, home, zone, _MACHINES)


def people_text(
    columns: Sequence[Column], column: Column, home: str | None, zone: "tzinfo | None"
) -> Callable[[Any, Row], str]:
    """A function that says one column's values to people; null is empty. The text is not yet clean."""
    if column.kind == "money":
        say = _money(columns, column, home, words=True)
    elif column.kind == "instant":
        local = _local(zone)
        say = _alone(lambda value: local(value)[:16].replace("T", " "))
    else:
        say = _alone(_PEOPLE.get(column.kind, str))

    def text(value: Any, row: Row) -> str:
        if value is None:
            return column.absent
        said: str = say(value, row)
        if not column.signed:
            return said
        if not value and column.folded:
            return ""  # a difference of nothing, in the cell of the figure that it is of
        return f"+{said}" if value > 0 else said

    return text


def cell(text: str, ascii: bool) -> str:
    """The text as it may stand in one line of a table."""
    return clean(text, "\\n" if ascii else "⏎")


def number_text(value: Any) -> str:
    """A number with all its digits; decimals without an exponent."""
    return format(value, "f") if _is_decimal(value) else str(value)


def json_text(value: Any) -> str:
    """A value of the kind `json`, on one line."""
    import json

    return json.dumps(value, ensure_ascii=False, default=json_default)


def json_default(value: Any) -> Any:
    """What JSON has no word for: decimals become numbers where no digit is lost, dates ISO text."""
    if _is_decimal(value):
        if value == value.to_integral_value():
            return int(value)
        near = float(value)
        return near if type(value)(repr(near)) == value else format(value, "f")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"JSON cannot say {type(value).__name__}")


_MACHINES: Mapping[str, Word] = {
    "number": number_text,
    "percent": number_text,
    "boolean": lambda value: "true" if value else "false",
    "list": lambda value: "; ".join(map(str, value)),
    "json": json_text,
}

_PEOPLE: Mapping[str, Word] = {
    "number": number_text,
    "percent": lambda value: number_text(value) + " %",
    "boolean": lambda value: "yes" if value else "no",
    "list": lambda value: ", ".join(map(str, value)),
    "json": json_text,
}


def _said(
    columns: Sequence[Column], home: str | None, zone: "tzinfo | None", words: Mapping[str, Word]
) -> list[tuple[int, Say]]:
    """The columns whose values do not stand as they are, and how each is said."""
    said: list[tuple[int, Say]] = []
    for index, column in enumerate(columns):
        if column.kind == "money":
            said.append((index, _money(columns, column, home)))
        elif column.kind == "instant" and not _is_utc(zone):
            said.append((index, _alone(_local(zone))))
        elif column.kind in words:
            said.append((index, _alone(words[column.kind])))
    return said


def _alone(word: Word) -> Say:
    return lambda value, _row: word(value)


def _money(columns: Sequence[Column], column: Column, home: str | None, words: bool = False) -> Say:
    """Says amounts in the currency beside them, else in the report's; never in a guessed one."""
    from crmcli.values.money import amount_text, amount_words, grouped

    beside = next((index for index, other in enumerate(columns) if other.name == column.currency), None)
    if beside is None and not home:
        raise LookupError(f"no column {column.currency!r} beside the money column {column.name!r}")

    def say(value: Any, row: Row) -> str:
        currency = (None if beside is None else row[beside]) or home
        if not currency:
            raise LookupError(f"an amount in the column {column.name!r} has no currency")
        if not words:
            return amount_text(value, currency)
        return grouped(value, currency) if currency == home else amount_words(value, currency)

    return say


def _local(zone: "tzinfo | None") -> Callable[[str], str]:
    if zone is None or _is_utc(zone):
        return str
    from crmcli.values.dates import local_text

    return lambda value: local_text(value, zone)


def _is_utc(zone: "tzinfo | None") -> bool:
    if zone is None:
        return True
    offset = zone.utcoffset(None)  # None where it changes with the season
    return offset is not None and not offset


def _is_decimal(value: Any) -> bool:
    return type(value).__name__ == "Decimal"  # without importing it
