"""crm lint: records that lack something, or contradict themselves."""

from collections.abc import Sequence
from typing import Annotated, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.errors import InvalidValue
from crmcli.fields import BY_ENTITY, noun_named
from crmcli.reports.lint import CHECKS, Check, lint
from crmcli.result import Table

WORDS: Final = tuple(dict.fromkeys(BY_ENTITY[check.entity].word for check in CHECKS))

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="NOUN", help=f"Only these: {', '.join(WORDS)}.", autocompletion=lambda: list(WORDS)
    ),
]


@report("crm lint", "crm lint opp", "crm lint --json")
def command(app: App, noun: Which = None) -> Table:
    """List the records that lack something or contradict themselves, each with the command that mends it.

    Open deals past their close date, or without amount, close date or account; lost ones without a reason;
    probabilities that contradict the stage; leads untouched for 14 days, or without e-mail and phone;
    accounts without contacts, contacts without account; tasks overdue for 30 days; duplicates, invalid
    e-mail addresses, and what belongs to users who are not active any more. Nothing is changed.
    """
    return lint(app.read(), checks_of(noun), app.today, app.zone)


def checks_of(text: str | None) -> Sequence[Check]:
    """The checks of a noun, or all. Raises InvalidValue."""
    if text is None:
        return CHECKS
    noun = noun_named(text)
    if noun.word not in WORDS:
        raise InvalidValue(f"Nothing is checked of {noun.plural}.", hint=f"There are {', '.join(WORDS)}.")
    return [check for check in CHECKS if check.entity == noun.entity]
