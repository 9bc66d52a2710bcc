"""crm report: the standard reports, and those of one's own."""

import inspect
from typing import Annotated, Any, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import AsOf, Noun, Owner, Period
from crmcli.commands._own_reports import WORDS, complete_reports, own_named, own_report_verbs, run_own
from crmcli.commands._report import standard_report
from crmcli.errors import InvalidValue
from crmcli.reports.standard import STANDARD, Standard
from crmcli.result import Report

command = Noun("report", "Reports: the standard ones, and your own.", default="NAME")

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


@command.verb(
    "crm report 'Open by owner'",
    "crm report 'Open by owner' owner:me --as-of yesterday --json",
    "crm report run win-rate --period last-quarter",
    name="run",
)
def run(
    app: App,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=complete_reports)],
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER]...", help="Of your own: only these of its records; see crm help filters."
        ),
    ] = None,
    period: Period = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="KEY", help="Of a standard one: one row for each.")
    ] = None,
    owner: Owner = None,
    currency: Into = None,
    as_of: AsOf = None,
    explain: Explain = False,
) -> Report:
    """Run a report of your own, or a standard one.

    --period, --by and --owner are of the standard ones; your own take filter terms instead. With --as-of
    records are as they were at the end of that day, whatever the noun.
    """
    asked = {"period": period, "by": by, "owner": owner}
    given = {option: text for option, text in asked.items() if text is not None}
    shared: dict[str, Any] = {"currency": currency, "as_of": as_of, "explain": explain}
    standard = WORDS.get(name.strip().casefold())
    if standard is None:
        known = own_named(app, name)
        for option in given:
            raise InvalidValue(
                f"{known.name} is no standard report: it has no --{option}.",
                hint="Give it filter terms: owner:me close_date:this-quarter",
                field=option,
            )
        return run_own(app, known, terms or [], **shared)
    if terms:
        raise InvalidValue(f"{standard.word} takes no filter: {' '.join(terms)}", field="filter")
    usual: dict[str, Any] = {
        "period": standard.period,
        "by": standard.by[0] if standard.by else None,
        "owner": "",
    }
    for option in given:
        if usual[option] is None:
            raise InvalidValue(f"{standard.word} has no --{option}.", field=option)
    chosen: dict[str, Any] = {option: text for option, text in {**usual, **given}.items() if text}
    return standard_report(app, standard, **chosen, **shared)


command.verb(
    "crm report 'Open by owner'", "crm report 'Open by owner' owner:me --as-of yesterday --json", name="NAME"
)(run)
for each in STANDARD:
    register(each)
own_report_verbs(command)
