"""From the cells of a row to the values of the stage's columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from crmcli.errors import CrmError, InvalidValue, suggestion
from crmcli.fields import BY_ENTITY, BY_LETTER, FieldSpec
from crmcli.importing.how import How
from crmcli.model import ENTITIES
from crmcli.parse import Reading, chosen, parse_value
from crmcli.rules.records import Facts, completed
from crmcli.store.bulk import written
from crmcli.store.bulk_links import titled
from crmcli.store.keys import KEY_COLUMNS
from crmcli.transfer.mapping import HeadingPlan, fold_value
from crmcli.values.dates import iso_instant, midnight
from crmcli.values.references import split_reference

# Columns that rules fill beside those of the file.
DERIVED: Final[dict[str, tuple[str, ...]]] = {
    "lead": ("name", "currency"),
    "account": ("currency",),
    "contact": ("name",),
    "user": (),
    "task": ("completed_at",),
    "activity": ("happened_at",),
    "stage": ("position", "probability", "category", "is_closed", "is_won"),
    "opportunity": (
        "currency",
        "stage",
        "stage_since",
        "stage_probability",
        "stage_category",
        "own_probability",
        "own_category",
        "probability",
        "category",
        "is_closed",
        "is_won",
        "closed_at",
        "close_date",
        "lost_reason",
        "valid_from",
    ),
}
# Columns of which rules, or the clock, may make something else than the file says; the stage keeps both.
JUDGED: Final = (
    *("stage", "probability", "category", "close_date", "lost_reason", "currency"),
    *("completed_at", "happened_at", "custom"),
)
LINKS: Final = ("link", "relation")
LONGEST_NAME: Final = 255
MOST_CACHED: Final = 10_000

_plain_amount = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,2}))?")
_names_currency = re.compile(r"[^\W\d_]{2}|[$€£¥₩₹₽₺₫₪฿₦₱₴₸₡₲₵₭₮₼₾元円]")

Convert = Callable[[str], Any]


class Cell(NamedTuple):
    """Where the text of a field comes from, and what becomes of it."""

    spec: FieldSpec
    at: int  # the cell, or -1
    fill: Callable[[Sequence[str]], str] | None  # a template or a constant
    values: Mapping[str, str] | None  # what values of the file mean
    convert: Convert
    beside: int  # the cell with the name of the record that a reference means, or -1


class Said(NamedTuple):
    """What a row says: values by column, the texts of its links, custom values by field."""

    values: dict[str, Any]
    links: dict[str, str]
    custom: dict[str, Any]


class Rows:
    """Turns rows into tuples for the stage, in the order of its `columns`.

    `given` are the columns that the file fills, of which a row may change those of a record.
    """

    def __init__(
        self,
        entity: str,
        plan: HeadingPlan,
        how: How,
        reading: Reading,
        facts: Facts,
        fields: Sequence[FieldSpec],
    ) -> None:
        self.entity = entity
        self.plan = plan
        self.reading = reading
        self.facts = facts
        self.blank_clears = how.blank_clears
        self.cells = cells_of(plan, how, reading)
        self.links = [cell.spec for cell in self.cells if cell.spec.kind in LINKS]
        self.customs = custom_names(plan, fields)
        self.given = self._given()
        derived = [name for name in DERIVED[entity] if name not in self.given]
        known = ENTITIES[entity].model_fields
        self.keys = [
            (key, base, normal)
            for key, (base, normal) in KEY_COLUMNS.items()
            if base in (*self.given, *derived) and key in known
        ]
        self.plain = [*self.given, *derived, *(key for key, _, _ in self.keys)]
        self.judged = [name for name in JUDGED if name in self.given and name in (*DERIVED[entity], "custom")]
        self.columns = [
            *self.plain,
            *(f"given_{name}" for name in self.judged),
            *(f"link_{spec.name}" for spec in self.links),
        ]

    def _given(self) -> list[str]:
        given = [cell.spec.column for cell in self.cells if not cell.spec.custom]
        if any(spec.kind == "relation" for spec in self.links):
            given.append("related_to_entity")
        if self.customs or any(cell.spec.custom for cell in self.cells):
            given.append("custom")
        if self.plan.notes and "description" not in given:
            given.append("description")
        if any(cell.spec.kind == "money" and not cell.spec.custom for cell in self.cells):
            given.append("currency")
        return list(dict.fromkeys(given))

    @property
    def money(self) -> str | None:
        """The column of the amount that the file fills."""
        names = [
            cell.spec.column for cell in self.cells if cell.spec.kind == "money" and not cell.spec.custom
        ]
        return names[0] if names else None

    def __call__(self, cells: Sequence[str], uid: str) -> tuple[Any, ...]:
        """The staged values of a row. Raises CrmError for what cannot be understood."""
        values, links, custom = self._said(cells)
        if self.plan.notes:
            self._add_note(values, cells)
        full = completed(self.entity, values, self.facts)
        self._check(full)
        if "custom" in self.given:
            values["custom"] = custom or None
            full["custom"] = {name: value for name, value in custom.items() if value is not None} or None
        for key, base, normal in self.keys:
            if text := full.get(base):
                full[key] = normal(text) or None
        if self.entity == "opportunity":
            full["valid_from"] = self._valid_from(full)
        raw = blake2b("\x1f".join(cells).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        return (
            uid,
            raw,
            *[
                value if value is None or type(value) is str else stored(value)
                for value in map(full.get, self.plain)
            ],
            *[stored(values.get(name)) for name in self.judged],
            *[links.get(spec.name) for spec in self.links],
        )

    def _said(self, cells: Sequence[str]) -> Said:
        values: dict[str, Any] = {}
        links: dict[str, str] = {}
        custom: dict[str, Any] = {}
        currency: str | None = None
        for spec, index, fill, means, convert, beside in self.cells:
            text = cells[index].strip() if fill is None else fill(cells).strip()
            if text and means:
                text = means.get(fold_value(text), text)
            if not text:
                if spec.custom and self.blank_clears:
                    custom[spec.name] = None
                continue
            if spec.kind in LINKS:
                links[spec.name] = self._link(spec, text, cells[beside].strip() if beside >= 0 else "")
            elif spec.kind == "money":
                self._amount(spec, text, convert, currency, values, custom)
            elif (value := convert(text)) is None:
                continue
            elif spec.custom:
                custom[spec.name] = stored(value)
            else:
                values[spec.column] = value
                if spec.name == "currency":
                    currency = value
        for index, name in self.customs:
            if text := cells[index].strip():
                custom[name] = text
            elif self.blank_clears:
                custom[name] = None
        return Said(values, links, custom)

    def _link(self, spec: FieldSpec, text: str, beside: str) -> str:
        """The text of a link; a reference with the name of its record, where the file says it."""
        if not beside:
            return text
        reference = split_reference(text)
        known = reference is not None and reference[0] in BY_LETTER
        if known and reference and spec.kind == "link":
            known = BY_LETTER[reference[0]].entity == spec.target
        return titled(text, beside) if known else text

    def _amount(
        self,
        spec: FieldSpec,
        text: str,
        convert: Convert,
        currency: str | None,
        values: dict[str, Any],
        custom: dict[str, Any],
    ) -> None:
        """An amount in the row's currency, or in its own where it names one."""
        if currency is None or currency == self.reading.currency:
            read = convert(text)
        else:
            read = parse_value(spec, text, self.reading._replace(currency=currency))
        if read is None:
            return
        minor, named = read
        if spec.custom:
            custom[spec.name] = minor
            return
        if currency is not None and named != currency:
            raise InvalidValue(
                f"{spec.name} is in {named}, the row's currency is {currency}", field=spec.name
            )
        values[spec.column] = minor
        if named != self.reading.currency or _names_currency.search(text):
            values["currency"] = named

    def _add_note(self, values: dict[str, Any], cells: Sequence[str]) -> None:
        if note := self.plan.note(cells):
            values["description"] = "\n".join(filter(None, (values.get("description"), note)))

    def _check(self, full: Mapping[str, Any]) -> None:
        """Raises InvalidValue for what only shows when the row is complete."""
        if len(full.get("name") or "") > LONGEST_NAME:
            raise InvalidValue(f"name may have {LONGEST_NAME} characters", field="name")
        if len(full.get("description") or "") > 32_000:
            raise InvalidValue("description may have 32000 characters", field="description")

    def _valid_from(self, deal: Mapping[str, Any]) -> str:
        """From when on we know what the deal is: its creation, or, where it came closed, its closing."""
        since: datetime = deal.get("created_at") or self.facts.at
        if deal["is_closed"] and deal["closed_at"]:
            since = max(since, midnight(deal["closed_at"], self.reading.zone))
        return iso_instant(since)


# --- where cells go ---------------------------------------------------------------------------------------


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
    for index in plan.customs:
        plain = field_name(plan.label(index))
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


# --- what a cell means ------------------------------------------------------------------------------------


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
            lambda text: (
                None if text.casefold() == "none" else _fitting(spec, chosen(spec, text, begun=False))
            )
        )
    if spec.kind in ("email", "phone", "url"):
        return lambda text: parse_value(spec, text, reading)
    return _cached(lambda text: parse_value(spec, text, reading))


def _fitting(spec: FieldSpec, text: str) -> str:
    if spec.max_length and len(text) > spec.max_length:
        raise InvalidValue(
            f"{spec.name} may have {spec.max_length} characters; this has {len(text)}", field=spec.name
        )
    return text


def _text(spec: FieldSpec) -> Convert:
    longest = spec.max_length or 1 << 30
    return lambda text: text if len(text) <= longest else _fitting(spec, text)


def _money(spec: FieldSpec, reading: Reading) -> Convert:
    from crmcli.values.money import decimals

    hundredths = decimals(reading.currency) == 2

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


def _cached(convert: Convert) -> Convert:
    cache: dict[str, Any] = {}

    def cached(text: str) -> Any:
        try:
            return cache[text]
        except KeyError:
            if len(cache) >= MOST_CACHED:
                cache.clear()
            value = cache[text] = convert(text)
            return value

    return cached


_STORED: Final[dict[type, Callable[[Any], Any]]] = {
    bool: int,
    datetime: iso_instant,
    date: date.isoformat,
    dict: written,
}


def stored(value: Any) -> Any:
    """A value as the database keeps it."""
    store = _STORED.get(type(value))
    return value if store is None else store(value)


def problem(error: CrmError) -> tuple[str, str, str]:
    """Code, field and reason of what is wrong with a row."""
    return error.code, error.field or "", error.message.rstrip(".")


def title_column(entity: str) -> str:
    """The column by which records that hold the same are looked for."""
    return "name_key" if "name_key" in ENTITIES[entity].model_fields else BY_ENTITY[entity].title
