"""An object's tables, read as one source whose headings are our fields."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, NamedTuple, Self

from crmcli.errors import CrmError
from crmcli.fields import FieldSpec
from crmcli.migrating.export import Part
from crmcli.migrating.shapes import BEFORE, Object, Shape, System, Take, first
from crmcli.parse import chosen
from crmcli.rules.stages import StageFacts, stage_named
from crmcli.transfer.mapping import Bound, HeadingPlan, fold, fold_value, match_headings
from crmcli.transfer.rejects import COLUMNS
from crmcli.transfer.rows import BadRow, Row
from crmcli.transfer.source import Source
from crmcli.values.keys import name_key

AT_ONCE: Final = 500  # rows whose ids are looked up by one query

Cells = Sequence[str]
Read = Callable[[Cells], str]
Particulars = tuple[str, str, str, str]  # probability, category, closed, won
Check = Callable[[str, dict[str, str], Callable[[str], str]], None]


class Taken(NamedTuple):
    """A row that belongs to a shape, where it stands, and how it is read."""

    part: "Bindings"
    row: Row | BadRow


@dataclass(slots=True)
class Found:
    """What a first reading of an object tells."""

    read: int = 0
    deleted: int = 0
    lacking: dict[str, Counter[str]] = field(default_factory=dict)  # field -> value without a counterpart
    stages: dict[str, Counter[Particulars]] = field(default_factory=dict)  # what rows say of unknown stages
    filled: set[str] = field(default_factory=set)  # headings under which anything stands
    odd_dates: bool = False  # a date that is not written year first


@dataclass(slots=True)
class World:
    """What translating needs to know beside the rows."""

    system: System
    values: Mapping[str, Mapping[str, str]]  # what the user says their values mean, by field
    constants: Mapping[str, str]  # the values of @now and @today
    stages: Sequence[StageFacts]
    users: Mapping[str, int]  # every word a user is known by
    names: Mapping[str, str]  # name key of a user -> external id, or nothing
    known: Callable[[str, Sequence[str]], set[str]]  # of these external ids those that an entity has
    encoding: str | None = None

    def user(self, text: str) -> int | None:
        """The user that a text names by id, e-mail or name."""
        return self.users.get(text) or self.users.get(name_key(text))


class Bindings:
    """A part of an object: its source, and where its columns are."""

    def __init__(self, part: Part, world: World, object: Object, shape: Shape) -> None:
        self.part = part
        self.source = part.open(world.encoding)
        self.world = world
        self.prefix = f"{object.name}.".casefold()
        wanted = {fold(heading) for take in shape.takes.values() for heading in take.headings}
        self.at: dict[str, int] = {}
        self.used: set[int] = set()
        for index, heading in enumerate(self.source.headings):
            self.at.setdefault(self._key(heading, object.name, wanted), index)
        self.deleted = self.bind(world.system.deleted)
        self.when = self.bind(shape.when) if shape.when else None
        self.fields = {name: self.bind(take) for name, take in shape.takes.items()}
        self.filled = {
            name
            for name, take in shape.takes.items()
            if not take.headings or any(fold(heading) in self.at for heading in take.headings)
        }
        known = self.source.headings
        width = len(known) - len(COLUMNS) if tuple(known[-len(COLUMNS) :]) == COLUMNS else len(known)
        self.spare = [index for index in range(width) if index not in self.used]

    def _key(self, heading: str, object: str, wanted: set[str]) -> str:
        """A heading as it is looked for: ACCOUNT.NAME and Account Name are Name in a table of accounts."""
        key = fold(self.plain(heading))
        short = key.removeprefix(fold(object))
        return short if key not in wanted and short in wanted else key

    def plain(self, heading: str) -> str:
        """A heading without what the export puts before each."""
        plain = self.world.system.plain(heading)
        return plain[len(self.prefix) :] if plain.casefold().startswith(self.prefix) else plain

    def bind(self, take: Take) -> Read:
        """A function from the cells of a row to the text of a field."""
        make, places = take.make, []
        for heading in take.headings:
            index = self.at.get(fold(heading), -1)
            self.used.add(index)
            places.append((index, self.world.constants.get(heading, "")))
        live = [index for index, said in places if index >= 0 or said]
        if make is first and len(live) < 2:  # most columns: a million rows follow
            at = live[0] if live else -1
            return (lambda cells: cells[at].strip()) if live else (lambda cells: "")
        if not places:
            return lambda cells: make()
        if len(places) == 1:
            (index, said) = places[0]
            return lambda cells: make(cells[index].strip() if index >= 0 else said)
        return lambda cells: make(*[cells[index].strip() if index >= 0 else said for index, said in places])


class Translated(Source):
    """The rows of an object that have one shape, from all its parts, in our words."""

    def __init__(
        self,
        parts: Sequence[Part],
        object: Object,
        shape: Shape,
        world: World,
        specs: Sequence[FieldSpec],
    ) -> None:  # there are no bytes of its own, so that Source has nothing to set up
        self.name = object.name
        self.object = object
        self.shape = shape
        self.world = world
        self.specs = {spec.name: spec for spec in specs}
        self.parts = [Bindings(part, world, object, shape) for part in parts]
        self.fields = [
            name
            for name in shape.takes
            if not name.startswith("_") and any(name in part.filled for part in self.parts)
        ]
        self.customs: dict[str, list[int]] = {}  # label -> its column in each part, or -1
        self.checks = self._checks()
        self.headings = list(self.fields)
        self.announced = []
        self.format = "csv"
        self.encoding, self.delimiter, self.guarded = "utf-8", ",", False
        looks_up = object.stays is not None  # in the database, which a copy of this process may not touch
        self.size = None if looks_up else sum(part.source.size or 0 for part in self.parts)
        self._reading: Bindings | None = None
        self.found = Found()
        self._before = 0

    def position(self) -> int:
        """Bytes consumed so far, of `size`."""
        return self._before + (self._reading.source.position() if self._reading else 0)

    def apart(self) -> Self:
        for part in self.parts:
            part.source.apart()
        return self

    def close(self) -> None:
        for part in self.parts:
            part.source.close()

    # --- rows ------------------------------------------------------------------------------------

    def taken(self) -> Iterator[Taken]:
        """The rows of this shape as they stand, those that cannot be read among them."""
        count = self._before = 0
        self.found = Found()
        leading = self.shape is self.object.shapes[0]
        for part in self.parts:
            self._reading = part
            for row in self._of_shape(part, leading):
                count += 1
                yield Taken(part, row)
            self._before += part.source.size or 0
        self.found.read, self._reading = count, None

    def _of_shape(self, part: Bindings, leading: bool) -> Iterator[Row | BadRow]:
        rows = self._alive(part, leading)
        when, stays = part.when, self.object.stays
        if stays is None:
            yield from (row for row in rows if when is None or isinstance(row, BadRow) or when(row[1]))
            return
        there, known = self.shape.becomes == stays, self.world.known
        while chunk := list(islice(rows, AT_ONCE)):
            id = part.fields["external_id"]
            staying = known(stays, [id(row[1]) for row in chunk if not isinstance(row, BadRow)])
            for row in chunk:
                if isinstance(row, BadRow):
                    mine = leading
                elif id(row[1]) in staying:
                    mine = there
                else:
                    mine = when is None or bool(when(row[1]))
                if mine:
                    yield row

    def _alive(self, part: Bindings, leading: bool) -> Iterator[Row | BadRow]:
        deleted = part.deleted
        for row in part.source.rows():
            if isinstance(row, BadRow):
                if leading:  # it is rejected once
                    yield row
            elif deleted(row[1]):
                self.found.deleted += leading
            else:
                yield row

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row in our words, under `headings`."""
        number = {id(part): n for n, part in enumerate(self.parts)}
        names = dict(self.world.names) if self.shape.becomes == "user" else {}
        for part, row in self.taken():
            if isinstance(row, BadRow):
                yield row
                continue
            line, cells = row
            said = self.say(part, cells)
            if names or self.shape.becomes == "user":
                self._tell_apart(said, names)
            at = number[id(part)]
            extra = [cells[places[at]] if places[at] >= 0 else "" for places in self.customs.values()]
            yield line, [*said.values(), *extra]

    def say(self, part: Bindings, cells: Cells) -> dict[str, str]:
        """The texts of a row's fields, with values of theirs in the place of ours."""
        said = {}
        for name in self.fields:
            text = part.fields[name](cells)
            if text and (means := self.world.values.get(name.removeprefix(BEFORE))):
                text = means.get(fold_value(text), text)
            said[name] = text
        for name, check in self.checks.items():
            if said.get(name):
                check(name, said, lambda beside: part.fields[beside](cells) if beside in part.fields else "")
        return said

    def _checks(self) -> dict[str, Check]:
        """What is looked at for a counterpart here: stages, owners, and picklists that take nothing else."""
        found: dict[str, Check] = {}
        for name in self.fields:
            plain = name.removeprefix(BEFORE)
            spec = self.specs.get(plain)
            if spec is None:
                continue
            if plain == "stage":
                found[name] = self._check_stage
            elif plain == "owner":
                found[name] = self._check_owner
            elif spec.kind == "select" and not spec.open:
                found[name] = self._check_choice
        return found

    def _check_stage(self, name: str, said: dict[str, str], beside: Callable[[str], str]) -> None:
        text = said[name]
        try:
            stage_named(text, self.world.stages)
        except CrmError:
            self._lacks(name, text)
            told = (said.get("probability", ""), said.get("category", ""), beside("_closed"), beside("_won"))
            self.found.stages.setdefault(text, Counter())[told] += 1

    def _check_owner(self, name: str, said: dict[str, str], _beside: Callable[[str], str]) -> None:
        if self.world.user(said[name]) is None:
            self._lacks(name, said[name])
            said[name] = ""  # it goes to who migrates, and the table says so

    def _check_choice(self, name: str, said: dict[str, str], _beside: Callable[[str], str]) -> None:
        try:
            chosen(self.specs[name.removeprefix(BEFORE)], said[name], begun=False)
        except CrmError:
            self._lacks(name, said[name])

    def _lacks(self, name: str, text: str) -> None:
        self.found.lacking.setdefault(name.removeprefix(BEFORE), Counter())[text] += 1

    def _tell_apart(self, said: dict[str, str], names: dict[str, str]) -> None:
        """Of users of the same name, the later ones are called by their address, too."""
        key = name_key(said.get("name", ""))
        if names.setdefault(key, said["external_id"]) not in ("", said["external_id"]):
            said["name"] += f" ({said.get('email') or said['external_id']})"

    # --- the first reading -----------------------------------------------------------------------

    def survey(self, extra: bool) -> None:
        """Read everything once: what there is, and what has no counterpart here. Custom columns get their headings."""
        dates = [
            at for at, name in enumerate(self.fields)
            if name in self.specs and self.specs[name].kind in ("date", "instant")
        ]  # fmt: skip
        pending = {id(part): list(part.spare) for part in self.parts}
        filled: set[tuple[int, int]] = set()
        odd = False
        for part, row in self.taken():
            if isinstance(row, BadRow):
                continue
            cells = row[1]
            said = list(self.say(part, cells).values())
            odd = odd or any(said[at] and said[at][4:5] != "-" for at in dates)
            here = [index for index in pending[id(part)] if cells[index].strip()]
            for index in here:
                pending[id(part)].remove(index)
                filled.add((id(part), index))
        self.found.odd_dates = odd
        self._name_customs(filled, extra)

    def _name_customs(self, filled: set[tuple[int, int]], extra: bool) -> None:
        system = self.world.system
        for number, part in enumerate(self.parts):
            for index, heading in enumerate(part.source.headings):
                if (id(part), index) not in filled:
                    continue
                plain = part.plain(heading)
                label = system.custom(plain) or (plain if extra and fold(plain) not in system.idle else None)
                if label is None:
                    if fold(plain) not in system.idle:
                        self.found.filled.add(heading)
                    continue
                known = next((each for each in self.customs if fold(each) == fold(label)), label)
                self.customs.setdefault(known, [-1] * len(self.parts))[number] = index
        self.headings = [*self.fields, *self.customs]

    def plan(self) -> HeadingPlan:
        """Where every cell of `rows` goes: to the field its heading names, or to a custom field."""
        plain = [
            spec if spec.custom else replace(spec, aliases=(), label=spec.name)
            for spec in self.specs.values()
        ]
        matched = match_headings(
            self.fields, [spec for spec in plain if not spec.custom], maps={}, sets={}, extra=None
        )
        columns, customs = list(matched.columns), []
        mine = [spec for spec in plain if spec.custom]
        for index, label in enumerate(self.customs, len(self.fields)):
            spec = next((spec for spec in mine if fold(label) in (fold(spec.label), fold(spec.name))), None)
            if spec is None:
                customs.append(index)
            else:
                columns.append(Bound(index, label, spec))
        return HeadingPlan(
            tuple(self.headings), tuple(columns), unknown=tuple(customs), customs=tuple(customs)
        )

    # --- where a row came from -------------------------------------------------------------------

    def original(self, numbers: Iterator[int]) -> Iterator[tuple[Part, Cells, Sequence[str]]]:
        """The rows of these ascending numbers as they stand: their part, their cells and its headings."""
        wanted = next(numbers, None)
        for n, (part, row) in enumerate(self.taken()):
            if wanted is None:
                return
            if n == wanted:
                yield part.part, row.cells if isinstance(row, BadRow) else row[1], part.source.headings
                wanted = next(numbers, None)
