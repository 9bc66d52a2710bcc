"""crm dashboard: how sales stand, on one page, on a terminal or as HTML."""

from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Into, Owner, Period, report
from crmcli.commands._report import as_json, into_of, scope_of, standard_report
from crmcli.errors import InvalidValue, suggestion
from crmcli.result import Chart, Column, Page, Panel, Report, Row, Tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from crmcli.store.deals import Scope

PANELS: Final = ("trend", "forecast", "pipeline", "attainment", "leaderboard", "cycle_time")
FORECAST: Final = ("closed", "commit", "best_case", "open_pipeline")

Html = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE|-", help="Write it as one HTML file that needs nothing else."),
]


@report(
    "crm dashboard",
    "crm dashboard --period last-quarter --owner me",
    "crm dashboard --html dashboard.html",
    "crm dashboard --fields pipeline,forecast --json",
    "crm dashboard --compare last-quarter --fail-if 'coverage<3'",
)
def command(
    app: App,
    period: Period = "this-quarter",
    owner: Owner = None,
    currency: Into = None,
    as_of: AsOf = None,
    html: Html = None,
) -> Page:
    """How sales stand: trend, forecast, pipeline, attainment, performance by member, time to close.

    Everything is about the period; but the trend has the twelve months
    up to its end or today, and the pipeline all open deals. Each panel is a report that can be had alone:
    `crm report trend`, `crm forecast`, `crm pipeline` and so on. --fields takes the names of panels.

    It is in one currency: that of --currency, else the only one in use, else the home currency; what cannot
    be converted is named.

    --fail-if is about the headline figures: 'coverage<3', 'win rate<20'. --compare says beside each of them how it
    differs, and in --json beside each figure of the panels.
    """
    from crmcli.commands._export_file import refuse_overwriting
    from crmcli.store.deals import usual_currency

    if html == "-":
        app.output = app.output._replace(format="html")
    elif html is not None:
        refuse_overwriting(app, html, "--html")
    scope = scope_of(app, as_of=as_of, owner=owner, period=period)
    into = into_of(currency) or usual_currency(app.read(), scope, app.currency)
    page = page_of(app, scope, into, as_of, owner)
    page.file = None if html == "-" else html
    return page


def page_of(app: App, scope: "Scope", currency: str, as_of: str | None, owner: str | None) -> Page:
    """The panels that are asked for, and the headline figures that they hold."""
    assert scope.period is not None
    label = scope.period.label
    asked: dict[str, Any] = {"owner": owner, "currency": currency, "as_of": as_of}
    standard = partial(standard_panel, app, asked, label)
    months = twelve_months(min(scope.period.end, date.fromisoformat(scope.as_of)))
    makers: Mapping[str, Callable[[], Panel]] = {
        "trend": lambda: standard("trend", f"Won by month, {months}", TREND, period=months),
        "forecast": lambda: forecast_panel(app, scope, currency),
        "pipeline": lambda: pipeline_panel(app, scope, currency),
        "attainment": lambda: standard("attainment", "Attainment", ATTAINMENT),
        "leaderboard": lambda: standard("leaderboard", "Performance by member", LEADERBOARD),
        "cycle_time": lambda: standard("cycle-time", "Days to close", CYCLE_TIME),
    }
    panels = {name: makers[name]() for name in named(app)}
    said_once([panel.shown for panel in panels.values()])
    bounds = {"start": scope.period.start.isoformat(), "end": scope.period.end.isoformat(), "label": label}
    whose = f"owner {scope.owner}" if scope.owner else "all owners"
    return Page(
        title=f"Sales {label}, {currency}",
        tiles=[*tiles(panels, scope)],
        panels=panels,
        head={"as_of": scope.as_of, "period": bounds, "currency": currency, "owner": scope.owner},
        notes=[f"As of {scope.as_of} · {bounds['start']}..{bounds['end']} · {whose}"],
    )


def named(app: App) -> tuple[str, ...]:
    """The panels that --fields asks for, in its order; else all. Raises InvalidValue."""
    wanted: tuple[str, ...] | None = app.output.fields if app.output else None
    for name in wanted or ():
        if name not in PANELS:
            raise InvalidValue(
                f"There is no panel {name!r}. There are {', '.join(PANELS)}.",
                hint=suggestion(name, PANELS),
                field="fields",
            )
    return tuple(dict.fromkeys(wanted or PANELS))


def twelve_months(last: date) -> str:
    """The twelve months that end with that of a day, as a period is typed."""
    from crmcli.values.dates import add_months

    first = add_months(last.replace(day=1), -11)
    return f"{first:%Y-%m}..{last:%Y-%m}"


# --- panels: of each report the columns that tell most, and how soon each is left out for width --------------

TREND: Final = {"month": 0, "won": 2, "win_rate": 1, "won_amount": 0}
PIPELINE: Final = {"stage": 0, "count": 0, "amount": 0, "weighted": 1}
ATTAINMENT: Final = {"owner": 0, "quota": 2, "attainment": 0, "gap": 1, "pace": 0}
LEADERBOARD: Final = {"owner": 0, "won_amount": 0, "win_rate": 1, "standing": 0}
CYCLE_TIME: Final = {"owner": 0, "deals": 1, "median_days": 0, "mean_days": 0}


def standard_panel(
    app: App,
    asked: dict[str, Any],
    label: str,
    word: str,
    title: str,
    columns: "Mapping[str, int]",
    period: str | None = None,
) -> Panel:
    """A standard report, by its usual key."""
    from crmcli.reports.standard import STANDARD

    standard = next(each for each in STANDARD if each.word == word)
    by = standard.by[0] if standard.by else None
    given = {name: value for name, value in asked.items() if standard.has_money or name != "currency"}
    found = standard_report(app, standard, period=period or label, by=by, **given)
    return Panel(found, shown(found, title, columns))


def pipeline_panel(app: App, scope: "Scope", currency: str) -> Panel:
    """All open deals by stage, whenever they close."""
    from crmcli.reports.pipeline import Asked, pipeline

    asked = Asked(scope._replace(period=None), app.currency, app.zone, every=as_json(app), into=currency)
    found = pipeline(app.read(), asked)
    return Panel(found, shown(found, "Pipeline by stage, all open deals", PIPELINE))


def forecast_panel(app: App, scope: "Scope", currency: str) -> Panel:
    """The forecast by owner; what people see of it is its total, a row for each category."""
    from crmcli.reports.forecast import Asked, forecast
    from crmcli.values.ratios import share

    assert scope.period is not None
    asked = Asked(
        scope,
        scope.period,
        "owner",
        "cumulative",
        app.currency,
        app.fiscal_start,
        every=as_json(app),
        into=currency,
    )
    found = forecast(app.read(), asked)
    total = by_name(found, found.total)
    labels = {column.name: column.label for column in found.columns}
    quota = total["quota"]
    rows: list[Row] = [
        [labels[name], currency, total[name], share(total[name], quota or 0)] for name in FORECAST
    ]
    columns = [
        Column("category", "Category", cut="never"),
        Column("currency", "Currency", hidden=True),
        Column("amount", "Amount", "money"),
        Column("of_quota", "Of quota", "percent", hidden=not quota),
    ]
    seen = replace(
        found,
        columns=columns,
        rows=rows,
        total=["Quota", currency, quota, None] if quota else None,
        title="Forecast, cumulative",
        stands_on="",  # the page says it
        chart=Chart("of_quota" if quota else "amount"),
    )
    return Panel(found, seen)


def shown(found: Report, title: str, columns: "Mapping[str, int]") -> Report:
    """What people see of a report on the page: some of its columns, under another title."""
    names = [column.name for column in found.columns]
    wanted = [names.index(name) for name in (*columns, *(["currency"] if "currency" in names else []))]

    def pick(row: Row) -> Row:
        return [row[at] for at in wanted]

    return replace(
        found,
        columns=[
            replace(found.columns[at], minor=columns.get(names[at], 0), hidden=names[at] not in columns)
            for at in wanted
        ],
        rows=[pick(row) for row in found.rows],
        total=None if found.total is None else pick(found.total),
        totals={name: pick(row) for name, row in found.totals.items()},
        title=title,
        stands_on="",  # the page says it
    )


def said_once(reports: "Iterable[Report]") -> None:
    """Leave what several panels say to the first of them."""
    said: set[str] = set()
    for each in reports:
        each.notes = [note for note in each.notes if note not in said]
        each.remarks = [remark for remark in each.remarks if remark not in said]
        said.update(each.footer)


# --- headline figures -----------------------------------------------------------------------------------


def tiles(panels: "Mapping[str, Panel]", scope: "Scope") -> "Iterator[Tile]":
    """The figures above all others, out of the panels that are there."""
    assert scope.period is not None
    label = scope.period.label
    if "leaderboard" in panels:
        sales = whole(panels["leaderboard"].report)
        won = sales.get("deals_won") or 0
        yield Tile("Won", sales.get("won_amount") or 0, "money", f"{won} deal{'' if won == 1 else 's'}")
    if "attainment" in panels:
        reached = whole(panels["attainment"].report)
        pace = reached.get("pace")
        yield Tile("Attainment", reached.get("attainment"), "percent", f"pace {pace} %" if pace else "")
    if "leaderboard" in panels:
        yield Tile("Win rate", sales.get("win_rate"), "percent", "of deals closed")
    if "forecast" in panels:
        expected = by_name(panels["forecast"].report, panels["forecast"].report.total)
        if scope.period.end.isoformat() < scope.as_of:  # nothing closes in it any more
            expected = {}
        yield Tile("Weighted pipeline", expected.get("weighted"), "money", f"closing in {label}")
        yield Tile("Coverage", expected.get("coverage"), "number", "open / gap")
    if "cycle_time" in panels:
        taken = whole(panels["cycle_time"].report)
        deals = taken.get("deals")
        yield Tile("Days to close", taken.get("median_days"), "number", f"median of {deals}" if deals else "")


def whole(found: Report) -> dict[str, Any]:
    """The figures of all rows together: the total, or the only row; nothing where there is neither."""
    rows = list(found.rows)
    return by_name(found, found.total or (rows[0] if len(rows) == 1 else None))


def by_name(found: Report, row: Row | None) -> dict[str, Any]:
    return {column.name: value for column, value in zip(found.columns, row or (), strict=False)}
