"""crm today: what to do now."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import complete_users, report
from crmcli.commands._report import owner_of
from crmcli.reports.today import Asked, owns_anything, today
from crmcli.result import Table

Whose = Annotated[
    str | None,
    typer.Option(
        "--owner",
        metavar="USER",
        help="Whose day: a user, me, or all; else yours.",
        autocompletion=complete_users,
    ),
]


@report("crm today", "crm today --owner all")
def command(app: App, owner: Whose = None) -> Table:
    """What to do now: tasks overdue and due, deals past their close date or with nothing next, new leads.

    It is your own day, or everybody's where you own nothing yet. A new lead is one that has waited for more
    than two days and that nobody has contacted.
    """
    from contextlib import suppress

    from crmcli.errors import Conflict, NotFound

    id: int | None = None
    name: str | None = None
    if owner is None:
        with suppress(NotFound, Conflict):
            id, name = owner_of(app, "me")
        if id is not None and not owns_anything(app.read(), id):
            id = name = None
    elif owner.strip().casefold() != "all":
        id, name = owner_of(app, owner)
    return today(app.read(), Asked(app.today, app.zone, id, name))
