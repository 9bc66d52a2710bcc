"""What rows of history tell of deals."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from crmcli.errors import InvalidValue
from crmcli.fields import FieldSpec
from crmcli.migrating.shapes import BEFORE
from crmcli.migrating.translated import World
from crmcli.parse import Reading, parse_value
from crmcli.rules.records import Facts
from crmcli.rules.stages import stage_named
from crmcli.store.migrated import Event
from crmcli.values.dates import iso_instant

FIELDS: Final = (
    *("stage", "amount", "currency", "probability", "category", "close_date", "source"),
    "owner",
)
EMPTIED: Final = ("amount", "close_date", "source")  # what a change of that field alone may leave blank
# The ranks of events at the same moment. A stage says what probability goes with it, until that is told.
CHANGED: Final = (0, 1)  # a stage, another field
WHOLE: Final = 2  # the deal with all its fields


def is_by_field(names: Iterable[str]) -> bool:
    """Whether rows tell of one field each, rather than of the whole deal."""
    return any(name.startswith(BEFORE) for name in names)


class Events:
    """Turns rows of history into what they tell of a deal."""

    def __init__(self, specs: Iterable[FieldSpec], reading: Reading, facts: Facts, world: World) -> None:
        self.specs = {spec.name: spec for spec in specs}
        self.reading = reading
        self.facts = facts
        self.world = world

    def __call__(self, n: int, line: int, said: dict[str, str]) -> Iterator[Event]:
        at = parse_value(self.specs["created_at"], said.get("at", ""), self.reading)
        if at is None:
            raise InvalidValue("it is not said when it happened", field="at")
        by_field = is_by_field(said)
        new = self._values({name: said.get(name, "") for name in FIELDS})
        old = self._values({name: said.get(BEFORE + name, "") for name in FIELDS})
        if by_field:
            for name in EMPTIED:
                if name in old or name in new:
                    old.setdefault(name, None)
                    new.setdefault(name, None)
        rank = WHOLE if not by_field else CHANGED[0] if "stage" in new else CHANGED[1]
        if new or old:
            yield Event(n, line, said["opportunity"], iso_instant(at), rank, new, old)

    def _values(self, said: dict[str, str]) -> dict[str, Any]:
        """The columns of a deal that texts tell of. Raises CrmError."""
        values: dict[str, Any] = {}
        currency = parse_value(self.specs["currency"], said["currency"], self.reading)
        for name in ("probability", "category", "close_date", "source"):
            if (value := parse_value(self.specs[name], said[name], self.reading)) is not None:
                values[name] = value.isoformat() if name == "close_date" else value
        if said["amount"]:
            reading = self.reading._replace(currency=currency or self.reading.currency)
            values["amount"] = parse_value(self.specs["amount"], said["amount"], reading)[0]
        if currency:
            values["currency"] = currency
        if said["owner"] and (owner := self.world.user(said["owner"])):
            values["owner_id"] = owner
        if said["stage"]:
            stage = stage_named(said["stage"], self.facts.stages)
            judged = {"probability": stage.probability, "category": stage.category}
            values = {**judged, **values, **(judged if stage.is_closed else {})}
            values |= {
                "stage": stage.name, "is_closed": int(stage.is_closed), "is_won": int(stage.is_won)
            }  # fmt: skip
        return values
