"""Accuracy: what was forecast so many days before a period's end, against what came."""

from collections.abc import Iterator
from datetime import timedelta, tzinfo
from typing import Any, Final, NamedTuple

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
    "calibration": "of deals open in a stage then and closed now: their mean probability, and the share won",
}
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


class Seen(NamedTuple):
    """What the deals of a stage came to that were open on one of the days."""

    deals: int
    probability: int  # the sum of them all
    won: int


def forecast_accuracy(reader: Reader, asked: Asked) -> Report:
    """How right forecasts were, by owner or stage, for each distance from the end."""
    converter = Rates(asked.home, rates(reader, asked.scope.known_until, asked.home))
    key_of = groups.keys_of(reader, asked.by, 1, "", {})
    rows: list[Row] = []
    totals: dict[str, Row] = {}
    calibration: dict[str, Seen] = {}
    for days in asked.days:
        by_period: list[dict[Key, Miss]] = []
        for period in asked.periods:
            day = period.end - timedelta(days=days)
            moment = iso_instant(midnight(day + timedelta(days=1), asked.zone))
            then = asked.scope._replace(as_of=day.isoformat(), moment=moment)
            forecast = foreseen(reader, asked, then, period, converter)
            came = won(reader, asked, then, period, converter)
            by_period.append(
                {key_of(key): Miss(forecast.get(key, 0), came.get(key, 0)) for key in {*forecast, *came}}
            )
            for stage, seen in outcomes(reader, then, period):
                before = calibration.get(stage, Seen(0, 0, 0))
                calibration[stage] = Seen(*map(sum, zip(before, seen, strict=True)))
        for key in sorted({key for period in by_period for key in period}, key=lambda key: key.place):
            theirs = accuracy(period[key] for period in by_period if key in period)
            rows.append([str(days), key.name, asked.currency, *theirs])
        whole: Accuracy = accuracy(together(by_period))
        totals[str(days)] = [str(days), None, asked.currency, *whole]
    calibrated = [
        {
            "stage": stage,
            "deals": seen.deals,
            "probability": percent(seen.probability, 100 * seen.deals),
            "won": percent(seen.won, seen.deals),
        }
        for stage, seen in sorted(calibration.items(), key=lambda item: -item[1].probability / item[1].deals)
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
        totals=totals,
        tail={"calibration": calibrated, "missing_rates": sorted(converter.failed)},
        notes=list(notes(asked, calibrated, converter)),
    )
    if asked.explain:
        formulas = FORMULAS | ({"stage": FORMULA_OF_STAGES} if asked.by == "stage" else {})
        report.explain = [f"{name}: {formula}" for name, formula in formulas.items()]
        report.tail["explain"] = {"formulas": formulas}
    return report


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
        yield f"Calibration: {each['stage']}: {each['probability']} % was said, {each['won']} % of {deals} won"
    for currency in sorted(converter.failed):
        yield f"No rate: deals in {currency} are in no figure: crm rate set {currency} RATE --from DATE"
    yield f"{asked.figure.replace('_', ' ').capitalize()}: {FIGURES[asked.figure]}, against what was closed in the end"


def won(
    reader: Reader, asked: Asked, then: Scope, period: Period, converter: Rates
) -> dict[int | str | None, int]:
    """What was closed in a period, as it is known now: by owner, or by the stage it was in on a day."""
    table, key, params = asked.scope.source.table, "d.owner_id", {}
    if asked.by == "stage":
        key = f"coalesce(v.stage, '{LATER}')"
        table += (
            f" LEFT JOIN opportunity_version AS v ON v.opportunity_id = {asked.scope.source.id}"
            " AND v.recorded_to IS NULL AND v.valid_from < :then AND (v.valid_to IS NULL OR v.valid_to >= :then)"
        )
        params = {"then": then.moment}
    found = deals(reader, asked, asked.scope, period, converter, table, key, params)
    closed = {of: [amount for part, amount, _ in parts if part == "closed"] for of, parts in found.items()}
    return {of: sum(amounts) for of, amounts in closed.items() if amounts}


def foreseen(
    reader: Reader, asked: Asked, then: Scope, period: Period, converter: Rates
) -> dict[int | str | None, int]:
    """What was forecast to be closed, on the day of a scope."""
    counted = {"commit": ("closed", "commit"), "best_case": ("closed", "commit", "best_case")}
    found: dict[int | str | None, int] = {}
    key = "d.stage" if asked.by == "stage" else "d.owner_id"
    for of, parts in deals(reader, asked, then, period, converter, then.source.table, key, {}).items():
        total = 0
        for part, amount, expected in parts:
            if asked.figure == "weighted":
                total += amount if part == "closed" else expected
            elif part in counted[asked.figure]:
                total += amount
        found[of] = total
    return found


def deals(
    reader: Reader,
    asked: Asked,
    scope: Scope,
    period: Period,
    converter: Rates,
    table: str,
    key: str,
    params: dict[str, Any],
) -> dict[int | str | None, list[tuple[str, int, int]]]:
    """The deals that close in a period: what each is counted as, its amount, and what it is expected to bring."""
    rows = reader.rows(
        f"SELECT {key} AS k, d.currency, d.category, d.is_closed, d.amount, d.probability, d.close_date, count(*)"
        f" FROM {table} WHERE {scope.holds} AND d.amount IS NOT NULL"
        " AND d.close_date BETWEEN :start AND :end"
        " AND (d.is_won = 1 OR (d.is_closed = 0 AND d.close_date >= :as_of)) GROUP BY 1, 2, 3, 4, 5, 6, 7",
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        as_of=scope.as_of,
        **scope.params,
        **params,
    )
    found: dict[int | str | None, list[tuple[str, int, int]]] = {}
    for of, currency, category, closed, amount, probability, day, count in rows:
        part = part_of(category, is_closed=bool(closed), is_won=bool(closed))
        converted = converter.convert(amount, currency, asked.currency, day if closed else scope.as_of)
        if part is not None and converted is not None:
            expected = weighted(converted, probability) * count
            found.setdefault(of, []).append((part, converted * count, expected))
    return found


def outcomes(reader: Reader, then: Scope, period: Period) -> Iterator[tuple[str, Seen]]:
    """By stage, what became of the deals that were open on a day and were to close in a period."""
    rows = reader.rows(
        "SELECT d.stage, count(*), CAST(sum(d.probability) AS BIGINT), sum(n.is_won)"
        f" FROM {then.source.table} JOIN opportunity AS n ON n.id = {then.source.id}"
        f" WHERE {then.holds} AND d.is_closed = 0 AND d.close_date BETWEEN :start AND :end"
        " AND n.is_closed = 1 AND n.deleted_at IS NULL GROUP BY d.stage",
        start=period.start.isoformat(),
        end=period.end.isoformat(),
        **then.params,
    )
    for stage, count, probability, won in rows:
        yield stage, Seen(int(count), int(probability), int(won))
