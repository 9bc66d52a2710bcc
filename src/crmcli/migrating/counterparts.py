"""The users and stages of an export, and those here that they are: known, joined or made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crmcli.changes import Changes
from crmcli.fields import FieldSpec
from crmcli.migrating.translated import Found, Particulars, Translated, World
from crmcli.parse import Reading, parse_value
from crmcli.rules.records import Facts, completed
from crmcli.store.migrated import Migrated
from crmcli.transfer.rows import BadRow
from crmcli.values.keys import email_key, name_key

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


@dataclass(slots=True)
class Counterparts:
    """Who and what here the users and stages of the export are."""

    work: "UnitOfWork"
    reading: Reading
    facts: Callable[[], Facts]
    made_stages: list[str] = field(default_factory=list)
    made_owners: list[str] = field(default_factory=list)
    told: dict[str, Particulars] = field(default_factory=dict)  # what the export says of its stages
    out_of_use: set[str] = field(default_factory=set)

    def know_users(self, store: Migrated, world: World) -> None:
        """Tell the world who is here: by external id, address and name."""
        users: dict[str, int] = {}
        names: dict[str, str] = {}
        for id, external_id, name, email, key in store.users():
            for word in (external_id, key, name_key(name), name_key(email) if email else None):
                if word:
                    users[word] = id
            names[key or name_key(name)] = external_id or ""
        world.users, world.names = users, names

    def join_users(self, source: Translated, store: Migrated) -> None:
        """Users who are here already, by address or name, are those of the export."""
        free: dict[str, int] = {}
        for id, external_id, _, email, key in store.users():
            if external_id is None:
                free.update({word: id for word in (key, email_key(email) if email else None) if word})
        if not free:
            return
        changes = Changes()
        taken: set[int] = set()
        for row in source.rows():
            if isinstance(row, BadRow):
                continue
            said = dict(zip(source.headings, row[1], strict=True))
            email, name = said.get("email", ""), said.get("name", "")
            here = (free.get(email_key(email)) if email else None) or free.get(name_key(name))
            if here is not None and here not in taken and not store.known("user", [said["external_id"]]):
                taken.add(here)
                changes.edit("user", here, external_id=said["external_id"])
        self.work.apply(changes)
        self.know_users(store, source.world)

    def make_owners(self, found: Found, world: World) -> None:
        """Users for the owners whom nobody here is, each called as the export calls them."""
        changes = Changes()
        users = world.users = dict(world.users)
        for text in found.lacking.pop("owner"):
            if world.user(text) is not None:  # the same name, otherwise written
                continue
            id = users[text] = users[name_key(text)] = self.work.ids("user")
            known = {"email": text} if "@" in text else {} if " " in text else {"external_id": text}
            changes.add("user", id, name=text, active=True, **known)
            self.made_owners.append(text)
        self.work.apply(changes)

    def make_stages(self, found: Found, world: World) -> None:
        """The stages that rows name and that are not here, as the export tells of them."""
        facts = self.facts()
        planned = []
        for name, told in found.stages.items():
            known = self.told.get(name)
            if known is None and told:
                known = max(told, key=lambda each: (told[each], each))
            values = stage_values(name, known, self.work.fields("stage"), self.reading)
            if values is not None:
                planned.append({**values, "active": name not in self.out_of_use})
        for values in sorted(planned, key=lambda each: (each["is_closed"], each["probability"])):
            changes = Changes()
            changes.add("stage", self.work.ids("stage"), **completed("stage", values, facts))
            self.work.apply(changes)
            facts = self.facts()
            self.made_stages.append(f"{values['name']} ({values['probability']} %)")
            del found.lacking["stage"][values["name"]]
        if not found.lacking["stage"]:
            del found.lacking["stage"]
        world.stages = facts.stages

    def learn_stages(self, source: Translated) -> int:
        """What the export itself says that its stages mean; how many rows said so."""
        count = 0
        for row in source.rows():
            if isinstance(row, BadRow):
                continue
            said = dict(zip(source.headings, row[1], strict=True))
            names = ("probability", "category", "is_closed", "is_won")
            self.told[said["name"]] = tuple(said.get(name, "") for name in names)  # type: ignore[assignment]
            if said.get("active", "").casefold() in ("false", "0"):
                self.out_of_use.add(said["name"])
            count += 1
        return count


def stage_values(
    name: str, told: Particulars | None, specs: Iterable[FieldSpec], reading: Reading
) -> dict[str, Any] | None:
    """A stage, as far as the export tells what it means; None where that is not enough."""
    if told is None:
        return None
    by_name = {spec.name: spec for spec in specs}
    closed, won = (parse_value(by_name["is_closed"], text, reading) for text in told[2:])
    if closed is None and told[1] == "Closed":
        closed = won = True
    elif closed is None and told[1] == "Omitted":
        return None  # lost, or left out of the forecast: who knows
    if closed:
        end = (100, "Closed") if won else (0, "Omitted")
        return {
            "name": name,
            "probability": end[0],
            "category": end[1],
            "is_closed": True,
            "is_won": bool(won),
        }
    probability = parse_value(by_name["probability"], told[0], reading)
    if probability is None:
        return None
    category = parse_value(by_name["category"], told[1], reading)
    return {
        "name": name,
        "probability": probability,
        "category": "Pipeline" if category in (None, "Closed") else category,
        "is_closed": False,
        "is_won": False,
    }
