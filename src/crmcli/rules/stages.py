"""Stages: what entering one does to a deal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from crmcli.errors import Conflict, InvalidValue, Refused, suggestion


@dataclass(frozen=True, slots=True)
class StageFacts:
    """A stage as rules see it; `category` is its forecast category."""

    name: str
    position: int
    probability: int
    category: str
    is_closed: bool
    is_won: bool
    active: bool = True
    label: str | None = None


def stage_named(text: str, stages: Sequence[StageFacts], *, field: str = "stage") -> StageFacts:
    """The stage a text means: by name or label without case, or by the unique beginning of one.

    Raises InvalidValue with a suggestion, or Conflict naming the candidates.
    """
    wanted = " ".join(text.split()).casefold()
    for stage in stages:
        if wanted in (stage.name.casefold(), (stage.label or "").casefold()) and wanted:
            return stage
    begun = [
        stage
        for stage in stages
        if wanted and (stage.name.casefold().startswith(wanted) or (stage.label or "").casefold().startswith(wanted))
    ]
    if len(begun) == 1:
        return begun[0]
    names = [stage.name for stage in stages]
    if begun:
        raise Conflict(f"{text!r} could be {' or '.join(stage.name for stage in begun)}.", field=field)
    raise InvalidValue(
        f"There is no stage {text!r}. The stages are {', '.join(names)}.", hint=suggestion(text, names), field=field
    )


def first_stage(stages: Sequence[StageFacts]) -> StageFacts:
    """Where a new deal starts: the first active open stage. Raises Refused where there is none."""
    for stage in sorted(stages, key=lambda stage: stage.position):
        if stage.active and not stage.is_closed:
            return stage
    raise Refused("There is no open stage for a new deal.", hint="crm stage add Prospecting --probability 10 --category Pipeline")


def closing_stage(stages: Sequence[StageFacts], *, won: bool) -> StageFacts:
    """The first active stage in which deals are won, or lost. Raises Refused where there is none."""
    for stage in sorted(stages, key=lambda stage: stage.position):
        if stage.active and stage.is_closed and stage.is_won == won:
            return stage
    raise Refused(f"There is no stage in which a deal is {'won' if won else 'lost'}.", hint="crm stage list")


def enter(deal: Mapping[str, Any], stage: StageFacts, at: datetime, day: date) -> dict[str, Any]:
    """What changes when a deal enters a stage.

    The stage sets probability and forecast category. The user's own probability and category survive a
    move between open stages; a closed deal has none but its stage's, and its close date is the day it was
    closed. Reopened, it has the user's own again.
    """
    values: dict[str, Any] = {
        "stage": stage.name,
        "stage_probability": stage.probability,
        "stage_category": stage.category,
        "is_closed": stage.is_closed,
        "is_won": stage.is_won,
    }
    if deal.get("stage") != stage.name:
        values["stage_since"] = at
    if stage.is_closed:
        values |= {"closed_at": day, "close_date": day}
    else:
        values |= {"closed_at": None, "lost_reason": None}
    return values | judged({**deal, **values})


def judged(deal: Mapping[str, Any]) -> dict[str, Any]:
    """The probability and category that count: the user's own while the deal is open, else the stage's."""
    own_probability, own_category = deal.get("own_probability"), deal.get("own_category")
    if deal["is_closed"]:
        own_probability = own_category = None
    return {
        "probability": deal["stage_probability"] if own_probability is None else own_probability,
        "category": own_category or deal["stage_category"],
    }
