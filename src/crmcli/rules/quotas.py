"""Quotas: what adds up to the target of a period, of a person and of a team, and how much of it is reached."""

from collections.abc import Iterable, Iterator, Mapping
from math import lcm
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.rules.rates import Rates
from crmcli.values.money import amount_words
from crmcli.values.ratios import ratio

WHAT: Final = ("amount", "deals")  # what a target can be of
NAMED: Final = 5  # people that a sentence names


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


def in_one_currency(
    quotas: Iterable[Quota], rates: Rates, into: str, day: str
) -> tuple[list[Quota], list[Quota]]:
    """The quotas in one currency at the rates of a day, and those that have no rate."""
    known, without_rate = [], []
    for quota in quotas:
        if quota.amount is None:
            known.append(quota._replace(currency=into))
        elif (amount := rates.convert(quota.amount, quota.currency, into, day)) is None:
            without_rate.append(quota)
        else:
            known.append(quota._replace(amount=amount, currency=into))
    return known, without_rate


class Part(NamedTuple):
    """What was set for some people for a stretch of days: an amount, or a number of deals."""

    start: str
    end: str
    value: int
    people: tuple[int, ...]


class Target(NamedTuple):
    """What is to be reached: the parts that add up to it."""

    amounts: tuple[Part, ...] = ()
    counts: tuple[Part, ...] = ()

    @property
    def amount(self) -> int | None:
        return sum(part.value for part in self.amounts) if self.amounts else None

    @property
    def deals(self) -> int | None:
        return sum(part.value for part in self.counts) if self.counts else None

    def plus(self, other: "Target") -> "Target":
        return Target(self.amounts + other.amounts, self.counts + other.counts)


def target_of(quota: Quota) -> Target:
    """What a quota is of a person alone."""
    return Target(*(tuple(parts_of([quota], what)) for what in WHAT))


def own_targets(quotas: Iterable[Quota]) -> dict[int, Target]:
    """Everybody's own target, whatever was set for their teams.

    Takes targets in one currency, all within the period that is asked for.
    """
    by_owner: dict[int, list[Quota]] = {}
    for quota in quotas:
        if not quota.team:
            by_owner.setdefault(quota.owner, []).append(quota)
    return {
        owner: Target(*(tuple(parts_of(theirs, what)) for what in WHAT)) for owner, theirs in by_owner.items()
    }


def parts_of(quotas: Iterable[Quota], what: str, people: tuple[int, ...] | None = None) -> list[Part]:
    """The stretches that count of one person's targets of one reach, of amounts or of numbers of deals.

    They are for that person, or for the `people` of a team.
    """
    counted = outermost(each for each in quotas if getattr(each, what) is not None)
    return [Part(each.start, each.end, getattr(each, what), people or (each.owner,)) for each in counted]


def days_of(parts: Iterable[Part], person: int | None) -> list[tuple[str, str]]:
    """The stretches of days on which what a person wins counts towards parts, each day once.

    Those of the person's own parts; of all of them for who has none, as in the forecast.
    """
    found: list[tuple[str, str]] = []
    own = [part for part in parts if person in part.people] or parts
    for start, end in sorted((part.start, part.end) for part in own):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


Won = Mapping[Any, Mapping[str, int]]  # what each won, or how many deals, by day


def towards(parts: Iterable[Part], won: Won, people: Iterable[Any]) -> int:
    """What people won towards targets: on the days of their own, or, who has none, on those of all."""
    parts = list(parts)
    return sum(
        value
        for person in people
        for days in [days_of(parts, person)]
        for day, value in won.get(person, {}).items()
        if any(start <= day <= end for start, end in days)
    )


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


class Whole(NamedTuple):
    """The targets of everybody with all below them, and the teams of which there is something to say."""

    targets: dict[int, Target]
    differ: dict[int, tuple[int, int]]  # given another amount than their members: the two amounts
    passed_over: dict[int, int]  # given an amount that does not count

    def sentences(self, names: Mapping[int, str], currency: str) -> Iterator[str]:
        """What is odd about the teams' amounts, team by team."""
        for leader, (given, summed) in self.differ.items():
            yield (
                f"Mismatch: the team of {names[leader]} has {amount_words(given, currency)},"
                f" the quotas of its members come to {amount_words(summed, currency)}"
            )
        for leader, amount in self.passed_over.items():
            yield (
                f"Passed over: {amount_words(amount, currency)} for the team of {names[leader]},"
                " as a member's quota reaches beyond its days"
            )


def whole_targets(line: Line, quotas: Iterable[Quota]) -> Whole:
    """What the targets of everybody with all below them add up to.

    One set for a team stands in place of its members' within its days, and the rest of the period is still
    the sum of theirs. Takes targets in one currency, all within the period that is asked for.
    """
    own: dict[int, list[Quota]] = {}
    team: dict[int, list[Quota]] = {}
    for quota in quotas:
        (team if quota.team else own).setdefault(quota.owner, []).append(quota)
    whole: dict[str, dict[int, list[Part]]] = {what: {} for what in WHAT}
    found = Whole({}, {}, {})
    for person in reversed(line.walk()):
        for what, parts in whole.items():
            members = parts_of(own.get(person, ()), what)
            for report in line.reports[person]:
                members += parts[report]
            given = parts_of(team.get(person, ()), what, tuple(line.below(person)))
            counted = replacing(members, given)
            parts[person] = counted.parts
            if what == "amount" and counted.given != counted.replaced:
                found.differ[person] = counted.given, counted.replaced
            if what == "amount" and counted.passed_over:
                found.passed_over[person] = counted.passed_over
    for person in line.walk():
        found.targets[person] = Target(*(tuple(parts[person]) for parts in whole.values()))
    return found


class Counted(NamedTuple):
    """What counts of a team and its members."""

    parts: list[Part]
    given: int = 0  # for the team, where its members had something
    replaced: int = 0  # what that was
    passed_over: int = 0  # for the team, where a member's reaches beyond its days


def replacing(members: Iterable[Part], team: Iterable[Part]) -> Counted:
    """The parts of members, with those set for their team in place of what lies within.

    A part of a member that reaches beyond the days of the team's is the longer one: it stands, and the
    team's does not count, as no day is counted twice and no target is cut in pieces.
    """
    parts, given, replaced, passed_over = list(members), 0, 0, 0
    for part in team:
        over = [each for each in parts if each.start <= part.end and part.start <= each.end]
        if any(each.start < part.start or part.end < each.end for each in over):
            passed_over += part.value
            continue
        parts = [each for each in parts if each not in over]
        parts.append(part)
        if over:
            given += part.value
            replaced += sum(each.value for each in over)
    return Counted(parts, given, replaced, passed_over)


def pace(closed: int, parts: Iterable[Part], day: str) -> float | None:
    """What is closed towards quotas, of what they come to by the end of a day, each spread evenly over its
    days; in percent to one decimal: 100 is right on time.

    None before they begin, or where there is none.
    """
    from datetime import date

    today = date.fromisoformat(day)
    due: dict[int, int] = {}  # by the number of days: what is due × that number
    for part in parts:
        start, end = date.fromisoformat(part.start), date.fromisoformat(part.end)
        days = (end - start).days + 1
        passed = min(max(0, (today - start).days + 1), days)
        due[days] = due.get(days, 0) + part.value * passed
    all_days = lcm(*due)
    whole = sum(value * (all_days // days) for days, value in due.items())
    return ratio(closed * 100 * all_days, whole, 1) if whole else None


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


def partly_covered(quotas: Iterable[Quota], start: str, end: str, names: Mapping[int, str]) -> str:
    """Who has amounts of their own for some days of a period, and none for others; blank for nobody."""
    from datetime import date

    def days(first: str, last: str) -> int:
        return (date.fromisoformat(last) - date.fromisoformat(first)).days + 1

    own = {owner: target.amounts for owner, target in own_targets(quotas).items() if target.amounts}
    found = [
        names[owner]
        for owner, parts in own.items()
        if sum(days(part.start, part.end) for part in parts) < days(start, end)
    ]
    more = [f"{len(found) - NAMED} more"] if len(found) > NAMED else []
    return ", ".join(sorted(found)[:NAMED] + more)
