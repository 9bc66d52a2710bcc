"""crm init: make the database."""

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.result import Outcome, Result


@report("crm init", "crm --db ~/sales/acme.db init")
def command(app: App) -> Result:
    """Make the database, or bring an older one up to date."""
    app.set_up()
    return Outcome([f"The database is at {app.target.shown}."], data={"database": app.target.shown})
