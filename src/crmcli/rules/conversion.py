"""Conversion: what a qualified lead becomes, and all that follows it there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from crmcli.changes import Changes
from crmcli.errors import Conflict, InvalidValue, Refused
from crmcli.fields import FieldSpec, reference
from crmcli.rules.contact_roles import Part, play
from crmcli.rules.filling import ADDRESS, EMPTY, Became, fill, listed, shown, words_of
from crmcli.rules.records import CONVERTED, Facts, completed
from crmcli.values.dates import long_date, parse_date
from crmcli.values.keys import domain_key, email_key, is_free_mail, name_key
from crmcli.values.money import amount_words

if TYPE_CHECKING:
    from crmcli.model import Account, Activity, Contact, Lead, Opportunity, Task

COMPANY: Final = ("website", "phone", "industry", "employees", *ADDRESS)
REACHED: Final = ("email", "phone", "mobile")
PERSON: Final = ("name", "first_name", "last_name", "title", *REACHED, "source", "description", *ADDRESS)
EXCLUDED: Final = {
    "no_opp": ("opp", "opp_name", "stage", "amount", "close_date", "role"),
    "opp": ("opp_name", "stage"),
    "account": ("new_account",),
}
Ids = Callable[[str], int]


class Person(Protocol):
    """As much of a contact as tells who it is."""

    @property
    def account_id(self) -> int | None: ...
    @property
    def email_key(self) -> str | None: ...


Someone = TypeVar("Someone", bound=Person)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Something to do after the conversion."""

    subject: str
    due_date: date | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; whatever was not is decided here."""

    account: "Account | None" = None
    new_account: str | None = None
    contact: "Contact | None" = None
    new_contact: bool = False
    opportunity: "Opportunity | None" = None
    opp_name: str | None = None
    no_opp: bool = False
    stage: str | None = None
    amount: tuple[int, str] | None = None
    close_date: date | None = None
    role: str | None = None
    owner_id: int | None = None
    tasks: Sequence[FollowUp] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What is there: records that may be the same, and what belongs to the lead."""

    accounts: Sequence["Account"] = ()  # of the same name or domain
    contacts: Sequence["Contact"] = ()  # of the same e-mail or name, at any account
    roles: Sequence[Part] = ()  # in the opportunity that was asked for
    tasks: Sequence["Task"] = ()
    activities: Sequence["Activity"] = ()
    campaign_id: int | None = None  # that the lead came from, if it is still there
    custom: Mapping[str, Sequence[FieldSpec]] = field(default_factory=dict)  # fields, by entity


@dataclass(slots=True)
class Conversion(Changes):
    """The plan of a conversion, and what the lead becomes by it."""

    account: Became = field(init=False)
    contact: Became = field(init=False)
    opportunity: Became | None = None
    tasks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Case:
    """One lead to be converted, and all there is to know for it."""

    lead: "Lead"
    asked: Asked
    found: Found
    facts: Facts
    ids: Ids
    fiscal_start: int

    @property
    def owner_id(self) -> int | None:
        """Who owns what is new."""
        return self.lead.owner_id if self.asked.owner_id is None else self.asked.owner_id


def plan_conversion(
    lead: "Lead", asked: Asked, found: Found, facts: Facts, ids: Ids, *, fiscal_start: int = 1
) -> Conversion:
    """Everything that converting a lead does. Raises Conflict, Refused or InvalidValue."""
    refuse_converted(lead)
    refuse_contradictions(asked)
    case = Case(lead, asked, found, facts, ids, fiscal_start)
    plan = Conversion()
    account = to_account(plan, case)
    contact_id = to_contact(plan, case, account)
    opp_id = to_opportunity(plan, case)
    if opp_id is not None:
        give_role(plan, case, opp_id, contact_id)
    bring_along(plan, case, contact_id)
    keep_description(plan, case, contact_id)
    follow_up(plan, case, contact_id)
    plan.edit(
        "lead",
        lead.id,
        status=CONVERTED,
        converted_at=facts.at,
        converted_account_id=plan.account.id,
        converted_contact_id=contact_id,
        converted_opp_id=opp_id,
    )
    return plan


# --- what may be asked for ----------------------------------------------------------------------------


def refuse_converted(lead: "Lead") -> None:
    """A lead is converted once. Raises Conflict naming what it became."""
    if lead.converted_at is None:
        return
    ids = (
        ("account", lead.converted_account_id),
        ("contact", lead.converted_contact_id),
        ("opportunity", lead.converted_opp_id),
    )
    became = listed(reference(entity, id) for entity, id in ids if id is not None)
    raise Conflict(
        f"{words_of(lead)} has been converted; it became {became}.",
        hint=f"`crm history {reference('lead', lead.id)}` names the entry that `crm undo` takes back.",
    )


def refuse_contradictions(asked: Asked) -> None:
    """Options that exclude one another. Raises InvalidValue."""
    given = {
        "account": asked.account,
        "new_account": asked.new_account,
        "opp": asked.opportunity,
        "no_opp": asked.no_opp or None,
        "opp_name": asked.opp_name,
        "stage": asked.stage,
        "amount": asked.amount,
        "close_date": asked.close_date,
        "role": asked.role,
    }
    for one, others in EXCLUDED.items():
        for other in others:
            if given[one] is not None and given[other] is not None:
                raise InvalidValue(f"{option(one)} and {option(other)} exclude each other.", field=other)
    for name in ("new_account", "opp_name"):
        if given[name] is not None and not str(given[name]).strip():
            raise InvalidValue(f"{option(name)} needs a name.", field=name)


def option(name: str) -> str:
    """A parameter as it is typed."""
    return "--" + name.replace("_", "-")


def follow_up_of(text: str, *, today: date, order: str | None = None, fiscal_start: int = 1) -> FollowUp:
    """`Send proposal:+3d` as a task: what follows the last colon is its day, where it can be one."""
    before, colon, after = text.rpartition(":")
    subject, due = text.strip(), None
    if colon and after.strip():
        try:
            due = parse_date(after, today=today, order=order, fiscal_start=fiscal_start)
            subject = before.strip()
        except InvalidValue:
            pass  # a colon of the subject's own
    if not subject:
        raise InvalidValue(
            f"--task {text!r} does not say what to do.", hint="--task 'Send proposal:+3d'", field="task"
        )
    return FollowUp(subject, due)


# --- the account --------------------------------------------------------------------------------------


def company_of(lead: Any) -> str:
    """What the account of a lead is called: the company, or the person where none is known."""
    return (lead.company or "").strip() or str(lead.name).strip()


def domain_of(lead: Any) -> str:
    """The domain of the company: that of the website, or of an e-mail address that is not anybody's."""
    if domain := domain_key(lead.website or ""):
        return domain
    domain = domain_key(lead.email or "")
    return "" if is_free_mail(domain) else domain


def to_account(plan: Conversion, case: Case) -> "Account | None":
    """Link the account that was given or found, or plan a new one (None)."""
    lead, asked = case.lead, case.asked
    account, why = chosen_account(lead, asked, case.found)
    refuse_strangers(account, asked)
    id = case.ids("account") if account is None else account.id
    values: dict[str, Any] = {"name": lead.company, **{name: getattr(lead, name) for name in COMPANY}}
    if lead.annual_revenue is not None:
        values |= {"annual_revenue": lead.annual_revenue, "currency": lead.currency or case.facts.currency}
    values["custom"] = carried(plan, case, "account", id)
    if account is not None:
        plan.account = fill(plan, account, values, why)
        return account
    values["name"] = (asked.new_account or company_of(lead)).strip()
    plan.account = make(plan, case, "account", id, values)
    if asked.new_account is None and not lead.company:
        plan.note("The lead names no company: the account is called after the person.")
    return None


def chosen_account(lead: "Lead", asked: Asked, found: Found) -> "tuple[Account | None, str]":
    """The account to link, and why; None for a new one. Raises Conflict where several match."""
    if asked.new_account is not None:
        return None, ""
    if asked.account is not None:
        return asked.account, ""
    if not found.accounts:
        return None, ""
    if len(found.accounts) > 1:
        raise Conflict(
            f"{company_of(lead)!r} could be {listed(map(words_of, found.accounts), 'or')}.",
            hint=f"Say which: --account {reference('account', found.accounts[0].id)}, or --new-account NAME.",
            field="account",
        )
    account = found.accounts[0]
    same_name = bool(lead.company) and account.name_key == name_key(company_of(lead))
    return account, "the same name" if same_name else f"the same domain, {domain_of(lead)}"


def refuse_strangers(account: "Account | None", asked: Asked) -> None:
    """What was asked for belongs to the account, and the opportunity is open. Raises Refused."""
    given: tuple[tuple[str, Contact | Opportunity | None], ...]
    given = (("contact", asked.contact), ("opp", asked.opportunity))
    for name, record in given:
        theirs = record.account_id if record is not None else None
        if record is None or theirs is None or (account is not None and theirs == account.id):
            continue
        ref = reference("account", theirs)
        ours = "a new account" if account is None else words_of(account)
        raise Refused(
            f"{words_of(record)} belongs to {ref}, not to {ours}.",
            hint=f"--account {ref} converts to that account.",
            field=name,
        )
    deal = asked.opportunity
    if deal is not None and deal.is_closed:
        hint = f"crm opp reopen {reference('opportunity', deal.id)}, or leave --opp out."
        raise Refused(f"{words_of(deal)} is closed ({deal.stage}).", hint=hint, field="opp")


# --- the contact --------------------------------------------------------------------------------------


def same_person(people: Iterable[Someone], account_id: int, email: str | None) -> list[Someone]:
    """Those at an account who have the e-mail address; else those who were found by their name."""
    there = [person for person in people if person.account_id == account_id]
    return [person for person in there if email and person.email_key == email_key(email)] or there


def to_contact(plan: Conversion, case: Case, account: "Account | None") -> int:
    """Link the contact that was given or found at the account, or plan a new one; its id."""
    lead, contact, why = case.lead, case.asked.contact, ""
    if contact is None and account is not None and not case.asked.new_contact:
        contact, why = chosen_contact(lead, account, case.found)
    id = case.ids("contact") if contact is None else contact.id
    values = {name: getattr(lead, name) for name in PERSON}
    values |= {"account_id": plan.account.id, "custom": carried(plan, case, "contact", id)}
    if contact is None:
        plan.contact = make(plan, case, "contact", id, values)
        note_namesakes(plan, case)
        return id
    if name_key(contact.name) != name_key(lead.name):  # half of another name is worse than none
        del values["first_name"], values["last_name"]
    plan.contact = fill(plan, contact, values, why)
    return id


def chosen_contact(lead: "Lead", account: "Account", found: Found) -> "tuple[Contact | None, str]":
    """The contact at the account that is this person, and why. Raises Conflict where several may be."""
    same = same_person(found.contacts, account.id, lead.email)
    if not same:
        return None, ""
    if len(same) > 1:
        raise Conflict(
            f"{lead.name!r} at {words_of(account)} could be {listed(map(words_of, same), 'or')}.",
            hint=f"Say which: --contact {reference('contact', same[0].id)}.",
            field="contact",
        )
    by_email = lead.email and same[0].email_key == email_key(lead.email)
    return same[0], "the same e-mail" if by_email else "the same name"


def note_namesakes(plan: Conversion, case: Case) -> None:
    """Say where the e-mail address of a new contact is known elsewhere."""
    for other in case.found.contacts:
        same_email = case.lead.email and other.email_key == email_key(case.lead.email)
        if same_email and other.account_id != plan.account.id:
            where = reference("account", other.account_id) if other.account_id else "no account"
            plan.note(f"{words_of(other)}, of {where}, has the same e-mail and was left alone.")


# --- the opportunity ----------------------------------------------------------------------------------


def to_opportunity(plan: Conversion, case: Case) -> int | None:
    """Attach the deal that was given, or plan a new one; its id, None where none is wanted."""
    asked, deal = case.asked, case.asked.opportunity
    if asked.no_opp:
        return None
    id = case.ids("opportunity") if deal is None else deal.id
    values: dict[str, Any] = {"account_id": plan.account.id, "source": case.lead.source}
    values |= {"campaign_id": case.found.campaign_id}
    values |= {"close_date": asked.close_date, "custom": carried(plan, case, "opportunity", id)}
    if asked.amount is not None:
        values["amount"], values["currency"] = asked.amount
    if deal is None:
        new_deal(plan, case, id, values)
        return id
    if asked.amount is not None and asked.amount[1] != deal.currency:
        raise InvalidValue(f"{words_of(deal)} is in {deal.currency}, not {asked.amount[1]}.", field="amount")
    plan.opportunity = fill(plan, deal, values, "")
    return id


def new_deal(plan: Conversion, case: Case, id: int, values: dict[str, Any]) -> None:
    """Plan a new deal, in the first stage and for this quarter unless something else was asked for."""
    asked = case.asked
    values["name"] = asked.opp_name.strip() if asked.opp_name else plan.account.name
    values |= {"stage": asked.stage, "created_at": case.facts.at}
    deal = completed("opportunity", values, case.facts)
    if deal["close_date"] is None:
        deal["close_date"] = parse_date("eoq", today=case.facts.day, fiscal_start=case.fiscal_start)
    plan.opportunity = make(plan, case, "opportunity", id, deal)
    chosen = asked.close_date is not None or deal["is_closed"]
    parts = [plan.notes.pop(), f"{deal['stage']} {deal['probability']} %"]
    if deal.get("amount") is not None:
        parts.append(amount_words(deal["amount"], deal["currency"]))
    parts.append(f"{'closed' if deal['is_closed'] else 'closes'} {long_date(deal['close_date'])}")
    plan.note(" · ".join(parts) + ("" if chosen else ", the end of the quarter"))


def give_role(plan: Conversion, case: Case, opp_id: int, contact_id: int) -> None:
    """The contact is the deal's primary one, unless it has another."""
    role, parts = case.asked.role, case.found.roles
    primary = next((part for part in parts if part.is_primary and part.contact_id != contact_id), None)
    if primary is not None:
        plan.note(f"{reference('contact', primary.contact_id)} stays the primary contact of the deal.")
    mine = next((part for part in parts if part.contact_id == contact_id), None)
    if mine is not None and mine.role:
        if role and role != mine.role:
            plan.note(f"{plan.contact.name} stays {mine.role} in the deal, not {role}.")
        role = None
    plan.steps += play(parts, opp_id, contact_id, role, primary is None, case.ids)


# --- what follows -------------------------------------------------------------------------------------


def about(plan: Conversion) -> dict[str, Any]:
    """What the lead's tasks and activities are about from now on: the deal, else the account."""
    what = plan.opportunity or plan.account
    return {"related_to_entity": what.entity, "related_to_id": what.id}


def bring_along(plan: Conversion, case: Case, contact_id: int) -> None:
    """Tasks and activities follow; open tasks of the lead's owner pass to the new one, others keep theirs."""
    found, passed = case.found, 0
    for entity, records in (("task", found.tasks), ("activity", found.activities)):
        for record in records:
            values = about(plan)
            if record.contact_id is None:
                values["contact_id"] = contact_id
            if entity == "task" and passes(record, case):
                values["owner_id"] = case.owner_id
                passed += 1
            plan.edit(entity, record.id, **values)
    numbers = ((len(found.tasks), "task", "tasks"), (len(found.activities), "activity", "activities"))
    counted = [f"{count} {one if count == 1 else more}" for count, one, more in numbers if count]
    if counted:
        to = listed([(plan.opportunity or plan.account).ref, plan.contact.ref])
        handed = f"; {passed} of the tasks passed to the new owner" if passed else ""
        plan.note(f"{listed(counted)} of the lead went along to {to}{handed}.")


def passes(task: Any, case: Case) -> bool:
    """Whether an open task of the lead's owner gets a new owner."""
    return task.completed_at is None and task.owner_id == case.lead.owner_id != case.owner_id


def keep_description(plan: Conversion, case: Case, contact_id: int) -> None:
    """Where the contact keeps a description of its own, the lead's becomes a note."""
    if "description" not in plan.contact.kept:
        return
    id = case.ids("activity")
    plan.add(
        "activity",
        id,
        type="Note",
        subject=f"Description of the lead {reference('lead', case.lead.id)}",
        description=case.lead.description,
        happened_at=case.facts.at,
        contact_id=contact_id,
        owner_id=case.owner_id,
        created_at=case.facts.at,
        **about(plan),
    )
    plan.note(f"The lead's description is kept as the note {reference('activity', id)}.")


def follow_up(plan: Conversion, case: Case, contact_id: int) -> None:
    """Plan the tasks that were asked for."""
    for task in case.asked.tasks:
        id = case.ids("task")
        links = {"contact_id": contact_id, "owner_id": case.owner_id, **about(plan)}
        plan.add("task", id, subject=task.subject, due_date=task.due_date, created_at=case.facts.at, **links)
        plan.tasks.append(reference("task", id))
        due = f"due {long_date(task.due_date)}" if task.due_date else "without a due date"
        plan.note(f"{reference('task', id)} {task.subject} · {due}")


# --- new records --------------------------------------------------------------------------------------


def make(plan: Conversion, case: Case, entity: str, id: int, values: Mapping[str, Any]) -> Became:
    """Plan a new record."""
    given = {name: value for name, value in values.items() if value not in EMPTY and value != {}}
    plan.add(entity, id, **{**given, "owner_id": case.owner_id, "created_at": case.facts.at})
    plan.note(f"{reference(entity, id)} {values['name']} · new {entity}")
    return Became(entity, id, values["name"], created=True)


def carried(plan: Conversion, case: Case, entity: str, id: int) -> dict[str, Any]:
    """The lead's custom fields that this kind of record has too, where they take the same values."""
    theirs = {spec.name: spec for spec in case.found.custom.get(entity, ())}
    values: dict[str, Any] = {}
    for spec in case.found.custom.get("lead", ()):
        value, target = case.lead.custom.get(spec.column), theirs.get(spec.name)
        if target is None or value in EMPTY:
            continue
        if target.kind == spec.kind and takes(target, value):
            values[target.column] = value
        else:
            plan.note(
                f"{reference(entity, id)} takes no {spec.name} {shown(value)!r}; it stays with the lead."
            )
    return values


def takes(spec: FieldSpec, value: Any) -> bool:
    """Whether a picklist, if it is one, has the value."""
    chosen = value if isinstance(value, list) else [value]
    return not spec.choices or spec.open or all(one in spec.choices for one in chosen)
