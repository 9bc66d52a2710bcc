"""crm doctor: check the database."""

from typing import Annotated, Final

import typer

from crmcli.app import App
from crmcli.commands._noun import report
from crmcli.result import Column, Outcome, Report, Result
from crmcli.store.checks import Check, checks

COLUMNS: Final = (
    Column("check", "Check", cut="never"),
    Column("state", "State", cut="never"),
    Column("message", "Found", wraps=True),
    Column("hint", "What mends it", wraps=True),
)
DAMAGED: Final = 6


@report("crm doctor", "crm doctor --full --json", "crm doctor --fix")
def command(
    app: App,
    full: Annotated[
        bool, typer.Option("--full", help="Also compare every index with its table; slower.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="First make the search index and the numbers anew.")
    ] = False,
) -> Result:
    """Check the database: who can read it, whether it is sound, whether it agrees with itself.

    Each check is ok, warn or bad, and says what mends it. The exit code is 0 where nothing is bad, else 6.
    """
    found = [
        Check("database", "ok", f"There is no database at {app.target.shown} yet; the first write makes it.")
    ]
    if app.target.exists() or app.settings.named:
        if fix and app.target.exists():
            from crmcli.store.checks import mend

            app.read()
            with app.work() as work:
                mend(work.connection)
                work.wrote = True
        found = [Check("database", "ok", app.target.shown), *checks(app.target, app.read(), full=full)]
    code = DAMAGED if any(check.state == "bad" for check in found) else 0
    if app.output is not None and app.output.everything:
        return Outcome(
            data={"schema_version": 1, "checks": [check._asdict() for check in found]}, exit_code=code
        )
    return Report(COLUMNS, found, title="Doctor", refs=None, exit_code=code)
