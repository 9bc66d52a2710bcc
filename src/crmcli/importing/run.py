"""A whole file: read into the stage, judged against what is there, merged in one unit of work."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import CrmError, InvalidValue
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.importing.ahead import Chunk, can_run_ahead, run_ahead
from crmcli.importing.how import REQUIRED, UNIQUE, How, check_required, importable, match_keys
from crmcli.importing.revising import Reviser, clearable_columns
from crmcli.importing.rows import Rows, problem, stored, title_column
from crmcli.parse import Reading
from crmcli.rules.records import CONVERTED, ONLY_BY_CONVERSION, Facts
from crmcli.store.bulk import verdicts, writing
from crmcli.store.bulk.links import PARENTS, Links
from crmcli.store.bulk.staging import STAGE, Reject, Stage, Values
from crmcli.store.bulk.verdicts import Key, Sameness
from crmcli.store.identity import uuid7s
from crmcli.store.search import SEARCHED
from crmcli.transfer.mapping import HeadingPlan
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import Source

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

OWNERLESS: Final = ("user", "stage")
AT_ONCE: Final = 1_000  # rows of a chunk
BLOCK: Final = 20_000  # rows that are judged and merged together
WORTH_ANOTHER: Final = 1 << 20  # bytes of a file for which another process is worth its start


class Rejected(InvalidValue):
    """Rows of a file cannot be brought in; nothing was written."""

    code = "rejected"


@dataclass(slots=True)
class Imported:
    """What came of a file, row by row counted; what was made for its rows besides."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: int = 0
    made: dict[str, int] = field(default_factory=dict)
    fields: list[str] = field(default_factory=list)  # custom ones that headings became

    def add(self, verdicts: Mapping[str, int]) -> None:
        """Count what is to come of the rows of a block."""
        self.created += verdicts.get("create", 0)
        self.updated += verdicts.get("update", 0)
        self.duplicates += verdicts.get("duplicate", 0)
        self.unchanged += verdicts.get("unchanged", 0) + verdicts.get("duplicate", 0)

    def add_made(self, made: Mapping[str, int]) -> None:
        """Count what was made besides, by its plural."""
        for plural, count in made.items():
            self.made[plural] = self.made.get(plural, 0) + count

    def drop(self, count: int) -> None:
        """Count rows as duplicates that first looked new."""
        self.created -= count
        self.duplicates += count
        self.unchanged += count


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
    review: "Review | None" = None  # is told of every row before it leaves the stage; nothing is kept then


Review = Callable[[Stage, Imported, Sequence[Key], Sameness], None]


def bring_in(job: Import) -> tuple[Imported, Stage]:
    """Carry out an import inside a unit of work; the caller commits it, or not where rows were rejected.

    A long file is taken block by block, so that one is merged while the next is read. Where rows may belong
    to rows that stand further down, or where only the whole file tells which records may be the same, all
    of it is one block; so it is where it is to be reviewed.
    """
    work, entity, how = job.work, job.entity, job.how
    fields = importable(work.fields(entity), how.keep)
    keys = []
    if not job.source.is_empty:
        keys = match_keys(how.match, job.plan, fields)
        check_required(entity, job.plan, how, job.source.name)
    rows = Rows(
        entity, job.plan, how, job.reading, job.facts, fields,
        documents=work.reader.is_sqlite and entity in SEARCHED,
    )  # fmt: skip
    defaults = defaults_of(entity, fields)
    within = [spec for spec in rows.links if spec.target == entity]
    stage = Stage(job.work, entity, rows.columns)
    in_blocks = job.review is None and not within and (keys or stage.is_base_empty())
    at_once = BLOCK if in_blocks else None
    same = sameness(rows, defaults)
    imported = Imported()
    for is_last in blocks(job, rows, stage, at_once):
        stage.analyze(STAGE, entity)
        verdicts.mark_repeats(stage)
        links = Links(stage, job.actor)
        for spec in rows.links:
            links.resolve(spec, create=how.create_parents)
        find_new(stage, links, rows, keys, how.wanted, same, within)
        find_changed(job, stage, links, rows, fields, within)
        imported.add(stage.counts())
        imported.rejected = stage.rejected()
        if imported.rejected and not how.keep_going and is_last and job.review is None:
            break
        if job.plan.customs and not stage.blocks:
            customs = custom_fields(entity, job.plan, rows, work.fields(entity))
            writing.declare(stage, customs)
            imported.fields = [spec.name for spec in customs]
        imported.add_made(write(job, stage, links, defaults))
        if job.review:
            job.review(stage, imported, keys, same)
        stage.put_away()
    else:
        imported.drop(writing.finish(stage))
    return imported, stage


# --- reading --------------------------------------------------------------------------------------------


def blocks(job: Import, rows: Rows, stage: Stage, at_once: int | None) -> Iterator[bool]:
    """Put the rows of the file on the stage, so many at once; yields whether these were the last.

    What cannot be understood is rejected with its line and reason.
    """
    before = on_stage = 0
    for chunk in chunks_of(job, rows):
        if at_once and on_stage >= at_once:
            yield False
            on_stage = 0
        stage.fill(chunk.staged)
        on_stage += len(chunk.staged)
        if chunk.rejected:
            stage.add_rejects(chunk.rejected)
        job.advance(chunk.position - before)
        before = chunk.position
    yield True


def chunks_of(job: Import, rows: Rows) -> Iterator[Chunk]:
    """The rows of the file in chunks; those of a long one are read and converted by another process."""
    source, plan = job.source, job.plan
    if source.size is not None and source.size >= WORTH_ANOTHER and can_run_ahead():
        return run_ahead(lambda: chunks(source.apart(), plan, rows))
    return chunks(source, plan, rows)


def chunks(source: Source, plan: HeadingPlan, rows: Rows) -> Iterator[Chunk]:
    """The rows of a file as the stage keeps them, and those that cannot be understood."""
    staged: list[tuple[Any, ...]] = []
    rejected: list[Reject] = []
    uids = uuid7s()
    for n, row in enumerate(source.rows()):
        if isinstance(row, BadRow):
            rejected.append((n, row.line, row.code, "", row.reason))
            continue
        line, cells = row
        try:
            if rows.blanks:
                cells = rows.without_blanks(cells)
            if plan.unnamed:
                refuse_stray(plan, cells)
            staged.append(rows(n, line, cells, next(uids)))
        except CrmError as error:
            rejected.append((n, line, *problem(error)))
        if len(staged) + len(rejected) >= AT_ONCE:
            yield Chunk(source.position(), staged, rejected)
            staged, rejected = [], []
    yield Chunk(source.position(), staged, rejected)


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
    same: Sameness,
    within: Sequence[FieldSpec],
) -> None:
    """Which rows mean a record that is there, and which become new ones."""
    entity = stage.entity
    verdicts.match(stage, keys, same)
    if keys:
        verdicts.refuse_repeated_keys(stage, keys)
    verdicts.decide_new(stage, mode)
    verdicts.require(stage, [Key(name, name) for name in REQUIRED[entity]])
    if entity == "lead" and "status" in rows.given:
        refused = {"converted": CONVERTED, "why": ONLY_BY_CONVERSION}
        new = "s.verdict = 'create' AND s.status = :converted"
        new += " AND s.converted_at IS NULL" if "converted_at" in rows.given else ""
        stage.reject(new, "refused", "status", ":why", **refused)
    for key in unique_keys(entity):
        verdicts.refuse_taken(stage, key, "create")
    for spec in within:
        links.refuse_orphans(spec)
    writing.number(stage)
    for spec in within:
        links.join_in_file(spec)


def sameness(rows: Rows, defaults: Mapping[str, Any]) -> Sameness:
    """What makes a row without a key the same as a record."""
    loose = [name for name in rows.given if name in (*rows.judged, "created_at", "owner_id")]
    loose = [name for name in loose if name not in ("custom", "currency")]
    firm = [name for name in rows.given if name not in loose]
    return Sameness(title_column(rows.entity), firm, loose, defaults)


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
    verdicts.judge(stage, rows.given, rows.amounts, clearable)
    if job.how.wanted == "insert":
        stage.reject("s.verdict = 'update'", "exists", "", "'there is such a record, with other values'")
    reviser = Reviser(job.work, rows, fields, clearable)
    writing.plan_updates(stage, rows.given, reviser)
    for key in unique_keys(stage.entity):
        verdicts.refuse_taken(stage, key, "update")
    for spec in within:
        links.refuse_orphans(spec)
    verdicts.refuse_repeats_of_rejects(stage)


def unique_keys(entity: str) -> list[Key]:
    """What no two live records of an entity share."""
    own = [UNIQUE[entity]] if entity in UNIQUE else []
    return [*own, Key("external_id", "external_id")]


# --- writing --------------------------------------------------------------------------------------------


def write(job: Import, stage: Stage, links: Links, defaults: Values) -> dict[str, int]:
    """Make and change the records; what was made for them besides, by its plural."""
    made = {"users": links.make_missing("user", {"active": 1})}
    for parent in PARENTS:
        if links.wanted(parent):
            usual = defaults_of(parent, job.work.fields(parent))
            made[BY_ENTITY[parent].plural] = links.make_missing(parent, {"owner_id": job.owner(), **usual})
    if job.entity not in OWNERLESS and writing.lacks_owner(stage):
        defaults = {**defaults, "owner_id": job.owner()}
    writing.insert(stage, defaults)
    writing.update(stage)
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
