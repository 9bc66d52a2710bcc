"""Quotas: what everybody was to close in a period, and how much of it is closed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

from crmcli.result import Column, Report, Row
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import (
    Line,
    Part,
    Quota,
    Target,
    days_of,
    in_one_currency,
    own_targets,
    pace,
    partly_covered,
    parts_of,
    target_of,
    whole_targets,
)
from crmcli.rules.rates import Rates
from crmcli.store.deals import Scope
from crmcli.store.figures import quotas, rates
from crmcli.store.groups import reporting_line
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import Period, period_of

NONE: Final = "n/a"
FORMULAS: Final = {
    "closed": "amounts of the deals won with a close date in the period",
    "towards": "of these, what was won on the days of the quota: all of it, but for teams and the total where quotas"
    " are for a part of the period; who has none counts on the days of the others",
    "attainment": "towards / quota, in percent; of deals likewise",
    "gap": "quota - towards, never below 0",
    "pace": "towards / what the quotas come to by the as-of day, each spread evenly over its days; 100 is on time",
    "team": "somebody with all below them: the quota set for the team within its days, else the sum of their own",
    "total": "the quotas of all, teams' among them; in the home currency where quotas are in several",
}


def columns_of(part: bool) -> tuple[Column, ...]:
    """The columns; what counts towards quotas is one of its own where that is only a part of what was closed."""
    return (
        Column("owner", "Owner"),
        Column("period", "Period", cut="never"),
        Column("currency", "Currency", hidden=True),
        Column("amount", "Quota", "money", absent=NONE),
        Column("closed", "Closed", "money"),
        Column("towards", "Towards quota", "money", short="Towards", absent=NONE, hidden=not part),
        Column("attainment", "Attainment", "percent", absent=NONE),
        Column("gap", "Gap", "money", absent=NONE),
        Column("pace", "Pace", "percent", minor=1, absent=NONE, ages=True),
        Column("count_quota", "Deals to win", "number", minor=2),
        Column("count_closed", "Won", "number", minor=3),
        Column("count_attainment", "Of deals", "percent", minor=2),
    )


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    period: Period
    home: str  # the currency of rates
    fiscal_start: int
    into: str | None = None  # the currency that all is converted to
    explain: bool = False


class Won(NamedTuple):
    """So many deals that were won on a day, each of an amount, or all of them together; 0 where there is none."""

    owner: int | None
    currency: str
    day: str
    amount: int
    deals: int
    each: bool


class Closed(NamedTuple):
    """What won deals come to in one currency, and how many there are, those in no amount too."""

    amount: int
    deals: int


class Closings:
    """The won deals of a period; an amount that has no rate is counted apart, and never as nothing."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates, currencies: set[str]) -> None:
        one = currencies.pop() if len(currencies) == 1 else ""
        each = "CASE WHEN d.currency = :one THEN NULL ELSE d.amount END"
        scope = asked.scope
        rows = reader.rows(
            f"SELECT d.owner_id, d.currency, d.close_date, {each},"
            " CAST(coalesce(sum(d.amount), 0) AS BIGINT), count(*), count(*) - count(d.amount)"
            f" FROM {scope.source.table} WHERE {scope.holds} AND d.is_closed = 1 AND d.is_won = 1"
            " AND d.close_date BETWEEN :start AND :end GROUP BY 1, 2, 3, 4",
            one=one,
            start=asked.period.start.isoformat(),
            end=asked.period.end.isoformat(),
            **scope.params,
        )
        self.rates = rates
        self.won: dict[int | None, list[Won]] = {}
        self.without_amount = 0
        for owner, currency, day, amount, summed, deals, blank in rows:
            self.without_amount += blank
            won = Won(owner, currency, day, summed if amount is None else amount, deals, amount is not None)
            self.won.setdefault(owner, []).append(won)
        self.without_rate: set[tuple[str, Won]] = set()  # with the currency that they were to be said in

    def closed(self, owners: Iterable[int | None], start: str, end: str, currency: str) -> Closed:
        total = count = 0
        for owner in owners:
            for won in self.won.get(owner, []):
                if not start <= won.day <= end:
                    continue
                count += won.deals
                if not won.amount:
                    continue
                amount = self.rates.convert(won.amount, won.currency, currency, won.day)
                if amount is None:
                    self.without_rate.add((currency, won))
                    continue
                total += amount * (won.deals if won.each else 1)
        return Closed(total, count)

    def towards(self, parts: Iterable[Part], people: Collection[int | None], currency: str) -> Closed:
        """What people won towards targets, as `crmcli.rules.quotas.towards` has it."""
        parts = list(parts)
        found = [
            self.closed([person], start, end, currency)
            for person in people
            for start, end in days_of(parts, person)
        ]
        return Closed(sum(each.amount for each in found), sum(each.deals for each in found))

    def unconverted(self) -> list[dict[str, Any]]:
        """The deals that could not be said in a currency, counted and summed in their own."""
        found: dict[tuple[str, str], list[int]] = {}
        for into, won in self.without_rate:
            sums = found.setdefault((into, won.currency), [0, 0])
            sums[0] += won.deals
            sums[1] += won.amount * (won.deals if won.each else 1)
        return [
            {"currency": of, "count": deals, "amount": amount_text(amount, of), "into": into}
            for (into, of), (deals, amount) in sorted(found.items())
        ]


def quota_show(reader: Reader, asked: Asked) -> Report:
    """Everybody's quotas within a period, with what was closed towards each."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    users = {
        user.id: (user.name, user.manager, user.sells) for user in reporting_line(reader, asked.scope.moment)
    }
    wanted = [id for id in users if asked.scope.owner_id in (None, id)]
    line = Line({id: manager for id, (_, manager, _) in users.items()})
    found = [
        quota
        for quota in (
            Quota(owner, first, last, bool(team), amount, deals, currency)
            for owner, first, last, team, amount, deals, currency in quotas(
                reader, start, end, asked.scope.moment, asked.scope.known
            )
        )
        if quota.owner in users
    ]
    converter = Rates(asked.home, rates(reader, asked.scope.known, asked.home))
    currencies = {quota.currency for quota in found if quota.amount is not None}
    # Of teams, of the total, and of who has no quota.
    into = asked.into or (min(currencies) if len(currencies) == 1 else asked.home)
    known, without_rate = in_one_currency(found, converter, into, asked.scope.as_of)
    shown = known if asked.into else [q if q.amount is not None else q._replace(currency=into) for q in found]
    said_in = {into, *(quota.currency for quota in shown)}
    closings = Closings(reader, asked, converter, set(said_in))

    own = [quota for quota in shown if not quota.team and quota.owner in wanted]
    rows = [row_of(asked, users[quota.owner][0], quota, closings) for quota in own]
    with_quota = {quota.owner for quota in own}
    for id in wanted:  # no quota is no reason not to be seen
        if id not in with_quota and (users[id][2] or id in closings.won):
            nothing = Quota(id, start, end, False, None, None, into)
            rows.append(row_of(asked, users[id][0], nothing, closings))
    rows.sort(key=lambda row: row[0].casefold())

    names = {id: name for id, (name, _, _) in users.items()}
    teams: list[dict[str, Any]] = []
    said: list[str] = []
    if asked.scope.owner_id is None:
        for team, words in team_rows(asked, names, line, known, into, closings):
            teams.append(team)
            said += words
        said += whole_targets(line, known).sentences(names, into)
    total = total_row(asked, line, wanted, known, closings, into)
    one = into if said_in == {into} else None
    closed, reached = total[4:6]
    part = reached not in (None, closed)
    report = Report(
        columns_of(part),
        rows,
        title=f"Quotas {asked.period.label}" + (f", {one}" if one else ""),
        empty="There is nobody who could have a quota.",
        refs=None,
        head={
            "as_of": asked.scope.as_of,
            "period": {"start": start, "end": end, "label": asked.period.label},
            "currency": one,
            "owner": asked.scope.owner,
        },
        total=total,
        tail={
            "teams": teams,
            "missing_rates": closings.unconverted(),
            "quotas_without_rate": unrated(without_rate, names),
        },
    )
    if one is None:
        said.append(f"Teams and the total are in {into}, quotas at the rates of {asked.scope.as_of}")
    if part:
        said.append(
            f"{amount_words(closed - reached, into)} of what was closed counts towards no quota:"
            " won outside the days of quotas"
        )
    apart = sum(
        closings.towards(target.amounts, [id], into).amount for id, target in own_targets(known).items()
    )
    if asked.scope.owner_id is None and not any(quota.team for quota in known) and apart < (reached or 0):
        said.append(
            f"The total has {amount_words(reached - apart, into)} that was closed without a quota of one's own"
        )
    if closings.without_amount:
        deals = "1 deal" if closings.without_amount == 1 else f"{closings.without_amount} deals"
        said.append(f"No amount: {deals} won, counted, in no amount")
    report.notes = [*said, *notes(asked, found, own, report, names)]
    report.stands_on = f"As of {asked.scope.as_of} · closed {start}..{end}"
    report.remarks = converter.sentences()
    if asked.explain:
        report.explain = [f"{name}: {formula}" for name, formula in FORMULAS.items()]
        report.tail["explain"] = {"formulas": FORMULAS}
    return report


def unrated(quotas: Iterable[Quota], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """The quotas that have no rate, added up for each person."""
    found: dict[tuple[str, str], list[int]] = {}
    for quota in quotas:
        found.setdefault((names[quota.owner], quota.currency), []).append(quota.amount or 0)
    return [
        {
            "owner": owner,
            "currency": currency,
            "count": len(amounts),
            "amount": amount_text(sum(amounts), currency),
        }
        for (owner, currency), amounts in found.items()
    ]


def row_of(asked: Asked, name: str, quota: Quota, closings: Closings) -> Row:
    people = [quota.owner]
    closed = closings.closed(people, quota.start, quota.end, quota.currency)
    label = period_of(
        date.fromisoformat(quota.start), date.fromisoformat(quota.end), asked.fiscal_start
    ).label
    return [
        name,
        label,
        quota.currency,
        *figures(asked, target_of(quota), closed, closings, people, quota.currency),
    ]


def figures(
    asked: Asked,
    target: Target,
    closed: Closed,
    closings: Closings,
    people: Collection[int | None],
    currency: str,
) -> list[Any]:
    """The figures of a row, from its quota on; like is compared with like: see `Closings.towards`."""
    reached = closings.towards(target.amounts, people, currency).amount
    deals = closings.towards(target.counts, people, currency).deals
    return [
        target.amount,
        closed.amount,
        reached if target.amounts else None,
        attainment(reached, target.amount),
        gap(reached, target.amount),
        pace(reached, target.amounts, asked.scope.as_of),
        target.deals,
        closed.deals,
        attainment(deals, target.deals),
    ]


def total_row(
    asked: Asked, line: Line, wanted: list[int], known: list[Quota], closings: Closings, currency: str
) -> Row:
    """What all come to."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    people: Collection[int | None]
    if asked.scope.owner_id is None:
        whole, people = whole_targets(line, known).targets, list(closings.won)
        targets = [whole[top] for top in line.tops]
    else:
        own, people = own_targets(known), wanted
        targets = [own[id] for id in wanted if id in own]
    closed = closings.closed(people, start, end, currency)
    target = Target()
    for each in targets:
        target = target.plus(each)
    return [None, None, currency, *figures(asked, target, closed, closings, people, currency)]


def team_rows(
    asked: Asked,
    names: Mapping[int, str],
    line: Line,
    known: list[Quota],
    currency: str,
    closings: Closings,
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Those who lead others, with all below them: what is set for the team beside the sum of their own."""

    def text(minor: int | None) -> str | None:
        return None if minor is None else amount_text(minor, currency)

    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    own, whole = own_targets(known), whole_targets(line, known)
    for leader in line.walk():
        target = whole.targets[leader]
        if not line.reports[leader] or target == Target():
            continue
        below = line.below(leader)
        closed = closings.closed(below, start, end, currency)
        reached = closings.towards(target.amounts, below, currency).amount
        share = attainment(reached, target.amount)
        given = parts_of((quota for quota in known if quota.team and quota.owner == leader), "amount")
        members = [quota for quota in known if not (quota.team and quota.owner == leader)]
        differ = whole.differ.get(leader)
        words = []
        if target.amount is not None:
            of = f"{amount_words(reached, currency)} of {amount_words(target.amount, currency)}"
            percent = NONE if share is None else f"{share} %"
            words.append(f"Team of {names[leader]}: {of} ({percent})")
        yield (
            {
                "owner": names[leader],
                "currency": currency,
                "own": text(own.get(leader, Target()).amount),
                "quota": text(sum(part.value for part in given)) if given else None,
                "sum": text(whole_targets(line, members).targets[leader].amount),
                "mismatch": text(differ[0] - differ[1]) if differ else None,
                "target": text(target.amount),
                "closed": text(closed.amount),
                "towards": text(reached if target.amounts else None),
                "attainment": share,
                "gap": text(gap(reached, target.amount)),
                "members": [names[id] for id in below],
            },
            words,
        )


def notes(
    asked: Asked, found: list[Quota], own: list[Quota], report: Report, names: Mapping[int, str]
) -> list[str]:
    """What is missing."""
    said = []
    for each in report.tail["quotas_without_rate"]:
        quotas = "1 quota" if each["count"] == 1 else f"{each['count']} quotas"
        said.append(
            f"No rate: {quotas} of {each['owner']}, {each['currency']} {each['amount']}, left out of teams and"
            f" the total: crm rate set {each['currency']} RATE --from DATE"
        )
    for each in report.tail["missing_rates"]:
        deals = "1 deal" if each["count"] == 1 else f"{each['count']} deals"
        unrated = each["into"] if each["currency"] == asked.home else each["currency"]
        said.append(
            f"No rate: {deals}, {each['currency']} {each['amount']} won, left out of what is in {each['into']}:"
            f" crm rate set {unrated} RATE --from DATE"
        )
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    partial = partly_covered(own, start, end, names)
    if partial:
        said.append(f"The quotas of {partial} cover only part of {asked.period.label}")
    if not found:
        said.append(f"There is no quota for {asked.period.label}: crm quota set --period P --amount M")
    return said
