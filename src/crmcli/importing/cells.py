"""Where the cells of a row go, and what turns the text of each into the value of a field."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import FieldSpec
from crmcli.importing.how import How
from crmcli.parse import Reading, chosen, parse_value
from crmcli.transfer.mapping import HeadingPlan, fold_value

LINKS: Final = ("link", "relation")
MOST_CACHED: Final = 10_000

_plain_amount = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,2}))?")
_ordinary_email = re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9][A-Za-z0-9-]{0,30}\.){1,5}[A-Za-z]{2,9}")
_ordinary = re.compile(r".{5,64}\Z")

Convert = Callable[[str], Any]


class Cell(NamedTuple):
    """Where the text of a field comes from, and what becomes of it."""

    spec: FieldSpec
    at: int  # the cell, or -1
    fill: Callable[[Sequence[str]], str] | None  # a template or a constant
    values: Mapping[str, str] | None  # what values of the file mean
    convert: Convert
    beside: int  # the cell with the name of the record that a reference means, or -1


# --- where cells go -------------------------------------------------------------------------------------


def cells_of(plan: HeadingPlan, how: How, reading: Reading) -> list[Cell]:
    """The fields that the file fills, each with its source; the currency first, in which money is read."""
    specs = [bound.field for bound in plan.columns]
    specs += [spec for spec, _ in (*plan.constants, *plan.templates)]
    values = checked_values(how.values, {spec.name: spec for spec in specs})
    beside = {title.field.name: title.index for title in reversed(plan.titles)}
    sources: dict[str, tuple[int, Callable[[Sequence[str]], str] | None]] = {
        **{bound.field.name: (bound.index, None) for bound in plan.columns},
        **{spec.name: (-1, _constant(text)) for spec, text in plan.constants},
        **{spec.name: (-1, template.fill) for spec, template in plan.templates},
    }
    found = []
    for spec in sorted(specs, key=lambda spec: spec.name != "currency"):
        if spec.custom and spec.kind in LINKS:
            raise InvalidValue(f"{spec.name} is a link of your own; it cannot be imported.", field=spec.name)
        index, fill = sources[spec.name]
        means = values.get(spec.name)
        found.append(Cell(spec, index, fill, means, converter(spec, reading), beside.get(spec.name, -1)))
    return found


def _constant(text: str) -> Callable[[Sequence[str]], str]:
    return lambda _cells: text


def checked_values(
    values: Mapping[str, Mapping[str, str]], specs: Mapping[str, FieldSpec]
) -> dict[str, dict[str, str]]:
    """The --value translations by field name. Raises InvalidValue for a field the file does not fill."""
    found = {}
    for name, pairs in values.items():
        plain = name.replace("-", "_").casefold()
        if plain not in specs:
            raise InvalidValue(
                f"--value {name}: the file does not fill this field.",
                hint=suggestion(plain, list(specs)) or f"It fills {', '.join(sorted(specs))}.",
                field="value",
            )
        found[plain] = dict(pairs)
    return found


def custom_names(plan: HeadingPlan, known: Sequence[FieldSpec]) -> list[tuple[int, str]]:
    """The columns that become custom fields, each with a name that nothing else has."""
    taken = {spec.name for spec in known} | {"id", "ref", "uid"}
    names = []
    own = {spec.name for spec in known if spec.custom}
    for index in plan.customs:
        plain = field_name(plan.label(index))
        if not plan.headings[index] and plain in own:  # it has no heading to be known by
            names.append((index, plain))
            continue
        name, number = plain, 2
        while name in taken:
            name, number = f"{plain[:59]}_{number}", number + 1
        taken.add(name)
        names.append((index, name))
    return names


def field_name(heading: str) -> str:
    """The name of the custom field that a heading becomes."""
    signs = (sign if sign.isalnum() and sign.isascii() else "_" for sign in heading.strip().lower())
    name = re.sub("_+", "_", "".join(signs)).strip("_")
    return (name if name[:1].isalpha() else f"field_{name}".strip("_"))[:63]


# --- what a cell means ----------------------------------------------------------------------------------


def converter(spec: FieldSpec, reading: Reading) -> Convert:
    """What turns the text of a cell into the value of a field; texts that recur are read once."""
    if spec.kind == "text" and spec.name != "currency":
        return _text(spec)
    if spec.kind == "money":
        return _money(spec, reading)
    if spec.kind == "number":
        return _number(spec, reading)
    if spec.kind == "select":
        return _cached(
            lambda text: None if text.casefold() == "none" else fitting(spec, chosen(spec, text, begun=False))
        )
    if spec.kind in ("email", "phone", "url"):
        return _address(spec, reading)
    return _cached(lambda text: parse_value(spec, text, reading))


def fitting(spec: FieldSpec, text: str) -> str:
    """A text that a field has room for. Raises InvalidValue."""
    if spec.max_length and len(text) > spec.max_length:
        raise InvalidValue(
            f"{spec.name} may have {spec.max_length} characters; this has {len(text)}", field=spec.name
        )
    return text


def _text(spec: FieldSpec) -> Convert:
    longest = spec.max_length or 1 << 30
    return lambda text: text if len(text) <= longest else fitting(spec, text)


def _address(spec: FieldSpec, reading: Reading) -> Convert:
    """An e-mail address, phone number or website: what nothing can be wrong with is taken as it stands."""
    is_ordinary = _ordinary_email.fullmatch if spec.kind == "email" else _ordinary.match

    def convert(text: str) -> Any:
        return text if is_ordinary(text) else parse_value(spec, text, reading)

    return convert


def _money(spec: FieldSpec, reading: Reading) -> Convert:
    from crmcli.values.money import decimals

    hundredths = decimals(reading.currency) == 2 and reading.decimal != ","

    def convert(text: str) -> Any:
        if hundredths and (found := _plain_amount.fullmatch(text)):
            return int(found[1] + (found[2] or "").ljust(2, "0")), reading.currency
        return parse_value(spec, text, reading)

    return convert


def _number(spec: FieldSpec, reading: Reading) -> Convert:
    low, high = spec.low or 0, 10**9 if spec.high is None else spec.high

    def convert(text: str) -> Any:
        if text.isascii() and text.isdecimal() and len(text) < 10 and low <= (number := int(text)) <= high:
            return number
        return parse_value(spec, text, reading)

    return convert


class Cached(dict[str, Any]):
    """What texts were converted to; most columns hold few different ones."""

    def __init__(self, convert: Convert) -> None:
        super().__init__()
        self.convert = convert

    def __missing__(self, text: str) -> Any:
        if len(self) >= MOST_CACHED:
            self.clear()
        value = self[text] = self.convert(text)
        return value


def _cached(convert: Convert) -> Convert:
    return Cached(convert).__getitem__


def translated(cell: Cell) -> Convert:
    """What converts a cell whose values may mean others: texts are looked up as the file has them."""
    convert, values = cell.convert, cell.values
    if not values:
        return convert

    def by_meaning(text: str) -> Any:
        meant = values.get(fold_value(text), text)
        return convert(meant) if meant else None

    return _cached(by_meaning)
