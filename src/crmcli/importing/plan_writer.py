"""Writes the plan of an import while its rows are on the stage."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import IO, Any

from crmcli.fields import BY_ENTITY, FieldSpec, reference
from crmcli.importing.plan import KIND, NOW, UNPLANNED, VERSION, Plan, Shape, choices_of
from crmcli.importing.run import Imported
from crmcli.model import ENTITIES
from crmcli.store.bulk.staging import Stage, Values, as_object
from crmcli.store.bulk.verdicts import Key, Sameness
from crmcli.store.work import UnitOfWork
from crmcli.values.dates import iso_instant

# From a record as it was, and as it will be: what differs of some fields, in words.
Say = Callable[[Sequence[FieldSpec], Values, Values], list[str]]


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

    def plan(self) -> Plan:
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
