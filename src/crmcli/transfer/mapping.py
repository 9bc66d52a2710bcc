"""From the headings of a file to the fields of a noun: a plan that says where every cell goes."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from crmcli.errors import InvalidValue, suggestion
from crmcli.fields import FieldSpec
from crmcli.transfer.heading_words import words_of
from crmcli.transfer.rejects import COLUMNS as REJECT_COLUMNS

Extra = Literal["ignore", "note", "custom"]

NEVER_READ: Final = frozenset({"id", "ref", "uid"})  # given by the database, whatever a file says
COMPANIONS: Final = ("name", "email", "domain", "website", "ref")  # what a link may be told by: account_name
LINKS: Final = frozenset({"link", "relation"})
MOST_NAMED: Final = 8  # unknown headings whose columns a hint tells

_placeholder = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_numbered = re.compile(r"column (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Bound:
    """A column of the file and the field that it fills."""

    index: int
    heading: str
    field: FieldSpec


@dataclass(frozen=True, slots=True)
class Template:
    """Text with cells of the row in it: {account}: {product}."""

    parts: tuple[str | int, ...]  # text as it stands, or the index of a cell

    def fill(self, cells: Sequence[str]) -> str:
        """The text for one row; empty where all its cells are blank.

        What only sets a blank cell off at either end goes with it: `: GTX Basic` is GTX Basic.
        """
        indexes = [part for part in self.parts if isinstance(part, int)]
        if not any(cells[index].strip() for index in indexes):
            return ""
        text = "".join(cells[part].strip() if isinstance(part, int) else part for part in self.parts)
        return text if all(cells[index].strip() for index in indexes) else text.strip(" :;,-–—/|·")


@dataclass(frozen=True, slots=True)
class HeadingPlan:
    """Where every cell of a row goes. What is in no list of it is ignored, as `remarks` say."""

    headings: tuple[str, ...]
    columns: tuple[Bound, ...] = ()
    titles: tuple[Bound, ...] = ()  # beside a link: the name of the record it means
    constants: tuple[tuple[FieldSpec, str], ...] = ()
    templates: tuple[tuple[FieldSpec, Template], ...] = ()
    unknown: tuple[int, ...] = ()  # headings that are no field
    notes: tuple[int, ...] = ()  # of these: to be appended to the description
    customs: tuple[int, ...] = ()  # of these: to become custom fields
    unnamed: tuple[int, ...] = ()  # columns without a heading: nothing may stand in them
    remarks: tuple[str, ...] = ()

    @property
    def fields(self) -> list[str]:
        """The names of all fields that the file fills."""
        specs = [bound.field for bound in self.columns]
        specs += [spec for spec, _ in (*self.constants, *self.templates)]
        return [spec.name for spec in specs]

    def note(self, cells: Sequence[str]) -> str:
        """The lines that the description gets: a heading and its cell each."""
        lines = [
            f"{self.label(index)}: {cells[index].strip()}" for index in self.notes if cells[index].strip()
        ]
        return "\n".join(lines)

    def stray(self, cells: Sequence[str]) -> int | None:
        """The first column that has a cell but no heading, so that nothing is dropped silently."""
        return next((index for index in self.unnamed if cells[index].strip()), None)

    def label(self, index: int) -> str:
        """What to call a column: its heading, or its number where it has none."""
        return _label(self.headings, index)


def fold(text: str) -> str:
    """A heading or name without case, spaces and punctuation: Close Date, close-date, CloseDate are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LNM") or folded.strip()


def fold_value(text: str) -> str:
    """A cell without case and surplus spaces, as `parse_values` keeps it."""
    return " ".join(text.casefold().split())


def parse_pairs(texts: Iterable[str], *, option: str) -> dict[str, str]:
    """`left=right` of a repeatable option.

    In --map the heading on the left may hold a =, in all others the value on the right may.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        left, sign, right = text.rpartition("=") if option == "--map" else text.partition("=")
        left = left.strip()
        if not sign or not left:
            example = "'Deal value=amount'" if option == "--map" else "source=Web"
            raise InvalidValue(f"{option} {text!r} is not understood; write it like {option} {example}.")
        if left in pairs:
            raise InvalidValue(f"{option} is given twice for {left!r}.")
        pairs[left] = right.strip()
    return pairs


def parse_values(texts: Iterable[str], *, option: str = "--value") -> dict[str, dict[str, str]]:
    """`field:value in the file=value here`, by field and by the folded value of the file."""
    result: dict[str, dict[str, str]] = {}
    for text in texts:
        field, colon, pair = text.partition(":")
        source, sign, target = pair.rpartition("=")
        if not colon or not sign or not field.strip() or not source.strip():
            raise InvalidValue(
                f"{option} {text!r} is not understood; write it like {option} 'stage:Won=Closed Won'."
            )
        known = result.setdefault(field.strip(), {})
        if known.setdefault(fold_value(source), target.strip()) != target.strip():
            raise InvalidValue(f"{option} gives {field.strip()} two values for {source.strip()!r}.")
    return result


def match_headings(
    headings: Sequence[str],
    fields: Sequence[FieldSpec],
    *,
    maps: Mapping[str, str],
    sets: Mapping[str, str],
    extra: str | None,
    only_maps: bool = False,
) -> HeadingPlan:
    """Decide for every heading which field it fills; refuse what is not beyond doubt.

    What --map says comes first; then names, labels and aliases, in this order, unless `only_maps`. A heading
    that only tells a link by another word (account_name, account email) fills the link where nothing else does.
    """
    if extra not in {None, "ignore", "note", "custom"}:
        raise InvalidValue(f"Unknown value {extra!r} of --extra; use ignore, note or custom.", field="extra")
    said = _Said(headings, fields, maps, sets)
    remarks: list[str] = []
    bound = dict(said.bound)
    companions: dict[int, FieldSpec] = {} if only_maps else _titles(headings, fields)
    unknown: list[int] = []
    ours: list[str] = []
    for index, heading in enumerate(headings):
        if index in bound or index in said.ignored:
            companions.pop(index, None)
            continue
        if index in companions:
            continue
        if only_maps:
            unknown += [index] if index not in said.used else []
            continue
        spec = said.words.get(fold(heading)) if heading else None
        if spec is not None and spec.owned:
            ours.append(heading)
        elif spec is not None:
            bound[index] = spec
        elif fold(heading) in NEVER_READ:
            ours.append(heading)
        elif heading and (link := said.companions.get(fold(heading))) is not None:
            companions[index] = link
        elif index not in said.used:
            unknown.append(index)
    if ours:
        are = "is ignored: it is" if len(ours) == 1 else "are ignored: they are"
        remarks.append(f"{', '.join(map(repr, ours))} {are} set by the program.")
    unknown = _without_reject_columns(headings, unknown, remarks)
    filled = {spec.name for spec in bound.values()}
    taken = filled | set(sets)
    titles: list[Bound] = []
    for index, link in companions.items():
        if not link.owned and link.name in filled and fold(headings[index]) == fold(f"{link.name}_name"):
            titles.append(Bound(index, headings[index], link))
        elif link.owned or link.name in taken:
            remarks.append(f"{headings[index]!r} is ignored: it goes with {link.name}.")
        else:
            bound[index] = link
    _refuse_two_for_one(headings, bound, said)
    return HeadingPlan(
        tuple(headings),
        tuple(Bound(index, headings[index], bound[index]) for index in sorted(bound)),
        tuple(titles),
        tuple(said.constants),
        tuple(said.templates),
        **_extras(headings, unknown, extra, remarks, fields),
        remarks=tuple(remarks),
    )


def _titles(headings: Sequence[str], fields: Sequence[FieldSpec]) -> dict[int, FieldSpec]:
    """The columns that stand beside a link of the same name, as exports have them: account, account_name."""
    names = {spec.name for spec in fields}
    links = {f"{spec.name}_name": spec for spec in fields if spec.kind in LINKS and not spec.owned}
    return {
        index: links[heading]
        for index, heading in enumerate(headings)
        if heading in links and heading not in names and links[heading].name in headings
    }


class _Said:
    """What --map and --set say, checked against the headings and the fields."""

    def __init__(
        self,
        headings: Sequence[str],
        fields: Sequence[FieldSpec],
        maps: Mapping[str, str],
        sets: Mapping[str, str],
    ) -> None:
        self.headings = headings
        self.fields = fields
        self.words = _words(fields)
        self.companions = _companions(fields)
        self.bound: dict[int, FieldSpec] = {}
        self.ignored: set[int] = set()
        self.used: set[int] = set()  # by templates
        self.constants: list[tuple[FieldSpec, str]] = []
        self.templates: list[tuple[FieldSpec, Template]] = []
        for heading, target in maps.items():
            self._map(heading, target)
        for name, text in sets.items():
            self._set(self.field(name, f"--set '{name}={text}'"), text)

    def _map(self, heading: str, target: str) -> None:
        index = self.column(heading, f"--map '{heading}={target}'")
        if index in self.bound or index in self.ignored:
            raise InvalidValue(f"--map is given twice for {_label(self.headings, index)!r}.", field="map")
        if target in {"", "-"}:
            self.ignored.add(index)
        else:
            self.bound[index] = self.field(target, f"--map '{heading}={target}'")

    def _set(self, spec: FieldSpec, text: str) -> None:
        twice = [known for known, _ in (*self.constants, *self.templates) if known.name == spec.name]
        if twice:
            raise InvalidValue(f"--set is given twice for {spec.name}.", field="set")
        parts = self._parts(text, spec)
        if any(isinstance(part, int) for part in parts):
            self.templates.append((spec, Template(tuple(parts))))
        else:
            self.constants.append((spec, "".join(map(str, parts))))

    def _parts(self, text: str, spec: FieldSpec) -> list[str | int]:
        parts: list[str | int] = []
        end = 0
        for match in _placeholder.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            if match[0] in {"{{", "}}"}:
                parts.append(match[0][0])
            elif match[1] is None:
                raise InvalidValue(
                    f"--set {spec.name}: a single {match[0]} in {text!r}.",
                    hint="Write {{ and }} for braces that are meant as such.",
                    field="set",
                )
            else:
                index = self.column(match[1].strip(), f"--set {spec.name}")
                self.used.add(index)
                parts.append(index)
        parts.append(text[end:])
        return [part for part in parts if part != ""]

    def column(self, heading: str, option: str) -> int:
        """The column of a heading that was typed: exactly, else without case, else folded, else by number."""
        for key in (str, str.casefold, fold):
            found = [
                index for index, known in enumerate(self.headings) if known and key(known) == key(heading)
            ]
            if len(found) == 1:
                return found[0]
            if found:
                both = " and ".join(repr(self.headings[index]) for index in found)
                raise InvalidValue(f"{option}: {heading!r} may be {both}; write it exactly.")
        number = _numbered.fullmatch(heading)
        if number and 0 < int(number[1]) <= len(self.headings):
            return int(number[1]) - 1
        names = [_label(self.headings, index) for index in range(len(self.headings))]
        meant = suggestion(heading, names)
        raise InvalidValue(
            f"{option}: the file has no heading {heading!r}.",
            hint=" ".join(filter(None, (meant, f"Its headings are: {', '.join(names)}."))),
        )

    def field(self, word: str, option: str) -> FieldSpec:
        """The field of a name that was typed, which an import may fill."""
        spec = self.words.get(fold(word))
        names = [field.name for field in self.fields if not field.owned]
        if spec is None:
            meant = suggestion(word, names)
            raise InvalidValue(
                f"{option}: there is no field {word!r}.",
                hint=" ".join(filter(None, (meant, f"The fields are: {', '.join(names)}."))),
            )
        if spec.owned:
            raise InvalidValue(f"{option}: {spec.name} is set by the program and cannot be imported.")
        return spec


def _words(fields: Sequence[FieldSpec]) -> dict[str, FieldSpec]:
    """Every word a field goes by. A name beats a label, a label an alias, an alias a word of another language;
    then a field that can be typed.
    """
    words: dict[str, FieldSpec] = {}
    ordered = sorted(fields, key=lambda spec: (spec.owned, spec.position))
    for spec in sorted(fields, key=lambda spec: spec.position):
        words.setdefault(fold(spec.name), spec)
    for spec in ordered:
        words.setdefault(fold(spec.label), spec)
    for spec in ordered:
        for alias in spec.aliases:
            words.setdefault(fold(alias), spec)
    for spec in ordered:
        for word in words_of(spec):
            words.setdefault(fold(word), spec)
    return words


def _companions(fields: Sequence[FieldSpec]) -> dict[str, FieldSpec]:
    """The words that tell a link by something of its record: account_name, company website."""
    found: dict[str, FieldSpec] = {}
    links = [spec for spec in fields if spec.kind in LINKS]
    for words in (
        [(spec, (spec.name, spec.label)) for spec in links],
        [(spec, spec.aliases) for spec in links],
    ):
        for spec, known in words:
            for word in known:
                for companion in COMPANIONS:
                    found.setdefault(fold(f"{word} {companion}"), spec)
    return found


def _label(headings: Sequence[str], index: int) -> str:
    return headings[index] or f"column {index + 1}"


def _refuse_two_for_one(headings: Sequence[str], bound: Mapping[int, FieldSpec], said: _Said) -> None:
    fillers: dict[str, int] = {}
    for index in sorted(bound):
        name = bound[index].name
        first = fillers.setdefault(name, index)
        if first != index:
            raise InvalidValue(
                f"The headings {_label(headings, first)!r} and {_label(headings, index)!r} both mean {name}.",
                hint=f"Leave one out with --map '{_label(headings, index)}=', or map it to another field.",
            )
    for spec, _ in (*said.constants, *said.templates):
        if spec.name in fillers:
            heading = _label(headings, fillers[spec.name])
            raise InvalidValue(
                f"The heading {heading!r} and --set {spec.name} both fill {spec.name}.",
                hint=f"Leave the heading out with --map '{heading}=', or leave out --set.",
            )


def _where(headings: Sequence[str], indexes: Sequence[int], known: Sequence[str]) -> str:
    """In which columns headings stand, and which fields they may be."""
    told = []
    for index in indexes:
        close = suggestion(headings[index].replace(" ", "_"), known)
        told.append(f"{headings[index]!r} stands in column {index + 1}{f' ({close})' if close else ''}")
    return f"{', '.join(told)}."


def _without_reject_columns(headings: Sequence[str], unknown: list[int], remarks: list[str]) -> list[int]:
    """Unknown headings without the three that a rejects file adds at its end."""
    last = range(len(headings) - len(REJECT_COLUMNS), len(headings))
    if tuple(headings[-len(REJECT_COLUMNS) :]) != REJECT_COLUMNS or not set(last) <= set(unknown):
        return unknown
    remarks.append("'line', 'code' and 'reason' are ignored: a rejects file has them.")
    return [index for index in unknown if index not in last]


def _extras(
    headings: Sequence[str],
    unknown: list[int],
    extra: str | None,
    remarks: list[str],
    fields: Sequence[FieldSpec],
) -> dict[str, tuple[int, ...]]:
    """What becomes of the headings that are no field."""
    named = [index for index in unknown if headings[index]]
    if extra is None:
        if named:
            known = [spec.name for spec in fields if not spec.owned]
            names = ", ".join(repr(headings[index]) for index in named)
            which, they = (
                ("This heading is", "it is") if len(named) == 1 else ("These headings are", "they are")
            )
            raise InvalidValue(
                f"{which} no field: {names}.",
                hint=f"{_where(headings, named[:MOST_NAMED], known)} Say what {they} with --map "
                f"'{headings[named[0]]}=field', or leave it to --extra ignore|note|custom.",
                field="extra",
            )
        return {"unnamed": tuple(unknown)}
    chosen = tuple(unknown)
    if extra == "note":
        if chosen and not any(spec.name == "description" for spec in fields):
            raise InvalidValue("--extra note: there is no description to append to.", field="extra")
        return {"unknown": chosen, "notes": chosen}
    if extra == "custom":
        return {"unknown": chosen, "customs": chosen}
    remarks.extend(f"{_label(headings, index)!r} is ignored: it is no field." for index in chosen)
    return {"unknown": chosen}
