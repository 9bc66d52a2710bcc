"""The plan of an import: a file that says, row by row, what would come of it, and that can be carried out.

It is JSON lines: a head, the records that are made besides, a line for each row of the file, and an end that
seals the rest, so that what is carried out is what was reviewed. Columns hold what the database holds, with
three differences: a link names its record (`ref`, `name` and `uid`; without `ref` it is one the plan makes),
`now` is the moment of carrying out, and match keys are left out, since they follow from the rest.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from heapq import merge
from typing import IO, Any, Final, NamedTuple

from crmcli.errors import Conflict, InvalidValue
from crmcli.fields import BY_ENTITY, BY_LETTER, FieldSpec, reference
from crmcli.importing.run import Imported, refuse_rewriting_stage, unique_keys
from crmcli.model import ENTITIES
from crmcli.store.bulk import STAGE, Key, Revision, Sameness, Stage, Values, as_object, written
from crmcli.store.bulk_links import MAKEABLE, PARENTS, Links
from crmcli.store.keys import KEY_COLUMNS, key_columns
from crmcli.store.reader import Reader
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant
from crmcli.values.references import split_reference

KIND: Final = "crmcli import"
VERSION: Final = 1
NOW: Final = "now"
UNPLANNED: Final = frozenset({"id", "uid", "deleted_at", *KEY_COLUMNS})
LONGEST_HEAD: Final = 1 << 20
NAMED: Final = 10  # rows that a refusal names
MADE: Final = "stage_made"

# From a record as it was, and as it will be: what differs of some fields, in words.
Say = Callable[[Sequence[FieldSpec], Values, Values], list[str]]


class Shape:
    """What the columns of an entity hold."""

    def __init__(self, entity: str, fields: Sequence[FieldSpec]) -> None:
        declared = ENTITIES[entity].model_fields
        self.entity = entity
        self.fields = fields
        self.columns = [name for name in declared if name not in UNPLANNED]
        self.instants = {
            "valid_from",
            *(name for name in declared if declared[name].annotation in (datetime, datetime | None)),
        }
        self.links = {spec.column: spec.target for spec in fields if spec.kind == "link" and not spec.custom}
        self.relations = {spec.column: f"{spec.name}_entity" for spec in fields if spec.kind == "relation"}
        self.names = {spec.column: spec.name for spec in fields}

    def changed(self, columns: Mapping[str, Any]) -> list[FieldSpec]:
        """The fields that may read otherwise where some columns do."""
        return [
            spec
            for spec in self.fields
            if ("custom" if spec.custom else spec.column) in columns
            or (spec.kind == "money" and "currency" in columns)
        ]

    def target(self, column: str, record: Mapping[str, Any]) -> str | None:
        """The entity that a column links to; None where it is no link, or links to nothing."""
        if record.get(column) is None:
            return None
        return record.get(self.relations[column]) if column in self.relations else self.links.get(column)


# --- writing --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Writer:
    """Writes the plan of an import while its rows are on the stage; see `Import.review`."""

    out: IO[bytes]
    work: UnitOfWork
    entity: str
    fields: Sequence[FieldSpec]
    source: Mapping[str, str | None]  # its name, and the sum of its bytes
    say: Say
    count: int = 0

    def __call__(self, stage: Stage, imported: Imported, keys: Sequence[Key], same: Sameness) -> None:
        seal = hashlib.sha256()
        for line in self._lines(stage, imported, keys, same):
            text = json.dumps(line, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
            seal.update(text)
            self.out.write(text)
        end = {"end": self.count, "sha256": seal.hexdigest()}
        self.out.write(json.dumps(end).encode() + b"\n")

    def plan(self) -> "Plan":
        """What was written."""
        return Plan(self.out, str(self.source["file"]))

    def _lines(
        self, stage: Stage, imported: Imported, keys: Sequence[Key], same: Sameness
    ) -> Iterator[Values]:
        work, known = self.work, {spec.name for spec in self.work.fields(self.entity)}
        new = [spec for spec in work.reader.fields(self.entity) if spec.name not in known]
        yield {
            "plan": KIND,
            "version": VERSION,
            "noun": BY_ENTITY[self.entity].word,
            **self.source,
            "made_at": iso_instant(work.now),
            "made_by": work.actor,
            **{name: getattr(imported, name) for name in ("created", "updated", "unchanged", "rejected")},
            "duplicates": imported.duplicates,
            "made": imported.made,
            "fields": {spec.name: spec.label for spec in new},
            "match": [list(key) for key in keys],
            "same": [same.title, list(same.firm), list(same.loose)],
            "choices": choices_of(work.reader, self.entity),
        }
        fresh = Fresh(stage)
        for entity, records in stage.made_besides():
            fresh.besides.append((entity, records[0]["id"], records[-1]["id"]))
            shape = Shape(entity, work.fields(entity))
            names = Names(stage, fresh, shape, records)
            for record in records:
                yield {
                    "make": entity,
                    "name": record[BY_ENTITY[entity].title],
                    "uid": record["uid"],
                    "values": self._told(record, shape, names),
                }
        shape = Shape(self.entity, [*self.fields, *new])
        rows = self._rows(stage, shape, fresh)
        rejects = (
            (n, {"line": line, "action": "reject", "code": code, "field": field or None, "reason": reason})
            for n, line, code, field, reason in stage.rejects()
        )
        for _, said in merge(rows, rejects, key=lambda row: row[0]):
            self.count += 1
            yield said

    def _rows(self, stage: Stage, shape: Shape, fresh: "Fresh") -> Iterator[tuple[int, Values]]:
        columns = list(ENTITIES[shape.entity].model_fields)
        staged = [name for name in ("valid_from",) if name in stage.columns]
        title = BY_ENTITY[shape.entity].title
        for page in stage.outcomes(columns, staged):
            records = [dict(zip((*columns, *staged), row[7:], strict=True)) for row in page]
            befores = [json.loads(row[5]) if row[5] else {} for row in page]
            changed = [
                {**record, **before} for record, before in zip(records, befores, strict=True) if before
            ]
            names = Names(stage, fresh, shape, [*records, *changed])
            for row, record, before in zip(page, records, befores, strict=True):
                n, line, verdict, id, first = row[:5]
                said: Values = {"line": line, "action": verdict}
                if verdict == "duplicate":
                    yield n, {**said, "reason": f"the same as line {first}"}
                    continue
                record["custom"] = as_object(record["custom"])
                if verdict == "create":
                    values = self._told(record, shape, names)
                    yield n, {**said, "name": record[title], "uid": record["uid"], "values": values}
                    continue
                old = {**record, **before}
                said |= {"ref": reference(shape.entity, id), "name": old[title]}
                if verdict == "update":
                    after = {name: record[name] for name in before}
                    said |= {
                        "changes": self._changes(shape.changed(before), names, old, record),
                        "uid": record["uid"],
                        "before": self._linked(before, old, shape, names),
                        "after": self._linked(self._later(after, shape), record, shape, names),
                    }
                yield n, said

    def _changes(self, fields: Sequence[FieldSpec], names: "Names", old: Values, new: Values) -> list[str]:
        return self.say(fields, names.shown(old, fields), names.shown(new, fields))

    def _told(self, record: Values, shape: Shape, names: "Names") -> Values:
        """What a new record holds."""
        record["custom"] = as_object(record["custom"])
        values = {name: value for name, value in record.items() if value not in (None, {})}
        return self._linked(self._later(values, shape), record, shape, names)

    def _later(self, values: Values, shape: Shape) -> Values:
        """The same, of the moment when it is carried out."""
        moment = iso_instant(self.work.now)
        return {
            name: NOW if value == moment and name in shape.instants else value
            for name, value in values.items()
        }

    def _linked(self, values: Values, record: Values, shape: Shape, names: "Names") -> Values:
        return {
            name: names.link(name, value, record) for name, value in values.items() if name not in UNPLANNED
        }


class Fresh:
    """Which records are of the plan's own making."""

    def __init__(self, stage: Stage) -> None:
        self.entity, self.before = stage.entity, stage.before
        self.besides: list[tuple[str, int, int]] = []  # with their first and last ids

    def __contains__(self, record: tuple[str, int]) -> bool:
        entity, id = record
        if entity == self.entity:
            return id > self.before
        return any(entity == other and first <= id <= last for other, first, last in self.besides)


class Names:
    """What the records are called that those of a page link to."""

    def __init__(self, stage: Stage, fresh: Fresh, shape: Shape, records: Sequence[Values]) -> None:
        self.fresh = fresh
        self.shape = shape
        wanted: dict[str, set[int]] = {}
        for column in (*shape.links, *shape.relations):
            for record in records:
                if target := shape.target(column, record):
                    wanted.setdefault(target, set()).add(record[column])
        self.known = {entity: stage.named(entity, ids) for entity, ids in wanted.items()}

    def link(self, column: str, value: Any, record: Mapping[str, Any]) -> Any:
        """A value as the plan tells it."""
        target = self.shape.target(column, {**record, column: value})
        if target is None:
            return value
        name, uid = self.known[target][value]
        ref = None if (target, value) in self.fresh else reference(target, value)
        return {"ref": ref, "name": name, "uid": uid}

    def shown(self, record: Mapping[str, Any], fields: Sequence[FieldSpec]) -> Values:
        """A record by the names of its fields, as screens have it."""
        row: Values = {"currency": record.get("currency")}
        for spec in fields:
            value = record["custom"].get(spec.name) if spec.custom else record[spec.column]
            if not spec.custom and (target := self.shape.target(spec.column, record)):
                row[f"{spec.name}_name"] = self.known[target][value][0]
                value = "new" if (target, value) in self.fresh else reference(target, value)
            row[spec.name] = value
        return row


def choices_of(reader: Reader, entity: str) -> str:
    """The sum of what rows were checked with: the choices of fields, and of deals the stages."""
    choices: list[Any] = [
        [spec.name, spec.choices] for spec in reader.fields(entity) if spec.kind == "select" and not spec.open
    ]
    if entity == "opportunity":
        stages = "SELECT name, probability, category, is_closed, is_won FROM stage WHERE deleted_at IS NULL"
        choices += map(list, reader.rows(f"{stages} ORDER BY name"))
    return hashlib.sha256(json.dumps(choices).encode()).hexdigest()


# --- reading --------------------------------------------------------------------------------------------


class PlannedRow(NamedTuple):
    """What the screen shows of a row."""

    line: int
    action: str
    ref: str | None
    name: str | None
    changes: list[str]
    reason: str | None
    code: str | None
    field: str | None


@dataclass(frozen=True)
class Plan:
    """A plan that was written to the end and is as it was written."""

    file: IO[bytes]
    name: str

    @cached_property
    def head(self) -> Values:
        self.file.seek(0)
        return dict(json.loads(self.file.readline()))

    @property
    def entity(self) -> str:
        return next(noun.entity for noun in BY_ENTITY.values() if noun.word == self.head["noun"])

    def counts(self) -> Imported:
        head = self.head
        return Imported(
            *(head[name] for name in ("created", "updated", "unchanged", "duplicates", "rejected", "made"))
        )

    def made(self) -> Iterator[Values]:
        """The records that are made besides the rows."""
        for line in self._lines():
            if "make" not in line:
                return
            yield line

    def rows(self) -> Iterator[Values]:
        """What becomes of each row of the file."""
        return (line for line in self._lines() if "line" in line)

    def shown(self) -> Iterator[PlannedRow]:
        """The same, for a screen."""
        for row in self.rows():
            yield PlannedRow(
                row["line"],
                row["action"],
                row.get("ref"),
                row.get("name"),
                row.get("changes", []),
                row.get("reason"),
                row.get("code"),
                row.get("field"),
            )

    def _lines(self) -> Iterator[Values]:
        self.file.seek(0)
        self.file.readline()
        return map(json.loads, self.file)


def read_plan(file: IO[bytes], name: str) -> Plan:
    """A plan, once its seal is found unbroken. Raises InvalidValue."""
    head = head_of(file)
    if head is None:
        raise InvalidValue(
            f"{name} is no plan of an import.",
            hint="`crm lead import FILE --plan PLAN` makes one; a file of records is imported by its noun.",
            field="file",
        )
    if head.get("version") != VERSION:
        raise InvalidValue(
            f"{name} is a plan of version {head.get('version')}; this crm carries out version {VERSION}.",
            hint="Make it anew.",
            field="file",
        )
    if not is_sealed(file) or head.get("noun") not in {noun.word for noun in BY_ENTITY.values()}:
        raise InvalidValue(
            f"{name} is damaged, or was changed after it was made; nothing was written.",
            hint="Make it anew: what is carried out is what was planned.",
            field="file",
        )
    return Plan(file, name)


def head_of(file: IO[bytes]) -> Values | None:
    """The first line of a plan; None of any other file."""
    file.seek(0)
    try:
        head = json.loads(file.readline(LONGEST_HEAD))
    except ValueError:
        return None
    return head if isinstance(head, dict) and head.get("plan") == KIND else None


def is_sealed(file: IO[bytes]) -> bool:
    """Whether the end of a plan is there, and says of the rest what it is."""
    file.seek(0)
    seal, last = hashlib.sha256(), b""
    for line in file:
        seal.update(last)
        last = line
    try:
        return bool(json.loads(last)["sha256"] == seal.hexdigest())
    except (ValueError, KeyError, TypeError):
        return False


# --- carrying out ---------------------------------------------------------------------------------------


def carry_out(work: UnitOfWork, plan: Plan) -> Imported:
    """Do what a plan says inside a unit of work. Raises Conflict where records are not as it found them."""
    execution = Execution(work, plan)
    execution.run()
    return execution.counts


class Execution:
    """A plan on its way into a unit of work: its rows are put back on the stage, and judged as they are now."""

    def __init__(self, work: UnitOfWork, plan: Plan) -> None:
        self.work = work
        self.plan = plan
        self.counts = plan.counts()
        self.entity = plan.entity
        self.shape = Shape(self.entity, work.fields(self.entity))
        declared = ENTITIES[self.entity].model_fields
        self.keys = {
            key: made
            for key, made in key_columns(work.country).items()
            if key in declared and made[0] in declared
        }
        self.plain = [*self.shape.columns, *(["valid_from"] if self.entity == "opportunity" else [])]
        self.linking = [*self.shape.links, *self.shape.relations]
        self.columns = [
            *self.plain,
            *self.keys,
            *(f"link_{name}" for name in self.linking),
            *("given_before", "given_after"),
        ]
        self.now = iso_instant(work.now)
        self.stage = Stage(work, self.entity, self.columns)
        self.links = Links(self.stage, work.actor)

    def run(self) -> None:
        stage, head = self.stage, self.plan.head
        if choices_of(self.work.reader, self.entity) != head["choices"]:
            raise Conflict(
                f"{self.plan.name}: what its rows were checked with has changed since: "
                + ("the stages, or " if self.entity == "opportunity" else "")
                + "the choices of a field.",
                hint="Make the plan anew.",
            )
        self._stage_made()
        stage.fill(self._staged(), STAGE, ("n", "line", "uid", "raw", "verdict", "id", *self.columns))
        stage.run(f"CREATE INDEX ix_{STAGE}_uid ON {STAGE} (uid)")
        stage.analyze(STAGE, MADE, self.entity)
        self._refuse_again()
        self._check_made()
        self._check_links()
        self._check_new()
        self._check_changed()
        if count := stage.rejected():
            self._refuse(count)
        self._declare()
        self._make()
        stage.insert({})
        stage.update()
        stage.put_away()
        stage.finish()

    # --- filling -----------------------------------------------------------------------------------

    def _stage_made(self) -> None:
        """Reserve ids for what is made besides."""
        stage = self.stage
        stage.create(
            MADE, "id INTEGER, target TEXT, uid TEXT PRIMARY KEY, name TEXT, name_key TEXT, said TEXT"
        )
        normal = KEY_COLUMNS["name_key"][1]
        for target in MAKEABLE:
            count = sum(1 for line in self.plan.made() if line["make"] == target)
            if not count:
                continue
            first = self.work.ids.take(target, count)
            lines = (line for line in self.plan.made() if line["make"] == target)
            stage.fill(
                (
                    (id, target, line["uid"], line["name"], normal(line["name"]), written(line["values"]))
                    for id, line in enumerate(lines, first)
                ),
                MADE,
                ("id", "target", "uid", "name", "name_key", "said"),
            )

    def _staged(self) -> Iterator[tuple[Any, ...]]:
        for n, row in enumerate(self.plan.rows()):
            if row["action"] == "create":
                values = row["values"]
                yield (n, row["line"], row["uid"], None, None, None, *self._cells(values), None, None)
            elif row["action"] == "update":
                after = row["after"]
                id = number_of(row["ref"])
                told = written(row["before"]), written(after)
                yield (n, row["line"], row["uid"], None, "update", id, *self._cells(after), *told)

    def _cells(self, values: Mapping[str, Any]) -> Iterator[Any]:
        for name in self.plain:
            yield self._stored(name, values.get(name), self.shape)
        for base, normal in self.keys.values():
            text = values.get(base)
            yield (normal(text) or None) if text else None
        for name in self.linking:
            value = values.get(name)
            yield value["uid"] if isinstance(value, dict) else None

    def _stored(self, name: str, value: Any, shape: Shape) -> Any:
        """A value as tables have it; a link to what is yet to be made is blank."""
        if isinstance(value, dict):
            return written(value) if name == "custom" else number_of(value["ref"])
        return self.now if value == NOW and name in shape.instants else value

    # --- checking ----------------------------------------------------------------------------------

    def _refuse_again(self) -> None:
        """Refuse a plan whose records are there. Raises Conflict."""
        planned = {target: f"SELECT uid FROM {MADE} WHERE target = '{target}'" for target in MAKEABLE}
        planned[self.entity] = f"SELECT uid FROM {STAGE} WHERE verdict IS NULL UNION " + planned.get(
            self.entity, "SELECT NULL WHERE 1 = 0"
        )
        for entity, uids in planned.items():
            found = self.work.reader.row(
                f'SELECT min(t.id), min(t.deleted_at) FROM ({uids}) p JOIN "{entity}" t ON t.uid = p.uid'
            )
            if found and found[0] is not None:
                raise Conflict(
                    f"{self.plan.name} has been carried out already: it made {reference(entity, found[0])}"
                    + (", and was taken back." if found[1] else "."),
                    hint="`crm redo` does again what was undone."
                    if found[1]
                    else "`crm history` lists what was done.",
                )

    def _check_made(self) -> None:
        """Refuse where a parent that is to be made is there by now; a user, whose name is his alone, is taken.

        Raises Conflict.
        """
        there = "FROM {0} m JOIN \"{1}\" t ON t.name_key = m.name_key WHERE m.target = '{1}' AND t.deleted_at IS NULL"
        for parent in PARENTS:
            found = self.work.reader.row(
                f"SELECT min(m.name), count(DISTINCT m.uid) {there.format(MADE, parent)}"
            )
            if found and found[1]:
                more = f", and {found[1] - 1:,} more" if found[1] > 1 else ""
                raise Conflict(
                    f"{self.plan.name} would make the {parent} {found[0]}{more}, which others have made since;"
                    " nothing was written.",
                    hint="Make the plan anew.",
                )
        user = f"{there.format(MADE, 'user')} AND m.uid = {MADE}.uid"
        taken = self.stage.run(
            f"UPDATE {MADE} SET id = (SELECT t.id {user}), said = NULL WHERE EXISTS (SELECT 1 {user})"
        )
        made = self.counts.made.pop("users", 0) - taken
        if made > 0:
            self.counts.made["users"] = made

    def _check_links(self) -> None:
        """Reject rows that link to what has gone; give those that link to what is made besides its id."""
        stage = self.stage
        for column in self.linking:
            gone = []
            for target in self._targets(column):
                of = (
                    f" AND s.{self.shape.relations[column]} = '{target}'"
                    if column in self.shape.relations
                    else ""
                )
                gone.append(
                    f'(NOT EXISTS (SELECT 1 FROM "{target}" t WHERE t.id = s.{column} AND t.uid = s.link_{column}'
                    f" AND t.deleted_at IS NULL){of})"
                )
            stage.reject(
                f"s.{column} IS NOT NULL AND ({' OR '.join(gone)})",
                "not_found",
                self.shape.names[column],
                f"'its {self.shape.names[column].replace('_', ' ')} is no longer there'",
            )
            self._join(column, f"SELECT m.id FROM {MADE} m WHERE m.uid = {STAGE}.link_{column}")

    def _targets(self, column: str) -> list[str]:
        if column in self.shape.links:
            return [str(self.shape.links[column])]
        return list(ENTITIES.keys() & BY_ENTITY.keys())

    def _join(self, column: str, ids: str) -> None:
        self.stage.run(
            f"UPDATE {STAGE} SET {column} = ({ids}) WHERE {column} IS NULL AND link_{column} IS NOT NULL"
        )

    def _check_new(self) -> None:
        """Reject new records that are there by now, whoever made them."""
        stage, head = self.stage, self.plan.head
        title, firm, loose = head["same"]
        keys = [Key(*key) for key in head["match"]]
        stage.match(keys, Sameness(title, firm, loose, {}))
        letter = BY_ENTITY[self.entity].letter
        stage.reject(
            "s.verdict IS NULL AND s.id IS NOT NULL", "exists", "", f"'it is there by now: {letter}' || s.id"
        )
        stage.decide_new("upsert")
        for key in unique_keys(self.entity):
            stage.refuse_taken(key, "create")
        stage.number()
        for column, target in self.shape.links.items():
            if target == self.entity:
                new = (
                    f"SELECT p.id FROM {STAGE} p WHERE p.uid = {STAGE}.link_{column} AND p.verdict = 'create'"
                )
                self._join(column, new)
                spec = next(spec for spec in self.shape.fields if spec.column == column)
                self.links.refuse_circles(spec)

    def _check_changed(self) -> None:
        """Reject changes of records that are not as the plan found them."""
        stage = self.stage
        letter = BY_ENTITY[self.entity].letter
        stage.reject(
            "s.verdict = 'update' AND NOT EXISTS"
            f' (SELECT 1 FROM "{self.entity}" t WHERE t.id = s.id AND t.uid = s.uid)',
            "not_found",
            "",
            f"'{letter}' || s.id || ' is not the record that was planned for'",
        )
        stage.plan_updates(["given_before", "given_after", *self.linking], self._revised)
        for key in unique_keys(self.entity):
            stage.refuse_taken(key, "update")

    def _revised(self, revision: Revision) -> Values:
        """What to set in a record. Raises Conflict where it has changed since."""
        current, given = revision.current, revision.given
        before, after = json.loads(given["given_before"]), json.loads(given["given_after"])
        ref = reference(self.entity, current["id"])
        if current["deleted_at"] is not None:
            raise Conflict(f"{ref} has been deleted since")
        for name, value in before.items():
            was = number_of(value["ref"]) if name in self.linking and isinstance(value, dict) else value
            if current[name] != was:
                raise Conflict(f"{ref} has changed since", field=self.shape.names.get(name, name))
        if self.entity == "stage":
            refuse_rewriting_stage(self.work.reader, current, after)
        set_to = {
            name: given[name]
            if name in self.linking
            else self.now
            if value == NOW and name in self.shape.instants
            else value
            for name, value in after.items()
        }
        for key, (base, normal) in self.keys.items():
            if base in set_to:
                set_to[key] = (normal(set_to[base]) or None) if set_to[base] else None
        return set_to

    def _refuse(self, count: int) -> None:
        """Name the rows that are no longer as planned. Raises Conflict."""
        rejects = self.stage.rejects()
        named = [
            f"line {line}: {reason}"
            for _, (_, line, _, _, reason) in zip(range(NAMED), rejects, strict=False)
        ]
        more = f"; and {count - NAMED:,} more" if count > NAMED else ""
        rows = "1 row is" if count == 1 else f"{count:,} rows are"
        raise Conflict(
            f"{self.plan.name}: {rows} no longer as planned, and nothing was written: {'; '.join(named)}{more}.",
            hint="Make the plan anew.",
        )

    # --- writing -----------------------------------------------------------------------------------

    def _declare(self) -> None:
        """Describe the custom fields that the file brings along."""
        known = {spec.name: spec for spec in self.shape.fields}
        last = max(spec.position for spec in self.shape.fields)
        new = []
        for at, (name, label) in enumerate(self.plan.head["fields"].items(), 1):
            if name not in known:
                new.append(FieldSpec(self.entity, name, name, "text", label, "", last + at, custom=True))
            elif not known[name].custom or known[name].kind != "text":
                raise Conflict(
                    f"{self.plan.name}: there is another field {name} by now.", hint="Make the plan anew."
                )
        self.stage.declare(new)

    def _make(self) -> None:
        """Make what rows name and what was not there."""
        stage = self.stage
        users = f"SELECT uid, id FROM {MADE} WHERE target = 'user'"
        made: dict[str, int] = dict(self.work.reader.rows(users))  # who owns: never many
        for target in MAKEABLE:
            shape = Shape(target, self.work.fields(target))
            keys = {key: how for key, how in KEY_COLUMNS.items() if key in ENTITIES[target].model_fields}

            def row(
                id: int, uid: str, values: Values, shape: Shape = shape, keys: Any = keys
            ) -> Iterator[Any]:
                yield from (id, uid)
                for name in shape.columns:
                    value = values.get(name, {} if name == "custom" else None)
                    stored = self._stored(name, value, shape)
                    yield made.get(value["uid"]) if stored is None and value is not None else stored
                for base, normal in keys.values():
                    yield (normal(values[base]) or None) if values.get(base) else None

            told = ("id", "uid", *shape.columns, *keys)
            wanted = f"target = '{target}' AND said IS NOT NULL"
            sql = f"SELECT id, uid, said FROM {MADE} WHERE {wanted} AND id > :after ORDER BY id"
            for page in stage.pages(sql):
                stage.fill((tuple(row(id, uid, json.loads(said))) for id, uid, said in page), target, told)
            stage.record_added(target, f"SELECT id FROM {MADE} WHERE {wanted}")


def number_of(ref: str | None) -> int | None:
    """The number of a reference; None where there is none."""
    found = split_reference(ref) if ref else None
    return found[1] if found and found[0] in BY_LETTER else None
