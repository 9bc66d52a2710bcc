"""crm report: the standard reports, and those of one's own."""

import inspect
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Noun, Owner, Period
from crmcli.commands._report import as_json, one_of, scope_of
from crmcli.reports.standard import STANDARD, Asked, Standard
from crmcli.result import Report

command = Noun("report", "Reports: the standard ones, and your own.")

Into = Annotated[
    str | None, typer.Option("--currency", metavar="CODE", help="Convert everything at the dated rates.")
]
Explain = Annotated[bool, typer.Option("--explain", help="Show where every figure comes from.")]
OPTIONS: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("period", Period, None),
    ("by", str, None),
    ("owner", Owner, None),
    ("currency", Into, None),
    ("as_of", AsOf, None),
    ("explain", Explain, False),
)


def register(standard: Standard) -> None:
    """Make a standard report a command, with the options that it has."""

    def run(app: App, **given: Any) -> Report:
        return made(app, standard, **given)

    parameters = [inspect.Parameter("app", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=App)]
    for name, kind, default in OPTIONS:
        if name == "period":
            default = standard.period
        if name == "by":
            kind, default = by_option(standard.by), standard.by[0] if standard.by else None
        if (name == "period" and standard.period is None) or (name == "by" and not standard.by):
            continue
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        )
    run.__name__ = standard.word.replace("-", "_")
    run.__doc__ = standard.about
    run.__signature__ = inspect.Signature(parameters, return_annotation=Report)  # type: ignore[attr-defined]
    command.verb(*(standard.examples or (f"crm report {standard.word}",)))(run)


def by_option(keys: tuple[str, ...]) -> Any:
    return Annotated[
        str,
        typer.Option(
            "--by",
            metavar="KEY",
            help=f"One row for each: {', '.join(keys)}.",
            autocompletion=lambda: [*keys],
        ),
    ]


def made(
    app: App,
    standard: Standard,
    *,
    period: str | None = None,
    by: str | None = None,
    owner: str | None = None,
    currency: str | None = None,
    as_of: str | None = None,
    explain: bool = False,
) -> Report:
    """A standard report as it is asked for. Raises CrmError."""
    from importlib import import_module

    from crmcli.rules.rates import Rates
    from crmcli.store.figures import rates

    scope = scope_of(app, as_of=as_of, owner=owner, period=period or "today")
    assert scope.period is not None
    into = None
    if currency is not None:
        from crmcli.values.money import check_currency

        into = check_currency(currency)
    reader = app.read()
    asked = Asked(
        scope,
        scope.period,
        one_of(by, standard.by, "by") if by is not None else "",
        app.currency,
        Rates(app.currency, rates(reader, scope.known_until, app.currency)),
        app.zone,
        app.fiscal_start,
        into,
        explain,
        as_json(app),
    )
    module = import_module(f"crmcli.reports.standard.{standard.word.replace('-', '_')}")
    found: Report = module.report(reader, asked)
    return found


for each in STANDARD:
    register(each)
