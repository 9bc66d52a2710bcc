"""The cells of a whole export: from their texts to the values that tables hold."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, String, Table

from crmcli.errors import InvalidValue
from crmcli.fields import BY_LETTER
from crmcli.model import ENTITIES
from crmcli.model.entity import Flag, Instant
from crmcli.parse import FALSE, TRUE
from crmcli.store.bulk.staging import written
from crmcli.store.keys import key_columns
from crmcli.store.query import SHOWN_AS
from crmcli.store.tables import FIELD, METADATA
from crmcli.store.whole import (
    DETAILS,
    RECORDS,
    File,
    Part,
)
from crmcli.store.work import stored
from crmcli.values.dates import from_iso_instant, iso_instant
from crmcli.values.money import parse_money

INTEGER: Final = 2**31 - 1
BIG_INTEGER: Final = 2**63 - 1

_reference = re.compile(r"([A-Z])([1-9][0-9]{0,9})")
_number = re.compile(r"-?[0-9]{1,19}")
_name = re.compile(r"[a-z][a-z0-9_]{0,62}")

Convert = Callable[[str], Any]


class Cells:
    """Turns the cells of a file's rows into values of its table's `columns`. Raises InvalidValue."""

    def __init__(self, file: File, headings: Sequence[str], country: str) -> None:
        table = table_of(file.table)
        parts = {part.heading: part for part in file.parts}
        found = [(at, parts[heading]) for at, heading in enumerate(headings) if parts[heading].fills]
        own = [(at, part) for at, part in found if not is_custom(part)]
        filled = [part.fills for _, part in own]
        defaults = self._defaults(file) if file.table in RECORDS and file.name != DETAILS else {}
        keys = [
            (key, source, normal)
            for key, (source, normal) in key_columns(country).items()
            if defaults and key in table.columns and source in filled
        ]
        relation = any(part.kind == "relation" for _, part in own)
        self.columns = [
            *filled,
            *(["related_to_entity"] if relation else []),
            *(key for key, _, _ in keys),
            *(name for name in defaults if name not in filled),
        ]
        place = {name: index for index, name in enumerate(self.columns)}
        self.blank = [defaults.get(name) for name in self.columns]
        self.plain = [
            (at, place[part.fills], converter(part, table))
            for at, part in own
            if part.kind not in ("money", "relation")
        ]
        self.amounts = [(at, part.heading, place[part.fills]) for at, part in own if part.kind == "money"]
        self.relations = [
            (at, place[part.fills], place["related_to_entity"]) for at, part in own if part.kind == "relation"
        ]
        self.customs = [
            (at, part, None if part.kind == "money" else converter(part, table))
            for at, part in found
            if is_custom(part)
        ]
        self.currency = headings.index("currency") if "currency" in headings else -1
        self.custom = place.get("custom", -1)
        self.keys = [(place[key], place[source], normal) for key, source, normal in keys]
        self.required = [
            (place.get(part.fills, -1), part.heading)
            for part in file.parts
            if part.fills
            and not is_custom(part)
            and not table.columns[part.fills].nullable
            and defaults.get(part.fills) is None
        ]
        if lacking := [heading for index, heading in self.required if index < 0]:
            raise InvalidValue(f"{file.name} lacks the heading {lacking[0]!r}.", field="dir")

    def _defaults(self, file: File) -> dict[str, Any]:
        """What a blank cell stands for where the table takes no blank."""
        model = ENTITIES[file.table]
        defaults: dict[str, Any] = {"custom": "{}"}
        for column in table_of(file.table).columns:
            default = model.model_fields[column.name].default
            if not column.nullable and isinstance(default, str | int | bool):
                defaults[column.name] = stored(default)
        return defaults

    def __call__(self, cells: Sequence[str]) -> list[Any]:
        values = self.blank.copy()
        for at, place, convert in self.plain:
            if cell := cells[at]:
                values[place] = convert(cell)
        for at, heading, place in self.amounts:
            if cell := cells[at]:
                values[place] = amount(cell, self._currency(cells), heading)
        for at, place, kind in self.relations:
            if cell := cells[at]:
                values[kind], values[place] = reference_of(cell)
        if self.customs:
            values[self.custom] = written(dict(self._custom(cells)))
        for place, heading in self.required:
            if values[place] is None:
                raise InvalidValue(f"{heading} is missing")
        for place, source, normal in self.keys:
            if value := values[source]:
                values[place] = normal(value) or None
        return values

    def _currency(self, cells: Sequence[str]) -> str:
        return cells[self.currency] if self.currency >= 0 else ""

    def _custom(self, cells: Sequence[str]) -> Iterator[tuple[str, Any]]:
        for at, part, convert in self.customs:
            if cell := cells[at]:
                value = convert(cell) if convert else amount(cell, self._currency(cells), part.heading)
                yield part.fills, value


def is_custom(part: Part) -> bool:
    return part.spec is not None and part.spec.custom


def converter(part: Part, table: Table) -> Convert:
    """What turns the text of a cell that is not blank into what the database keeps. It raises InvalidValue."""
    name, spec = part.heading, part.spec
    kept = None if is_custom(part) else table.columns[part.fills].type
    if part.kind in ("number", "percent"):
        most = BIG_INTEGER if kept is None or isinstance(kept, BigInteger) else INTEGER
        low = -most if spec is None or spec.low is None else spec.low
        high = most if spec is None or spec.high is None else spec.high
        return lambda cell: number(cell, max(low, 1) if part.fills == "id" else low, high, name)
    if part.kind == "boolean":
        return lambda cell: truth(cell, name)
    if part.kind == "date":
        return lambda cell: day(cell, name)
    if part.kind == "instant":
        return lambda cell: moment(cell, name)
    if part.kind == "link":
        return lambda cell: linked(cell, part.target or "", name)
    if spec is not None and part.kind == "select" and not spec.open:
        choices = frozenset(spec.choices)
        return lambda cell: chosen(cell, choices, name)
    longest = kept.length if isinstance(kept, String) and kept.length else 1 << 30
    return lambda cell: cell if len(cell) <= longest else too_long(cell, longest, name)


def number(cell: str, low: int, high: int, name: str) -> int:
    if not _number.fullmatch(cell) or not low <= int(cell) <= high:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a whole number from {low} to {high}")
    return int(cell)


def truth(cell: str, name: str) -> int:
    folded = cell.casefold()
    if folded not in TRUE and folded not in FALSE:
        raise InvalidValue(f"{name}: {cell[:40]!r} is neither true nor false")
    return int(folded in TRUE)


def day(cell: str, name: str) -> str:
    try:
        return date.fromisoformat(cell).isoformat()
    except ValueError:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a date such as 2026-12-01") from None


def moment(cell: str, name: str = "a moment") -> str:
    try:
        return iso_instant(from_iso_instant(cell))
    except InvalidValue:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not a moment such as 2026-12-01T09:30:00Z") from None


def reference_of(cell: str) -> tuple[str, int]:
    """The entity and the id that a reference means."""
    found = _reference.fullmatch(cell)
    if found is None or found[1] not in BY_LETTER or int(found[2]) > INTEGER:
        raise InvalidValue(f"{cell[:40]!r} is not a reference such as A4")
    return BY_LETTER[found[1]].entity, int(found[2])


def linked(cell: str, target: str, name: str) -> int:
    entity, id = reference_of(cell)
    if entity != target:
        raise InvalidValue(f"{name}: {cell} is not the reference of a record of the kind {target}")
    return id


def chosen(cell: str, choices: frozenset[str], name: str) -> str:
    if cell not in choices:
        raise InvalidValue(f"{name}: {cell[:40]!r} is not one of {', '.join(sorted(choices))}")
    return cell


def amount(cell: str, currency: str, name: str) -> int:
    if not currency:
        raise InvalidValue(f"{name}: an amount without a currency")
    return parse_money(cell, currency=currency, decimal=".")[0]


def too_long(cell: str, longest: int, name: str) -> str:
    raise InvalidValue(f"{name}: {len(cell):,} characters, of at most {longest:,}")


def table_of(entity: str) -> Table:
    return METADATA.tables[entity]


def bare_value(column: Any, moment: str) -> Any:
    """What a deleted record has where it must have something and only its name is known."""
    if column.name == "custom":
        return "{}"
    if isinstance(column.type, Integer | BigInteger | Flag):
        return 0
    return moment if isinstance(column.type, Instant) else ""


def blank_field(name: str) -> str | None:
    """What a blank cell says of a custom field: help may be an empty text, which is not none."""
    return "" if name in ("help", "label") else None


def check_field(field: Mapping[str, Any]) -> None:
    """Refuse a custom field that could not be used. Raises InvalidValue."""
    if field["entity"] not in RECORDS:
        raise InvalidValue(f"entity: {field['entity']!r} is no kind of record")
    for name in ("name", "column_name"):
        if not _name.fullmatch(field[name] or ""):
            raise InvalidValue(f"{name}: {field[name]!r} is no name of a field")
    if field["kind"] not in SHOWN_AS:
        raise InvalidValue(f"kind: {field['kind']!r} is no kind of field")
    for name in ("choices", "aliases"):
        try:
            read = json.loads(field[name] or "")
        except ValueError:
            read = None
        if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
            raise InvalidValue(f"{name}: it is no JSON array of texts")
    for column in FIELD.columns:
        if not column.nullable and column.name != "custom" and field[column.name] is None:
            raise InvalidValue(f"{column.name} is missing")
