"""Filling: an existing record takes from another what it lacks, and keeps everything it has."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from crmcli.changes import Changes
from crmcli.fields import reference
from crmcli.values.keys import domain_key, email_key, name_key, phone_key
from crmcli.values.money import amount_words

ADDRESS: Final = ("country", "state", "city", "postal_code", "street")  # each part lies within the one before
EMPTY: Final[tuple[Any, ...]] = (None, "", [])
SHOWN: Final = 60  # characters of a value in a message
NORMAL: Final[Mapping[str, Callable[[str], str]]] = {
    "name": name_key,
    "website": domain_key,
    "email": email_key,
    "phone": phone_key,
    "mobile": phone_key,
}


@dataclass(frozen=True, slots=True)
class Became:
    """One of the records that a lead became: the fields that were filled, and those that stayed different."""

    entity: str
    id: int
    name: str
    created: bool
    filled: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def ref(self) -> str:
        return reference(self.entity, self.id)


def fill(plan: Changes, record: Any, values: Mapping[str, Any], why: str) -> Became:
    """Plan to fill what is empty in a record, and nothing else; say what was filled and what was kept."""
    entity = record.__tablename__
    filled, kept = merged(record, values)
    custom, custom_kept = merged_custom(record.custom, values["custom"])
    if custom:
        plan.edit(entity, record.id, **filled, custom={**record.custom, **custom})
    else:
        plan.edit(entity, record.id, **filled)
    filled, kept = filled | custom, kept | custom_kept
    parts = [f"{words_of(record)} · {entity} linked" + (f": {why}" if why else "")]
    if filled:
        parts.append("filled " + ", ".join(words(name, filled, values) for name in filled))
    if kept:
        parts.append("kept " + ", ".join(both(record, name, kept, values) for name in kept))
    plan.note(" · ".join(parts))
    names = ([name.removesuffix("_id") for name in some] for some in (filled, kept))
    return Became(entity, record.id, record.name, False, *names)


def merged(record: Any, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values for columns that are empty, and those that differ from what a record has."""
    filled: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("custom", "currency") or value in EMPTY:
            continue
        own = getattr(record, name)
        if own in EMPTY:
            filled[name] = value
        elif not same(name, own, value):
            kept[name] = value
    for part in misplaced(kept):
        filled.pop(part, None)
    return with_currency(record, values, filled, kept)


def misplaced(kept: Mapping[str, Any]) -> Sequence[str]:
    """The parts of an address within one that differs: a street of another city is none of this one."""
    first = next((index for index, part in enumerate(ADDRESS) if part in kept), len(ADDRESS))
    return ADDRESS[first:]


def with_currency(
    record: Any, values: Mapping[str, Any], filled: dict[str, Any], kept: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An amount is filled with its currency, or, where the record has another currency, not at all."""
    currency = values.get("currency")
    money = "annual_revenue" if "annual_revenue" in filled else "amount"
    if money in filled and record.currency not in (None, currency):
        del filled[money]
        kept["currency"] = currency
    elif money in filled and record.currency is None:
        filled["currency"] = currency
    return filled, kept


def same(name: str, one: Any, other: Any) -> bool:
    """Whether two values of a field mean the same."""
    if isinstance(one, str) and isinstance(other, str):
        keys = [NORMAL.get(name, str.casefold)(text.strip()) or text for text in (one, other)]
        return keys[0] == keys[1]
    return bool(one == other)


def merged_custom(own: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same as `merged`, for custom fields."""
    filled = {name: value for name, value in values.items() if own.get(name) in EMPTY}
    kept = {name: value for name, value in values.items() if name not in filled and own[name] != value}
    return filled, kept


# --- words --------------------------------------------------------------------------------------------


def words_of(record: Any) -> str:
    """A record as messages name it: A4 Huaxin."""
    return f"{reference(record.__tablename__, record.id)} {record.name}"


def words(column: str, values: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """A field and its value; of a link only the field."""
    name = column.removesuffix("_id").replace("_", " ")
    return name if column.endswith("_id") else f"{name} {said(column, values, record)}"


def both(record: Any, column: str, kept: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """A field with the value that it keeps, and the one that it did not take; of a link only the field."""
    if column.endswith("_id"):
        return words(column, kept, values)
    own = record.custom if column in record.custom else vars(record)
    return f"{words(column, own, vars(record))} (not {said(column, kept, values)})"


def said(column: str, values: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """A value; money in the currency of its record."""
    if column in ("amount", "annual_revenue"):
        return amount_words(values[column], record["currency"])
    return shown(values[column])


def shown(value: Any) -> str:
    """A value on one line, cut where it is long."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def listed(parts: Iterable[str], word: str = "and") -> str:
    """A, B and C."""
    *most, last = list(parts) or [""]
    return f"{', '.join(most)} {word} {last}" if most else last
