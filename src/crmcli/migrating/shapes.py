"""The vocabulary in which another system is described: objects, what they become, and where fields come from."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.transfer.mapping import fold
from crmcli.values.dates import from_iso_instant, iso_instant

NOW: Final = "@now"  # stands for a heading: the moment of the migration, as instants are stored
TODAY: Final = "@today"
BEFORE: Final = "old_"  # what a field is called that tells what another was before

# What an object's rows may become that is no noun.
VERSIONS: Final = "versions"  # what deals were when
ROLES: Final = "contact roles"
CONVERSIONS: Final = "conversions"  # of leads
STAGES: Final = "stages"  # what they mean, should they be made

_instant = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_words = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")


class Take(NamedTuple):
    """Where the text of a field comes from: headings, and what is made of their cells."""

    headings: tuple[str, ...]
    make: Callable[..., str]


@dataclass(frozen=True, slots=True)
class Shape:
    """What rows of an object become, field by field.

    `when` says which rows, where an object has several shapes: those for which it gives any text.
    """

    becomes: str  # an entity, or one of the words above
    takes: Mapping[str, Take]
    when: Take | None = None


@dataclass(frozen=True, slots=True)
class Object:
    """A kind of table in an export, and what its rows become.

    A row that is known here as a `stays` is that for good, whatever the shapes say by now.
    """

    name: str
    shapes: tuple[Shape, ...]
    files: tuple[str, ...] = ()  # what its files may be called besides
    marks: tuple[str, ...] = ()  # headings by which a file of any name is known
    stays: str | None = None


@dataclass(frozen=True, slots=True)
class System:
    """Another system: its objects, those first that others link to."""

    name: str
    objects: tuple[Object, ...]
    not_kept: tuple[str, ...]  # objects for which there is no noun yet
    deleted: Take  # gives text for a row that was deleted there
    idle: frozenset[str] = frozenset()  # headings, folded, that say nothing worth keeping
    custom: Callable[[str], str | None] = lambda heading: None  # the label of a custom column
    plain: Callable[[str], str] = str  # a heading without what its export adds

    def object_of(self, file: str) -> str | None:
        """The object whose table a file is, by its name, or None."""
        stem = re.sub(r"(\.csv|\.xlsx)?(\.gz)?$", "", file, flags=re.IGNORECASE)
        if stem.lower().endswith("__c"):
            return stem
        called = "".join(word.casefold() for word in _words.findall(stem) if word.casefold() not in NOISE)
        for object in self.objects:
            if called in {bare(name) for name in (object.name, *object.files)}:
                return object.name
        return next((name for name in self.not_kept if bare(name) == called), None)


# Words in the names of files that are no part of an object's name.
NOISE: Final = frozenset(
    "data export exports exported extract all records csv full backup part crm hubspot pipedrive salesforce"
    " mended rejects".split()
)


def bare(name: str) -> str:
    """A name of an object as `object_of` compares it: OpportunityLineItem, Product2."""
    return "".join(word.casefold() for word in _words.findall(name))


def label_of(name: str) -> str:
    """A name out of code as people write it: Customer_Priority, CustomerPriority, CUSTOMER_PRIORITY."""
    words = re.sub(r"(?<=[a-z\d])(?=[A-Z])", " ", name.replace("_", " ")).split()
    text = " ".join(words)
    return text.capitalize() if text.isupper() and len(text) > 4 else text


# --- where a field comes from -----------------------------------------------------------------------------


def text(*headings: str) -> Take:
    """The first cell that is filled."""
    return Take(headings, first)


def first(*cells: str) -> str:
    return next((cell for cell in cells if cell), "")


def always(said: str) -> Take:
    """The same for every row."""
    return Take((), lambda: said)


def changed(make: Callable[[str], str], *headings: str) -> Take:
    """The first cell that is filled, made into something else."""
    return Take(headings, lambda *cells: make(cell) if (cell := first(*cells)) else "")


def number(*headings: str) -> Take:
    """A number, written out: 6.0E7 is 60000000, 500000.0 is 500000."""
    return changed(plain_number, *headings)


def plain_number(cell: str) -> str:
    if "." not in cell and "e" not in cell.lower():
        return cell
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return cell  # to be rejected, or read by who knows more of money
    if not value.is_finite() or abs(value.adjusted()) > 30:
        return cell
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def day(*headings: str) -> Take:
    """A day; midnight is no part of it."""
    return changed(lambda cell: cell[:10] if _instant.fullmatch(cell) else cell, *headings)


def utc(*headings: str) -> Take:
    """A moment, in UTC where it does not say otherwise."""
    return changed(in_utc, *headings)


def in_utc(cell: str) -> str:
    """A moment as it is stored, if it is written in ISO; or else the cell."""
    found = _instant.fullmatch(cell)
    if found is None:
        return cell
    try:
        return iso_instant(from_iso_instant(f"{found[1]}T{found[2]}{found[3] or ':00'}{found[4] or 'Z'}"))
    except InvalidValue:
        return cell  # to be rejected by who reads it


def chosen(meanings: Mapping[str, str], *headings: str) -> Take:
    """One of our values for one of theirs, without case and punctuation; others as they stand."""
    known = {fold(theirs): ours for theirs, ours in meanings.items()}
    return changed(lambda cell: known.get(fold(cell), cell), *headings)


def true(cell: str) -> bool:
    """Whether a cell says yes."""
    return cell.casefold() in ("true", "1", "yes", "y")


def flag(*headings: str) -> Take:
    """Text where a cell says yes."""
    return changed(lambda cell: "yes" if true(cell) else "", *headings)
