"""What a report can measure though no record holds it: what a deal weighs, how old a record is."""

from collections.abc import Callable
from datetime import date, tzinfo
from typing import Final

from crmcli.fields import FieldSpec
from crmcli.rules.cycle_time import cycle_days
from crmcli.store.deals import weighted_sql

AGE: Final = "age_days"
# The SQL of when a record was over, for those that have an age.
OVER: Final = {
    "opportunity": "CASE WHEN t.is_closed = 1 THEN t.close_date END",
    "lead": "t.converted_at",
    "task": "t.completed_at",
}
ENDS: Final = {
    "opportunity": "the close date of a closed deal",
    "lead": "the day a lead was converted",
    "task": "the day a task was done",
}
WEIGHS: Final = weighted_sql("t")


def computed(entity: str) -> list[FieldSpec]:
    """The figures that are computed of the records of a noun; they have no column."""
    found = []
    if entity == "opportunity":
        help = "amount × probability / 100 of each deal, a half rounded up"
        found.append(FieldSpec(entity, "weighted", "", "money", "Weighted amount", help, 0))
    if entity in OVER:
        help = f"calendar days from the creation to the as-of day, or to {ENDS[entity]}"
        found.append(FieldSpec(entity, AGE, "", "number", "Age in days", help, 0))
    return found


def is_age(spec: FieldSpec) -> bool:
    """Whether it is counted in days of the user's calendar, which SQL does not know."""
    return not spec.column and spec.name == AGE


def aged(as_of: str, zone: tzinfo) -> Callable[[str, str | None], int | None]:
    """A function from the minutes or days a record began and was over to the days between them.

    None where it was over before it began.
    """
    today = date.fromisoformat(as_of)

    def days(begun: str, over: str | None) -> int | None:
        return cycle_days(local_day(begun, zone), local_day(over, zone) if over else today)

    return days


def local_day(text: str, zone: tzinfo) -> date:
    """The day on the user's calendar of a stored day, or of a stored moment's minute."""
    if len(text) == len("2026-12-01"):
        return date.fromisoformat(text)
    from crmcli.values.dates import from_iso_instant

    return from_iso_instant(f"{text}:00Z").astimezone(zone).date()
