"""Accuracy: what was forecast so many days before a period's end, against what came."""

from collections.abc import Iterator
from datetime import timedelta, tzinfo
from typing import Any, Final, NamedTuple

from crmcli.fields import reference
from crmcli.result import Column, Report, Row
from crmcli.rules.accuracy import Accuracy, Miss, accuracy, percent, together
from crmcli.rules.forecast import part_of, weighted
from crmcli.rules.rates import Rates
from crmcli.store import groups
from crmcli.store.deals import Scope
from crmcli.store.figures import rates
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.dates import iso_instant, midnight
from crmcli.values.money import amount_text
from crmcli.values.periods import Period

FIGURES: Final = {
    "commit": "closed + Commit",
    "best_case": "closed + Commit + Best Case",
    "weighted": "closed + open deals by probability",
}
BY: Final = ("owner", "stage")
FORMULA_OF_STAGES: Final = (
    "the stage a deal was in on that day; what came of deals made later is a row of its own"
)
FORMULAS: Final = {
    "forecast": "of deals closing in the period, as they were so many days before its end",
    "came": "amounts of the deals won with a close date in the period, as known now",
    "bias": "sum of (forecast - came) / sum of came: above 0 is too much",
    "wape": "sum of |forecast - came| / sum of came, period by period",
    "calibration": "of deals open in a stage then and closed now: their mean probability, and the share won;"
    " each deal once for each number of days, as it was when first forecast so many days before an end",
}
PARTS_OF: Final = {"commit": ("closed", "commit"), "best_case": ("closed", "commit", "best_case")}
EXPLAINED: Final = 20  # deals of a row that --explain shows to people
LATER: Final = "(made later)"


class Asked(NamedTuple):
    """The options of the report."""

    scope: Scope  # as it is now
    periods: tuple[Period, ...]
    days: tuple[int, ...]
    figure: str
    currency: str
    home: str
    zone: tzinfo
    by: str = "owner"
    explain: bool = False


class Counted(NamedTuple):
    """Deals that are counted alike, or, where all are to be named, one of them."""

    part: str
    amount: int
    expected: int
    id: int
    name: str

    def forecast(self, figure: str) -> int:
        """What they add to the figure that is forecast."""
        if figure == "weighted" and self.part != "closed":
            return self.expected
        return self.amount if figure == "weighted" or self.part in PARTS_OF[figure] else 0


Deals = dict[int | str | None, list[Counted]]  # by owner or stage


class Seen(NamedTuple):
    """What the deals of a stage came to that were open so many days before an end."""

    deals: int
    probability: int  # the sum of them all
    won: int


def forecast_accuracy(reader: Reader, asked: Asked) -> Report:
    """How right forecasts were, by owner or stage, for each distance from the end."""
    converter = Rates(asked.home, rates(reader, asked.scope.known, asked.home))
    key_of = groups.keys_of(reader, asked.by, 1, "", {})
    rows: list[Row] = []
    totals: dict[str, Row] = {}
    calibration: dict[tuple[int, str], Seen] = {}
    origin: dict[tuple[int, Key], list[dict[str, Any]]] = {}
    for days in asked.days:
        by_period: list[dict[Key, Miss]] = []
        judged: set[int] = set()  # a deal that was put off is forecast again, but becomes one thing only
        for period in asked.periods:
            day = period.end - timedelta(days=days)
            moment = iso_instant(midnight(day + timedelta(days=1), asked.zone))
            then = asked.scope._replace(as_of=day.isoformat(), moment=moment)
            forecast = foreseen(reader, asked, then, period, converter)
            came = won(reader, asked, then, period, converter)
            by_period.append(
                {
                    key_of(key): Miss(
                        sum(deal.forecast(asked.figure) for deal in forecast.get(key, ())),
                        sum(deal.amount for deal in came.get(key, ())),
                    )
                    for key in {*forecast, *came}
                }
            )
            for of in {*forecast, *came} if asked.explain else ():
                named = origin.setdefault((days, key_of(of)), [])
                named += named_deals(asked, period, forecast.get(of, []), came.get(of, []))
            for id, stage, probability, is_won in outcomes(reader, then, period):
                if id not in judged:
                    judged.add(id)
                    seen = calibration.get((days, stage), Seen(0, 0, 0))
                    calibration[days, stage] = Seen(
                        seen.deals + 1, seen.probability + probability, seen.won + is_won
                    )
        for key in sorted({key for period in by_period for key in period}, key=lambda key: key.place):
            theirs = accuracy(period[key] for period in by_period if key in period)
            rows.append([str(days), key.name, asked.currency, *theirs])
        whole: Accuracy = accuracy(together(by_period))
        totals[str(days)] = [str(days), None, asked.currency, *whole]
    calibrated = [
        {
            "days_before": str(days),
            "stage": stage,
            "deals": seen.deals,
            "probability": percent(seen.probability, 100 * seen.deals),
            "won": percent(seen.won, seen.deals),
        }
        for (days, stage), seen in sorted(
            calibration.items(),
            key=lambda item: (item[0][0], -item[1].probability / item[1].deals, item[0][1]),
        )
    ]
    labels = [period.label for period in asked.periods]
    report = Report(
        columns_of(asked),
        rows,
        title=f"Accuracy of {asked.figure.replace('_', ' ')}, {', '.join(labels)}, {asked.currency},"
        " by days before the end",
        empty="No deals were forecast, and none came.",
        refs=None,
        head={
            "as_of": asked.scope.as_of,
            "periods": labels,
            "currency": asked.currency,
            "figure": asked.figure,
            "by": asked.by,
            "owner": asked.scope.owner,
        },
        block="days_before",
        block_title="{} days before the end",
        totals=totals,
        tail={"calibration": calibrated, "missing_rates": sorted(converter.failed)},
        notes=list(notes(asked, calibrated, converter)),
    )
    if asked.explain:
        formulas = FORMULAS | ({"stage": FORMULA_OF_STAGES} if asked.by == "stage" else {})
        report.explain = [f"{name}: {formula}" for name, formula in formulas.items()]
        explain(asked, report, formulas, origin)
    return report


def named_deals(
    asked: Asked, period: Period, forecast: list[Counted], came: list[Counted]
) -> list[dict[str, Any]]:
    """The deals of a row in a period: what each was forecast to bring, and what came of it."""
    names = {deal.id: deal.name for deal in (*forecast, *came)}
    foreseen = {deal.id: deal.forecast(asked.figure) for deal in forecast}
    brought = {deal.id: deal.amount for deal in came}
    found = [(id, foreseen.get(id, 0), brought.get(id, 0)) for id in names]
    return [
        {
            "ref": reference("opportunity", id),
            "name": names[id],
            "period": period.label,
            "forecast": amount_text(before, asked.currency),
            "actual": amount_text(after, asked.currency),
        }
        for id, before, after in sorted(found, key=lambda deal: (-max(deal[1:]), deal[0]))
        if before or after
    ]


def explain(
    asked: Asked,
    report: Report,
    formulas: dict[str, str],
    origin: dict[tuple[int, Key], list[dict[str, Any]]],
) -> None:
    """Name the deals of every row; to people the first of each."""
    in_order = sorted(origin, key=lambda each: (each[0], each[1].place))
    for days, key in in_order:
        deals = origin[days, key]
        report.explain.append(f"{key.name}, {days} days before the end: {len(deals)}")
        report.explain += (
            f"  {deal['ref']} {deal['name']} · {deal['period']} · forecast {deal['forecast']}"
            f" · came {deal['actual']}"
            for deal in deals[:EXPLAINED]
        )
        if len(deals) > EXPLAINED:
            report.explain.append(f"  and {len(deals) - EXPLAINED} more")
    report.tail["explain"] = {
        "formulas": formulas,
        "rows": [
            {"days_before": str(days), "key": key.name, "deals": origin[days, key]} for days, key in in_order
        ],
    }


def columns_of(asked: Asked) -> tuple[Column, ...]:
    return (
        Column("days_before", "Days before", hidden=True),
        Column(asked.by, asked.by.capitalize(), cut="last"),
        Column("currency", "Currency", hidden=True),
        Column("forecast", "Forecast", "money"),
        Column("actual", "Came", "money"),
        Column("bias", "Bias", "percent", absent="n/a"),
        Column("wape", "WAPE", "percent", absent="n/a"),
    )


def notes(asked: Asked, calibrated: list[dict[str, Any]], converter: Rates) -> Iterator[str]:
    """How probabilities held, and what the figures stand on."""
    for each in calibrated:
        deals = "1 deal" if each["deals"] == 1 else f"{each['deals']} deals"
        yield (
            f"Calibration, {each['days_before']} days before: {each['stage']}: {each['probability']} % was said,"
            f" {each['won']} % of {deals} won"
        )
    for currency in sorted(converter.failed):
        yield f"No rate: deals in {currency} are in no figure: crm rate set {currency} RATE --from DATE"
    yield f"{asked.figure.replace('_', ' ').capitalize()}: {FIGURES[asked.figure]}, against what was closed in the end"


def won(reader: Reader, asked: Asked, then: Scope, period: Period, converter: Rates) -> Deals:
    """What was closed in a period, as it is known now: by owner, or by the stage it was in on a day."""
    key, params, joined = "d.owner_id", {}, ""
    if asked.by == "stage":
        key = f"coalesce(v.stage, '{LATER}')"
        joined = (
            f" LEFT JOIN opportunity_version AS v ON v.opportunity_id = {asked.scope.source.id}"
            " AND v.recorded_to IS NULL AND v.valid_from < :then AND (v.valid_to IS NULL OR v.valid_to >= :then)"
        )
        params = {"then": then.moment}
    found = deals(reader, asked, asked.scope, period, converter, key, joined, params)
    closed = {of: [deal for deal in those if deal.part == "closed"] for of, those in found.items()}
    return {of: those for of, those in closed.items() if those}


def foreseen(reader: Reader, asked: Asked, then: Scope, period: Period, converter: Rates) -> Deals:
    """What was forecast to be closed, on the day of a scope."""
    key = "d.stage" if asked.by == "stage" else "d.owner_id"
    return deals(reader, asked, then, period, converter, key, "", {})


def deals(
    reader: Reader,
    asked: Asked,
    scope: Scope,
    period: Period,
    converter: Rates,
    key: str,
    joined: str,
    params: dict[str, Any],
) -> Deals:
    """The deals that close in a period: what each is counted as, its amount, and what it is expected to bring."""
    source = scope.source
    table, one, of_each = source.table, "0, ''", ""
    if asked.explain:
        table, one = source.named, f"{source.id}, {source.name}"
        of_each = f", {one}"
    rows = reader.rows(
        f"SELECT {key} AS k, d.currency, d.category, d.is_closed, d.amount, d.probability, d.close_date,"
        f" count(*), {one} FROM {table}{joined} WHERE {scope.holds} AND d.amount IS NOT NULL"
        " AND d.close_date BETWEEN :start AND :end"
        " AND (d.is_won = 1 OR (d.is_closed = 0 AND d.close_date >= :as_of))"
        f" GROUP BY 1, 2, 3, 4, 5, 6, 7{of_each}",
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        as_of=scope.as_of,
        **scope.params,
        **params,
    )
    found: Deals = {}
    for of, currency, category, closed, amount, probability, day, count, id, name in rows:
        part = part_of(category, is_closed=bool(closed), is_won=bool(closed))
        converted = converter.convert(amount, currency, asked.currency, day if closed else scope.as_of)
        if part is not None and converted is not None:
            expected = weighted(converted, probability) * count
            found.setdefault(of, []).append(Counted(part, converted * count, expected, id, name))
    return found


def outcomes(reader: Reader, then: Scope, period: Period) -> Iterator[tuple[int, str, int, int]]:
    """The deals that were open on a day and to close in a period, and are closed now: id, stage, probability,
    and whether they were won."""
    rows = reader.rows(
        f"SELECT {then.source.id}, d.stage, d.probability, n.is_won"
        f" FROM {then.source.table} JOIN opportunity AS n ON n.id = {then.source.id}"
        f" WHERE {then.open} AND d.close_date BETWEEN :start AND :end AND n.is_closed = 1 AND n.deleted_at IS NULL",
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        **then.params,
    )
    for id, stage, probability, is_won in rows:
        yield int(id), str(stage), int(probability), int(is_won)
