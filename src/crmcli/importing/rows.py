"""From the cells of a row to the values of the stage's columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from struct import Struct
from typing import Any, Final, get_args, get_origin

from crmcli.errors import CrmError, InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, FieldSpec
from crmcli.importing.cells import LINKS, Cell, Convert, cells_of, custom_names, fitting, translated
from crmcli.importing.how import How
from crmcli.model import ENTITIES
from crmcli.parse import Reading, parse_value
from crmcli.rules.records import Facts, completed
from crmcli.store.bulk.links import titled
from crmcli.store.bulk.staging import DOCUMENT, written
from crmcli.store.keys import key_columns
from crmcli.store.search import document_of
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
    "campaign": ("currency",),
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
    *("closed_at", "completed_at", "happened_at", "custom"),
)
NOTHING: Final[tuple[dict[str, str], dict[str, Any]]] = ({}, {})  # no links, no custom values
LONGEST_NAME: Final = 255

_names_currency = re.compile(r"[^\W\d_]{2}|[$€£¥₩₹₽₺₫₪฿₦₱₴₸₡₲₵₭₮₼₾元円]")

both_hashes: Final = Struct("qq").pack  # 128 bits by which rows that say the same are known in one run


class Rows:
    """Turns rows into tuples for the stage, in the order of n, line, uid, raw and its `columns`.

    `given` are the columns that the file fills, of which a row may change those of a record. What can be
    decided once for the file is decided here: a row only runs through short lists, since a million follow.
    """

    def __init__(
        self,
        entity: str,
        plan: HeadingPlan,
        how: How,
        reading: Reading,
        facts: Facts,
        fields: Sequence[FieldSpec],
        *,
        documents: bool,
    ) -> None:
        self.entity = entity
        self.documents = documents  # whether rows say what the search index is to hold of a new record
        self.plan = plan
        self.reading = reading
        self.facts = facts
        self.blank_clears = how.blank_clears
        self.blanks = how.blanks
        self.cells = cells_of(plan, how, reading)
        self.links = [cell.spec for cell in self.cells if cell.spec.kind in LINKS]
        self.customs = custom_names(plan, fields)
        self.given = self._given()
        derived = [name for name in DERIVED[entity] if name not in self.given]
        known = ENTITIES[entity].model_fields
        self.keys = [
            (key, base, normal)
            for key, (base, normal) in key_columns(reading.country).items()
            if base in (*self.given, *derived) and key in known
        ]
        self.plain = [*self.given, *derived, *(key for key, _, _ in self.keys)]
        self.judged = [name for name in JUDGED if name in self.given and name in (*DERIVED[entity], "custom")]
        self.columns = [
            *self.plain,
            *([DOCUMENT] if documents else []),
            *(f"given_{name}" for name in self.judged),
            *(f"link_{spec.name}" for spec in self.links),
        ]
        self.has_custom = "custom" in self.given
        self.custom = self.plain.index("custom") if self.has_custom else -1
        self.unlike = [at for at, name in enumerate(self.plain) if kept_otherwise(entity, name)]
        self._sort_cells()

    def _sort_cells(self) -> None:
        """Tell the cells that are kept as they stand from those to be converted, and both from all others."""
        self.texts: list[tuple[int, str]] = []
        self.limited: list[FieldSpec] = []
        self.plainly: list[tuple[int, str, Convert]] = []
        self.others: list[Cell] = []
        for cell in self.cells:
            spec = cell.spec
            if spec.custom or cell.fill or spec.name == "currency" or spec.kind in ("money", *LINKS):
                self.others.append(cell)
            elif spec.kind == "text" and not cell.values:
                self.texts.append((cell.at, spec.column))
                self.limited.append(spec)
            else:
                self.plainly.append((cell.at, spec.column, translated(cell)))
        limits = [spec.max_length for spec in self.limited if spec.max_length]
        self.shortest = min(limits, default=1 << 30)  # a row of no more characters is too long for no field

    def _check_lengths(self, values: Mapping[str, Any]) -> None:
        for spec in self.limited:
            fitting(spec, values.get(spec.column, ""))

    def _given(self) -> list[str]:
        given = [cell.spec.column for cell in self.cells if not cell.spec.custom]
        if any(spec.kind == "relation" for spec in self.links):
            given.append("related_to_entity")
        if self.customs or any(cell.spec.custom for cell in self.cells):
            given.append("custom")
        if self.plan.notes and "description" not in given:
            given.append("description")
        if self.amounts:
            given.append("currency")
        return list(dict.fromkeys(given))

    @property
    def amounts(self) -> list[str]:
        """The columns of the amounts that the file fills."""
        return [cell.spec.column for cell in self.cells if cell.spec.kind == "money" and not cell.spec.custom]

    def __call__(self, n: int, line: int, cells: Sequence[str], uid: str) -> tuple[Any, ...]:
        """The staged values of a row. Raises CrmError for what cannot be understood."""
        said = "\x1f".join(cells)
        values: dict[str, Any] = {column: text for at, column in self.texts if (text := cells[at].strip())}
        if len(said) > self.shortest:
            self._check_lengths(values)
        for at, column, convert in self.plainly:
            if (text := cells[at].strip()) and (value := convert(text)) is not None:
                values[column] = value
        links, custom = self._others(cells, values) if self.others or self.customs else NOTHING
        if self.plan.notes:
            self._add_note(values, cells)
        full = completed(self.entity, values, self.facts)
        self._check(full)
        if self.has_custom:
            values["custom"] = custom or None
            full["custom"] = {name: value for name, value in custom.items() if value is not None} or None
        for key, base, normal in self.keys:
            if base_text := full.get(base):
                full[key] = normal(base_text) or None
        if self.entity == "opportunity":
            full["valid_from"] = self._valid_from(full)
        staged = list(map(full.get, self.plain))
        for at in self.unlike:
            staged[at] = stored(staged[at])
        if self.documents:
            staged.append(document_of(self.entity, full, staged[self.custom] if self.has_custom else None))
        raw = both_hashes(hash(said), hash(said[::-1]))
        if not self.judged and not self.links:
            return (n, line, uid, raw, *staged)
        given = [stored(values.get(name)) for name in self.judged]
        return (n, line, uid, raw, *staged, *given, *[links.get(spec.name) for spec in self.links])

    def without_blanks(self, cells: Sequence[str]) -> list[str]:
        """The cells, empty where their text was said to be blank."""
        return ["" if fold_value(cell) in self.blanks else cell for cell in cells]

    def _others(self, cells: Sequence[str], values: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """Fill in what takes more than the text of one cell; the texts of links, and custom values."""
        links: dict[str, str] = {}
        custom: dict[str, Any] = {}
        currency: str | None = None
        read_in: str | None = None  # the currency of the amounts so far
        for spec, index, fill, means, convert, beside in self.others:
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
                named = self._amount(spec, text, convert, currency, values, custom)
                if named is not None and named != (read_in := read_in or named):
                    raise InvalidValue(
                        f"{spec.name} is in {named}, another amount of the row in {read_in}", field=spec.name
                    )
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
        return links, custom

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
    ) -> str | None:
        """An amount in the row's currency, or in its own where it names one; which that is, of a field of ours."""
        if currency is None or currency == self.reading.currency:
            read = convert(text)
        else:
            read = parse_value(spec, text, self.reading._replace(currency=currency))
        if read is None:
            return None
        minor, named = read
        if spec.custom:
            custom[spec.name] = minor
            return None
        if currency is not None and named != currency:
            raise InvalidValue(
                f"{spec.name} is in {named}, the row's currency is {currency}", field=spec.name
            )
        values[spec.column] = minor
        if named != self.reading.currency or _names_currency.search(text):
            values["currency"] = named
        return str(named)

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


def kept_otherwise(entity: str, column: str) -> bool:
    """Whether the database keeps a column's values in another form than Python does: see `stored`."""
    declared = ENTITIES[entity].model_fields.get(column)
    return declared is not None and any(
        each in (bool, date, datetime) or get_origin(each) is dict
        for each in (declared.annotation, *get_args(declared.annotation))
    )


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
