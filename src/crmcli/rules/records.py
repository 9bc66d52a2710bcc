"""What a record is completed with when it is made, and what follows when one of its fields is edited."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from crmcli.errors import InvalidValue, Refused
from crmcli.fields import reference
from crmcli.rules.activities import refuse_future
from crmcli.rules.ownership import refuse_inactive_owner
from crmcli.rules.stages import (
    StageFacts,
    check_stage,
    edited_stage,
    enter,
    first_stage,
    judged,
    needs_reason,
    reason_in,
    refuse_closed,
    refuse_contradiction,
    refuse_future_closing,
    refuse_inactive,
    stage_named,
    stage_of,
)
from crmcli.values.money import amount_words, decimals

CONVERTED: Final = "Closed - Converted"
ONLY_BY_CONVERSION: Final = (
    f"a lead that was not converted here cannot be {CONVERTED}; import it with another status:"
    f" --value 'status:{CONVERTED}=Closed - Not Converted'"
)  # why a file's lead is rejected
AMOUNTS: Final = ("amount", "annual_revenue", "budgeted_cost", "actual_cost")  # in the record's currency
SUPERIOR: Final = {"reports_to_id": "superior"}  # what a link within an entity names, where not its field


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules need to know of the world: the moment of the act, its day, and how the team sells.

    `lenient` is for records of another system's history: what happened there is true, whether or not it
    could be done here.
    """

    at: datetime
    day: date
    currency: str
    stages: Sequence[StageFacts]
    zone: tzinfo = UTC
    inactive: Mapping[int, str] = field(default_factory=dict)  # the users who get no records, by id
    lenient: bool = False


def completed(entity: str, values: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """A new record's values, with what follows from them and what was left to us. Raises CrmError."""
    full = named(dict(values))
    refuse_inactive_for(full.get("owner_id"), facts)
    complete = COMPLETED_BY.get(entity)
    return complete(full, facts) if complete else full


def revised(
    entity: str,
    current: Mapping[str, Any],
    values: Mapping[str, Any],
    facts: Facts,
    above: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Any]:
    """What an edit really sets: the values, and what follows from them. Raises CrmError.

    `above` holds, for each link to a record of the same kind that is set, whom it names and all above that.
    """
    changes = dict(values)
    refuse_circles(entity, current, above or {})
    if changes.get("owner_id") != current.get("owner_id"):
        refuse_inactive_for(changes.get("owner_id"), facts)
    if changes.get("currency", current.get("currency")) != current.get("currency"):
        changes = in_new_currency(current, changes)
    if entity == "opportunity":
        return edited_opportunity(current, changes, facts)
    if entity == "task":
        return finished_task({**current, **changes}, facts, only=changes)
    if entity == "lead":
        return edited_lead(current, changes, facts)
    if entity == "activity":
        return edited_activity(changes, facts)
    if entity == "stage":
        return edited_stage(current, changes)
    if entity == "campaign":
        refuse_ending_before_it_began({**current, **changes})
        return changes
    if {"first_name", "last_name"} & changes.keys() and "name" not in changes:
        changes["name"] = full_name({**current, **changes}) or current.get("name")
    return changes


# --- who, and whose --------------------------------------------------------------------------------------


def refuse_inactive_for(owner_id: int | None, facts: Facts) -> None:
    """Who has left gets no records, though they may have had some elsewhere. Raises Refused."""
    if owner_id is not None and owner_id in facts.inactive and not facts.lenient:
        refuse_inactive_owner(facts.inactive[owner_id], active=False)


def refuse_circles(entity: str, current: Mapping[str, Any], above: Mapping[str, Sequence[int]]) -> None:
    """No record is above itself, straight or round several corners. Raises Refused."""
    for column, chain in above.items():
        if current["id"] not in chain:
            continue
        between = [reference(entity, id) for id in chain[: chain.index(current["id"])]]
        name = column.removesuffix("_id")
        raise Refused(
            f"{reference(entity, current['id'])} would be its own {SUPERIOR.get(column, name)}"
            + (f", by way of {' and '.join(between)}." if between else "."),
            field=name,
        )


# --- names --------------------------------------------------------------------------------------------


def named(values: dict[str, Any]) -> dict[str, Any]:
    """A person's full name from its parts, where only these were given."""
    if not values.get("name") and (values.get("first_name") or values.get("last_name")):
        values["name"] = full_name(values)
    return values


def full_name(values: Mapping[str, Any]) -> str:
    """Given name and family name in the order of the script: 王伟, but Wei Wang."""
    first, last = (values.get("first_name") or "").strip(), (values.get("last_name") or "").strip()
    if (
        first
        and last
        and not (first + last).isascii()
        and all("\u2e80" <= sign <= "\ud7af" for sign in first + last)
    ):
        return last + first
    return f"{first} {last}".strip()


# --- money --------------------------------------------------------------------------------------------


def priced(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Money is never without a currency."""
    if any(values.get(money) is not None for money in AMOUNTS):
        values.setdefault("currency", facts.currency)
    return values


def in_new_currency(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The same figure in another currency, where it can be said in it. Raises InvalidValue.

    Where an amount is given in the new currency, the others of the record have to be given in it too.
    """
    old, new = current.get("currency"), changes["currency"]
    given = any(changes.get(money) is not None for money in AMOUNTS)
    for money in AMOUNTS:
        minor = current.get(money)
        if minor is None or money in changes or old is None:
            continue
        if given:
            raise InvalidValue(
                f"{money} is {amount_words(minor, old)}; give it in {new} too, or all in {old}.", field=money
            )
        if new is None:
            raise InvalidValue(f"{money} needs a currency.", field="currency")
        shift = decimals(new) - decimals(old)
        if shift < 0 and minor % 10**-shift:
            raise InvalidValue(
                f"{amount_words(minor, old)} cannot be said in {new} to the unit; give the {money} too.",
                field=money,
            )
        changes[money] = minor * 10**shift if shift >= 0 else minor // 10**-shift
    return changes


# --- opportunities --------------------------------------------------------------------------------------


def new_opportunity(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A deal in its first stage, or in the one that was given. Raises Refused, InvalidValue."""
    given = values.pop("stage", None)
    stage = stage_named(given, facts.stages) if given else first_stage(facts.stages)
    values.setdefault("currency", facts.currency)
    since = values.get("created_at") or facts.at
    refuse_closing_of_open(stage, values.get("closed_at"))
    closed_on = values.get("closed_at") or values.get("close_date") or facts.day
    refuse_future_closing(stage, closed_on, facts.day)
    reason = values.pop("lost_reason", None)
    if not facts.lenient:
        refuse_inactive(stage)
        refuse_contradiction(stage, values)
        reason = reason_in(stage, reason, field="lost_reason")
    elif given and not stage.is_closed:
        refuse_contradiction(stage, values)
    elif not given and values.get("category") == "Closed":
        del values["category"]  # of a deal whose stage the file does not say
    own = owned_judgement(values, stage)
    entered = enter(own, stage, since, closed_on)
    if reason and needs_reason(stage):
        entered["lost_reason"] = reason
    return {**values, **own, **entered}


def refuse_closing_of_open(stage: StageFacts, closed_at: date | None) -> None:
    """What is open has not been closed. Raises InvalidValue."""
    if closed_at is not None and not stage.is_closed:
        raise InvalidValue(f"closed_at is said of a deal in {stage.name}, which is open.", field="closed_at")


def owned_judgement(values: dict[str, Any], stage: StageFacts) -> dict[str, Any]:
    """A probability or category that differs from the stage's is the user's own."""
    probability, category = values.pop("probability", None), values.pop("category", None)
    return {
        "own_probability": None if probability == stage.probability else probability,
        "own_category": None if category == stage.category else category,
    }


def edited_opportunity(current: Mapping[str, Any], changes: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """What an edit of a deal sets; in another stage the same as a move there. Raises Refused, InvalidValue."""
    if changes.get("stage"):
        stage = stage_named(changes.pop("stage"), facts.stages)
        if stage.name != current["stage"]:
            return in_another_stage(current, stage, changes, facts)
    stage = stage_of(current)
    refuse_contradiction(stage, changes)
    if "lost_reason" in changes and not facts.lenient:
        changes["lost_reason"] = reason_in(stage, changes["lost_reason"], field="lost_reason")
    elif changes.get("lost_reason") and not needs_reason(stage):
        del changes["lost_reason"]
    changes = as_own(changes)
    refuse_closing_of_open(stage, changes.get("closed_at"))
    if changes.get("closed_at"):
        changes["close_date"] = changes["closed_at"]
    if stage.is_closed and "close_date" in changes:
        if changes["close_date"] is None:
            raise Refused("A closed deal keeps the day it was closed.")
        refuse_future_closing(stage, changes["close_date"], facts.day)
        changes["closed_at"] = changes["close_date"]
    if {"own_probability", "own_category"} & changes.keys():
        changes |= judged({**current, **changes})
    return own_where_it_differs(current, changes)


def in_another_stage(
    current: Mapping[str, Any], stage: StageFacts, changes: dict[str, Any], facts: Facts
) -> dict[str, Any]:
    """What an edit that moves a deal sets. Raises Refused, InvalidValue."""
    if not facts.lenient:
        refuse_closed(current)
        refuse_inactive(stage)
        changes["lost_reason"] = reason_in(stage, changes.get("lost_reason"), field="lost_reason")
    if not facts.lenient or not stage.is_closed:
        refuse_contradiction(stage, changes)
    refuse_closing_of_open(stage, changes.get("closed_at"))
    day = changes.get("closed_at") or changes.get("close_date") or facts.day
    refuse_future_closing(stage, day, facts.day)
    changes = as_own(changes)
    changes |= enter({**current, **changes}, stage, facts.at, day)
    if stage.is_won:
        changes["lost_reason"] = None
    return own_where_it_differs(current, changes)


def as_own(changes: dict[str, Any]) -> dict[str, Any]:
    """Probability and category given by hand are the user's own; `none` gives them back to the stage."""
    for name in ("probability", "category"):
        if name in changes:
            changes[f"own_{name}"] = changes.pop(name)
    return changes


def own_where_it_differs(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A probability or category that was given, but is the stage's, is not the user's own."""
    for name in ("probability", "category"):
        if changes.get(f"own_{name}") == changes.get(f"stage_{name}", current[f"stage_{name}"]):
            changes[f"own_{name}"] = None
    return changes


# --- leads, tasks, activities, campaigns, stages --------------------------------------------------------------------


def new_lead(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A lead, not converted: what a file says of another system's is judged where it is new. Raises Refused."""
    if not facts.lenient:
        refuse_converted_status(values, facts)
    return priced(values, facts)


def refuse_converted_status(values: Mapping[str, Any], facts: Facts) -> None:
    """A lead is converted by being converted, not by being called so. Raises Refused."""
    if values.get("status") == CONVERTED:
        if facts.lenient:
            raise Refused(ONLY_BY_CONVERSION, field="status")
        raise Refused(
            f"A lead is {CONVERTED} when it has been converted.",
            hint="`crm lead convert REF` makes an account, a contact and a deal of it.",
            field="status",
        )


def edited_lead(current: Mapping[str, Any], changes: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A converted lead is history: it can be read, not edited. Raises Refused."""
    if current.get("converted_at") is not None:
        raise Refused(
            "The lead has been converted; it is kept as it was.",
            hint="Edit the contact or account it became.",
        )
    refuse_converted_status(changes, facts)
    if {"first_name", "last_name"} & changes.keys() and "name" not in changes:
        changes["name"] = full_name({**current, **changes}) or current.get("name")
    return changes


def finished_task(values: dict[str, Any], facts: Facts, only: dict[str, Any] | None = None) -> dict[str, Any]:
    """A completed task knows when it was completed; any other does not."""
    changes = values if only is None else only
    done = values.get("status") == "Completed"
    if done and values.get("completed_at") is None:
        changes["completed_at"] = facts.at
    elif not done and values.get("completed_at") is not None:
        changes["completed_at"] = None
    return changes


def new_activity(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """An activity happened now unless it was said when. Raises InvalidValue for what is still to come."""
    if values.get("happened_at") is None:
        values["happened_at"] = facts.at
    return edited_activity(values, facts)


def edited_activity(changes: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """What has happened is not in the future. Raises InvalidValue."""
    if changes.get("happened_at") is not None:
        refuse_future(changes["happened_at"], facts.at, facts.zone)
    return changes


def new_campaign(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A campaign ends after it has begun, and its costs have a currency. Raises InvalidValue."""
    refuse_ending_before_it_began(values)
    return priced(values, facts)


def refuse_ending_before_it_began(values: Mapping[str, Any]) -> None:
    """The last day of a campaign is not before the first. Raises InvalidValue."""
    first, last = values.get("start_date"), values.get("end_date")
    if first is not None and last is not None and str(last) < str(first):  # days, or their ISO text
        raise InvalidValue(f"end_date {last} is before start_date {first}.", field="end_date")


def new_stage(values: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """A stage takes its place before the closed ones, and what it leaves open from its category."""
    probability = values.get("probability")
    category = values.get("category")
    if category is None:
        category = values["category"] = (
            "Closed" if values.get("is_won") else "Omitted" if values.get("is_closed") else "Pipeline"
        )
    values.setdefault("is_won", category == "Closed")
    values.setdefault("is_closed", bool(values["is_won"]))
    if probability is None and values["is_closed"]:
        values["probability"] = 100 if values["is_won"] else 0
    if values.get("position") is None:
        values["position"] = next_position(facts.stages, closed=values["is_closed"])
    check_stage(values)
    return values


def next_position(stages: Sequence[StageFacts], *, closed: bool) -> int:
    """Where a new stage stands: after the last one, but an open one after the last open one."""
    before = [stage.position for stage in stages if closed or not stage.is_closed]
    return max(before, default=0) + 1


COMPLETED_BY: Final[dict[str, Callable[[dict[str, Any], Facts], dict[str, Any]]]] = {
    "opportunity": new_opportunity,
    "activity": new_activity,
    "task": finished_task,
    "lead": new_lead,
    "account": priced,
    "campaign": new_campaign,
    "stage": new_stage,
}
