"""Blockers: what an open deal is stuck on, and the command that mends it."""

from collections.abc import Iterator
from datetime import date
from typing import Final, NamedTuple

PUSHES: Final = 3  # moves of the close date to a later day, after which nobody believes it
QUIET: Final = 30  # days without an activity, where the stage has no limit
DECIDERS: Final = ("Decision Maker", "Economic Buyer", "Economic Decision Maker")


class Standing(NamedTuple):
    """An open deal, as far as it can be stuck."""

    ref: str
    stage: str
    limit: int | None  # days that a deal may be in the stage
    in_stage: int  # days
    close_date: date | None
    pushes: int
    has_next: bool
    has_decider: bool
    overdue: tuple[str, date] | None  # the first task
    quiet: int  # days since the last activity, or since it was made


class Blocker(NamedTuple):
    """One thing that a deal is stuck on."""

    reason: str
    message: str
    command: str


def blockers_of(deal: Standing, today: date) -> Iterator[Blocker]:
    """All that a deal is stuck on, the most pressing first."""
    ref = deal.ref
    if deal.close_date is not None and deal.close_date < today:
        yield Blocker(
            "past close", f"should have closed {deal.close_date}", f"crm opp edit {ref} --close +2w"
        )
    if deal.limit is not None and deal.in_stage > deal.limit:
        days = f"{deal.in_stage} days in {deal.stage}, limit {deal.limit}"
        yield Blocker("stalled", days, f"crm opp stage {ref} STAGE")
    if deal.pushes >= PUSHES:
        yield Blocker("pushed", f"close date pushed {deal.pushes} times", f"crm opp snooze {ref} --until +2w")
    if deal.overdue is not None:
        task, due = deal.overdue
        yield Blocker("overdue task", f"{task} was due {due}", f"crm task done {task}")
    if not deal.has_next:
        yield Blocker("no next step", "no next step", f"crm opp edit {ref} --next TEXT")
    if not deal.has_decider:
        yield Blocker(
            "no decision maker", "no decision maker", f"crm opp role {ref} CONTACT 'Decision Maker'"
        )
    if deal.quiet > (deal.limit or QUIET):
        yield Blocker("no activity", f"no activity for {deal.quiet} days", f"crm log call TEXT --for {ref}")
