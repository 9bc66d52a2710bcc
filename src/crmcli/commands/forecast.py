"""crm forecast: what will be closed, by category; what somebody thinks of it; and how right it was before."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, DryRun, Explain, Into, Owner, Period, complete_users, report
from crmcli.commands._report import as_json, into_of, one_of, scope_of
from crmcli.errors import InvalidValue
from crmcli.reports.forecast import forecast
from crmcli.reports.forecast.asked import Asked
from crmcli.result import Report, Result
from crmcli.rules.adjustments import CATEGORIES
from crmcli.rules.forecast import ROLLUPS
from crmcli.store.groups import BY

if TYPE_CHECKING:
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

    Quotas and adjustments are those that were set by then; adjustments are of people's cumulative figures, so
    that other rows and roll-ups leave them out, and say so. Each currency has a block of its own, unless
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
        from crmcli.commands._what_if import supposed

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
    from crmcli.rules.quotas import Line
    from crmcli.store.groups import reporting_line

    line = Line({user.id: user.manager for user in reporting_line(reader, moment)})
    return tuple(line.below(person))


def add_range(app: App, asked: Asked, found: Report) -> None:
    """Put the range beside a forecast; the quota is that of its total."""
    from crmcli.reports import forecast_range

    columns = [column.name for column in found.columns]
    quota = None if found.total is None else found.total[columns.index("quota")]
    document, words = forecast_range.range_of(
        app.read(), forecast_range.Asked(asked.scope, asked.period, asked.currency, asked.into, quota)
    )
    found.tail["range"] = document
    found.remarks += words
    if asked.explain:
        found.explain += forecast_range.explained(document)


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
    from crmcli.commands._adjust import Wanted, adjusted_so_far, run_adjust

    scope = scope_of(app, period=period or "this-quarter")
    if list:
        return adjusted_so_far(app, scope, owner, period is not None)
    wanted = Wanted(owner, category, amount, clear, note)
    return run_adjust(app, scope, wanted, dry_run=dry_run)


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
    The calibration says, for each number of days and stage by stage, which probability deals had and how many of
    them were won; a deal that is put off and forecast again counts as it was the first time.
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
