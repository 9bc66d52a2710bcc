"""crm pipeline: the open deals by stage."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Owner, Period, report
from crmcli.commands._report import as_json, for_people, scope_of
from crmcli.reports.pipeline import Asked, pipeline
from crmcli.result import Result

ROOM = 80  # cells of a terminal that has room for bars

Explain = Annotated[bool, typer.Option("--explain", help="Show where every figure comes from.")]


@report(
    "crm pipeline", "crm pipeline --owner me --period this-quarter", "crm pipeline --as-of 2026-03-31 --json"
)
def command(
    app: App,
    owner: Owner = None,
    period: Period = None,
    as_of: AsOf = None,
    explain: Explain = False,
) -> Result:
    """Open deals by stage: how many, what they may bring, what is expected of them, how old they are.

    With --period only those that close within it.
    """
    from crmcli.render.look import look_of

    look = look_of(app.stdout, app.stderr, app.environ, app.settings.color)
    bars = for_people(app) and not 0 < look.width < ROOM
    scope = scope_of(app, as_of=as_of, owner=owner, period=period)
    asked = Asked(scope, app.currency, app.zone, explain, as_json(app), bars, look.ascii)
    return pipeline(app.read(), asked)
