"""crm report: the standard reports, and those of one's own."""

import inspect
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Explain, Into, Noun, Owner, Period
from crmcli.commands._own_reports import complete_reports, own_named, own_report_verbs, run_own
from crmcli.commands._report import standard_report
from crmcli.reports.standard import STANDARD, Standard
from crmcli.result import Report

command = Noun("report", "Reports: the standard ones, and your own.", default="NAME", silent="run")

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
        return standard_report(app, standard, **given)

    parameters = [inspect.Parameter("app", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=App)]
    for name, kind, default in OPTIONS:
        if name == "period":
            default = standard.period
        if name == "by":
            kind, default = by_option(standard.by), standard.by[0] if standard.by else None
        offered = {"period": standard.period, "by": standard.by, "currency": standard.has_money}
        if not offered.get(name, True):
            continue
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        )
    run.__name__ = standard.word.replace("-", "_")
    run.__doc__ = standard.about
    run.__signature__ = inspect.Signature(parameters, return_annotation=Report)  # type: ignore[attr-defined]
    examples = standard.examples or (f"crm report {standard.word}",)
    command.verb(*examples, section="Standard reports")(run)


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


for each in STANDARD:
    register(each)


@command.verb(
    "crm report run 'Open by owner'",
    "crm report run 'Open by owner' owner:me --as-of yesterday --json",
    "crm report run win-rate --period last-quarter",
    name="run",
)
def run(
    app: App,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=complete_reports)],
    terms: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILTER]...", help="Only these of its records; see crm help filters."),
    ] = None,
    currency: Into = None,
    as_of: AsOf = None,
    explain: Explain = False,
) -> Report:
    """Run a report of your own.

    With --as-of records are as they were at the end of that day, whatever the noun. `run` may be left out, and
    may stand before the name of a standard report too.
    """
    return run_own(app, own_named(app, name), terms or [], currency=currency, as_of=as_of, explain=explain)


command.verb(
    "crm report 'Open by owner'", "crm report 'Open by owner' owner:me --as-of yesterday --json", name="NAME"
)(run)
own_report_verbs(command)
