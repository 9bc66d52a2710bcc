"""Quotas: what adds up to the target of a period, of a person and of a team, and how much of it is reached."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from crmcli.errors import InvalidValue


class Quota(NamedTuple):
    """A target that is known: whose, for which days, and how much; `team` where it is for all below them too."""

    owner: int
    start: str
    end: str
    team: bool
    amount: int | None
    deals: int | None
    currency: str


def outermost(quotas: Iterable[Quota]) -> list[Quota]:
    """Those that count where periods overlap: a quarter's target rather than those of its months.

    Takes the targets of one person and reach. No day is counted twice.
    """
    counted: list[Quota] = []
    for quota in sorted(quotas, key=lambda each: (each.start, -_ordinal(each.end))):
        if not counted or quota.start > counted[-1].end:
            counted.append(quota)
    return counted


def _ordinal(iso_date: str) -> int:
    return int(iso_date.replace("-", ""))


class Target(NamedTuple):
    """What targets add up to; None where there is none."""

    amount: int | None = None
    deals: int | None = None

    def plus(self, other: "Target") -> "Target":
        return Target(_sum(self.amount, other.amount), _sum(self.deals, other.deals))


def _sum(first: int | None, second: int | None) -> int | None:
    return first if second is None else second if first is None else first + second


def own_targets(quotas: Iterable[Quota], *, team: bool = False) -> dict[int, Target]:
    """Everybody's own target, or, with `team`, the one that was set for them and all below them.

    Takes targets in one currency, all within the period that is asked for.
    """
    by_owner: dict[int, list[Quota]] = {}
    for quota in quotas:
        if quota.team == team:
            by_owner.setdefault(quota.owner, []).append(quota)
    targets = {}
    for owner, theirs in by_owner.items():
        amounts = outermost(each for each in theirs if each.amount is not None)
        deals = outermost(each for each in theirs if each.deals is not None)
        targets[owner] = Target(
            sum(each.amount or 0 for each in amounts) if amounts else None,
            sum(each.deals or 0 for each in deals) if deals else None,
        )
    return targets


class Line:
    """The reporting line: who is below whom.

    Somebody whose superior is not among the people is at the top. A circle, which the rules of users keep
    out, would be cut where it is entered.
    """

    def __init__(self, managers: Mapping[int, int | None]) -> None:
        self.reports: dict[int, list[int]] = {person: [] for person in managers}
        self.tops = []
        for person, manager in managers.items():
            if manager in self.reports and manager != person:
                self.reports[manager].append(person)
            else:
                self.tops.append(person)

    def below(self, person: int) -> list[int]:
        """Somebody and all below them, each once."""
        found: dict[int, None] = {}
        waiting = [person]
        while waiting:
            each = waiting.pop()
            if each not in found:
                found[each] = None
                waiting += reversed(self.reports.get(each, []))
        return list(found)

    def walk(self) -> list[int]:
        """Everybody, superiors before those below them."""
        return list(dict.fromkeys(person for top in self.tops for person in self.below(top)))


def whole_targets(
    line: Line, own: Mapping[int, Target], team: Mapping[int, Target]
) -> tuple[dict[int, Target], dict[int, tuple[int, int]]]:
    """The target of everybody with all below them: the one set for the team, else the sum.

    And where both are there and differ: the one set, and the sum.
    """
    whole: dict[int, Target] = {}
    differ: dict[int, tuple[int, int]] = {}
    for person in reversed(line.walk()):
        summed = own.get(person, Target())
        for report in line.reports[person]:
            summed = summed.plus(whole.get(report, Target()))
        given = team.get(person, Target())
        if given.amount is not None and summed.amount is not None and given.amount != summed.amount:
            differ[person] = given.amount, summed.amount
        whole[person] = Target(
            summed.amount if given.amount is None else given.amount,
            summed.deals if given.deals is None else given.deals,
        )
    return whole, differ


def pace(attainment: float | None, day: int, days: int) -> float | None:
    """How the attainment compares with the share of the period that has passed: 100 is right on time.

    On the `day`th of so many days; None before the period, or where there is no quota.
    """
    if attainment is None or day <= 0:
        return None
    passed = min(day, days)
    tenths = round(attainment * 10)
    return (2 * tenths * days + passed) // (2 * passed) / 10


def weights_of(text: str) -> dict[str, int]:
    """The weights of a split: li=3,zhang=2. Raises InvalidValue."""
    weights: dict[str, int] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        name, number = name.strip(), number.strip()
        if not equals or not name or not (number.isascii() and number.isdigit()):
            raise InvalidValue(
                f"{part.strip()!r} is not a name and a weight.", hint="Write li=3,zhang=2", field="weights"
            )
        if name in weights:
            raise InvalidValue(f"{name} has two weights.", field="weights")
        weights[name] = int(number)
    return weights


def uncovered(quotas: Sequence[Quota], start: str, end: str) -> bool:
    """Whether targets, none of which overlap, leave part of a period without any."""
    from datetime import date

    days = sum((date.fromisoformat(each.end) - date.fromisoformat(each.start)).days + 1 for each in quotas)
    return days < (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
