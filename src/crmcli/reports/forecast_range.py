"""The range of a forecast: how likely which outcome is, from what became of deals in each stage before."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from crmcli.errors import InvalidValue
from crmcli.rules.accuracy import percent
from crmcli.rules.forecast_range import PRIOR, THIN, Ended, Open, forecast_range, win_rates
from crmcli.rules.rates import Rates
from crmcli.store.deals import Scope
from crmcli.store.figures import rates
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words
from crmcli.values.periods import Period

BITS: Final = 60  # stages that are told apart in one number


class Asked(NamedTuple):
    """What the range is of: the deals of a scope that close in a period, and a quota."""

    scope: Scope
    period: Period
    home: str
    into: str | None
    target: int | None  # in the currency that the forecast is in


def history(reader: Reader, scope: Scope, stages: Sequence[str]) -> tuple[dict[str, Ended], Ended]:
    """How closed deals ended, of those that had been in each stage while they were open, and of all.

    A deal counts once for a stage, however often it was there: each stage is a bit, and the sum of a deal's
    different bits is where it has been.
    """
    then = scope._replace(supposed=(), owner_id=None, team=())
    source, params = then.source, then.params
    closed = f"{source.holds} AND d.is_closed = 1"
    overall = reader.row(
        f"SELECT count(*), coalesce(sum(d.is_won), 0) FROM {source.table} WHERE {closed}", **params
    )
    known = "v.recorded_to IS NULL"
    if scope.known is not None:
        known = "v.recorded_at < :known AND (v.recorded_to IS NULL OR v.recorded_to >= :known)"
    if scope.moment is not None:
        known += " AND v.valid_from < :moment"
    ended: dict[str, list[int]] = {}
    for first in range(0, len(stages), BITS):
        some = {f"stage_{bit}": stage for bit, stage in enumerate(stages[first : first + BITS])}
        bits = " ".join(f"WHEN :{name} THEN {1 << bit}" for bit, name in enumerate(some))
        # CROSS JOIN has SQLite read deal after deal, in the order of the versions' index: nothing is sorted.
        been = (
            f"SELECT d.is_won AS won, sum(DISTINCT CASE v.stage {bits} ELSE 0 END) AS stages"
            f" FROM {source.table} CROSS JOIN opportunity_version AS v WHERE v.opportunity_id = {source.id}"
            f" AND {closed} AND v.is_closed = 0 AND {known} GROUP BY {source.id}, d.is_won"
        )
        counted = f"SELECT stages, count(*), sum(won) FROM ({been}) AS b GROUP BY stages"
        for mask, deals, won in reader.rows(counted, **params, **some):
            for bit, stage in enumerate(some.values()):
                if int(mask) >> bit & 1:
                    of = ended.setdefault(stage, [0, 0])
                    of[0] += int(deals)
                    of[1] += int(won)
    return {stage: Ended(*of) for stage, of in ended.items()}, Ended(*map(int, overall or (0, 0)))


def range_of(reader: Reader, asked: Asked) -> tuple[dict[str, Any], list[str]]:
    """The range as a document, and in words. Raises InvalidValue where amounts have no common currency."""
    start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
    scope, converter = asked.scope, Rates(asked.home, rates(reader, asked.scope.known, asked.home))
    found = list(
        reader.rows(
            f"SELECT d.is_won, d.stage, d.currency, d.amount, d.close_date, count(*)"
            f" FROM {scope.source.table} WHERE {scope.holds} AND d.amount IS NOT NULL"
            " AND d.category <> 'Omitted' AND d.close_date BETWEEN :start AND :end"
            " AND (d.is_won = 1 OR (d.is_closed = 0 AND d.close_date >= :as_of)) GROUP BY 1, 2, 3, 4, 5",
            start=start,
            end=end,
            as_of=scope.as_of,
            **scope.params,
        )
    )
    currencies = sorted({row[2] for row in found})
    if asked.into is None and len(currencies) > 1:
        raise InvalidValue(
            f"There are deals in {', '.join(currencies)}, which have no range together.",
            hint=f"--currency {asked.home} converts them.",
            field="range",
        )
    currency = asked.into or (currencies[0] if currencies else asked.home)
    usual = dict(reader.rows("SELECT name, probability FROM stage ORDER BY deleted_at IS NULL, id"))
    by_stage, overall = history(reader, scope, list(usual))
    open_stages = {row[1] for row in found if not row[0]}
    chances = win_rates({**dict.fromkeys(open_stages, Ended(0, 0)), **by_stage}, usual)
    closed = 0
    amounts: dict[str, Counter[int]] = {}
    for won, stage, of, amount, day, deals in found:
        converted = converter.convert(amount, of, currency, day if won else scope.as_of)
        if converted is None:
            continue  # the forecast names it
        if won:
            closed += converted * deals
        elif stage in chances:
            amounts.setdefault(stage, Counter())[converted] += deals
    past = {
        "closed": overall.closed,
        "won": overall.won,
        "thin": overall.closed < THIN,
        "stages": {
            stage: {
                **by_stage.get(stage, Ended(0, 0))._asdict(),
                "probability": usual[stage],
                "win_rate": round(float(100 * chance), 1),
            }
            for stage, chance in sorted(chances.items())
        },
    }
    open = [Open(chances[stage], those) for stage, those in amounts.items()]
    range = forecast_range(closed, open, asked.target)
    money = {name: getattr(range, name) for name in ("p10", "p50", "p90", "mean")}
    said = ", ".join(
        f"{name.replace('p', 'P')} {amount_words(minor, currency)}" for name, minor in list(money.items())[:3]
    )
    quota = "" if range.chance is None else f"; chance of the quota {range.chance} %"
    words = [f"Range: {said}; mean {amount_words(range.mean, currency)}{quota}"]
    thin = ": too thin to lean on" if past["thin"] else ""
    deals = "1 closed deal" if overall.closed == 1 else f"{overall.closed or 'no'} closed deals"
    grid = f", amounts to {amount_words(range.step, currency)}" if range.step > 1 else ""
    words.append(
        f"From {deals}, {overall.won} of them won, stage by stage, and the probabilities of the stages{thin};"
        f" deals are taken as independent{grid}"
    )
    document = {name: amount_text(minor, currency) for name, minor in money.items()}
    return {**document, "chance_of_quota": range.chance, "history": past}, words


def explained(document: dict[str, Any]) -> Iterator[str]:
    """The win rates behind a range, stage by stage."""
    past = document["history"]
    for stage, ended in past["stages"].items():
        own = percent(ended["won"], ended["closed"])
        of = "none closed" if own is None else f"{ended['won']} won of {ended['closed']}: {own} %"
        drawn = f"drawn towards its probability of {ended['probability']} % by {PRIOR} deals"
        yield f"win rate from {stage}: {of}; {drawn}: {ended['win_rate']} %"
