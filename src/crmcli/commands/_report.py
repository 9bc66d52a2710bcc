"""What reports are asked for, from the options they share: the day, the period, the owner, the reader."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

from crmcli.app import App
from crmcli.errors import InvalidValue, suggestion
from crmcli.store.deals import Scope

if TYPE_CHECKING:
    from crmcli.reports.standard import Standard
    from crmcli.result import Report


def for_people(app: App) -> bool:
    """Whether the result is read by people, not by a program."""
    return app.output is None or app.output.format in (None, "table", "plain", "md", "html")


def as_json(app: App) -> bool:
    return app.output is not None and app.output.format == "json"


def scope_of(
    app: App,
    *,
    as_of: str | None = None,
    owner: str | None = None,
    period: str | None = None,
    known_at: str | None = None,
) -> Scope:
    """The deals a report looks at; this-quarter is that of the as-of day. Raises CrmError.

    `known_at` is a day whose knowledge counts; without another as-of day it is that too.
    """
    day = as_of_day(app, as_of or known_at, "as-of" if as_of else "known-at")
    moment = end_of(app, day) if as_of or known_at else None
    known_day = as_of_day(app, known_at, "known-at") if known_at else None
    stretch = None
    if period is not None:
        from crmcli.values.periods import parse_period

        stretch = parse_period(period, today=day, fiscal_start=app.fiscal_start)
    id, name = owner_of(app, owner) if owner else (None, None)
    return Scope(
        day.isoformat(),
        moment,
        stretch,
        id,
        name,
        end_of(app, known_day) if known_day else None,
        known_at=known_day.isoformat() if known_day else None,
    )


def end_of(app: App, day: date) -> str:
    """The moment at which a day ends where the user is."""
    from crmcli.values.dates import iso_instant, midnight

    return iso_instant(midnight(day + timedelta(days=1), app.zone))


def as_of_day(app: App, text: str | None, option: str = "as-of") -> date:
    """The day a report stands on: today unless --as-of says otherwise. Raises InvalidValue."""
    if text is None:
        return app.today
    from crmcli.values.dates import parse_date

    day = parse_date(
        text, today=app.today, order=app.date_order, period_end=True, fiscal_start=app.fiscal_start
    )
    if day is None:
        raise InvalidValue(
            f"--{option} takes a day.", hint="Write 2026-03-31, yesterday or -2w.", field=option
        )
    if day > app.today:
        raise InvalidValue(
            f"--{option} {text} is {day}, in the future; what was is all that is known.", field=option
        )
    return day


def owner_of(app: App, text: str) -> tuple[int, str]:
    """The user that is meant, me being the one who acts. Raises NotFound or Conflict."""
    from crmcli.store.find import find, title_of

    reader = app.read()
    id = find(reader, "user", app.actor if text.strip().casefold() == "me" else text)
    return id, title_of(reader, "user", id)


def into_of(text: str | None) -> str | None:
    """The currency that all is to be converted to. Raises InvalidValue."""
    if text is None:
        return None
    from crmcli.values.money import check_currency

    return check_currency(text)


def one_of(text: str, known: tuple[str, ...], option: str) -> str:
    """The value of an option that has only a few. Raises InvalidValue with a suggestion."""
    wanted = text.strip().casefold().replace("_", "-")
    if wanted not in known:
        raise InvalidValue(
            f"--{option} is one of {', '.join(known)}, not {text!r}.",
            hint=suggestion(text, known),
            field=option,
        )
    return wanted


def standard_report(
    app: App,
    standard: "Standard",
    *,
    period: str | None = None,
    by: str | None = None,
    owner: str | None = None,
    currency: str | None = None,
    as_of: str | None = None,
    explain: bool = False,
) -> "Report":
    """A standard report as it is asked for. Raises CrmError."""
    from importlib import import_module

    from crmcli.reports.standard import Asked
    from crmcli.rules.rates import Rates
    from crmcli.store.figures import rates

    scope = scope_of(app, as_of=as_of, owner=owner, period=period or "today")
    assert scope.period is not None
    reader = app.read()
    asked = Asked(
        scope,
        scope.period,
        one_of(by, standard.by, "by") if by is not None else "",
        app.currency,
        Rates(app.currency, rates(reader, scope.known, app.currency)),
        app.zone,
        app.fiscal_start,
        into_of(currency),
        explain,
        as_json(app),
    )
    module = import_module(f"crmcli.reports.standard.{standard.word.replace('-', '_')}")
    found: Report = module.report(reader, asked)
    return found
