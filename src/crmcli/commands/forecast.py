"""crm forecast: what will be closed, by category; what somebody thinks of it; and how right it was before."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.commands._facts import owner_for, stages_of
from crmcli.commands._noun import AsOf, DryRun, Explain, Into, Owner, Period, complete_users, report
from crmcli.commands._report import as_json, into_of, one_of, scope_of
from crmcli.errors import InvalidValue, NotFound, Refused
from crmcli.reports.forecast import forecast
from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.judgements import raw_figure
from crmcli.result import Column, Outcome, Report, Result, Table
from crmcli.rules.adjustments import CATEGORIES, category_named, checked_note, layer_of
from crmcli.rules.forecast import ROLLUPS
from crmcli.store.deals import Scope, Supposed
from crmcli.store.find import find, title_of
from crmcli.store.groups import BY

if TYPE_CHECKING:
    from crmcli.rules.quotas import Line
    from crmcli.values.periods import Period as Stretch

By = Annotated[
    str,
    typer.Option(
        "--by", metavar="KEY", help=f"One row for each: {', '.join(BY)}.", autocompletion=lambda: list(BY)
    ),
]
Rollup = Annotated[
    str,
    typer.Option(
        "--rollup",
        metavar="KIND",
        help="cumulative: commit holds closed, best case holds both; single: each category alone.",
        autocompletion=lambda: list(ROLLUPS),
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option("--known-at", metavar="DATE", help="As it would have been printed on that day."),
]
WhatIf = Annotated[
    list[str] | None,
    typer.Option(
        "--what-if",
        metavar="REF.FIELD=VALUE",
        help="As if a deal were otherwise: O7.stage='Closed Won'. Nothing is written.",
    ),
]
Team = Annotated[bool, typer.Option("--team", help="Each person together with everybody below them.")]
Range = Annotated[
    bool, typer.Option("--range", help="How likely which outcome is, by the win rates of each stage so far.")
]


@report(
    "crm forecast",
    "crm forecast --period next-quarter --by month --rollup single",
    "crm forecast --owner me --as-of 2026-03-31 --explain",
    "crm forecast --team --currency USD --range",
    "crm forecast --what-if O7.stage='Closed Won' --what-if O9.close_date=2026-10-15",
)
def command(
    app: App,
    period: Period = "this-quarter",
    by: By = "owner",
    rollup: Rollup = "cumulative",
    as_of: AsOf = None,
    known_at: KnownAt = None,
    owner: Owner = None,
    team: Team = False,
    currency: Into = None,
    what_if: WhatIf = None,
    range: Range = False,
    explain: Explain = False,
) -> Report:
    """What will be closed in a period, by forecast category.

    The period is this quarter of the fiscal year unless another is given. Deals count by close date.
    Open deals whose close date has passed stand on a line of their own, and deals without amount or
    close date are named.

    Quotas and adjustments are those that were set by then. Each currency has a block of its own, unless
    --currency converts them: open deals at the rate of the day, won ones at that of the day they were closed.
    A rate counts from its day, whenever it was recorded; with --known-at only where it was recorded by then.
    """
    by = one_of(by, tuple(BY), "by")
    rollup = one_of(rollup, tuple(ROLLUPS), "rollup")
    into = into_of(currency)
    if team and by != "owner":
        raise InvalidValue("--team goes with --by owner.", field="team")
    scope = scope_of(app, as_of=as_of, owner=owner, period=period, known_at=known_at)
    if team and scope.owner_id is not None:
        scope = scope._replace(team=below(app.read(), scope.owner_id, scope.moment))
    assert scope.period is not None
    period_asked = scope.period
    if what_if:
        scope = scope._replace(supposed=supposed(app, scope, what_if))
    asked = Asked(
        scope,
        period_asked,
        by,
        rollup,
        app.currency,
        app.fiscal_start,
        explain,
        as_json(app),
        into,
        team,
        tuple(what_if or ()),
    )
    found = forecast(app.read(), asked)
    if range:
        add_range(app, asked, found)
    return found


def below(reader: Any, person: int, moment: str | None) -> tuple[int, ...]:
    """Somebody and everybody who reports to them, and to those; at a moment, or now."""
    return tuple(line_of(reader, moment).below(person))


def line_of(reader: Any, moment: str | None = None) -> "Line":
    from crmcli.rules.quotas import Line
    from crmcli.store.groups import reporting_line

    return Line({user.id: user.manager for user in reporting_line(reader, moment)})


def add_range(app: App, asked: Asked, found: Report) -> None:
    """Put the range beside a forecast; the quota is that of its total."""
    from crmcli.reports import forecast_range

    columns = [column.name for column in found.columns]
    quota = None if found.total is None else found.total[columns.index("quota")]
    document, words = forecast_range.range_of(
        app.read(), forecast_range.Asked(asked.scope, asked.period, asked.currency, asked.into, quota)
    )
    found.tail["range"] = document
    found.notes += words
    if asked.explain:
        found.explain += forecast_range.explained(document)


def supposed(app: App, scope: Scope, texts: list[str]) -> tuple[Supposed, ...]:
    """The deals as they are imagined. Raises InvalidValue, NotFound, Conflict, Refused."""
    from datetime import date

    from crmcli.rules.what_if import assignment, imagined

    reader = app.read()
    given: dict[int, dict[str, Any]] = {}
    currencies: dict[int, str] = {}
    source = scope.source
    for text in texts:
        ref, field, value = assignment(text)
        id = find(reader, "opportunity", ref)
        values = given.setdefault(id, {})
        if field in values:
            raise InvalidValue(f"--what-if gives {ref}.{field} twice.", field="what-if")
        if id not in currencies:
            row = reader.row(
                f"SELECT d.currency FROM {source.table} WHERE {source.holds} AND {source.id} = :id",
                id=id,
                **scope.params,
            )
            if row is None:
                raise NotFound(f"O{id} was not there on {scope.as_of}.")
            currencies[id] = row[0]
        values |= value_of(app, field, value, currencies[id])
    own = "d.own_probability, d.own_category" if scope.moment is None else "NULL, NULL"
    names = ("id", "name", "stage", "probability", "category", "is_closed", "is_won")
    deals = []
    for id, values in given.items():
        columns = f"{source.id}, {source.name}, d.stage, d.probability, d.category, d.is_closed, d.is_won"
        row = reader.row(
            f"SELECT {columns}, {own} FROM {source.named} WHERE {source.holds} AND {source.id} = :id",
            id=id,
            **scope.params,
        )
        assert row is not None
        deal = dict(zip((*names, "own_probability", "own_category"), row, strict=True))
        deal |= {"stage_probability": deal["probability"], "stage_category": deal["category"]}
        changed = imagined(deal, values, stages_of(reader), app.now, date.fromisoformat(scope.as_of))
        deals.append(
            Supposed(
                id,
                {
                    name: int(value)
                    if isinstance(value, bool)
                    else str(value)
                    if isinstance(value, date)
                    else value
                    for name, value in changed.items()
                    if name in COLUMNS
                },
            )
        )
    return tuple(deals)


COLUMNS = (
    "amount",
    "currency",
    "stage",
    "probability",
    "category",
    "close_date",
    "owner_id",
    "is_closed",
    "is_won",
)


def value_of(app: App, field: str, text: str, currency: str) -> dict[str, Any]:
    """The columns that a value typed for a deal means. Raises InvalidValue, NotFound, Conflict."""
    from crmcli.commands._facts import fields_of, reading_of
    from crmcli.parse import parse_value
    from crmcli.rules.stages import stage_named

    if field == "stage":
        return {"stage": stage_named(text, stages_of(app.read())).name}
    if field == "owner":
        from crmcli.commands._report import owner_of

        return {"owner_id": owner_of(app, text)[0]}
    spec = next(each for each in fields_of(app, "opportunity") if each.name == field)
    value = parse_value(spec, text, reading_of(app)._replace(currency=currency))
    if field == "amount":
        minor, of = value if value is not None else (None, currency)
        return {"amount": minor, "currency": of}
    if value is None and field != "close_date":
        raise InvalidValue(f"--what-if: {field} cannot be none.", field="what-if")
    return {field: value}


# --- judging a figure -------------------------------------------------------------------------------------


@command.verb(
    "crm forecast adjust --owner 'Li Wei' --period this-quarter --category commit --amount 120k --note 'PO on Friday'",
    "crm forecast adjust --owner 'Li Wei' --period this-quarter --category commit --clear",
    "crm forecast adjust --list --period this-quarter",
)
def adjust(
    app: App,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner",
            metavar="USER",
            help="Whose forecast; yours, if not said.",
            autocompletion=complete_users,
        ),
    ] = None,
    period: Period = None,
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            metavar="FIGURE",
            help=", ".join(CATEGORIES),
            autocompletion=lambda: list(CATEGORIES),
        ),
    ] = None,
    amount: Annotated[
        str | None, typer.Option("--amount", metavar="MONEY", help="What it will come to in your judgement.")
    ] = None,
    note: Annotated[str | None, typer.Option("--note", metavar="TEXT", help="Why.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the adjustment back.")] = False,
    list: Annotated[bool, typer.Option("--list", help="Show all that was ever adjusted.")] = False,
    dry_run: DryRun = False,
) -> Result:
    """Say what a figure of a forecast will come to in your judgement; the figure itself is kept beside it.

    Your own forecast you adjust as its owner, that of whoever reports to you as their manager; the manager's
    word is shown, else the owner's, else the figure as it is. What somebody with reports is shown for is the
    figure of their whole team, as --team shows it. When deals change afterwards, the adjustment stays and the
    drift is printed. --currency converts by how much a figure was adjusted, at the rate of the day.
    """
    scope = scope_of(app, period=period or "this-quarter")
    assert scope.period is not None
    if list:
        return adjusted_so_far(app, scope, owner, period is not None)
    if category is None:
        raise InvalidValue(
            "--category is missing.", hint=f"One of {', '.join(CATEGORIES)}.", field="category"
        )
    figure = category_named(category)
    if clear == (amount is not None):
        raise InvalidValue("Give --amount, or --clear.", field="amount")
    why = checked_note(note or ("Cleared" if clear else None))
    minor, currency = money(amount, app.currency)
    asked = Asked(scope, scope.period, "owner", "cumulative", app.currency, app.fiscal_start)
    with app.work(dry_run=dry_run) as work:
        me = owner is None or owner.strip().casefold() == "me"
        user = owner_for(work) if me else find(work.reader, "user", owner or "")
        name = title_of(work.reader, "user", user)
        layer = layer_of(line_of(work.reader), work.me, user)
        if layer is None:
            raise Refused(
                f"The forecast of {name} is not yours to adjust: {name} does not report to you.",
                hint="Its owner does, and who they report to.",
            )
        if clear:
            last = currency_of_last(work.reader, user, scope, figure, layer)
            if last is None:
                raise NotFound(
                    f"There is no adjustment to clear: {name}, {scope.period.label},"
                    f" {figure.replace('_', ' ')} ({layer}).",
                    hint="`crm forecast adjust --list` shows them all.",
                )
            currency = last
        raw = raw_figure(work.reader, asked, user, figure, currency)
        from crmcli.changes import Changes

        changes = Changes()
        changes.add(
            "adjustment",
            work.ids("adjustment"),
            owner_id=user,
            period_start=scope.period.start,
            period_end=scope.period.end,
            category=figure,
            layer=layer,
            amount=minor,
            currency=currency,
            raw=raw,
            note=why,
            adjusted_by=work.actor,
        )
        work.apply(changes)
        entry = None if dry_run else work.entry
    from crmcli.values.money import amount_text, amount_words

    words = (
        "cleared" if minor is None else f"raw {amount_words(raw, currency)} → {amount_words(minor, currency)}"
    )
    said = f"{name} · {scope.period.label} · {figure.replace('_', ' ')} · {words} ({layer}): {why}"
    return Outcome(
        [f"{'Would be: ' if dry_run else ''}{said}"],
        data={
            "owner": name,
            "period": scope.period.label,
            "category": figure,
            "layer": layer,
            "currency": currency,
            "raw": amount_text(raw, currency),
            "amount": None if minor is None else amount_text(minor, currency),
            "note": why,
            "entry": entry,
        },
    )


def money(text: str | None, currency: str) -> tuple[int | None, str]:
    """An amount, which is not negative, and its currency. Raises InvalidValue."""
    from crmcli.values.money import parse_money

    if text is None:
        return None, currency
    minor, of = parse_money(text, currency=currency)
    if minor < 0:
        raise InvalidValue(f"{text!r} is negative; a forecast is not.", field="amount")
    return minor, of


def currency_of_last(reader: Any, owner: int, scope: Scope, category: str, layer: str) -> str | None:
    """The currency of what is to be cleared; None where nothing is."""
    from crmcli.store.figures import adjustments

    assert scope.period is not None
    start, end = scope.period.start.isoformat(), scope.period.end.isoformat()
    found = adjustments(reader, None, start, end)
    return next((row[4] for row in found if row[:3] == (owner, category, layer)), None)


def adjusted_so_far(app: App, scope: Scope, owner: str | None, narrowed: bool) -> Table:
    """Every adjustment that was ever made, the newest last."""
    from datetime import date

    from crmcli.commands._report import owner_of
    from crmcli.values.periods import period_of

    assert scope.period is not None
    conditions = ["a.deleted_at IS NULL"]
    params: dict[str, Any] = {}
    if narrowed:
        conditions.append("a.period_start = :start AND a.period_end = :end")
        params |= {"start": scope.period.start.isoformat(), "end": scope.period.end.isoformat()}
    if owner:
        conditions.append("a.owner_id = :owner")
        params["owner"] = owner_of(app, owner)[0]
    found = app.read().rows(
        "SELECT u.name, a.period_start, a.period_end, a.category, a.layer, a.currency, a.amount, a.raw, a.note,"
        ' a.adjusted_by, a.created_at FROM adjustment AS a LEFT JOIN "user" AS u ON u.id = a.owner_id'
        f" WHERE {' AND '.join(conditions)} ORDER BY a.created_at, a.id",
        **params,
    )
    rows = [
        (
            name,
            period_of(date.fromisoformat(start), date.fromisoformat(end), app.fiscal_start).label,
            *rest,
        )
        for name, start, end, *rest in found
    ]
    columns = (
        Column("owner", "Owner"),
        Column("period", "Period", cut="never"),
        Column("category", "Figure", cut="never"),
        Column("layer", "Layer", cut="never"),
        Column("currency", "Currency", hidden=True),
        Column("amount", "Adjusted to", "money", absent="cleared"),
        Column("raw", "Raw then", "money"),
        Column("note", "Why", wraps=True),
        Column("by", "By"),
        Column("at", "When", "instant"),
    )
    return Table(columns, rows, title="Adjustments", empty="Nothing was adjusted.", refs=None)


# --- how right it was -------------------------------------------------------------------------------------


@command.verb(
    "crm forecast accuracy",
    "crm forecast accuracy --period last-quarter --days 30 --figure weighted",
    "crm forecast accuracy --by stage --explain",
    "crm forecast accuracy --owner 'Li Wei' --json",
)
def accuracy(
    app: App,
    period: Annotated[
        list[str] | None,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="One that is over; may be repeated. The last four quarters, if not said.",
        ),
    ] = None,
    days: Annotated[
        str, typer.Option("--days", metavar="N,N", help="How many days before the end it was forecast.")
    ] = "30,60,90",
    figure: Annotated[
        str,
        typer.Option(
            "--figure",
            metavar="FIGURE",
            help="commit, best_case or weighted.",
            autocompletion=lambda: ["commit", "best_case", "weighted"],
        ),
    ] = "commit",
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="KEY",
            help="owner, or stage: that a deal was in on the day.",
            autocompletion=lambda: ["owner", "stage"],
        ),
    ] = "owner",
    owner: Owner = None,
    currency: Into = None,
    explain: Explain = False,
) -> Report:
    """How right forecasts were: what was forecast 30, 60 and 90 days before a period's end, and what came.

    The bias says whether it was too much (above 0) or too little; the WAPE how far off it was period by period.
    The calibration says, stage by stage, which probability deals had and how many of them were won.
    """
    from crmcli.reports import forecast_accuracy as report

    known = tuple(report.FIGURES)
    wanted = one_of(figure, tuple(name.replace("_", "-") for name in known), "figure").replace("-", "_")
    asked = report.Asked(
        scope_of(app, owner=owner),
        finished_periods(app, period or []),
        horizons(days),
        wanted,
        into_of(currency) or app.currency,
        app.currency,
        app.zone,
        one_of(by, report.BY, "by"),
        explain,
    )
    return report.forecast_accuracy(app.read(), asked)


def finished_periods(app: App, texts: list[str]) -> "tuple[Stretch, ...]":
    """The periods that are asked for, else the last four quarters. Raises InvalidValue for one not yet over."""
    from crmcli.values.dates import add_months
    from crmcli.values.periods import parse_period

    if not texts:
        found: list[Stretch] = []
        day = app.today
        for _ in range(4):
            found.insert(0, parse_period("last-quarter", today=day, fiscal_start=app.fiscal_start))
            day = add_months(day, -3)
        return tuple(found)
    periods = [parse_period(text, today=app.today, fiscal_start=app.fiscal_start) for text in texts]
    for each in periods:
        if each.end >= app.today:
            raise InvalidValue(
                f"{each.label} is not over: it ends on {each.end}.",
                hint="--period last-quarter",
                field="period",
            )
    return tuple(sorted(set(periods), key=lambda each: (each.start, each.end)))


def horizons(text: str) -> tuple[int, ...]:
    """The numbers of days that are asked for. Raises InvalidValue."""
    found = []
    for part in text.split(","):
        part = part.strip()
        if not (part.isascii() and part.isdigit()) or not 0 < int(part) <= 3650:
            raise InvalidValue(f"{part!r} is not a number of days.", hint="--days 30,60,90", field="days")
        found.append(int(part))
    return tuple(sorted(set(found)))
