"""crm undo: take back the last act, or any."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._noun import DryRun, report
from crmcli.result import Outcome, Result


@report("crm undo", "crm undo 41 --dry-run", "crm undo 41")
def command(
    app: App,
    entry: Annotated[
        int | None,
        typer.Argument(metavar="[ENTRY]", help="The entry of crm history; without one, your last act."),
    ] = None,
    dry_run: DryRun = False,
) -> Result:
    """Take back your last act, or any entry of the history.

    Everything the act added, changed and deleted is put back, and that is an entry of its own, which
    `crm redo` takes back. Where later changes would be lost nothing is done, and they are named.
    """
    from crmcli.store.journal import last_act, newer_of_others, take_back

    with app.work(dry_run=dry_run) as work:
        newer = None if entry is not None else newer_of_others(work.reader, work.actor)
        done = take_back(work, last_act(work.reader, work.actor) if entry is None else entry)
    return Outcome(
        [
            done.sentence(would=dry_run),
            *(f"{user} stays: others' records belong to it by now." for user in done.kept),
            *([] if dry_run else ["`crm redo` brings it back."]),
            *([newer] if newer else []),
        ],
        [],
        data={"entry": None if dry_run else work.entry, "undone": done.entry, "records": done.records},
    )
