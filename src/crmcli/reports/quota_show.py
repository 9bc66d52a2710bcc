"""Quotas: what everybody was to close in a period, and how much of it is closed."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final, NamedTuple

from crmcli.result import Column, Report, Row
from crmcli.rules.forecast import attainment, gap
from crmcli.rules.quotas import (
    Line,
    Quota,
    Target,
    outermost,
    own_targets,
    pace,
    uncovered,
    whole_targets,
)
from crmcli.rules.rates import Rates
from crmcli.store.deals import Scope
from crmcli.store.figures import quotas, rates
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import Period, period_of

NONE: Final = "n/a"
COLUMNS: Final = (
    Column("owner", "Owner"),
    Column("period", "Period", cut="never"),
    Column("currency", "Currency", hidden=True),
    Column("amount", "Quota", "money", absent=NONE),
    Column("closed", "Closed", "money"),
    Column("attainment", "Attainment", "percent", absent=NONE),
    Column("gap", "Gap", "money", absent=NONE),
    Column("pace", "Pace", "percent", minor=1, absent=NONE, ages=True),
    Column("count_quota", "Deals to win", "number", minor=2),
    Column("count_closed", "Won", "number", minor=3),
    Column("count_attainment", "Of deals", "percent", minor=2),
)
FORMULAS: Final = {
    "closed": "amounts of the deals won with a close date in the period",
    "attainment": "closed / quota, in percent",
    "gap": "quota - closed, never below 0",
    "pace": "attainment / share of the period's days that have passed, today among them; 100 is on time",
    "team": "somebody with all below them: the quota set for the team, else the sum of their own",
}


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope
    period: Period
    home: str  # the currency of who has no quota, and of rates
    fiscal_start: int
    explain: bool = False


class Won(NamedTuple):
    """So many deals that were won on a day, each of an amount, or all of them together."""

    owner: int | None
    currency: str
    day: str
    amount: int
    deals: int
    each: bool


class Closed(NamedTuple):
    """What won deals come to in one currency."""

    amount: int
    deals: int


class Closings:
    """The won deals of a period; what has no rate is counted apart, and never as nothing."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates, currencies: set[str]) -> None:
        one = currencies.pop() if len(currencies) == 1 else ""
        each = "CASE WHEN d.currency = :one THEN NULL ELSE d.amount END"
        scope = asked.scope
        rows = reader.rows(
            f"SELECT d.owner_id, d.currency, d.close_date, {each}, CAST(sum(d.amount) AS BIGINT), count(*)"
            f" FROM {scope.source.table} WHERE {scope.holds} AND d.is_closed = 1 AND d.is_won = 1"
            " AND d.close_date BETWEEN :start AND :end AND d.amount IS NOT NULL GROUP BY 1, 2, 3, 4",
            one=one,
            start=asked.period.start.isoformat(),
            end=asked.period.end.isoformat(),
            **scope.params,
        )
        self.rates = rates
        self.won: dict[int | None, list[Won]] = {}
        for owner, currency, day, amount, summed, deals in rows:
            won = Won(owner, currency, day, summed if amount is None else amount, deals, amount is not None)
            self.won.setdefault(owner, []).append(won)
        self.without_rate: dict[tuple[str, str], int] = {}  # by the two currencies: deals

    def closed(self, owners: Iterable[int | None], start: str, end: str, currency: str) -> Closed:
        total = count = 0
        for owner in owners:
            for won in self.won.get(owner, []):
                if not start <= won.day <= end:
                    continue
                amount = self.rates.convert(won.amount, won.currency, currency, won.day)
                if amount is None:
                    continue
                total += amount * (won.deals if won.each else 1)
                count += won.deals
        return Closed(total, count)

    def unconverted(self, currency: str) -> list[dict[str, Any]]:
        """The deals that cannot be said in a currency, counted and summed in their own."""
        found: dict[str, list[int]] = {}
        for theirs in self.won.values():
            for won in theirs:
                if self.rates.convert(won.amount, won.currency, currency, won.day) is None:
                    sums = found.setdefault(won.currency, [0, 0])
                    sums[0] += won.deals
                    sums[1] += won.amount * (won.deals if won.each else 1)
        return [
            {"currency": of, "count": deals, "amount": amount_text(amount, of), "into": currency}
            for of, (deals, amount) in sorted(found.items())
        ]


def quota_show(reader: Reader, asked: Asked) -> Report:
    """Everybody's quotas within a period, with what was closed towards each."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    users = {
        id: (name, manager, bool(active))
        for id, name, manager, active in reader.rows(
            "SELECT id, name, manager_id, CASE WHEN deleted_at IS NULL THEN active ELSE 0 END"
            ' FROM "user" ORDER BY name_key, id'
        )
    }
    wanted = [id for id in users if asked.scope.owner_id in (None, id)]
    line = Line({id: manager for id, (_, manager, _) in users.items()})
    known = [
        quota
        for quota in (
            Quota(owner, first, last, bool(team), amount, deals, currency)
            for owner, first, last, team, amount, deals, currency in quotas(
                reader, asked.scope.known_until, start, end
            )
        )
        if quota.owner in users
    ]
    currencies = {quota.currency for quota in known} or {asked.home}
    converter = Rates(asked.home, rates(reader, asked.scope.known_until, asked.home))
    closings = Closings(reader, asked, converter, set(currencies))

    own = [quota for quota in known if not quota.team and quota.owner in wanted]
    rows = [row_of(asked, users[quota.owner][0], quota, closings) for quota in own]
    with_quota = {quota.owner for quota in own}
    spare = min(currencies) if len(currencies) == 1 else asked.home
    for id in wanted:  # no quota is no reason not to be seen
        if id not in with_quota and (users[id][2] or id in closings.won):
            nothing = Quota(id, start, end, False, None, None, spare)
            rows.append(row_of(asked, users[id][0], nothing, closings))
    rows.sort(key=lambda row: row[0].casefold())

    teams = list(team_rows(asked, users, line, known, closings)) if asked.scope.owner_id is None else []
    totals = total_rows(asked, line, wanted, known, closings, spare)
    one = next(iter(totals)) if len(totals) == 1 else None
    report = Report(
        COLUMNS,
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
        total=totals[one] if one else None,
        totals={} if one else totals,
        tail={"teams": teams, "missing_rates": [each for to in totals for each in closings.unconverted(to)]},
    )
    report.notes = notes(asked, known, own, teams, report)
    if asked.explain:
        report.explain = [f"{name}: {formula}" for name, formula in FORMULAS.items()]
        report.tail["explain"] = {"formulas": FORMULAS}
    return report


def row_of(asked: Asked, name: str, quota: Quota, closings: Closings) -> Row:
    closed = closings.closed([quota.owner], quota.start, quota.end, quota.currency)
    label = period_of(
        date.fromisoformat(quota.start), date.fromisoformat(quota.end), asked.fiscal_start
    ).label
    return [name, label, quota.currency, *figures(asked, quota.start, quota.end, Target(*quota[4:6]), closed)]


def figures(asked: Asked, start: str, end: str, target: Target, closed: Closed) -> list[Any]:
    """The figures of a row, from its quota on."""
    first = date.fromisoformat(start)
    days = (date.fromisoformat(end) - first).days + 1
    reached = attainment(closed.amount, target.amount)
    return [
        target.amount,
        closed.amount,
        reached,
        gap(closed.amount, target.amount),
        pace(reached, (date.fromisoformat(asked.scope.as_of) - first).days + 1, days),
        target.deals,
        closed.deals,
        attainment(closed.deals, target.deals),
    ]


def total_rows(
    asked: Asked, line: Line, wanted: list[int], known: list[Quota], closings: Closings, spare: str
) -> dict[str, Row]:
    """What all come to, in each currency that there are quotas in."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    totals: dict[str, Row] = {}
    for currency in sorted({quota.currency for quota in known} or {spare}):
        those = [quota for quota in known if quota.currency == currency]
        own = own_targets(those)
        if asked.scope.owner_id is None:
            whole, _ = whole_targets(line, own, own_targets(those, team=True))
            targets = [whole[top] for top in line.tops if top in whole]
            closed = closings.closed(list(closings.won), start, end, currency)
        else:
            targets = [own[id] for id in wanted if id in own]
            closed = closings.closed(wanted, start, end, currency)
        target = Target()
        for each in targets:
            target = target.plus(each)
        totals[currency] = [None, None, currency, *figures(asked, start, end, target, closed)]
    return totals


def team_rows(
    asked: Asked, users: dict[int, Any], line: Line, known: list[Quota], closings: Closings
) -> Iterable[dict[str, Any]]:
    """Those who lead others, with all below them: the quota set for the team beside the sum of their own."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    for currency in sorted({quota.currency for quota in known}):
        those = [quota for quota in known if quota.currency == currency]
        own, team = own_targets(those), own_targets(those, team=True)
        whole, differ = whole_targets(line, own, team)
        for leader in line.walk():
            target = whole[leader]
            if not line.reports[leader] or target == Target():
                continue
            closed = closings.closed(line.below(leader), start, end, currency)
            mine = own.get(leader, Target()).amount
            given = team.get(leader, Target()).amount
            summed = differ[leader][1] if leader in differ else target.amount
            yield {
                "owner": users[leader][0],
                "currency": currency,
                "own": None if mine is None else amount_text(mine, currency),
                "quota": None if given is None else amount_text(given, currency),
                "sum": None if summed is None else amount_text(summed, currency),
                "mismatch": None
                if leader not in differ
                else amount_text(differ[leader][0] - differ[leader][1], currency),
                "closed": amount_text(closed.amount, currency),
                "attainment": attainment(closed.amount, target.amount),
                "gap": None
                if (left := gap(closed.amount, target.amount)) is None
                else amount_text(left, currency),
                "members": [users[id][0] for id in line.below(leader)],
                "_amounts": (target.amount, closed.amount, given, summed),
            }


def notes(
    asked: Asked, known: list[Quota], own: list[Quota], teams: list[dict[str, Any]], report: Report
) -> list[str]:
    """What the figures stand on, the teams, and what is missing."""
    said = []
    for team in teams:
        amount, closed, given, summed = team.pop("_amounts")
        currency = team["currency"]
        if amount is not None:
            of = f"{amount_words(closed, currency)} of {amount_words(amount, currency)}"
            reached = "n/a" if team["attainment"] is None else f"{team['attainment']} %"
            said.append(f"Team of {team['owner']}: {of} ({reached})")
        if team["mismatch"] is not None:
            said.append(
                f"Mismatch: the team of {team['owner']} has {amount_words(given, currency)},"
                f" the quotas of its members come to {amount_words(summed, currency)}"
            )
    for each in report.tail["missing_rates"]:
        deals = "1 deal" if each["count"] == 1 else f"{each['count']} deals"
        said.append(
            f"No rate: {deals}, {each['currency']} {each['amount']} won, cannot be said in {each['into']}"
            f" and are in no figure: crm rate set {each['currency']} RATE --from DATE"
        )
    by_owner: dict[int, list[Quota]] = {}
    for quota in own:
        if quota.amount is not None:
            by_owner.setdefault(quota.owner, []).append(quota)
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    partial = sum(uncovered(outermost(theirs), start, end) for theirs in by_owner.values())
    if partial:
        said.append(f"The quotas of {partial} cover only part of {asked.period.label}")
    if not known:
        said.append(f"There is no quota for {asked.period.label}: crm quota set --period P --amount M")
    said.append(f"As of {asked.scope.as_of} · closed {start}..{end}")
    return said
