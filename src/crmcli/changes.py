"""Changes: what a rule wants done, as data, so that it can be shown, applied, journalled and undone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Add:
    """A record to be made, under an id that was reserved for it."""

    entity: str
    id: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edit:
    """Columns of a record to be set."""

    entity: str
    id: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Remove:
    """A record to be deleted; it stays in the database, marked, so that undo can bring it back."""

    entity: str
    id: int


Change = Add | Edit | Remove


@dataclass(slots=True)
class Changes:
    """A plan: additions, edits and removals in the order they are to be made."""

    steps: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the user should know of it

    def add(self, entity: str, id: int, **values: Any) -> None:
        self.steps.append(Add(entity, id, values))

    def edit(self, entity: str, id: int, **values: Any) -> None:
        if values:
            self.steps.append(Edit(entity, id, values))

    def remove(self, entity: str, id: int) -> None:
        self.steps.append(Remove(entity, id))

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
