"""The origin of a forecast's figures: how each is made, and from which deals."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.cells import Cells
from crmcli.reports.forecast.left_out import LeftOut
from crmcli.reports.forecast.sql import deals_sql, out_of_figures_sql
from crmcli.result import Report
from crmcli.rules.forecast import ROLLUPS, part_of, roll_up, weighted
from crmcli.rules.rates import Rates
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words

EXPLAINED: Final = 20  # deals of a row that --explain shows to people
MORE_FORMULAS: Final = {
    "quota": "those set for periods within this one; a quarter's rather than its months'; a team's within its"
    " days, else the sum of its members'",
    "adjusted": "what is shown is the manager's figure, else the owner's, else the raw one; converted: raw +"
    " (shown - raw) of each currency at the rate of the day",
}


def explain(
    reader: Reader,
    asked: Asked,
    report: Report,
    cells: Cells,
    key_of: Callable[[Any], Key],
    missing: LeftOut,
    rates: Rates,
) -> None:
    """Say of every figure how it is made, from how many deals, and from which."""
    deals: dict[tuple[str, Key], list[dict[str, Any]]] = {}
    most = 2**31 if asked.every else EXPLAINED
    for key, currency, category, won, id, name, given, probability, close_date, _ in reader.rows(
        deals_sql(asked), most=most, **asked.bounds
    ):
        part = part_of(category, is_closed=bool(won), is_won=bool(won))
        amount, original = given, currency
        if asked.into:
            converted = rates.convert(given, currency, asked.into, close_date if won else asked.scope.as_of)
            if converted is None:
                continue
            amount, currency = converted, asked.into
        expected = weighted(amount, probability) if part not in (None, "closed") else None
        deals.setdefault((currency, key_of(key)), []).append(
            {
                "ref": reference("opportunity", id),
                "name": name,
                "amount": amount_text(amount, currency),
                "category": category,
                "probability": probability,
                "weighted": None if expected is None else amount_text(expected, currency),
                "columns": [column for column, parts in ROLLUPS[asked.rollup].items() if part in parts],
                **({} if original == currency else {"original": amount_words(given, original)}),
            }
        )
    formulas = formulas_of(asked)
    not_counted = (reader.value(sql, **asked.bounds) for sql in out_of_figures_sql(asked))
    out = {
        **{reason: missing.deals(reason) for reason in missing.counts},
        **dict(zip(("lost", "omitted"), not_counted, strict=True)),
    }
    report.explain = [
        *(f"{name}: {formula}" for name, formula in formulas.items()),
        f"left out here: {', '.join(f'{reason} {count}' for reason, count in out.items())}",
        *_explained(asked, cells, deals),
    ]
    report.tail["explain"] = {
        "formulas": formulas,
        "left_out": out,
        "rows": [
            {
                "key": key.name,
                "currency": currency,
                "counted": roll_up(cell.counts, asked.rollup),
                "deals": deals.get((currency, key), []),
            }
            for (currency, key), cell in cells.items()
        ],
    }


def formulas_of(asked: Asked) -> dict[str, str]:
    """What each figure is, in words."""
    words = {"closed": "Closed (won)", "commit": "Commit", "best_case": "Best Case", "pipeline": "Pipeline"}
    columns = {
        column: f"amounts of {' + '.join(words[part] for part in parts)}"
        for column, parts in ROLLUPS[asked.rollup].items()
    }
    return {
        **columns,
        "weighted": "open deals, amount × probability / 100, a half rounded up deal by deal",
        "attainment": "closed / quota, in percent",
        "gap": "quota - closed, never below 0",
        "coverage": "open pipeline / (quota - closed)",
        **MORE_FORMULAS,
        "period": f"close dates {asked.bounds['start']}..{asked.bounds['end']}; for won deals the day of it",
        "left out": "lost and Omitted deals; open deals that slipped; deals without close date or amount",
    }


def _explained(
    asked: Asked, cells: Cells, deals: dict[tuple[str, Key], list[dict[str, Any]]]
) -> Iterator[str]:
    for (currency, key), cell in cells.items():
        counted = ", ".join(
            f"{column} {count}" for column, count in roll_up(cell.counts, asked.rollup).items()
        )
        yield f"{key.name}, {currency}: deals counted: {counted}"
        shown = deals.get((currency, key), [])[:EXPLAINED]
        for deal in shown:
            amount = f"{deal['amount']} {deal['category']} {deal['probability']} %"
            columns = ", ".join(deal["columns"]) or "in no column"
            of = f" · of {deal['original']}" if "original" in deal else ""
            yield f"  {deal['ref']} {deal['name']} · {amount}{of} · {columns}"
        hidden = sum(cell.counts.values()) - sum(bool(deal["columns"]) for deal in shown)
        if hidden > 0:
            yield f"  and {hidden} more"
