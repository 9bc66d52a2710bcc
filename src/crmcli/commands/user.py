"""crm user: the sales team."""

from collections.abc import Sequence
from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._entity import entity_verbs, remove
from crmcli.commands._noun import DryRun, Noun, Yes, complete_users
from crmcli.fields import reference
from crmcli.result import Result
from crmcli.rules.ownership import refuse_departure
from crmcli.store.find import title_of
from crmcli.store.reader import Reader

command = Noun("user", "Users: the sales team, who own records and lead one another.")

entity_verbs(
    command,
    "user",
    {
        "add": "crm user add 'Li Wei' --email li@example.com --role 'Sales Rep' --team East",
        "list": "crm user list team:east active=yes",
        "show": "crm user show 'Li Wei'",
        "edit": "crm user edit 'Li Wei' --active no",
        "rm": "crm user rm U2",
        "import": "crm user import team.csv --match email --map 'Reports to=manager'",
        "export": "crm user export users.csv",
    },
)

# What a user is still needed for, by entity.
OPEN = {
    "lead": "converted_at IS NULL",
    "opportunity": "is_closed = 0",
    "task": "completed_at IS NULL",
}


@command.verb("crm user rm U2", "crm user rm 'Li Wei' --yes")
def rm(
    app: App,
    refs: Annotated[list[str], typer.Argument(metavar="REF...", help="Who.", autocompletion=complete_users)],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Result:
    """Delete users who own no open leads, deals or tasks.

    Who has left is better kept: `crm user edit NAME --active no`. `crm undo` brings deleted ones back.
    """
    return remove(app, "user", refs, yes=yes, dry_run=dry_run, check=nobody_needed)


def nobody_needed(reader: Reader, ids: Sequence[int]) -> None:
    """Raises Refused where one of the users owns open records."""
    for id in ids:
        owned = {
            entity: reader.value(
                f"SELECT count(*) FROM {entity} WHERE owner_id = :id AND deleted_at IS NULL AND {condition}",
                id=id,
            )
            for entity, condition in OPEN.items()
        }
        deal = reader.value(
            "SELECT min(id) FROM opportunity WHERE owner_id = :id AND deleted_at IS NULL AND is_closed = 0",
            id=id,
        )
        refuse_departure(
            title_of(reader, "user", id), owned, reference("opportunity", deal) if deal else None
        )
