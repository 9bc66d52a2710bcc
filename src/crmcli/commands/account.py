"""crm account: organisations."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._entity import entity_verbs
from crmcli.commands._merge import merge_verb
from crmcli.commands._noun import Noun, complete_references
from crmcli.commands._records import record_of
from crmcli.commands._report import for_people
from crmcli.result import Result
from crmcli.store.find import find

NEWEST = 20  # activities that people see

command = Noun("account", "Organisations: customers, prospects, suppliers, partners and competitors.")

entity_verbs(
    command,
    "account",
    {
        "add": "crm account add Huaxin --type Prospect --website huaxin.cn --industry Electronics",
        "list": "crm account list type:customer city=Berlin",
        "edit": "crm account edit A4 --parent A2",
        "rm": "crm account rm A4",
        "import": "crm account import accounts.csv --match name --create-parents",
        "export": "crm account export accounts.csv",
    },
    without=("show",),
)
merge_verb(command, "account")


@command.verb("crm account show A4", "crm account show Huaxin --json")
def show(
    app: App,
    ref: Annotated[
        str,
        typer.Argument(
            help="Its reference, name, domain or external ID.", autocompletion=complete_references("account")
        ),
    ],
) -> Result:
    """Show an account with its people, its deals and what they brought, its tasks and its activities.

    Of the activities people see the newest; JSON has them all.
    """
    from crmcli.reports.account_view import account_view

    reader = app.read()
    id = find(reader, "account", ref)
    limit = NEWEST if for_people(app) else None
    return account_view(
        reader, record_of(reader, "account", id), id, today=app.today, zone=app.zone, limit=limit
    )
