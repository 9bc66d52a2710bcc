"""crm pipeline: the open deals by stage, what changed in them, and what they are stuck on."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Explain, Into, Owner, Period, report
from crmcli.commands._report import as_json, for_people, into_of, owner_of, scope_of
from crmcli.errors import InvalidValue
from crmcli.reports.pipeline import Asked, pipeline
from crmcli.result import Report


@report(
    "crm pipeline", "crm pipeline --owner me --period this-quarter", "crm pipeline --as-of 2026-03-31 --json"
)
def command(
    app: App,
    owner: Owner = None,
    period: Period = None,
    currency: Into = None,
    as_of: AsOf = None,
    explain: Explain = False,
) -> Report:
    """Open deals by stage: how many, what they may bring, what is expected of them, how old they are.

    With --period only those that close within it. Each currency has a block of its own, unless --currency
    converts them at the rates of the day.
    """
    scope = scope_of(app, as_of=as_of, owner=owner, period=period)
    asked = Asked(scope, app.currency, app.zone, explain, as_json(app), into_of(currency))
    return pipeline(app.read(), asked)


@command.verb(
    "crm pipeline diff 2026-03-31 today",
    "crm pipeline diff -1w --owner me --explain",
    "crm pipeline diff 2026-03-31 2026-06-30 --period 2026-Q2 --json",
)
def diff(
    app: App,
    first: Annotated[str, typer.Argument(metavar="FROM", help="The day it begins with, at its end.")],
    last: Annotated[str, typer.Argument(metavar="TO", help="The day it ends with.")] = "today",
    period: Period = None,
    owner: Owner = None,
    currency: Into = None,
    explain: Explain = False,
) -> Report:
    """What made the pipeline of one day that of another: new deals, won, lost, moved, worth more or less.

    Each deal is in one bucket, with what it adds; opening and all movements are the closing. With --period
    it is the pipeline of deals that close within it, and those whose close date enters or leaves it move in
    or out. With --currency each day is said at its own rates, and what the rates alone did is a bucket.
    """
    from crmcli.reports import pipeline_diff

    before = scope_of(app, as_of=past_day(app, first), owner=owner)
    after = scope_of(app, as_of=past_day(app, last), owner=owner, period=period)
    if before.as_of > after.as_of:
        raise InvalidValue(
            f"{before.as_of} is later than {after.as_of}.",
            hint=f"crm pipeline diff {after.as_of} {before.as_of}",
            field="from",
        )
    asked = pipeline_diff.Asked(
        before, after, app.currency, explain, as_json(app), for_people(app), into_of(currency)
    )
    return pipeline_diff.pipeline_diff(app.read(), asked)


def past_day(app: App, text: str) -> str:
    """A day that was typed, today or before, as it is stored. Raises InvalidValue."""
    from crmcli.values.dates import parse_date

    day = parse_date(
        text, today=app.today, order=app.date_order, period_end=True, fiscal_start=app.fiscal_start
    )
    if day is None:
        raise InvalidValue(f"{text!r} is no day.", hint="Write 2026-03-31, yesterday or -2w.")
    if day > app.today:
        raise InvalidValue(f"{text} is {day}, in the future; what was is all that is known.")
    return day.isoformat()


@command.verb(
    "crm pipeline blockers", "crm pipeline blockers --owner me --json", "crm pipeline blockers --limit 500"
)
def blockers(
    app: App,
    owner: Owner = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", metavar="N", help="At most so many deals.")
    ] = None,
) -> Report:
    """Open deals that are stuck, what on, and the command that mends it.

    A deal is stuck when its close date has passed or was put off three times, when it is in its stage for
    longer than the limit (crm stage edit NAME --limit-days 14; without one, than was usual: 1.5 × the median
    days of won deals, at least 14, once 8 of them have been in it), when it has an overdue task, no next step
    or no decision maker, or when nothing has happened for as long as the limit, or 30 days.
    `crm opp snooze O7 --until +2w` hides a deal till then.

    The deal whose close date is the longest ago comes first, one without any last. People see the first 100
    deals unless --limit says otherwise, programs all (--json, --format csv).
    """
    from crmcli.reports.pipeline_blockers import SHOWN, Asked, pipeline_blockers

    if limit is not None and limit < 1:
        raise InvalidValue("--limit is at least 1.", field="limit")
    if limit is None and for_people(app):
        limit = SHOWN
    id, name = owner_of(app, owner) if owner else (None, None)
    return pipeline_blockers(app.read(), Asked(app.today, app.zone, id, name, limit))
