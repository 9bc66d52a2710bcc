"""crm redo: do again what was undone."""

from crmcli.app import App
from crmcli.commands._noun import DryRun, report
from crmcli.result import Outcome, Result


@report("crm redo", "crm redo --dry-run")
def command(app: App, dry_run: DryRun = False) -> Result:
    """Do again what your last undo took back."""
    from crmcli.store.journal import last_undo, take_back

    with app.work(dry_run=dry_run) as work:
        done = take_back(work, last_undo(work.reader, work.actor))
    return Outcome(
        [done.sentence(would=dry_run)],
        [],
        data={"entry": None if dry_run else work.entry, "undone": done.entry, "records": done.records},
    )
