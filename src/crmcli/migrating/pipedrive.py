"""Pipedrive: the CSV files that its lists are exported to, whose headings begin with the object's name."""

import re
from typing import Final

from crmcli.migrating.shapes import (
    ROLES,
    Object,
    Shape,
    System,
    Take,
    changed,
    first,
    number,
    text,
)
from crmcli.transfer.mapping import fold


def id_of(kind: str, *headings: str) -> Take:
    """An id of Pipedrive's, which is a small number that says not of what kind."""
    return changed(lambda cell: f"pipedrive:{kind}:{cell}", *headings)


def linked(kind: str, id: str, *names: str) -> Take:
    """A link to a record, by its id where the file has it, or else by its name."""
    return Take((id, *names), lambda known, *called: id_of(kind).make(known) if known else first(*called))


def stage(status: str, name: str) -> str:
    """A deal is won or lost by its status, whatever its stage was then."""
    return {"won": "Closed Won", "lost": "Closed Lost"}.get(status.casefold(), name)


def closed(status: str, won: str, lost: str, over: str, expected: str) -> str:
    """The day a deal was closed, or should be."""
    return {"won": won or over, "lost": lost or over}.get(status.casefold(), "") or expected


def minutes(cell: str) -> str:
    """How long hours and minutes are: 1:30 is 90."""
    found = re.fullmatch(r"(\d{1,3}):(\d\d)(?::\d\d)?", cell)
    return str(int(found[1]) * 60 + int(found[2])) if found else ""


ORGANIZATION: Final = Shape(
    "account",
    {
        "external_id": id_of("organization", "Organization - ID"),
        "name": text("Organization - Name"),
        "website": text("Organization - Website"),
        "industry": text("Organization - Industry"),
        "employees": number("Organization - Employee count", "Organization - Number of employees"),
        "annual_revenue": number("Organization - Annual revenue"),
        "street": Take(
            (
                "Organization - Street/road name of Address",
                "Organization - House number of Address",
                "Organization - Address",
            ),
            lambda road, house, whole: f"{road} {house}".strip() or whole,
        ),
        "city": text("Organization - City/town/village/locality of Address"),
        "state": text("Organization - State/county of Address"),
        "postal_code": text("Organization - ZIP/Postal code of Address"),
        "country": text("Organization - Country of Address"),
        "owner": text("Organization - Owner"),
        "created_at": text("Organization - Organization created"),
        "updated_at": text("Organization - Update time"),
    },
)
PERSON: Final = Shape(
    "contact",
    {
        "external_id": id_of("person", "Person - ID"),
        "name": text("Person - Name"),
        "account": linked(
            "organization", "Organization - ID", "Person - Organization", "Organization - Name"
        ),
        "title": text("Person - Job title"),
        "email": text(*(f"Person - Email{kind}" for kind in ("", " - Work", " - Home", " - Other"))),
        "phone": text(*(f"Person - Phone{kind}" for kind in ("", " - Work", " - Home", " - Other"))),
        "mobile": text("Person - Phone - Mobile"),
        "owner": text("Person - Owner"),
        "created_at": text("Person - Person created"),
        "updated_at": text("Person - Update time"),
    },
)
DEAL: Final = Shape(
    "opportunity",
    {
        "external_id": id_of("deal", "Deal - ID"),
        "name": text("Deal - Title"),
        "account": linked("organization", "Organization - ID", "Deal - Organization", "Organization - Name"),
        "amount": number("Deal - Value"),
        "currency": text("Deal - Currency", "Deal - Currency of Value"),
        "stage": Take(("Deal - Status", "Deal - Stage"), stage),
        "probability": Take(
            ("Deal - Status", "Deal - Probability"),
            lambda status, share: share if status.casefold() not in ("won", "lost") else "",
        ),
        "close_date": Take(
            (
                "Deal - Status",
                "Deal - Won time",
                "Deal - Lost time",
                "Deal - Deal closed on",
                "Deal - Expected close date",
            ),
            lambda *cells: closed(*cells)[:10] if closed(*cells)[4:5] == "-" else closed(*cells),
        ),
        "source": text("Deal - Source channel"),
        "lost_reason": text("Deal - Lost reason"),
        "owner": text("Deal - Owner"),
        "created_at": text("Deal - Deal created"),
        "updated_at": text("Deal - Update time"),
    },
)
PERSON_OF_DEAL: Final = Shape(
    ROLES,
    {"opportunity": id_of("deal", "Deal - ID"), "contact": id_of("person", "Person - ID")},
    when=text("Person - ID"),
)
LEAD: Final = Shape(
    "lead",
    {
        "external_id": id_of("lead", "Lead - ID"),
        "name": text("Lead - Contact person", "Person - Name", "Lead - Title"),
        "company": text("Lead - Organization", "Organization - Name"),
        "source": text("Lead - Source"),
        "description": text("Lead - Title"),
        "owner": text("Lead - Owner"),
        "created_at": text("Lead - Lead created"),
    },
)

DONE: Final = changed(
    lambda cell: "yes" if cell.casefold() in ("done", "true", "yes", "1") else "", "Activity - Done"
)
ABOUT: Final = {
    "external_id": id_of("activity", "Activity - ID"),
    "subject": Take(("Activity - Subject", "Activity - Type"), lambda *cells: first(*cells) or "No subject"),
    "description": text("Activity - Note"),
    "related_to": Take(
        ("Deal - ID", "Activity - Deal", "Organization - ID", "Activity - Organization"),
        lambda deal, deal_name, account, account_name: (
            id_of("deal").make(deal)
            if deal
            else deal_name or id_of("organization").make(account) or account_name
        ),
    ),
    "contact": linked("person", "Person - ID", "Activity - Contact person"),
    "owner": text("Activity - Assigned to user"),
    "created_at": text("Activity - Add time"),
}
ACTIVITY: Final = (
    Shape(
        "task",
        {
            **ABOUT,
            "due_date": text("Activity - Due date"),
            "status": Take(DONE.headings, lambda cell: "Completed" if DONE.make(cell) else ""),
            "completed_at": Take(
                (*DONE.headings, "Activity - Marked as done time"),
                lambda cell, moment: moment if DONE.make(cell) else "",
            ),
        },
        when=Take(DONE.headings, lambda cell: "" if DONE.make(cell) else "yes"),
    ),
    Shape(
        "activity",
        {
            **ABOUT,
            "type": changed(
                lambda cell: {"call": "Call", "email": "Email", "meeting": "Meeting", "lunch": "Meeting"}.get(
                    cell.casefold(), "Note"
                ),
                "Activity - Type",
            ),
            "happened_at": text(
                "Activity - Marked as done time", "Activity - Due date", "Activity - Add time"
            ),
            "duration_minutes": changed(minutes, "Activity - Duration"),
        },
        when=DONE,
    ),
)

SYSTEM: Final = System(
    "Pipedrive",
    (
        Object(
            "User",
            (
                Shape(
                    "user",
                    {
                        "external_id": id_of("user", "User - ID", "ID"),
                        "name": text("User - Name", "Name"),
                        "email": text("User - Email", "Email"),
                        "active": text("User - Active", "Active"),
                    },
                ),
            ),
            ("Users",),
        ),
        Object(
            "Organization",
            (ORGANIZATION,),
            ("Organizations",),
            marks=("Organization - Organization created",),
        ),
        Object("Person", (PERSON,), ("People", "Persons"), marks=("Person - Person created",)),
        Object("Deal", (DEAL, PERSON_OF_DEAL), ("Deals",), marks=("Deal - Title",)),
        Object("Lead", (LEAD,), ("Leads",), marks=("Lead - Title",)),
        Object("Activity", ACTIVITY, ("Activities",), marks=("Activity - Subject",), stays="task"),
    ),
    not_kept=("Product", "Products", "Note", "Notes", "File", "Files"),
    deleted=Take(("Deal - Status",), lambda status: "yes" if status.casefold() == "deleted" else ""),
    idle=frozenset(map(fold, ("Deal - Weighted value", "Deal - Currency of Weighted value"))),
)
