"""crm lead: people and companies that showed interest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from crmcli.app import App
from crmcli.changes import Changes
from crmcli.commands._entity import entity_verbs, news
from crmcli.commands._facts import day_of, facts_of, owner_for, reading_of
from crmcli.commands._merge import merge_verb
from crmcli.commands._noun import At, DryRun, Noun, complete_references, complete_stages, complete_users
from crmcli.errors import Refused
from crmcli.fields import reference
from crmcli.parse import chosen, moment_of, parse_value
from crmcli.result import Outcome, Result
from crmcli.rules.closing import lacking, overdue
from crmcli.rules.contact_roles import Part
from crmcli.rules.conversion import (
    Asked,
    Conversion,
    Found,
    company_of,
    domain_of,
    follow_up_of,
    plan_conversion,
    same_person,
)
from crmcli.rules.filling import Became
from crmcli.rules.ownership import refuse_inactive_owner
from crmcli.rules.records import Facts, revised
from crmcli.store.find import described, find, title_of
from crmcli.store.lookalikes import about, accounts_like, people_like
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant, long_date

if TYPE_CHECKING:
    from crmcli.model import Account, Lead, Opportunity
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


class Prospect(NamedTuple):
    """A lead as it is read before it is asked about."""

    id: int
    name: str
    company: str | None
    website: str | None
    email: str | None
    created_at: str
    converted_at: str | None


@dataclass(frozen=True, slots=True)
class Typed:
    """The options of a conversion as they were typed."""

    account: str | None
    new_account: str | None
    contact: str | None
    opp: str | None
    opp_name: str | None
    no_opp: bool
    amount: str | None
    close_date: str | None
    stage: str | None
    role: str | None
    task: Sequence[str]
    owner: str | None
    new_contact: bool = False


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
    day = day_of(app, at) or app.today
    prospect = prospect_of(app.read(), lead)
    moment = moment_for(app, day, prospect, typed)
    if app.interactive and not prospect.converted_at:
        typed = offered(app, prospect, typed)
    with app.work(at=moment, dry_run=dry_run) as work:
        facts = replace(facts_of(app, work.reader, day), at=moment)
        plan = planned(app, work, prospect.id, typed, facts)
        work.apply(plan)
        plan.notes += remarks_on(work, plan, app.today)
        entry = work.entry
    return converted(plan, prospect, day, None if dry_run else entry)


def remarks_on(work: "UnitOfWork", plan: Conversion, today: date) -> list[str]:
    """What the deal lacks that the lead became."""
    from crmcli.model import Opportunity

    if plan.opportunity is None:
        return []
    record = work.get(Opportunity, plan.opportunity.id)
    deal = {name: getattr(record, name) for name in type(record).model_fields}
    return [*lacking(deal), *overdue(deal, today)]


def prospect_of(reader: Reader, ref: str) -> Prospect:
    """The lead that is meant. Raises NotFound or Conflict."""
    row = reader.row(
        "SELECT id, name, company, website, email, created_at, converted_at FROM lead WHERE id = :id",
        id=find(reader, "lead", ref),
    )
    assert row is not None
    return Prospect(*row)


def moment_for(app: App, day: date, prospect: Prospect, typed: Typed) -> datetime:
    """The moment of the act on a day, when the lead and its deal were there. Raises Refused."""
    reader = app.read()
    began = [(reference("lead", prospect.id), from_iso_instant(prospect.created_at))]
    if typed.opp is not None:
        id = find(reader, "opportunity", typed.opp)
        created = reader.value("SELECT created_at FROM opportunity WHERE id = :id", id=id)
        began.append((reference("opportunity", id), from_iso_instant(created)))
    for ref, since in began:
        first = since.astimezone(app.zone).date()
        if day < first:
            raise Refused(
                f"{ref} was not there on {long_date(day)}; it is of {long_date(first)}.", field="at"
            )
    return max(moment_of(day, app.now, app.zone), *(since for _, since in began))


def offered(app: App, prospect: Prospect, typed: Typed) -> Typed:
    """What somebody at the terminal chooses among the accounts and contacts that match."""
    reader = app.read()
    account_id = find(reader, "account", typed.account) if typed.account is not None else None
    if account_id is None and not (typed.new_account or typed.contact or typed.opp):
        ids = accounts_like(reader, prospect.company, domain_of(prospect))
        account_id = choice(app, f"Account of {prospect.name}?", "account", ids, company_of(prospect))
        typed = replace(
            typed,
            account=reference("account", account_id) if account_id else None,
            new_account=company_of(prospect) if ids and account_id is None else None,
        )
    if account_id is not None and typed.contact is None:
        same = same_person(people_like(app.read(), prospect.name, prospect.email), account_id, prospect.email)
        contact_id = choice(
            app, f"Who is {prospect.name}?", "contact", [one.id for one in same], prospect.name
        )
        typed = replace(
            typed,
            contact=reference("contact", contact_id) if contact_id else None,
            new_contact=contact_id is None,
        )
    return typed


def choice(app: App, question: str, entity: str, ids: Sequence[int], name: str) -> int | None:
    """Let the user link one of several records; None for a new one."""
    if not ids:
        return None
    from crmcli.ask import pick

    choices = {f"Link {described(app.read(), entity, id)}": id for id in ids}
    app.release()
    return choices.get(pick(question, [*choices, f"Make a new {entity}: {name}"]))


def planned(app: App, work: "UnitOfWork", lead_id: int, typed: Typed, facts: Facts) -> Conversion:
    """Load what the conversion needs, and have it planned."""
    from crmcli.model import Lead

    lead = work.get(Lead, lead_id)
    asked = asked_of(app, work, lead, typed, facts.day)
    plan = plan_conversion(
        lead, asked, found_for(work, lead, asked), facts, work.ids, fiscal_start=app.fiscal_start
    )
    if asked.role:
        roles = [spec for spec in work.fields("contact_role") if spec.name == "role"]
        plan.notes += news(roles, {"role": asked.role})
    return plan


def asked_of(app: App, work: "UnitOfWork", lead: "Lead", typed: Typed, day: date) -> Asked:
    """What was typed, as records and values. Raises CrmError."""
    from crmcli.model import Account, Contact, Opportunity

    contact = work.one(Contact, typed.contact) if typed.contact is not None else None
    deal = work.one(Opportunity, typed.opp) if typed.opp is not None else None
    account = work.one(Account, typed.account) if typed.account is not None else None
    if account is None and typed.new_account is None:
        theirs = [record.account_id for record in (contact, deal) if record is not None]
        account = account_of(work, next(filter(None, theirs), None))
    owner_id = owner_named(work, typed.owner) if typed.owner is not None else None
    if owner_id is None and lead.owner_id is None:
        owner_id = owner_for(work)
    tasks = [
        follow_up_of(text, today=day, order=app.date_order, fiscal_start=app.fiscal_start)
        for text in typed.task
    ]
    return Asked(
        account=account,
        new_account=typed.new_account,
        contact=contact,
        new_contact=typed.new_contact,
        opportunity=deal,
        opp_name=typed.opp_name,
        no_opp=typed.no_opp,
        owner_id=owner_id,
        stage=typed.stage,
        tasks=tasks,
        **deal_values(app, work, typed, day, deal),
    )


def deal_values(
    app: App, work: "UnitOfWork", typed: Typed, day: date, deal: "Opportunity | None"
) -> dict[str, Any]:
    """Amount, close date and role as they are kept. Raises InvalidValue."""
    reading = reading_of(app)._replace(today=day)
    if deal is not None:
        reading = reading._replace(currency=deal.currency)
    fields = {spec.name: spec for spec in work.fields("opportunity")}
    fields["role"] = next(spec for spec in work.fields("contact_role") if spec.name == "role")
    role = chosen(fields["role"], typed.role) if typed.role else typed.role
    given = {"amount": typed.amount, "close_date": typed.close_date, "role": role}
    return {
        name: parse_value(fields[name], text, reading) for name, text in given.items() if text is not None
    }


def account_of(work: "UnitOfWork", id: int | None) -> "Account | None":
    """The account that a given contact or deal belongs to, if it is still there."""
    from crmcli.model import Account

    account = work.session.get(Account, id) if id else None
    return account if account is not None and account.deleted_at is None else None


def found_for(work: "UnitOfWork", lead: "Lead", asked: Asked) -> Found:
    """What may be the same, and what belongs to the lead."""
    from crmcli.model import Account, Activity, Contact, Task

    reader = work.reader
    chosen = asked.account is not None or asked.new_account is not None
    accounts = [] if chosen else accounts_like(reader, lead.company, domain_of(lead))
    parts = reader.rows(
        "SELECT id, contact_id, role, is_primary FROM contact_role"
        " WHERE opportunity_id = :id AND deleted_at IS NULL ORDER BY id",
        id=asked.opportunity.id if asked.opportunity else 0,
    )
    return Found(
        accounts=[work.get(Account, id) for id in accounts],
        contacts=[work.get(Contact, one.id) for one in people_like(reader, lead.name, lead.email)],
        roles=[Part(id, contact, role, bool(primary)) for id, contact, role, primary in parts],
        tasks=[work.get(Task, id) for id in about(reader, "task", "lead", lead.id)],
        activities=[work.get(Activity, id) for id in about(reader, "activity", "lead", lead.id)],
        campaign_id=reader.value(
            "SELECT id FROM campaign WHERE id = :id AND deleted_at IS NULL", id=lead.campaign_id
        ),
        custom={
            entity: [spec for spec in work.fields(entity) if spec.custom]
            for entity in ("lead", "account", "contact", "opportunity")
        },
    )


def converted(plan: Conversion, prospect: Prospect, day: date, entry: int | None) -> Outcome:
    """What the conversion did; `entry` is None where it would only."""
    ref = reference("lead", prospect.id)
    done = "is converted" if entry is not None else "would be converted"
    became = [one for one in (plan.account, plan.contact, plan.opportunity) if one is not None]
    return Outcome(
        [f"{ref} {prospect.name} {done}, on {long_date(day)}:", *plan.notes],
        [one.ref for one in became],
        data={
            "lead": ref,
            "account": became_object(plan.account),
            "contact": became_object(plan.contact),
            "opportunity": became_object(plan.opportunity) if plan.opportunity else None,
            "tasks": plan.tasks,
            "entry": entry,
        },
    )


def became_object(one: Became) -> dict[str, Any]:
    return {"ref": one.ref, "name": one.name, "created": one.created, "filled": one.filled, "kept": one.kept}


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
    dry_run: DryRun = False,
) -> Result:
    """Give leads to another owner. Converted leads stay as they are."""
    from crmcli.model import Lead

    app.read()  # where nothing is, nothing is made
    with app.work(dry_run=dry_run) as work:
        owner_id = owner_named(work, to)
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


def owner_named(work: "UnitOfWork", text: str) -> int:
    """The active user of a name; `me` is whoever acts. Raises NotFound, Conflict or Refused."""
    if text.strip().casefold() == "me":
        id = owner_for(work)
    else:
        id = find(work.reader, "user", text)
    row = work.reader.row('SELECT name, active FROM "user" WHERE id = :id', id=id)
    assert row is not None
    refuse_inactive_owner(row[0], bool(row[1]))
    return id
