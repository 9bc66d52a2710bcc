"""crm init: make the database."""

from crmcli.app import App
from crmcli.commands._noun import DryRun, report
from crmcli.result import Outcome, Result


@report("crm init", "crm --db ~/sales/acme.db init")
def command(app: App, dry_run: DryRun = False) -> Result:
    """Make the database, or bring an older one up to date."""
    if dry_run:
        would = "is there" if app.target.exists() else "would be made"
        return Outcome([f"The database {app.target.shown} {would}."], data={"database": app.target.shown})
    app.set_up()
    return Outcome([f"The database is at {app.target.shown}."], data={"database": app.target.shown})
