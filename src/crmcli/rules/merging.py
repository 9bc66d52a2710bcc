"""Merging: several records are one; the first stays, takes what it lacks, and gets all that links to the others."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

from crmcli.changes import Changes
from crmcli.errors import Refused
from crmcli.fields import BY_ENTITY, FieldSpec, counted, reference
from crmcli.rules.filling import EMPTY, both, listed, merged, merged_custom, words, words_of
from crmcli.rules.records import SUPERIOR
from crmcli.values.keys import name_key

APART: Final = ("external_id", "description")  # which have rules of their own
PARTS: Final = ("first_name", "last_name")  # of the name: half of another one is worse than none
LINE: Final = "\n\n---\n\n"  # between the descriptions of two records


class Link(NamedTuple):
    """A column of a record that names one of those that go."""

    entity: str
    id: int
    column: str


class Part(NamedTuple):
    """The part that one of the contacts plays in a deal."""

    id: int
    deal: int
    contact: int
    role: str | None
    is_primary: bool


@dataclass(frozen=True, slots=True)
class Around:
    """What is around the records: their fields, what links to those that go, and what they belong to."""

    fields: Sequence[FieldSpec]
    links: Sequence[Link] = ()
    parts: Sequence[Part] = ()  # of contacts: of all of them
    above: Mapping[str, Mapping[int, Sequence[int]]] = field(default_factory=dict)
    # for each link to records of the same kind, each record with all above it, itself first
    gone: Sequence[tuple[str, int]] = ()  # links, by their column, that lead to what has been deleted


@dataclass(slots=True)
class Merge(Changes):
    """The plan of a merge: besides the changes, what they come to."""

    filled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)  # the fields in which the first keeps its own value
    relinked: Counter[str] = field(default_factory=Counter)  # by entity


def plan_merge(kept: Any, others: Sequence[Any], around: Around) -> Merge:
    """Everything that merging records into the first does. Raises Refused."""
    for record in (kept, *others):
        refuse_converted(record)
    plan = Merge()
    for other in others:  # first, as what they alone may have, the first may now have
        plan.remove(kept.__tablename__, other.id)
    plan.edit(kept.__tablename__, kept.id, **values_of_all(plan, kept, others, around))
    relink(plan, kept, others, around)
    one_part_each(plan, kept, others, around.parts)
    if plan.relinked:
        plan.note(
            f"Relinked to it: {listed(said(count, entity) for entity, count in plan.relinked.items())}."
        )
    return plan


def refuse_converted(record: Any) -> None:
    """A converted lead is history. Raises Refused."""
    if getattr(record, "converted_at", None) is None:
        return
    contact = record.converted_contact_id
    raise Refused(
        f"{words_of(record)} has been converted; it is kept as it was.",
        hint=f"`crm contact merge` merges what it became: {reference('contact', contact)}."
        if contact
        else None,
    )


# --- its fields ---------------------------------------------------------------------------------------


def values_of_all(plan: Merge, kept: Any, others: Sequence[Any], around: Around) -> dict[str, Any]:
    """What the first takes from the others, each in turn filling what is still empty."""
    own = [spec.column for spec in around.fields if not spec.owned and not spec.custom]
    now = SimpleNamespace(**{name: getattr(kept, name) for name in own}, custom=dict(kept.custom))
    family = {record.id for record in (kept, *others)}
    set_superiors(now, kept, around.above, family)
    for other in others:
        take(plan, now, other, offered(other, list(vars(now)), around, family))
    return {name: value for name, value in vars(now).items() if value != getattr(kept, name)}


def offered(other: Any, names: Sequence[str], around: Around, family: set[int]) -> dict[str, Any]:
    """The values of one of the others that the first may take."""
    values = {name: getattr(other, name) for name in names if name not in APART}
    values |= superiors(other, around.above, family)
    return {name: None if (name, value) in around.gone else value for name, value in values.items()}


def take(plan: Merge, now: SimpleNamespace, other: Any, values: dict[str, Any]) -> None:
    """Fill what is still empty with the values of one of the others, and say so."""
    if name_key(other.name) != name_key(now.name):
        for part in PARTS:
            values.pop(part, None)
    filled, different = merged(now, values)
    custom = {name: value for name, value in values["custom"].items() if value not in EMPTY}
    custom, custom_different = merged_custom(now.custom, custom)
    different |= custom_different
    kept = [both(now, name, different, values) for name in different]
    vars(now).update(filled)
    now.custom.update(custom)
    filled |= custom | described(now, other) | known_as(plan, now, other)
    taken = [words(name, filled, values) for name in filled if name not in APART]
    taken += [name.replace("_", " ") for name in APART if name in filled]
    said = [f"{what} {', '.join(parts)}" for what, parts in (("took", taken), ("kept", kept)) if parts]
    if said:
        plan.note(f"{words_of(other)}: {' · '.join(said)}")
    for names, target in ((filled, plan.filled), (different, plan.different)):
        target += [name for name in map(field_name, names) if name not in target]


def field_name(column: str) -> str:
    """The field that a column holds; of a link without its _id."""
    return column if column in APART else column.removesuffix("_id")


def described(now: SimpleNamespace, other: Any) -> dict[str, Any]:
    """The other's description, under the first one's unless it stands there already."""
    own, more = now.description or "", other.description or ""
    if not more or more in own:
        return {}
    now.description = f"{own}{LINE}{more}" if own else more
    return {"description": more}


def known_as(plan: Merge, now: SimpleNamespace, other: Any) -> dict[str, Any]:
    """The other's external id, where the first has none; else it is given up, which is said."""
    id = other.external_id
    if not id or id == now.external_id:
        return {}
    if not now.external_id:
        now.external_id = id
        return {"external_id": id}
    ref = reference(other.__tablename__, other.id)
    plan.note(
        f"The external ID {id} of {ref} is given up: imported again, it makes a new {other.__tablename__}."
    )
    return {}


# --- what is above it ---------------------------------------------------------------------------------


def superiors(
    record: Any, above: Mapping[str, Mapping[int, Sequence[int]]], family: set[int]
) -> dict[str, int | None]:
    """For each link to a record of the same kind what it names outside the family; none where that is below it."""
    named = {}
    for column, chains in above.items():
        outside = beyond(chains[record.id], family)
        named[column] = outside[0] if outside and not family & set(outside) else None
    return named


def beyond(chain: Sequence[int], family: set[int]) -> list[int]:
    """What is above a record and all of its family that comes right above it."""
    first = next((at for at, id in enumerate(chain) if id not in family), len(chain))
    return list(chain[first:])


def set_superiors(
    now: SimpleNamespace, kept: Any, above: Mapping[str, Mapping[int, Sequence[int]]], family: set[int]
) -> None:
    """What the first belongs to, where that is one of those that go: what this one belongs to. Raises Refused."""
    for column, chains in above.items():
        outside = beyond(chains[kept.id], family)
        circle = next((id for id in outside if id in family), None)
        if circle is not None:
            entity, name = kept.__tablename__, column.removesuffix("_id")
            between = reference(entity, outside[0])
            raise Refused(
                f"{words_of(kept)} is below {between}, which is below {reference(entity, circle)}:"
                f" {between} would be its own {SUPERIOR.get(column, name)}.",
                hint=f"Merge them the other way round: crm {BY_ENTITY[entity].word} merge"
                f" {reference(entity, circle)} {reference(entity, kept.id)}",
                field=name,
            )
        setattr(now, column, outside[0] if outside else None)


# --- what links to the others -------------------------------------------------------------------------


def relink(plan: Merge, kept: Any, others: Sequence[Any], around: Around) -> None:
    """All that names one of the others names the first from now on."""
    entity = kept.__tablename__
    family = {(entity, record.id) for record in (kept, *others)}
    columns: dict[tuple[str, int], list[str]] = {}
    for link in around.links:
        if (link.entity, link.id) not in family and not (
            entity == "contact" and link.entity == "contact_role"
        ):
            columns.setdefault((link.entity, link.id), []).append(link.column)
    for (other, id), names in columns.items():
        plan.edit(other, id, **dict.fromkeys(names, kept.id))
        plan.relinked[other] += 1


def one_part_each(plan: Merge, kept: Any, others: Sequence[Any], parts: Sequence[Part]) -> None:
    """In each deal the first plays one part: its own, with what that lacked, or that of the others."""
    order = [record.id for record in (kept, *others)]
    deals: dict[int, list[Part]] = {}
    for part in sorted(parts, key=lambda part: order.index(part.contact)):
        deals.setdefault(part.deal, []).append(part)
    for deal, (first, *more) in deals.items():
        values: dict[str, Any] = {}
        if first.contact != kept.id:
            values["contact_id"] = kept.id
            plan.relinked["contact_role"] += 1
        role = next((part.role for part in (first, *more) if part.role), None)
        if role != first.role:
            values["role"] = role
        if any(part.is_primary for part in more) and not first.is_primary:
            values["is_primary"] = True
        for part in more:
            plan.remove("contact_role", part.id)
            if part.role and part.role != role:
                plan.note(
                    f"{words_of(kept)} stays {role} in {reference('opportunity', deal)}, not {part.role}."
                )
        plan.edit("contact_role", first.id, **values)


def said(count: int, entity: str) -> str:
    """So many records of an entity, in words."""
    if entity in BY_ENTITY:
        return counted(count, entity)
    return f"{count:,} {entity.replace('_', ' ')}{'' if count == 1 else 's'}"


def relinked_object(relinked: Mapping[str, int]) -> dict[str, int]:
    """How many records were relinked, by what JSON calls them."""
    return {
        BY_ENTITY[entity].plural if entity in BY_ENTITY else f"{entity}s": count
        for entity, count in relinked.items()
    }
