"""crm history: what was done, by whom."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import complete_references, report
from crmcli.errors import InvalidValue
from crmcli.reports.history import history
from crmcli.result import Result


@report("crm history --limit 20", "crm history O45", "crm history --json --limit 1")
def command(
    app: App,
    ref: Annotated[
        str | None,
        typer.Argument(
            metavar="[REF]", help="Only what touched this record.", autocompletion=complete_references(None)
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", metavar="N", help="At most so many.")] = None,
) -> Result:
    """What was done, by whom, newest first.

    With a record's reference only what touched it, and which of its fields changed from what to what; that
    works for deleted records too. `crm undo ENTRY` takes an entry back.
    """
    if limit is not None and limit < 0:
        raise InvalidValue(f"--limit {limit} is negative.", field="limit")
    return history(app.read(), ref, limit, people=not app.output.everything)
