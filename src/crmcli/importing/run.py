"""A whole file: read into the stage, judged against what is there, merged in one unit of work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import CrmError, InvalidValue
from crmcli.fields import FieldSpec
from crmcli.importing.how import REQUIRED, UNIQUE, How, check_required, importable, match_keys
from crmcli.importing.rows import Rows, problem, stored, title_column
from crmcli.parse import Reading
from crmcli.rules.records import CONVERTED, ONLY_BY_CONVERSION, Facts, revised
from crmcli.rules.stages import refuse_rewriting
from crmcli.store.bulk import STAGE, Key, Reject, Revision, Sameness, Stage, Values
from crmcli.store.bulk_links import Links
from crmcli.store.identity import uuid7
from crmcli.store.keys import KEY_COLUMNS
from crmcli.transfer.mapping import HeadingPlan
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import Source
from crmcli.values.dates import from_iso_instant, iso_instant
from crmcli.values.money import amount_words, decimals

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

OWNERLESS: Final = ("user", "stage")
LOOK_UP: Final = 4096  # rows between two looks at how far the file has been read
MANY: Final = 5_000  # rejected rows that are kept before they are put away
# What is taken back to its stage's or its default's by a blank, though it is never blank.
GIVEN_BACK: Final = ("probability", "category")


@dataclass(slots=True)
class Imported:
    """What came of a file, row by row counted; what was made for its rows besides."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    made: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Import:
    """A file on its way into a unit of work."""

    work: "UnitOfWork"
    entity: str
    source: Source
    plan: HeadingPlan
    how: How
    reading: Reading
    facts: Facts
    actor: str
    owner: Callable[[], int]  # who gets what the file gives to nobody
    advance: Callable[[int], None]


def bring_in(job: Import) -> tuple[Imported, Stage]:
    """Carry out an import inside a unit of work; the caller commits it, or not where rows were rejected."""
    work, entity, how = job.work, job.entity, job.how
    fields = importable(work.fields(entity))
    keys = match_keys(how.match, job.plan, fields)
    check_required(entity, job.plan, how, job.source.name)
    rows = Rows(entity, job.plan, how, job.reading, job.facts, fields)
    stage = stage_file(job, rows)
    links = Links(stage, job.actor)
    for spec in rows.links:
        links.resolve(spec, create=how.create_parents)
    defaults = defaults_of(entity, fields)
    within = [spec for spec in rows.links if spec.target == entity]
    find_new(stage, links, rows, keys, how.wanted, defaults, within)
    find_changed(job, stage, links, rows, fields, within)
    imported = counted(stage)
    if imported.rejected and not how.keep_going:
        return imported, stage
    if job.plan.customs:
        stage.declare(custom_fields(entity, job.plan, rows, work.fields(entity)))
    imported.made = write(job, stage, links, defaults)
    return imported, stage


# --- reading --------------------------------------------------------------------------------------------


def stage_file(job: Import, rows: Rows) -> Stage:
    """Read the file into the stage; what cannot be understood is rejected with its line and reason."""
    stage = Stage(job.work, job.entity, rows.columns)
    rejected: list[Reject] = []
    stage.fill(staged(job, rows, stage, rejected))
    stage.add_rejects(rejected)
    stage.analyze(STAGE, job.entity)
    stage.mark_repeats()
    return stage


def staged(job: Import, rows: Rows, stage: Stage, rejected: list[Reject]) -> Iterator[tuple[Any, ...]]:
    """The good rows of the file as the stage keeps them; the others go to `rejected`."""
    before, plan = 0, job.plan
    for n, row in enumerate(job.source.rows()):
        if not n % LOOK_UP:
            position = job.source.position()
            job.advance(position - before)
            before = position
        if len(rejected) >= MANY:
            stage.add_rejects(rejected)
            rejected.clear()
        if isinstance(row, BadRow):
            rejected.append((n, row.line, row.code, "", row.reason))
            continue
        line, cells = row
        try:
            if plan.unnamed:
                refuse_stray(plan, cells)
            yield (n, line, *rows(cells, uuid7()))
        except CrmError as error:
            rejected.append((n, line, *problem(error)))


def refuse_stray(plan: HeadingPlan, cells: Sequence[str]) -> None:
    """Raises InvalidValue for a cell under no heading: nothing is dropped silently."""
    stray = plan.stray(cells)
    if stray is not None:
        raise InvalidValue(f"column {stray + 1} has no heading, but holds {cells[stray]!r}")


# --- judging --------------------------------------------------------------------------------------------


def find_new(
    stage: Stage,
    links: Links,
    rows: Rows,
    keys: Sequence[Key],
    mode: str,
    defaults: Mapping[str, Any],
    within: Sequence[FieldSpec],
) -> None:
    """Which rows mean a record that is there, and which become new ones."""
    entity = stage.entity
    loose = [name for name in rows.given if name in (*rows.judged, "created_at", "owner_id")]
    loose = [name for name in loose if name not in ("custom", "currency")]
    firm = [name for name in rows.given if name not in loose]
    stage.match(keys, Sameness(title_column(entity), firm, loose, defaults))
    if keys:
        stage.refuse_repeated_keys(keys)
    stage.decide_new(mode)
    stage.require([Key(name, name) for name in REQUIRED[entity]])
    if entity == "lead" and "status" in rows.given:
        refused = {"converted": CONVERTED, "why": ONLY_BY_CONVERSION}
        new = "s.verdict = 'create' AND s.status = :converted"
        stage.reject(new, "refused", "status", ":why", **refused)
    for key in unique_keys(entity):
        stage.refuse_taken(key, "create")
    for spec in within:
        links.refuse_orphans(spec)
    stage.number()
    for spec in within:
        links.join_in_file(spec)


def find_changed(
    job: Import,
    stage: Stage,
    links: Links,
    rows: Rows,
    fields: Sequence[FieldSpec],
    within: Sequence[FieldSpec],
) -> None:
    """Which records their rows change, by the rules that hold for any edit."""
    clearable = clearable_columns(rows, fields) if job.how.blank_clears else []
    stage.judge(rows.given, rows.money, clearable)
    if job.how.wanted == "insert":
        stage.reject("s.verdict = 'update'", "exists", "", "'there is such a record, with other values'")
    reviser = Reviser(job, rows, fields, clearable)
    stage.plan_updates(rows.given, reviser)
    for key in unique_keys(stage.entity):
        stage.refuse_taken(key, "update")
    for spec in within:
        links.refuse_orphans(spec)
    stage.refuse_repeats_of_rejects()


def unique_keys(entity: str) -> list[Key]:
    """What no two live records of an entity share."""
    own = [UNIQUE[entity]] if entity in UNIQUE else []
    return [*own, Key("external_id", "external_id")]


def clearable_columns(rows: Rows, fields: Sequence[FieldSpec]) -> list[str]:
    """The columns that a blank cell may clear: those that may be blank, and those a stage gives back."""
    kept = {spec.column for spec in fields if spec.required or spec.default is not None} - set(GIVEN_BACK)
    return [name for name in rows.given if name not in kept and name not in ("currency", "custom")]


def counted(stage: Stage) -> Imported:
    """What is to come of the rows."""
    counts = stage.counts()
    twice = counts.get("duplicate", 0)
    return Imported(
        counts.get("create", 0),
        counts.get("update", 0),
        counts.get("unchanged", 0) + twice,
        twice,
        stage.value("SELECT count(*) FROM stage_rejects"),
    )


class Reviser:
    """What a row really changes in a record, with what follows from it."""

    def __init__(
        self, job: Import, rows: Rows, fields: Sequence[FieldSpec], clearable: Sequence[str]
    ) -> None:
        self.job = job
        self.money = rows.money
        self.clearable = frozenset(clearable)
        readers: dict[str, Callable[[str], Any]] = {"date": date.fromisoformat, "instant": from_iso_instant}
        self.read = {spec.column: readers[spec.kind] for spec in fields if spec.kind in readers}

    def __call__(self, revision: Revision) -> Values:
        """The columns to set; none where the record stays as it is. Raises CrmError."""
        entity, current = self.job.entity, revision.current
        changes = self._changes(revision)
        if not changes:
            return {}
        after = {
            name: value if name == "custom" else stored(value)
            for name, value in revised(entity, current, changes, self.job.facts).items()
        }
        if entity == "stage":
            self._refuse_rewriting(current, after)
        after = {name: value for name, value in after.items() if value != current.get(name)}
        if not after:
            return {}
        for key, (base, normal) in KEY_COLUMNS.items():
            if base in after and key in current:
                after[key] = (normal(after[base]) or None) if after[base] else None
        return {**after, "updated_at": iso_instant(self.job.work.now)}

    def _changes(self, revision: Revision) -> Values:
        """What the row says otherwise than the record; what it would make of a new one is no change."""
        current, given, made = revision[2:]
        changes: Values = {}
        for name, value in given.items():
            if name == "custom":
                continue
            if value is None:
                if name in self.clearable and current[name] is not None:
                    changes[name] = None
            elif value != current[name] and (name not in made or made[name] != current[name]):
                changes[name] = self.read[name](value) if name in self.read else value
        self._custom(current, given, changes)
        self._amount(current, given, changes)
        return changes

    def _custom(self, current: Values, given: Values, changes: Values) -> None:
        from crmcli.store.bulk import as_object

        said = as_object(given.get("custom"))
        merged = {**current["custom"], **said}
        merged = {name: value for name, value in merged.items() if value is not None}
        if merged != current["custom"]:
            changes["custom"] = merged

    def _amount(self, current: Values, given: Values, changes: Values) -> None:
        """An amount that names no currency is in the record's, as at `edit`."""
        money = self.money
        if money is None or given[money] is None or given["currency"] is not None:
            return
        changes.pop("currency", None)
        home, own = self.job.reading.currency, current["currency"] or self.job.reading.currency
        minor, shift = given[money], decimals(own) - decimals(home)
        if shift < 0 and minor % 10**-shift:
            raise InvalidValue(
                f"{money}: the record is in {own}, in which {amount_words(minor, home)[4:]} cannot be said",
                field=money,
            )
        minor = minor * 10**shift if shift >= 0 else minor // 10**-shift
        changes.pop(money, None)
        if minor != current[money]:
            changes[money] = minor
        if current["currency"] is None:
            changes["currency"] = own

    def _refuse_rewriting(self, current: Values, after: Values) -> None:
        """What deals rely on in a stage stays as it is. Raises Refused."""
        reader, name = self.job.work.reader, current["name"]
        now = reader.value(
            "SELECT count(*) FROM opportunity WHERE stage = :name AND deleted_at IS NULL", name=name
        )
        ever = reader.row("SELECT 1 FROM opportunity_version WHERE stage = :name LIMIT 1", name=name)
        refuse_rewriting(current, after, int(now), ever is not None)


# --- writing --------------------------------------------------------------------------------------------


def write(job: Import, stage: Stage, links: Links, defaults: Values) -> dict[str, int]:
    """Make and change the records; what was made for them besides, by its plural."""
    made = {"users": links.make_missing("user", {"active": 1})}
    if links.wanted("account"):
        made["accounts"] = links.make_missing("account", {"owner_id": job.owner()})
    if job.entity not in OWNERLESS and stage.lacks_owner():
        defaults = {**defaults, "owner_id": job.owner()}
    stage.insert(defaults)
    stage.update()
    return {plural: count for plural, count in made.items() if count}


def defaults_of(entity: str, fields: Sequence[FieldSpec]) -> Values:
    """What a new record has where the file says nothing."""
    from crmcli.model import ENTITIES

    declared = ENTITIES[entity].model_fields
    return {
        spec.column: stored(declared[spec.column].default)
        for spec in fields
        if spec.default is not None and not spec.custom
    }


def custom_fields(entity: str, plan: HeadingPlan, rows: Rows, known: Sequence[FieldSpec]) -> list[FieldSpec]:
    """The custom fields that headings become."""
    names = {spec.name for spec in known}
    last = max((spec.position for spec in known), default=0)
    return [
        FieldSpec(entity, name, name, "text", plan.label(index).strip(), "", last + 1 + at, custom=True)
        for at, (index, name) in enumerate(rows.customs)
        if name not in names
    ]
