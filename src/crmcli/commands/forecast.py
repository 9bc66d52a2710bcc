"""crm forecast: what will be closed, by category."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Owner, Period, report
from crmcli.commands._report import as_json, one_of, scope_of
from crmcli.reports.forecast import BY, Asked, forecast
from crmcli.result import Result
from crmcli.rules.forecast import ROLLUPS

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
Explain = Annotated[bool, typer.Option("--explain", help="Show where every figure comes from.")]


@report(
    "crm forecast",
    "crm forecast --period next-quarter --by month --rollup single",
    "crm forecast --owner me --as-of 2026-03-31 --explain",
)
def command(
    app: App,
    period: Period = None,
    by: By = "owner",
    rollup: Rollup = "cumulative",
    as_of: AsOf = None,
    owner: Owner = None,
    explain: Explain = False,
) -> Result:
    """What will be closed in a period, by forecast category.

    The period is this quarter of the fiscal year unless another is given. Deals count by close date.
    Open deals whose close date has passed stand on a line of their own, and deals without amount or
    close date are named.
    """
    by = one_of(by, tuple(BY), "by")
    rollup = one_of(rollup, tuple(ROLLUPS), "rollup")
    scope = scope_of(app, as_of=as_of, owner=owner, period=period or "this-quarter")
    assert scope.period is not None
    asked = Asked(scope, scope.period, by, rollup, app.currency, app.fiscal_start, explain, as_json(app))
    return forecast(app.read(), asked)
