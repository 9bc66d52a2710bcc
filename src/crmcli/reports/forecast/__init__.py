"""Forecast: what deals add up to, by category, in a period."""

from collections.abc import Mapping
from typing import Any, Final

from crmcli.reports.forecast.asked import Asked as Asked
from crmcli.reports.forecast.cells import Cell, Cells, counted, figures, fold, keys_of, without_deals
from crmcli.reports.forecast.explain import explain
from crmcli.reports.forecast.judgements import Judgements
from crmcli.reports.forecast.left_out import LeftOut
from crmcli.reports.forecast.people import People
from crmcli.reports.forecast.targets import Targets
from crmcli.result import Column, Report, Row
from crmcli.rules.forecast import ROLLUPS, roll_up
from crmcli.rules.rates import NO_RATE, Rates
from crmcli.store.figures import rates as known_rates
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words

MINOR: Final = {"open_pipeline": 2, "pipeline": 2, "weighted": 1}  # after the count of deals
MEASURES: Final = ("quota", "attainment", "gap", "coverage")
NO_QUOTA: Final = "n/a"


def forecast(reader: Reader, asked: Asked) -> Report:
    """The forecast of a period."""
    rates = Rates(asked.currency, known_rates(reader, asked.scope.known, asked.currency))
    key_of = keys_of(reader, asked)
    own = fold(counted(reader, asked, rates), key_of, without_deals(asked), asked.into or asked.currency)
    people = People(reader, key_of, asked.scope.moment)
    targets = Targets(reader, asked, rates, people)
    everybodys = own if asked.into is None and asked.scope.owner_id is None else None
    judgements = Judgements(reader, asked, rates, people, everybodys)
    cells = rows_of(asked, own, people, [*targets.rows, *judgements.rows()])
    totals: dict[str, Cell] = {}
    for (currency, _), cell in own.items():
        totals.setdefault(currency, Cell()).merge(cell)
    currencies = sorted({*totals, *(currency for currency, _ in cells), *targets.totals}) or [
        asked.into or asked.currency
    ]
    one = currencies[0] if len(currencies) == 1 else None
    by_account = asked.by == "account"
    first = [None, None] if by_account else [None]
    sums: dict[str, Row] = {}
    for currency in currencies:
        cell = totals.get(currency) or Cell()
        shown = judgements.shown_total(currency, cell)
        row = [*first, currency, *figures(cell, asked.rollup, targets.totals.get(currency), shown)]
        sums[currency] = [*row, *raw_of(asked, cell, currency, shown)]
    missing = LeftOut(reader, asked, rates)
    rows: list[Row] = []
    above: list[str] = []
    for (currency, key), cell in cells.items():
        shown = judgements.shown(currency, key, cell)
        row = [*([key.ref] if by_account else []), key.name, currency]
        row += figures(cell, asked.rollup, targets.rows.get((currency, key)), shown)
        rows.append([*row, *raw_of(asked, cell, currency, shown)])
        if shown:
            above += judgements.above(currency, key, {**roll_up(cell.amounts, asked.rollup), **shown})
    report = Report(
        columns_of(asked, bool(targets.quotas)),
        rows,
        title=f"Forecast {asked.period.label} by {asked.by}"
        + (" with their teams" if asked.team else "")
        + (f", {one}" if one else ""),
        empty=f"No deals close in {asked.period.label}.",
        refs="ref" if by_account else None,
        head={
            "as_of": asked.scope.as_of,
            "known_at": asked.scope.known_at,
            "period": {
                "start": asked.period.start.isoformat(),
                "end": asked.period.end.isoformat(),
                "label": asked.period.label,
            },
            "currency": one,
            "rollup": asked.rollup,
            "by": asked.by,
            "owner": asked.scope.owner,
            "what_if": list(asked.what_if),
        },
        total=sums[one] if one else None,
        totals={} if one else sums,
        block="" if one else "currency",
        tail={
            "slipped": missing.slipped_json(),
            "excluded": missing.excluded,
            "adjustments": judgements.as_json(),
            "adjustments_not_applied": judgements.not_applied_json(),
        },
        notes=[
            *missing.sentences(),
            *judgements.notes(),
            *above,
            *targets.notes(own),
        ],
        stands_on=stands_on(asked),
        remarks=remarks(asked, rates, targets),
    )
    if one is None and asked.into is None:
        add_total(reader, asked, report)
    report.tail["rates"] = [
        {"currency": currency, "valid_from": day, "rate": rate}
        for (currency, day), rate in sorted(rates.used.items())
    ]
    if asked.explain:
        explain(reader, asked, report, own, key_of, missing, rates)
        report.explain += targets.explained()
        report.tail["explain"]["quotas"] = targets.as_json()
    return report


def add_total(reader: Reader, asked: Asked, report: Report) -> None:
    """The total of several currencies, in the home currency; none where a rate is missing."""
    whole = forecast(reader, asked._replace(into=asked.currency, explain=False))
    missing = sum(each["reason"] == NO_RATE for each in whole.tail["excluded"])
    if missing or whole.total is None:
        report.remarks.append(f"Together: no total in {asked.currency}, as rates are missing: crm rate set")
        return
    report.total = whole.total
    found = dict(zip((column.name for column in whole.columns), whole.total, strict=True))
    words = [
        f"{name.replace('_', ' ')} {amount_words(found[name], asked.currency)}"
        for name in (*ROLLUPS[asked.rollup], "weighted", "quota")
        if found[name] is not None
    ]
    if found["attainment"] is not None:
        words.append(f"attainment {found['attainment']} %")
    if found["coverage"] is not None:
        words.append(f"coverage {found['coverage']}")
    report.remarks.append(f"Together: {', '.join(words)}, at the rates of the day")


def rows_of(asked: Asked, own: Cells, people: People, planned: list[tuple[str, Key]]) -> Cells:
    """The rows that are shown: those of the deals, of whoever has a quota or was judged, and, if asked for, of
    teams."""
    cells = dict(own)
    if asked.by == "owner":
        for row in planned:
            cells.setdefault(row, Cell())
    if not asked.team:
        return dict(sorted(cells.items(), key=lambda item: (item[0][0], item[0][1].place)))
    rows: Cells = {}
    keys = {id: people.key_of(id) for id in people.names}
    for currency in sorted({currency for currency, _ in cells}):
        for person in filter(asked.scope.covers, people.line.walk()):
            whole, there = Cell(), False
            for each in people.line.below(person):
                if (cell := cells.get((currency, keys[each]))) is not None:
                    whole.merge(cell)
                    there = True
            if there:
                rows[currency, keys[person]] = whole
        nobody = (currency, people.key_of(None))
        if nobody in cells:
            rows[nobody] = cells[nobody]
    return rows


def raw_of(asked: Asked, cell: Cell, currency: str, shown: Mapping[str, int]) -> list[Any]:
    """What adjusted figures are without the judgement, beside what is shown."""
    raw = roll_up(cell.amounts, asked.rollup)
    return [{name: amount_text(raw[name], currency) for name in shown} or None]


def columns_of(asked: Asked, with_quotas: bool) -> list[Column]:
    label, hidden = asked.by.capitalize(), not with_quotas
    measured = (*ROLLUPS[asked.rollup], "weighted")
    names = [Column("key", label)]
    if asked.by == "account":
        names = [Column("ref", label, "link"), Column("key", label, folded=True)]
    return [
        *names,
        Column("currency", "Currency", hidden=True),
        Column("count", "Deals", "number", minor=3),
        *(
            Column(name, name.replace("_", " ").capitalize(), "money", minor=MINOR.get(name, 0))
            for name in measured
        ),
        Column("quota", "Quota", "money", hidden=hidden, minor=5, absent=NO_QUOTA),
        Column("attainment", "Attainment", "percent", hidden=hidden, absent=NO_QUOTA),
        Column("gap", "Gap", "money", hidden=hidden, minor=6, absent=NO_QUOTA),
        Column("coverage", "Coverage", "number", hidden=hidden, minor=4, absent=NO_QUOTA),
        Column("raw", "Raw", "json", hidden=True),
    ]


def whose(asked: Asked) -> str:
    if not asked.scope.owner:
        return "all owners"
    return f"owner {asked.scope.owner}{' and team' if asked.scope.team else ''}"


def stands_on(asked: Asked) -> str:
    period = asked.period
    known = f", as known at {asked.scope.known_at}" if asked.scope.known_at else ""
    return (
        f"As of {asked.scope.as_of}{known} · closing {period.start.isoformat()}..{period.end.isoformat()}"
        f" · {asked.rollup} roll-up of amounts"
        f" · {whose(asked)}"
    )


def remarks(asked: Asked, rates: Rates, targets: Targets) -> list[str]:
    """What was supposed, the rates, and what cannot be said."""
    said = [f"What if: {'; '.join(asked.what_if)}. Nothing was written."] if asked.what_if else []
    said += rates.sentences()
    if not targets.quotas:
        said.append(f"{', '.join(MEASURES).capitalize()}: n/a, as there is no quota.")
    return said
