"""What a record is completed with when it is made, and what follows when one of its fields is edited."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from crmcli.errors import InvalidValue, Refused
from crmcli.rules.stages import StageFacts, check_stage, edited_stage, enter, first_stage, judged, stage_named
from crmcli.values.money import amount_words, decimals


@dataclass(frozen=True, slots=True)
class Facts:
    """What rules need to know of the world: the moment of the act, its day, and how the team sells."""

    at: datetime
    day: date
    currency: str
    stages: Sequence[StageFacts]


def completed(entity: str, values: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """A new record's values, with what follows from them and what was left to us. Raises CrmError."""
    full = named(dict(values))
    complete = {
        "opportunity": new_opportunity,
        "activity": new_activity,
        "task": finished_task,
        "lead": priced,
        "account": priced,
        "stage": new_stage,
    }.get(entity)
    return complete(full, facts) if complete else full


def revised(
    entity: str, current: Mapping[str, Any], values: Mapping[str, Any], facts: Facts
) -> dict[str, Any]:
    """What an edit really sets: the values, and what follows from them. Raises CrmError."""
    changes = dict(values)
    if changes.get("currency", current.get("currency")) != current.get("currency"):
        changes = in_new_currency(current, changes)
    if entity == "opportunity":
        return edited_opportunity(current, changes, facts)
    if entity == "task":
        return finished_task({**current, **changes}, facts, only=changes)
    if entity == "lead":
        return edited_lead(current, changes)
    if entity == "stage":
        return edited_stage(current, changes)
    if {"first_name", "last_name"} & changes.keys() and "name" not in changes:
        changes["name"] = full_name({**current, **changes}) or current.get("name")
    return changes


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
    if values.get("annual_revenue") is not None:
        values.setdefault("currency", facts.currency)
    return values


def in_new_currency(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The same figure in another currency, where it can be said in it. Raises InvalidValue."""
    old, new = current.get("currency"), changes["currency"]
    for money in ("amount", "annual_revenue"):
        minor = current.get(money)
        if minor is None or money in changes or old is None:
            continue
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
    """A deal in its first stage, or in the one that was given."""
    stage = stage_named(values["stage"], facts.stages) if values.get("stage") else first_stage(facts.stages)
    values.pop("stage", None)
    values.setdefault("currency", facts.currency)
    own = owned_judgement(values, stage)
    since = values.get("created_at") or facts.at
    closed_on = values.get("closed_at") or values.get("close_date") or facts.day
    if stage.is_closed and closed_on > facts.day:
        raise Refused(
            f"A deal in {stage.name} cannot be closed in the future ({closed_on.isoformat()}).",
            hint="Give the day it was closed, or an open stage.",
        )
    lost_reason = values.pop("lost_reason", None)
    entered = enter(own, stage, since, closed_on)
    if stage.is_closed and not stage.is_won and lost_reason:
        entered["lost_reason"] = lost_reason
    return {**values, **own, **entered}


def owned_judgement(values: dict[str, Any], stage: StageFacts) -> dict[str, Any]:
    """A probability or category that differs from the stage's is the user's own."""
    probability, category = values.pop("probability", None), values.pop("category", None)
    return {
        "own_probability": None if probability == stage.probability else probability,
        "own_category": None if category == stage.category else category,
    }


def edited_opportunity(current: Mapping[str, Any], changes: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """Probability and category given by hand are the user's own; `none` gives them back to the stage."""
    for field, own in (("probability", "own_probability"), ("category", "own_category")):
        if field in changes:
            if (
                current["is_closed"]
                and "stage" not in changes
                and changes[field] not in (None, current[field])
            ):
                raise Refused(
                    f"The deal is closed: its {field} is that of {current['stage']}.", hint="crm opp reopen"
                )
            changes[own] = changes.pop(field)
    if changes.get("stage"):
        stage = stage_named(changes.pop("stage"), facts.stages)
        if stage.name != current["stage"]:
            day = changes.get("close_date") or facts.day
            changes |= enter({**current, **changes}, stage, facts.at, min(day, facts.day))
            return own_where_it_differs(current, changes)
    if changes.get("close_date") and current["is_closed"]:
        if changes["close_date"] > facts.day:
            raise Refused("A closed deal cannot be closed in the future.", hint="crm opp reopen")
        changes["closed_at"] = changes["close_date"]
    if current["is_closed"] and "close_date" in changes and changes["close_date"] is None:
        raise Refused("A closed deal keeps the day it was closed.")
    if {"own_probability", "own_category"} & changes.keys():
        changes |= judged({**current, **changes})
    return own_where_it_differs(current, changes)


def own_where_it_differs(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A probability or category that was given, but is the stage's, is not the user's own."""
    for name in ("probability", "category"):
        if changes.get(f"own_{name}") == changes.get(f"stage_{name}", current[f"stage_{name}"]):
            changes[f"own_{name}"] = None
    return changes


# --- leads, tasks, activities, stages --------------------------------------------------------------------


def edited_lead(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A converted lead is history: it can be read, not edited. Raises Refused."""
    if current.get("converted_at") is not None:
        raise Refused(
            "The lead has been converted; it is kept as it was.",
            hint="Edit the contact or account it became.",
        )
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
    """An activity happened now unless it was said when."""
    values.setdefault("happened_at", facts.at)
    return values


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
