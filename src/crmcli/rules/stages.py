"""Stages: what entering one does to a deal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from crmcli.errors import Conflict, InvalidValue, Refused, suggestion
from crmcli.fields import reference
from crmcli.values.dates import long_date

ENDS: Final = {
    **dict.fromkeys(("won", "win"), "`crm opp win REF` wins a deal."),
    **dict.fromkeys(("lost", "lose"), "`crm opp lose REF --reason TEXT` loses one."),
}  # words that are no stage, but mean the end of a deal


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
        if wanted
        and (stage.name.casefold().startswith(wanted) or (stage.label or "").casefold().startswith(wanted))
    ]
    if len(begun) == 1:
        return begun[0]
    names = [stage.name for stage in stages]
    if begun:
        raise Conflict(f"{text!r} could be {' or '.join(stage.name for stage in begun)}.", field=field)
    raise InvalidValue(
        f"There is no stage {text!r}. The stages are {', '.join(names)}.",
        hint=" ".join(filter(None, [suggestion(text, names), ENDS.get(wanted)])) or None,
        field=field,
    )


def first_stage(stages: Sequence[StageFacts]) -> StageFacts:
    """Where a new deal starts: the first active open stage. Raises Refused where there is none."""
    for stage in sorted(stages, key=lambda stage: stage.position):
        if stage.active and not stage.is_closed:
            return stage
    raise Refused(
        "There is no open stage for a new deal.",
        hint="crm stage add Prospecting --probability 10 --category Pipeline",
    )


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


# --- what keeps a deal out of a stage ---------------------------------------------------------------------


def described(deal: Mapping[str, Any]) -> str:
    """A deal as messages name it: O45 Acme renewal."""
    return f"{reference('opportunity', deal['id'])} {deal['name']}"


def stage_of(deal: Mapping[str, Any]) -> StageFacts:
    """The stage a deal is in, as it was when the deal entered it."""
    return StageFacts(
        deal["stage"],
        0,
        deal["stage_probability"],
        deal["stage_category"],
        bool(deal["is_closed"]),
        bool(deal["is_won"]),
    )


def refuse_closed(deal: Mapping[str, Any]) -> None:
    """A closed deal stays closed until it is reopened. Raises Refused."""
    if deal["is_closed"]:
        raise Refused(
            f"{described(deal)} is closed ({deal['stage']}).",
            hint=f"`crm opp reopen {reference('opportunity', deal['id'])}` opens it again.",
        )


def refuse_inactive(stage: StageFacts) -> None:
    """Nothing enters a stage that is out of use. Raises Refused."""
    if not stage.active:
        raise Refused(
            f"The stage {stage.name} is not active.",
            hint=f"`crm stage edit {stage.name!r} --active yes` makes it so.",
        )


def refuse_future_closing(stage: StageFacts, closed_on: date, day: date) -> None:
    """What is closed has been closed. Raises Refused."""
    if stage.is_closed and closed_on > day:
        raise Refused(
            f"A deal in {stage.name} cannot be closed in the future ({long_date(closed_on)}).",
            hint="Give the day it was closed, or an open stage.",
        )


def refuse_contradiction(stage: StageFacts, values: Mapping[str, Any]) -> None:
    """A closed deal has its stage's probability and category; an open one is not in Closed. Raises Refused."""
    probability, category = values.get("probability"), values.get("category")
    if not stage.is_closed:
        if category == "Closed":
            raise Refused(
                f"The deal is open ({stage.name}): the category Closed comes with a closed stage.",
                hint="`crm opp win REF` wins a deal, `crm opp lose REF --reason TEXT` loses it.",
                field="category",
            )
        return
    hint = "`crm opp reopen REF` opens a closed deal again."
    if probability not in (None, stage.probability):
        raise Refused(
            f"A deal in {stage.name} has a probability of {stage.probability} %.",
            hint=hint,
            field="probability",
        )
    if category not in (None, stage.category):
        raise Refused(
            f"A deal in {stage.name} has the category {stage.category}.", hint=hint, field="category"
        )


def needs_reason(stage: StageFacts) -> bool:
    """Whether a deal in the stage is lost, which has a reason."""
    return stage.is_closed and not stage.is_won


def reason_in(stage: StageFacts, reason: str | None, *, field: str) -> str | None:
    """Why a deal in a stage was lost: a lost one has a reason, no other has. Raises InvalidValue."""
    reason = (reason or "").strip() or None
    if needs_reason(stage) and reason is None:
        raise InvalidValue(
            "A lost deal has a reason.", hint=f"--{field.replace('_', '-')} Pricing", field=field
        )
    if reason is not None and not needs_reason(stage):
        where = "deals are won" if stage.is_closed else "deals are open"
        raise InvalidValue(f"A reason is for deals that are lost; in {stage.name} {where}.", field=field)
    return reason


# --- the stages themselves ------------------------------------------------------------------------------


def check_stage(stage: Mapping[str, Any]) -> None:
    """A stage says the same of a deal in all its fields. Raises InvalidValue."""
    name, probability, category = stage.get("name"), stage.get("probability"), stage.get("category")
    if stage["is_won"] and not stage["is_closed"]:
        raise InvalidValue("A stage in which deals are won is a closed one.", field="is_closed")
    if not stage["is_closed"]:
        if category == "Closed":
            raise InvalidValue(f"{name} is open: its category cannot be Closed.", field="category")
        return
    expected = (100, "Closed") if stage["is_won"] else (0, "Omitted")
    end = "won" if stage["is_won"] else "lost"
    if probability != expected[0]:
        raise InvalidValue(
            f"Deals in {name} are {end}: their probability is {expected[0]} %.", field="probability"
        )
    if category != expected[1]:
        raise InvalidValue(f"Deals in {name} are {end}: their category is {expected[1]}.", field="category")


def edited_stage(current: Mapping[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A stage that becomes a closed one takes the probability and category of such. Raises InvalidValue."""
    if changes.get("is_won"):
        changes.setdefault("is_closed", True)
    if {"is_closed", "is_won"} & changes.keys():
        after = {**current, **changes}
        if after["is_closed"]:
            changes.setdefault("probability", 100 if after["is_won"] else 0)
            changes.setdefault("category", "Closed" if after["is_won"] else "Omitted")
    check_stage({**current, **changes})
    return changes


def refuse_rewriting(current: Mapping[str, Any], changes: Mapping[str, Any], deals: int, ever: bool) -> None:
    """What deals rely on in a stage stays as it is. Raises Refused.

    `deals` are in it now; `ever` is whether any has been. A deal, its versions, the journal and whatever was
    exported name a stage by its *name*: changed there alone it would part reports of the past from those of
    today, and undo from what it undoes. So a name is given once; what it is called on screen is its label.
    """
    name = current["name"]
    if changes.get("name", name) != name and (deals or ever):
        raise Refused(
            f"Deals have been in {name}, which their history knows by this name.",
            hint=f"`crm stage edit {name!r} --label {changes['name']!r}` is one for the screen.",
        )
    if deals and any(
        bool(changes.get(flag, current[flag])) != bool(current[flag]) for flag in ("is_closed", "is_won")
    ):
        raise Refused(
            f"{counted(deals)} in {name}; whether it is closed or won cannot change under them.",
            hint="Move them to another stage first: crm opp stage O1 STAGE",
        )


def refuse_removal(stage: str, deals: int) -> None:
    """A stage goes only when no deal is in it. Raises Refused."""
    if deals:
        raise Refused(
            f"{counted(deals)} in {stage}.",
            hint=f"Move them, or keep deals from entering it: crm stage edit {stage!r} --active no",
        )


def refuse_without_open_stage(stages: Sequence[StageFacts]) -> None:
    """A new deal always has a stage to start in. Raises Refused."""
    if not any(stage.active and not stage.is_closed for stage in stages):
        raise Refused(
            "No open stage would be left for new deals.", hint="crm stage add Prospecting --probability 10"
        )


def counted(deals: int) -> str:
    """So many deals, with their verb."""
    return "1 deal is" if deals == 1 else f"{deals} deals are"


def moved_up(taken: Mapping[int, int], position: int) -> dict[int, int]:
    """Where the other stages go when one takes a position: up by one, as far as they stand close.

    `taken` holds the positions of the others by their ids.
    """
    moves = {}
    for id, at in sorted(taken.items(), key=lambda item: (item[1], item[0])):
        if at == position:
            position += 1
            moves[id] = position
        elif at > position:
            break
    return moves
