"""The plan of an import: a file that says, row by row, what would come of it, and that can be carried out.

It is JSON lines: a head, the records that are made besides, a line for each row of the file, and an end that
seals the rest, so that what is carried out is what was reviewed. Columns hold what the database holds, with
three differences: a link names its record (`ref`, `name` and `uid`; without `ref` it is one the plan makes),
`now` is the moment of carrying out, and match keys are left out, since they follow from the rest.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import IO, Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, FieldSpec
from crmcli.importing.run import Imported
from crmcli.model import ENTITIES
from crmcli.store.bulk.staging import Values
from crmcli.store.keys import KEY_COLUMNS
from crmcli.store.reader import Reader

KIND: Final = "crmcli import"
VERSION: Final = 1
NOW: Final = "now"
UNPLANNED: Final = frozenset({"id", "uid", "deleted_at", *KEY_COLUMNS})
LONGEST_HEAD: Final = 1 << 20


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
