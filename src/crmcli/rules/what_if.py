"""What if: a deal as it would be if something of it were otherwise. Nothing is written."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from crmcli.errors import InvalidValue, suggestion
from crmcli.rules.stages import StageFacts, enter, refuse_contradiction, refuse_inactive, stage_of

FIELDS: Final = ("amount", "stage", "close_date", "probability", "category", "owner")


def assignment(text: str) -> tuple[str, str, str]:
    """The deal, the field and the value of `O7.stage=Closed Won`. Raises InvalidValue."""
    left, equals, value = text.partition("=")
    ref, dot, field = left.strip().rpartition(".")
    field = field.strip().casefold().replace("-", "_")
    if not equals or not dot or not ref:
        raise InvalidValue(
            f"{text!r} says nothing of a deal.",
            hint="""--what-if O7.stage="Closed Won" --what-if O9.close_date=2026-10-15""",
            field="what-if",
        )
    if field not in FIELDS:
        raise InvalidValue(
            f"--what-if knows {', '.join(FIELDS)}, not {field!r}.",
            hint=suggestion(field, FIELDS),
            field="what-if",
        )
    return ref.strip(), field, value.strip().strip("\"'")


def imagined(
    deal: Mapping[str, Any], given: Mapping[str, Any], stages: Sequence[StageFacts], at: datetime, day: date
) -> dict[str, Any]:
    """The columns of a deal that would be others: a stage brings its probability, category and end with it.

    A closed deal keeps what its stage says of it. Raises Refused.
    """
    values: dict[str, Any] = {}
    if "stage" in given:
        stage = next(each for each in stages if each.name == given["stage"])
        refuse_inactive(stage)
        values |= enter(deal, stage, at, day)
    own = {name: given[name] for name in ("probability", "category") if name in given}
    if own:
        now = stage_of({**deal, **values})
        refuse_contradiction(now, own)
        values |= own
    for name in ("amount", "currency", "close_date", "owner_id"):
        if name in given:
            values[name] = given[name]
    return values
