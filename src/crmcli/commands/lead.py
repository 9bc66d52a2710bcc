"""crm lead: people and companies that showed interest."""

from typing import TYPE_CHECKING, Annotated

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._entity import confirm_many, entity_verbs
from crmcli.commands._facts import facts_of, new_owner, owner_for
from crmcli.commands._merge import merge_verb
from crmcli.commands._noun import At, DryRun, Noun, Yes, complete_references, complete_stages, complete_users
from crmcli.errors import Refused
from crmcli.fields import reference
from crmcli.result import Outcome, Result
from crmcli.rules.records import Facts, revised
from crmcli.store.find import title_of

if TYPE_CHECKING:
    from crmcli.model import Lead
    from crmcli.store.work import UnitOfWork

command = Noun("lead", "People and companies that showed interest, not yet qualified.")

entity_verbs(
    command,
    "lead",
    {
        "add": "crm lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn --source 'Trade Show'",
        "list": "crm lead list status:open -source=Web --sort -created_at",
        "show": "crm lead show L12",
        "edit": "crm lead edit L12 --rating Hot --phone '+86 10 5555 1234'",
        "rm": "crm lead rm L12 L13 --yes",
        "import": "crm lead import fair.csv --map 'Company Name=company' --set source=Web --match email",
        "export": "crm lead export leads.csv",
    },
)
merge_verb(command, "lead")

LeadRef = Annotated[
    str,
    typer.Argument(
        metavar="LEAD", help="Its reference, name or e-mail.", autocompletion=complete_references("lead")
    ),
]


@command.verb(
    "crm lead convert L12",
    "crm lead convert L12 --account A4 --role 'Decision Maker' --amount 50k --task 'Send proposal:+3d'",
    "crm lead convert L12 --no-opp --at 2026-03-02",
)
def convert(
    app: App,
    lead: LeadRef,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="ACCOUNT", help="The account it is of.", autocompletion=complete_references("account")
        ),
    ] = None,
    new_account: Annotated[str | None, typer.Option(metavar="NAME", help="Make a new account.")] = None,
    contact: Annotated[
        str | None,
        typer.Option(
            metavar="CONTACT", help="The contact it is.", autocompletion=complete_references("contact")
        ),
    ] = None,
    opp: Annotated[
        str | None,
        typer.Option(
            "--opp",
            metavar="OPP",
            help="An open deal to attach.",
            autocompletion=complete_references("opportunity"),
        ),
    ] = None,
    opp_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the new deal; else the account's.")
    ] = None,
    no_opp: Annotated[bool, typer.Option("--no-opp", help="Make no deal.")] = False,
    amount: Annotated[str | None, typer.Option(metavar="MONEY", help="What the deal may bring.")] = None,
    close_date: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="When the deal should be closed; else at the end of the quarter."),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE", help="Stage of the deal; else the first.", autocompletion=complete_stages
        ),
    ] = None,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="What the contact has to say in the deal.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="SUBJECT:WHEN", help="Something to do next; may be repeated.")
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            metavar="USER", help="Who owns what is new; else the lead's.", autocompletion=complete_users
        ),
    ] = None,
    at: At = None,
    dry_run: DryRun = False,
) -> Result:
    """Turn a qualified lead into an account, a contact and an opportunity.

    Without --account or --new-account, an account of the same name or domain is offered; in a pipe it is
    linked if there is exactly one. Existing records get only what they lack. Tasks, activities and custom
    fields follow.
    """
    from crmcli.commands._convert import Typed, run_convert

    typed = Typed(
        account,
        new_account,
        contact,
        opp,
        opp_name,
        no_opp,
        amount,
        close_date,
        stage,
        role,
        task or (),
        owner,
    )
    return run_convert(app, lead, typed, at, dry_run)


# --- assign -------------------------------------------------------------------------------------------


@command.verb(
    "crm lead assign L12 --to 'Li Na'", "crm lead assign L12 L13 --to me --reason 'Speaks Mandarin'"
)
def assign(
    app: App,
    leads: Annotated[
        list[str],
        typer.Argument(metavar="LEAD...", help="The leads.", autocompletion=complete_references("lead")),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="USER", help="Who is responsible from now on.", autocompletion=complete_users
        ),
    ],
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept as a note on the lead.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Result:
    """Give leads to another owner. Converted leads stay as they are."""
    from crmcli.model import Lead

    app.read()  # where nothing is, nothing is made
    confirm_many(app, f"Give {len(leads)} leads to {to}?", len(leads), yes=yes or dry_run)
    with app.work(dry_run=dry_run) as work:
        owner_id = new_owner(work, to)
        name = title_of(work.reader, "user", owner_id)
        facts, said = facts_of(app, work.reader), []
        chosen = {one.id: one for one in (work.one(Lead, ref) for ref in leads)}
        for lead in chosen.values():
            changes = assigned(work, lead, owner_id, name, reason, facts)
            work.apply(changes)
            said += changes.notes
        entry = work.entry if work.wrote and not dry_run else None
    refs = [reference("lead", id) for id in chosen]
    return Outcome(
        [f"Would be: {line}" for line in said] if dry_run else said,
        refs,
        data={"assigned": refs, "owner": name, "entry": entry},
    )


def assigned(
    work: "UnitOfWork", lead: "Lead", owner_id: int, name: str, reason: str | None, facts: Facts
) -> Changes:
    """The plan that gives a lead to a user, with the reason as a note. Raises Refused."""
    changes = Changes()
    ref = f"{reference('lead', lead.id)} {lead.name}"
    try:
        values = revised("lead", {"converted_at": lead.converted_at}, {"owner_id": owner_id}, facts)
    except Refused as error:
        raise Refused(f"{ref}: {error.message}", hint=error.hint) from error
    if lead.owner_id == owner_id:
        changes.note(f"{ref} is {name}'s already.")
        return changes
    changes.edit("lead", lead.id, **values)
    if reason:
        changes.add(
            "activity",
            work.ids("activity"),
            type="Note",
            subject=f"Assigned to {name}"[:255],
            description=reason,
            happened_at=facts.at,
            related_to_entity="lead",
            related_to_id=lead.id,
            owner_id=owner_for(work),
            created_at=facts.at,
        )
    changes.note(f"{ref} · {name}")
    return changes
