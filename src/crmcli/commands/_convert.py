"""The conversion of a lead: from what was typed to what the rule needs, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from crmcli.app import App
from crmcli.commands._contact_roles import parts_of
from crmcli.commands._entity import news
from crmcli.commands._facts import day_of, facts_of, new_owner, owner_for, reading_of
from crmcli.errors import Refused
from crmcli.fields import reference
from crmcli.parse import chosen, moment_of, parse_value
from crmcli.result import Outcome
from crmcli.rules.closing import lacking, overdue
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
from crmcli.rules.records import Facts
from crmcli.store.find import described, find
from crmcli.store.lookalikes import about, accounts_like, people_like
from crmcli.store.reader import Reader
from crmcli.values.dates import from_iso_instant, long_date

if TYPE_CHECKING:
    from crmcli.model import Account, Lead, Opportunity
    from crmcli.store.work import UnitOfWork


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


def run_convert(app: App, lead: str, typed: Typed, at: str | None, dry_run: bool) -> Outcome:
    """Convert a lead, and say what it became."""
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
    owner_id = new_owner(work, typed.owner) if typed.owner is not None else None
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
    return Found(
        accounts=[work.get(Account, id) for id in accounts],
        contacts=[work.get(Contact, one.id) for one in people_like(reader, lead.name, lead.email)],
        roles=parts_of(reader, asked.opportunity.id) if asked.opportunity else [],
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
