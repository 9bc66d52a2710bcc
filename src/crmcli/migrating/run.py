"""A migration: one object of the export after the other, in one unit of work."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import CrmError, InvalidValue
from crmcli.fields import BY_ENTITY
from crmcli.importing.how import How, find_date_order, importable
from crmcli.importing.run import Import, bring_in
from crmcli.migrating.counterparts import Counterparts
from crmcli.migrating.export import Export, Part
from crmcli.migrating.history import CHANGED, WHOLE, Events, is_by_field
from crmcli.migrating.rejects import Rejects
from crmcli.migrating.shapes import (
    CONVERSIONS,
    NOW,
    ROLES,
    STAGES,
    TODAY,
    VERSIONS,
    Object,
    Shape,
    System,
)
from crmcli.migrating.translated import Found, Translated, World
from crmcli.parse import Reading, parse_value
from crmcli.rules.records import CONVERTED, Facts
from crmcli.store.bulk.staging import Reject
from crmcli.store.migrated import Conversion, Counts, Migrated, Role
from crmcli.transfer.mapping import fold
from crmcli.transfer.rows import BadRow
from crmcli.values.dates import iso_instant

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

KEPT: Final = frozenset({"updated_at"})  # what the program otherwise sets by itself
APART: Final = 10**9  # between the numbers of the rows of two objects that are worked through together


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a migration."""

    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    create_stages: bool = False
    create_owners: bool = False
    extra: bool = False  # columns that are no field become custom fields
    date_order: str | None = None
    encoding: str | None = None


@dataclass(slots=True)
class Line:
    """What came of the rows of an object."""

    object: str
    becomes: str | None
    read: int | None = None  # None where nothing was to be counted; so all others
    created: int | None = None
    updated: int | None = None
    unchanged: int | None = None
    rejected: int | None = None
    deleted: int | None = None
    note: str | None = None


@dataclass(slots=True)
class Migration:
    """An export on its way into a unit of work."""

    work: "UnitOfWork"
    system: System
    export: Export
    asked: Asked
    reading: Reading
    facts: Callable[[], Facts]  # anew, once there are other stages or users
    owner: Callable[[], int]  # who gets what belongs to nobody here
    advance: Callable[[int], None]
    rejects: Rejects

    lines: list[Line] = field(default_factory=list)
    lacking: dict[str, Counter[str]] = field(default_factory=dict)  # field -> value -> rows
    left_out: dict[str, list[str]] = field(default_factory=dict)  # object -> headings
    histories_left: int = 0
    counterparts: Counterparts = field(init=False)

    def __post_init__(self) -> None:
        self.counterparts = Counterparts(self.work, self.reading, self.facts)

    def run(self) -> None:
        """Bring everything in. What cannot be is among the rejects; the caller commits, or not."""
        files = self._files()
        store = Migrated(self.work)
        world = World(
            self.system,
            self.asked.values,
            {NOW: iso_instant(self.work.now), TODAY: self.reading.today.isoformat()},
            self.facts().stages,
            {},
            {},
            store.known,
            self.asked.encoding,
        )
        history = [object for object in self.system.objects if object.shapes[0].becomes == VERSIONS]
        for object in self.system.objects:
            parts = files.get(object.name, [])
            for shape in object.shapes if parts and object not in history else ():
                self.counterparts.know_users(store, world)
                with self._open(parts, object, shape, world) as source:
                    self._bring(source, store)
            if history and object == history[-1]:
                self._bring_history([each for each in history if each.name in files], files, store, world)
            for part in parts if object not in history[:-1] else ():
                part.forget()
        for name, parts in files.items():
            if not any(object.name == name for object in self.system.objects):
                self._count(name, parts)

    def _bring_history(
        self, objects: list[Object], files: Mapping[str, list[Part]], store: Migrated, world: World
    ) -> None:
        """What all objects together tell of what deals were when."""
        with ExitStack() as stack:
            sources = [
                stack.enter_context(self._open(files[each.name], each, each.shapes[0], world))
                for each in objects
            ]
            if sources:
                self._versions(sources, store)

    # --- files -----------------------------------------------------------------------------------

    def _files(self) -> dict[str, list[Part]]:
        """The parts of every object; those that are none of the system's under their own name."""
        found: dict[str, list[Part]] = {}
        for part in self.export.parts:
            name = self.system.object_of(part.name) or self._by_headings(part) or part.shown
            found.setdefault(name, []).append(part)
        if not any(object.name in found for object in self.system.objects):
            names = ", ".join(f"{object.name}.csv" for object in self.system.objects[:4])
            raise InvalidValue(
                f"Nothing here is an export of {self.system.name}.",
                hint=f"Its files are called as what they hold: {names} and so on.",
                field="export",
            )
        return found

    def _by_headings(self, part: Part) -> str | None:
        marks = {mark: object.name for object in self.system.objects for mark in object.marks}
        if not marks:
            return None
        try:
            with part.open(self.asked.encoding) as source:
                return next((marks[heading] for heading in source.headings if heading in marks), None)
        except InvalidValue:
            return None

    def _count(self, name: str, parts: list[Part]) -> None:
        """A table that nothing is made of, counted so that nothing is passed over in silence."""
        if name not in self.system.not_kept and not name.lower().endswith("__c"):
            self.lines.append(Line(name, None, note=f"no object of {self.system.name}; not read"))
            return
        count = 0
        for part in parts:
            try:
                with part.open(self.asked.encoding) as source:
                    count += sum(1 for _ in source.rows())
            except InvalidValue as error:
                self.lines.append(Line(name, None, note=f"not yet kept; {error.message}"))
                return
            part.forget()
        self.lines.append(Line(name, None, count, note="not yet kept"))

    def _open(self, parts: list[Part], object: Object, shape: Shape, world: World) -> Translated:
        """An object, read once: what there is, and what has no counterpart here."""
        entity = "opportunity" if shape.becomes == VERSIONS else shape.becomes
        specs = importable(self.work.fields(entity), KEPT) if entity in BY_ENTITY else []
        source = Translated(parts, object, shape, world, specs)
        if shape.becomes in BY_ENTITY and "external_id" not in source.fields:
            heading = shape.takes["external_id"].headings[0]
            source.close()
            raise InvalidValue(
                f"{parts[0].shown} has no {heading}, by which its rows are known.",
                hint=f"It is no export. `crm {BY_ENTITY[shape.becomes].word} import` reads any file.",
                field="export",
            )
        source.survey(self.asked.extra)
        found = source.found
        if self.asked.create_stages and found.stages:
            self.counterparts.make_stages(found, world)
        if self.asked.create_owners and "owner" in found.lacking:
            self.counterparts.make_owners(found, world)
        for name, values in found.lacking.items():
            self.lacking.setdefault(name, Counter()).update(values)
        if shape.becomes in BY_ENTITY:
            headings = {
                heading for each in object.shapes for take in each.takes.values() for heading in take.headings
            }
            used = {fold(heading) for heading in headings}
            left = {heading for heading in found.filled if fold(heading) not in used}
            self.left_out[object.name] = sorted({*self.left_out.get(object.name, []), *left})
        return source

    # --- objects ---------------------------------------------------------------------------------

    def _bring(self, source: Translated, store: Migrated) -> None:
        """Bring in the rows of one shape."""
        becomes = source.shape.becomes
        if becomes == STAGES:
            count = self.counterparts.learn_stages(source)
            self.lines.append(Line(source.object.name, STAGES, count, note="made with --create-stages"))
        elif becomes == ROLES:
            self._roles(source, store)
        elif becomes == CONVERSIONS:
            self._conversions(source, store)
        else:
            if becomes == "user":
                self.counterparts.join_users(source, store)
            self._records(source)

    def _records(self, source: Translated) -> None:
        shape, found = source.shape, source.found
        plan = source.plan()
        order = self.asked.date_order
        if found.odd_dates:
            order = find_date_order(source, plan, order or self.reading.date_order)
        imported, stage = bring_in(
            Import(
                work=self.work,
                entity=shape.becomes,
                source=source,
                plan=plan,
                how=How(match=("external_id",), keep_going=True, keep=KEPT),
                reading=self.reading._replace(date_order=order),
                facts=replace(self.facts(), lenient=True),
                actor=self.work.actor,
                owner=self.owner,
                advance=self.advance,
            )
        )
        rejected = self.rejects.add(source, stage.rejects()) if imported.rejected else 0
        self._line(source, found, Counts(imported.created, imported.updated, imported.unchanged), rejected)

    def _line(self, source: Translated, found: Found, counts: Counts, rejected: int) -> None:
        becomes = source.shape.becomes
        noun = BY_ENTITY.get(becomes)
        if found.read or found.deleted or source.shape is source.object.shapes[0]:
            self.lines.append(
                Line(
                    source.object.name,
                    noun.plural if noun else becomes,
                    found.read,
                    *counts,
                    rejected,
                    found.deleted,
                )
            )

    # --- what is no noun -------------------------------------------------------------------------

    def _versions(self, sources: list[Translated], store: Migrated) -> None:
        founds = [source.found for source in sources]
        refused: list[list[Reject]] = [[] for _ in sources]
        reader = Events(self.work.fields("opportunity"), self.reading, self.facts(), sources[0].world)
        events = (
            event._replace(n=event.n + at * APART)
            for at, source in enumerate(sources)
            for event in self._each(source, reader, refused[at])
        )
        lost = store.stage_events(events)
        self._refuse_lost(lost, refused)
        told, self.histories_left = store.rewrite()
        for at, (source, found) in enumerate(zip(sources, founds, strict=True)):
            rejected = self.rejects.add(source, iter(sorted(refused[at])))
            ranks = CHANGED if is_by_field(source.fields) else (WHOLE,)
            created = sum(told[rank] for rank in ranks)
            self._line(source, found, Counts(created, 0, found.read - rejected - created), rejected)

    def _roles(self, source: Translated, store: Migrated) -> None:
        found = source.found
        refused: list[list[Reject]] = [[]]
        spec = next(spec for spec in self.work.fields("contact_role") if spec.name == "role")

        def read(n: int, line: int, said: dict[str, str]) -> Iterator[Role]:
            role = parse_value(spec, said.get("role", ""), self.reading)
            for contact in said["contact"].split(";"):
                yield Role(n, line, said["opportunity"], contact, role, int(bool(said.get("is_primary"))))

        lost = store.stage_roles(self._each(source, read, refused[0]))
        self._refuse_lost(lost, refused)
        counts = store.assign_roles()
        rejected = self.rejects.add(source, iter(sorted(refused[0])))
        self._line(source, found, counts, rejected)

    def _conversions(self, source: Translated, store: Migrated) -> None:
        found = source.found
        refused: list[list[Reject]] = [[]]
        spec = next(spec for spec in self.work.fields("lead") if spec.name == "created_at")

        def read(n: int, line: int, said: dict[str, str]) -> Iterator[Conversion]:
            at = parse_value(spec, said.get("at", ""), self.reading) or self.work.now
            links = (said.get(name) or None for name in ("account", "contact", "opportunity"))
            yield Conversion(n, line, said["lead"], iso_instant(at), *links)

        for _ in store.stage_conversions(self._each(source, read, refused[0])):
            pass  # the lead itself was rejected, and said so
        counts = store.convert(CONVERTED)
        rejected = self.rejects.add(source, iter(refused[0]))
        still = found.read - counts.created - rejected
        self._line(source, found, counts._replace(unchanged=still), rejected)

    def _each(
        self,
        source: Translated,
        read: Callable[[int, int, dict[str, str]], Iterable[Any]],
        refused: list[Reject],
    ) -> Iterator[Any]:
        """What is made of each row; the rows of which nothing can be made go to `refused`."""
        before = 0
        for n, row in enumerate(source.rows()):
            if not n % 4096:
                position = source.position()
                self.advance(position - before)
                before = position
            if isinstance(row, BadRow):
                refused.append((n, row.line, row.code, "", row.reason))
                continue
            try:
                yield from read(n, row[0], dict(zip(source.headings, row[1], strict=False)))
            except CrmError as error:
                refused.append((n, row[0], error.code, error.field or "", error.message.rstrip(".")))

    def _refuse_lost(self, lost: Iterable[tuple[int, int, str, str]], refused: list[list[Reject]]) -> None:
        known = [{row[0] for row in each} for each in refused]
        for n, line, link, text in lost:
            at, number = divmod(n, APART)
            if number not in known[at]:
                known[at].add(number)
                what = "opportunity" if link == "deal" else link
                refused[at].append((number, line, "not_found", what, f"there is no {what} {text}"))
