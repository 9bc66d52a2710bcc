"""HubSpot: the CSV files that its objects and its activities are exported to."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from crmcli.migrating.shapes import (
    ROLES,
    Object,
    Shape,
    System,
    Take,
    always,
    changed,
    chosen,
    first,
    flag,
    number,
    plain_number,
    text,
)
from crmcli.transfer.mapping import fold

RECORD: Final = ("Record ID", "id")


def id_of(kind: str, *headings: str) -> Take:
    """An id of HubSpot's, which is a number that says not of what kind; of several the first."""
    return changed(lambda cell: f"hubspot:{kind}:{cell.split(';')[0].strip()}", *headings)


def linked(kind: str, word: str) -> Take:
    """A link to a record, by the ids that stand beside it or else by its name."""
    ids = (f"Associated {word} IDs (Primary)", f"Associated {word} IDs", f"Associated {word} ID")
    names = (f"Associated {word} (Primary)", f"Associated {word}")

    def make(*cells: str) -> str:
        known, called = first(*cells[: len(ids)]), first(*cells[len(ids) :])
        return id_of(kind).make(known) if known else called.split(";")[0].strip()

    return Take((*ids, *names), make)


def share(cell: str) -> str:
    """A probability in percent: 0.4 is 40."""
    try:
        value = Decimal(cell)
    except InvalidOperation:
        return cell
    return plain_number(str(value * 100)) if 0 <= value <= 1 else cell


def owner(word: str) -> Take:
    return Take((f"{word} owner", "owner_id", "hubspot_owner_id"), lambda name, *ids: name or _owner(ids))


def _owner(ids: tuple[str, ...]) -> str:
    known = first(*ids)
    return f"hubspot:owner:{known}" if known else ""


CREATED: Final = text("Create Date", "createdate", "created_at")
MODIFIED: Final = text("Last Modified Date", "updated_at")
ADDRESS: Final[Mapping[str, Take]] = {
    "street": Take(
        ("Street Address", "address", "Street Address 2", "address_2"),
        lambda street, short, more, also: "\n".join(filter(None, (street or short, more or also))),
    ),
    "city": text("City"),
    "state": text("State/Region", "State"),
    "postal_code": text("Postal Code", "zip"),
    "country": text("Country/Region", "Country"),
}
CATEGORIES: Final = {
    "Best case": "Best Case",
    "Not forecasted": "Omitted",
    "Closed won": "",  # it comes with the stage
}

COMPANY: Final = Shape(
    "account",
    {
        "external_id": id_of("company", *RECORD, "company_id"),
        "name": text("Company name", "name"),
        "type": text("Type"),
        "industry": text("Industry"),
        "website": text("Website URL", "Company Domain Name", "domain"),
        "phone": text("Phone Number", "phone"),
        "parent": linked("company", "Parent Company"),
        "employees": number("Number of Employees", "numberofemployees"),
        "annual_revenue": number("Annual Revenue", "annualrevenue"),
        **ADDRESS,
        "description": text("Description"),
        "owner": owner("Company"),
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)
CONTACT: Final = Shape(
    "contact",
    {
        "external_id": id_of("contact", *RECORD, "contact_id"),
        "name": Take(
            ("First Name", "Last Name", "Email"),
            lambda given, family, email: "" if given or family else email,
        ),
        "first_name": text("First Name"),
        "last_name": text("Last Name"),
        "account": linked("company", "Company"),
        "title": text("Job Title"),
        "email": text("Email"),
        "phone": text("Phone Number", "phone"),
        "mobile": text("Mobile Phone Number", "mobilephone"),
        "source": text("Original Source", "Original Traffic Source"),
        **ADDRESS,
        "owner": owner("Contact"),
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)
DEAL: Final = Shape(
    "opportunity",
    {
        "external_id": id_of("deal", *RECORD, "deal_id"),
        "name": text("Deal Name", "dealname"),
        "account": linked("company", "Company"),
        "amount": number("Amount"),
        "currency": text("Currency", "Deal Currency Code"),
        "stage": Take(
            ("Deal Stage", "dealstage", "Pipeline"),
            lambda stage, code, line: (stage or code).removesuffix(f" ({line})"),
        ),
        "_closed": text("Is Deal Closed?", "Is Closed"),
        "_won": text("Is Closed Won"),
        "probability": changed(share, "Deal probability"),
        "category": chosen(CATEGORIES, "Forecast category"),
        "close_date": text("Close Date", "closedate"),
        "type": text("Deal Type"),
        "next_step": text("Next step"),
        "lost_reason": text("Closed Lost Reason"),
        "description": text("Deal Description", "description"),
        "owner": owner("Deal"),
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)
PEOPLE_OF_DEAL: Final = Shape(
    ROLES,
    {
        "opportunity": id_of("deal", *RECORD),
        "contact": Take(
            ("Associated Contact IDs",),
            lambda ids: ";".join(f"hubspot:contact:{id.strip()}" for id in ids.split(";") if id.strip()),
        ),
    },
    when=text("Associated Contact IDs"),
)


def about(kind: str) -> dict[str, Take]:
    """What tasks and activities have in common."""
    return {
        "external_id": id_of(kind, *RECORD),
        "related_to": Take(
            ("Associated Deal IDs", "Associated Company IDs"),
            lambda deals, companies: (
                id_of("deal").make(deals) if deals else id_of("company").make(companies) if companies else ""
            ),
        ),
        "contact": linked("contact", "Contact"),
        "owner": text("Assigned to", "Activity assigned to", "Owner"),
        "created_at": CREATED,
    }


def happened(kind: str, subject: Take, *said: str) -> Shape:
    """A kind of activity, each of which is exported to a file of its own."""
    return Shape(
        "activity",
        {
            **about(kind.casefold()),
            "type": always(kind),
            "subject": subject,
            "happened_at": text("Activity date", "Meeting start time", "Call start time", "Create date"),
            "outcome": text(f"{kind} outcome"),
            "description": text(*said),
        },
    )


OPEN_TASK: Final = Shape(
    "task",
    {
        **about("task"),
        "subject": text("Task Title", "Title"),
        "due_date": text("Due date"),
        "status": chosen(
            {
                "NOT_STARTED": "Not Started",
                "IN_PROGRESS": "In Progress",
                "WAITING": "Waiting on someone else",
            },
            "Task Status",
        ),
        "priority": chosen({"MEDIUM": "Normal", "NONE": ""}, "Priority"),
        "completed_at": text("Completed at"),
        "description": text("Notes"),
    },
)

SYSTEM: Final = System(
    "HubSpot",
    (
        Object(
            "User",
            (
                Shape(
                    "user",
                    {
                        "external_id": id_of("owner", "owner_id", *RECORD, "User ID", "Email"),
                        "name": Take(
                            ("First name", "Last name", "Email"),
                            lambda given, family, email: f"{given} {family}".strip() or email,
                        ),
                        "email": text("Email"),
                        "role": text("Job title"),
                        "team": text("Primary team", "Team"),
                    },
                ),
            ),
            ("Users", "Owner", "Owners"),
        ),
        Object("Company", (COMPANY,), ("Companies",), marks=("Company name",)),
        Object("Contact", (CONTACT,), ("Contacts",), marks=("First Name",)),
        Object("Deal", (DEAL, PEOPLE_OF_DEAL), ("Deals",), marks=("Deal Name",)),
        Object("Task", (OPEN_TASK,), ("Tasks",), marks=("Task Title",)),
        Object(
            "Call",
            (happened("Call", Take(("Call Title",), lambda title: title or "Call"), "Call notes"),),
            ("Calls",),
        ),
        Object(
            "Meeting",
            (
                happened(
                    "Meeting", Take(("Meeting name",), lambda name: name or "Meeting"), "Meeting description"
                ),
            ),
            ("Meetings",),
        ),
        Object("Note", (happened("Note", always("Note"), "Note body"),), ("Notes",)),
    ),
    not_kept=(
        "Ticket",
        "Tickets",
        "Product",
        "Products",
        "LineItem",
        "LineItems",
        "Quote",
        "Quotes",
        "Campaign",
    ),
    deleted=flag("is_deleted", "_fivetran_deleted"),
    idle=frozenset(map(fold, ("is_deleted", "_fivetran_deleted", "_fivetran_synced", "portal_id", *RECORD))),
    plain=lambda heading: heading.removeprefix("property_"),
)
