"""Blockers: what an open deal is stuck on, and the command that mends it."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, NamedTuple

from crmcli.values.ratios import median

PUSHES: Final = 3  # moves of the close date to a later day, after which nobody believes it
QUIET: Final = 30  # days without an activity, where no limit is known
ENOUGH: Final = 8  # won deals that have been in a stage, to learn its usual limit from
SHORTEST: Final = 14  # days: no limit that was learnt is below it
DECIDERS: Final = ("Decision Maker", "Economic Buyer", "Economic Decision Maker")


class Limit(NamedTuple):
    """The days that a deal may be in a stage: the stage's own, or what was usual; None where that is unknown."""

    days: int | None
    won: int = 0  # the deals it was learnt from, if it is not the stage's own
    median: float | None = None  # of their days


def limit_of(own: int | None, won_days: dict[int, int]) -> Limit:
    """The limit of a stage: its own, else half as long again as won deals were in it, once there are enough.

    `won_days` are the days that won deals were in the stage, each number with how often it is there.
    """
    won = sum(won_days.values())
    if own is not None or won < ENOUGH:
        return Limit(own)
    middle = median(won_days)
    assert middle is not None
    return Limit(max(SHORTEST, int(1.5 * middle)), won, middle)


def said_of_limits(limits: Mapping[str, Limit]) -> list[str]:
    """A sentence on the limits that stages do not have themselves, and what they were learnt from."""
    usual = [
        f"{stage} {limit.days} days ({limit.won:,} deals)" for stage, limit in limits.items() if limit.won
    ]
    how = f"1.5 × the median of won deals, at least {SHORTEST}"
    return [f"Usual limit, where a stage has none of its own ({how}): {', '.join(usual)}"] if usual else []


class Standing(NamedTuple):
    """An open deal, as far as it can be stuck."""

    ref: str
    stage: str
    limit: Limit  # of the stage
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
    limit = deal.limit
    if limit.days is not None and deal.in_stage > limit.days:
        kind = "usual limit" if limit.won else "limit"
        days = f"{deal.in_stage} days in {deal.stage}, {kind} {limit.days}"
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
    if deal.quiet > (limit.days or QUIET):
        yield Blocker("no activity", f"no activity for {deal.quiet} days", f"crm log call TEXT --for {ref}")
