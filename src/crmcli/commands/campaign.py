"""crm campaign: what was done to win customers."""

from typing import Annotated

import typer

from crmcli.app import App
from crmcli.commands._entity import entity_verbs
from crmcli.commands._noun import Noun, complete_references
from crmcli.commands._records import record_of
from crmcli.result import Result, Table
from crmcli.store.find import find
from crmcli.store.reader import Reader

command = Noun("campaign", "Campaigns: fairs, mailings, advertisements, what they cost and brought.")

entity_verbs(
    command,
    "campaign",
    {
        "add": "crm campaign add 'Hannover Fair' --type 'Trade Show' --start-date 2026-04-20 --budgeted-cost 'EUR 12k'",
        "list": "crm campaign list status:progress --sort -start_date",
        "edit": "crm campaign edit 'Hannover Fair' --status Completed --actual-cost 11400",
        "rm": "crm campaign rm M2",
        "import": "crm campaign import campaigns.csv --match name --map 'Budget=budgeted_cost'",
        "export": "crm campaign export campaigns.csv",
    },
    without=("show",),
)


@command.verb("crm campaign show M2", "crm campaign show 'Hannover Fair' --json")
def show(
    app: App,
    ref: Annotated[
        str,
        typer.Argument(
            help="Its reference, name or external ID.", autocompletion=complete_references("campaign")
        ),
    ],
) -> Result:
    """Show a campaign with the leads and the deals that came from it.

    `crm report campaign-return` says what campaigns cost and brought.
    """
    reader = app.read()
    id = find(reader, "campaign", ref)
    record = record_of(reader, "campaign", id)
    record.sections = {
        "leads": section(reader, "lead", "t.converted_at IS NOT NULL, t.id", id),
        "opportunities": section(reader, "opportunity", "t.is_closed, t.close_date, t.id", id),
    }
    return record


def section(reader: Reader, entity: str, order: str, id: int) -> Table:
    """The leads or the deals of a campaign, those under way first, with the fields that lists show."""
    from crmcli.store.query import columns_for, select

    selected = columns_for(reader.fields(entity), None, everything=False)
    return Table(
        [each.column for each in selected],
        list(reader.rows(select(entity, selected, "t.campaign_id = :id", order), id=id)),
        empty="None.",
    )
