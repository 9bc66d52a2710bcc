"""Moves of a deal, to another stage, won, lost, reopened: what forbids one, what it changes, what is said."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from crmcli.errors import InvalidValue, Refused
from crmcli.fields import reference
from crmcli.rules.records import Facts, own_where_it_differs
from crmcli.rules.stages import (
    StageFacts,
    described,
    enter,
    judged,
    reason_in,
    refuse_closed,
    refuse_contradiction,
    refuse_inactive,
)
from crmcli.values.dates import long_date
from crmcli.values.money import amount_words

Deal = Mapping[str, Any]

KEEP: Final = -1  # the user's own probability as it is; None gives it back to the stage


# --- what may not be done -------------------------------------------------------------------------------


def refuse_before_creation(deal: Deal, created: date, day: date) -> None:
    """Nothing happens to a deal before it is there. Raises Refused."""
    if day < created:
        raise Refused(
            f"{described(deal)} was created on {long_date(created)};"
            f" nothing happened to it on {long_date(day)}."
        )


# --- the moves ------------------------------------------------------------------------------------------


def moved(
    deal: Deal, stage: StageFacts, facts: Facts, *, probability: int | None = KEEP, reason: str | None = None
) -> dict[str, Any]:
    """What changes when a deal is put in a stage; nothing where it is there. Raises Refused, InvalidValue."""
    if stage.name == deal["stage"] and probability == KEEP:
        return {}
    refuse_closed(deal)
    if stage.is_closed:
        refuse_contradiction(stage, {} if probability == KEEP else {"probability": probability})
        return closed(deal, stage, facts, reason)
    reason_in(stage, reason, field="reason")
    own = {} if probability == KEEP else {"own_probability": probability}
    if stage.name == deal["stage"]:
        return own_where_it_differs(deal, {**own, **judged({**deal, **own})})
    refuse_inactive(stage)
    return own_where_it_differs(deal, {**own, **enter({**deal, **own}, stage, facts.at, facts.day)})


def closed(deal: Deal, stage: StageFacts, facts: Facts, reason: str | None = None) -> dict[str, Any]:
    """What changes when a deal is won or lost, on the day of the act. Raises Refused, InvalidValue."""
    refuse_closed(deal)
    refuse_inactive(stage)
    why = reason_in(stage, reason, field="reason")
    return {**enter(deal, stage, facts.at, facts.day), "lost_reason": why}


def reopened(deal: Deal, stage: StageFacts, facts: Facts, close_date: date | None) -> dict[str, Any]:
    """What changes when a closed deal is opened again; `close_date` is when it should be closed now.

    Raises Refused where it is open, InvalidValue for a closed stage.
    """
    if not deal["is_closed"]:
        raise Refused(f"{described(deal)} is open ({deal['stage']}).")
    if stage.is_closed:
        raise InvalidValue(
            f"{stage.name} is a closed stage; a reopened deal goes to an open one.", field="stage"
        )
    refuse_inactive(stage)
    return {**enter(deal, stage, facts.at, facts.day), "close_date": close_date}


# --- what is said of it ---------------------------------------------------------------------------------


def said_of_move(before: Deal, values: Mapping[str, Any], day: date, today: date) -> list[str]:
    """The line that says what a move changed, and what the user should know besides."""
    if not values:
        return [f"{described(before)} is in {before['stage']} already; nothing was changed."]
    after = {**before, **values}
    stages = after["stage"] if after["stage"] == before["stage"] else f"{before['stage']} → {after['stage']}"
    parts = [described(before), stages, f"{after['probability']} %", after["category"]]
    if after["is_closed"] and after["amount"] is not None:
        parts.append(amount_words(after["amount"], after["currency"]))
    if after["close_date"]:
        parts.append(f"{'closed' if after['is_closed'] else 'closes'} {long_date(after['close_date'])}")
    if day != today and not after["is_closed"]:
        parts.append(f"on {long_date(day)}")
    if after["lost_reason"]:
        parts.append(after["lost_reason"])
    return [" · ".join(parts), *remarks(before, values, today), *(lacking(after) if after["is_won"] else [])]


def remarks(before: Deal, values: Mapping[str, Any], today: date) -> list[str]:
    """What of the user's own survived a move, and what a reopened deal lacks."""
    after = {**before, **values}
    if after["is_closed"]:
        return []
    said = []
    kept = "is again" if before["is_closed"] else "stays"
    for name, unit in (("probability", " %"), ("category", "")):
        own, stages = after[f"own_{name}"], after[f"stage_{name}"]
        if own is not None and own != stages and f"own_{name}" not in values:
            said.append(f"{name} {kept} {own}{unit} (yours; the stage's is {stages}{unit})")
    if before["is_closed"] and (after["close_date"] is None or after["close_date"] < today):
        since = f"{long_date(after['close_date'])} is past" if after["close_date"] else "there is none"
        edit = f"crm opp edit {reference('opportunity', after['id'])} --close-date DATE"
        said.append(f"It needs a new close date, {since}: {edit}")
    return said


def lacking(deal: Deal) -> list[str]:
    """A remark on a deal that figures cannot count, unless it is lost."""
    if deal["is_closed"] and not deal["is_won"]:
        return []
    no_amount, no_date = deal.get("amount") is None, deal.get("close_date") is None
    if no_amount and no_date:
        return ["No amount and no close date: it adds nothing to pipeline and forecast."]
    if no_amount:
        return ["No amount: it adds nothing to pipeline and forecast."]
    return ["No close date: it is in no period's forecast."] if no_date else []


def overdue(deal: Deal, today: date) -> list[str]:
    """A remark on an open deal whose close date is past."""
    day = deal.get("close_date")
    if deal["is_closed"] or day is None or day >= today:
        return []
    return [f"The close date, {long_date(day)}, is past."]
