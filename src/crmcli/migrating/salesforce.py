"""Salesforce: its weekly export and the CSV files of Data Loader."""

import re
from typing import Final

from crmcli.migrating.shapes import (
    BEFORE,
    CONVERSIONS,
    NOW,
    ROLES,
    STAGES,
    TODAY,
    VERSIONS,
    Object,
    Shape,
    System,
    Take,
    always,
    changed,
    chosen,
    day,
    first,
    flag,
    in_utc,
    label_of,
    number,
    text,
    true,
    utc,
)
from crmcli.transfer.mapping import fold

SIGNS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
ACCOUNT, CONTACT, OPPORTUNITY, LEAD = "001", "003", "006", "00Q"  # what the ids of objects begin with

_id = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-5]{3})?")
_custom = re.compile(r"(\w+?)__(c|pc|s)", re.IGNORECASE)


def long_id(cell: str) -> str:
    """An id in its long form: 18 characters, of which the last three say which of the others are capitals."""
    if not _id.fullmatch(cell):
        return cell
    short = cell[:15]
    capitals = (
        sum(1 << place for place, sign in enumerate(short[at : at + 5]) if "A" <= sign <= "Z")
        for at in (0, 5, 10)
    )
    return short + "".join(SIGNS[each] for each in capitals)


def id_of(*headings: str) -> Take:
    return changed(long_id, *headings)


def of_kind(*kinds: str) -> Take:
    """What an activity is about: the first of WhatId and WhoId that leads to a record of these kinds."""

    def make(*cells: str) -> str:
        return next((long_id(cell) for cell in cells if _id.fullmatch(cell) and cell[:3] in kinds), "")

    return Take(("WhatId", "WhoId"), make)


OWNER: Final = id_of("OwnerId", "Owner", "Owner.Email", "Owner.Name", "Owner Name")
CREATED: Final = utc("CreatedDate", "Create Date")
MODIFIED: Final = utc("LastModifiedDate")
CURRENCY: Final = text("CurrencyIsoCode", "Currency")
CATEGORY: Final = chosen(
    {"BestCase": "Best Case", "MostLikely": "Best Case", "Forecast": "Commit"},
    *("ForecastCategoryName", "ForecastCategory"),
)

USER: Final = Shape(
    "user",
    {
        "external_id": id_of("Id"),
        "name": Take(
            ("Name", "FirstName", "LastName", "Username"),
            lambda name, given, family, login: name or f"{given} {family}".strip() or login,
        ),
        "email": text("Email"),
        "role": text("Title"),
        "manager": id_of("ManagerId"),
        "team": text("Department"),
        "active": text("IsActive", "Active"),
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)


def address(kind: str, postal: str = "Zip/Postal Code") -> dict[str, Take]:
    """The fields of an address: BillingStreet, or Billing State/Province as reports have it."""
    return {
        "street": text(f"{kind}Street"),
        "city": text(f"{kind}City"),
        "state": text(f"{kind}State", f"{kind}State/Province", f"{kind}StateCode"),
        "postal_code": text(f"{kind}PostalCode", f"{kind}{postal}"),
        "country": text(f"{kind}Country", f"{kind}CountryCode"),
    }


ACCOUNTS: Final = Shape(
    "account",
    {
        "external_id": id_of("Id"),
        "name": text("Name"),
        "type": text("Type"),
        "industry": text("Industry"),
        "website": text("Website"),
        "phone": text("Phone"),
        "parent": id_of("ParentId", "Parent Account ID", "Parent.Name", "Parent Account"),
        "employees": number("NumberOfEmployees", "Employees"),
        "annual_revenue": number("AnnualRevenue"),
        "currency": CURRENCY,
        **address("Billing"),
        "description": text("Description"),
        "owner": OWNER,
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)

PERSON: Final = {
    "external_id": id_of("Id"),
    "name": Take(
        ("Name", "FirstName", "LastName"), lambda name, given, family: name if not (given or family) else ""
    ),
    "first_name": text("FirstName"),
    "last_name": text("LastName"),
    "title": text("Title"),
    "email": text("Email"),
    "phone": text("Phone"),
    "mobile": text("MobilePhone", "Mobile"),
    "source": text("LeadSource"),
    "description": text("Description"),
    "owner": OWNER,
    "created_at": CREATED,
    "updated_at": MODIFIED,
}

CONTACTS: Final = Shape(
    "contact",
    {
        **PERSON,
        "account": id_of("AccountId", "Account.Name", "Account Name"),
        "department": text("Department"),
        "reports_to": id_of("ReportsToId"),
        **address("Mailing"),
    },
)

LEADS: Final = Shape(
    "lead",
    {
        **PERSON,
        "company": text("Company", "Company / Account"),
        "website": text("Website"),
        "status": Take(("Status", "IsConverted"), lambda status, done: "" if true(done) else status),
        "rating": text("Rating"),
        "industry": text("Industry"),
        "employees": number("NumberOfEmployees", "No. of Employees"),
        "annual_revenue": number("AnnualRevenue"),
        "currency": CURRENCY,
        **address(""),
    },
)
LEAD_CONVERSIONS: Final = Shape(
    CONVERSIONS,
    {
        "lead": id_of("Id"),
        "at": utc("ConvertedDate"),
        "account": id_of("ConvertedAccountId"),
        "contact": id_of("ConvertedContactId"),
        "opportunity": id_of("ConvertedOpportunityId"),
    },
    when=flag("IsConverted", "Converted"),
)

DEALS: Final = Shape(
    "opportunity",
    {
        "external_id": id_of("Id"),
        "name": text("Name"),
        "account": id_of("AccountId", "Account.Name", "Account Name"),
        "amount": number("Amount"),
        "currency": CURRENCY,
        "stage": text("StageName", "Stage"),
        "_closed": text("IsClosed"),
        "_won": text("IsWon"),
        "probability": Take(
            ("Probability", "IsClosed"), lambda cell, closed: "" if true(closed) else number().make(cell)
        ),
        "category": Take(
            (*CATEGORY.headings, "IsClosed"),
            lambda name, code, closed: "" if true(closed) else CATEGORY.make(name, code),
        ),
        "close_date": day("CloseDate"),
        "type": text("Type"),
        "source": text("LeadSource"),
        "next_step": text("NextStep"),
        "description": text("Description"),
        "owner": OWNER,
        "created_at": CREATED,
        "updated_at": MODIFIED,
    },
)

# What history says of a deal: whole, after each change, or field by field.
SNAPSHOTS: Final = Shape(
    VERSIONS,
    {
        "opportunity": id_of("OpportunityId"),
        "at": utc("CreatedDate"),
        "stage": text("StageName", "Stage"),
        "amount": number("Amount"),
        "currency": CURRENCY,
        "probability": number("Probability"),
        "category": CATEGORY,
        "close_date": day("CloseDate"),
    },
)
FIELDS: Final = {
    "stagename": "stage",
    "amount": "amount",
    "probability": "probability",
    "forecastcategoryname": "category",
    "forecastcategory": "category",
    "closedate": "close_date",
    "owner": "owner",
    "ownerid": "owner",
    "leadsource": "source",
}


def of_field(name: str, heading: str) -> Take:
    """The old or the new value of one field, from a row that tells of any."""

    def make(field: str, cell: str) -> str:
        if FIELDS.get(fold(field)) != name:
            return ""
        if name == "category":
            return CATEGORY.make(cell)
        if name == "owner":
            return long_id(cell) if _id.fullmatch(cell) else ""  # each change stands there by name, too
        return day().make(cell) if name == "close_date" else number().make(cell)

    return Take(("Field", heading), make)


CHANGES: Final = Shape(
    VERSIONS,
    {
        "opportunity": id_of("OpportunityId"),
        "at": utc("CreatedDate"),
        **{name: of_field(name, "NewValue") for name in dict.fromkeys(FIELDS.values())},
        **{f"{BEFORE}{name}": of_field(name, "OldValue") for name in dict.fromkeys(FIELDS.values())},
    },
    when=changed(lambda field: FIELDS.get(fold(field), ""), "Field"),
)

# --- what is to do, and what was done ---------------------------------------------------------------------


def task_done(closed: str, status: str) -> str:
    return "yes" if true(closed) or (not closed and status == "Completed") else ""


def completed(done: str, moment: str, planned: str, modified: str, created: str, today: str) -> str:
    """When a task was done: a task that was done before its day was done when it was last touched."""
    if not done:
        return ""
    if moment or not planned or planned[:10] > today:
        return in_utc(first(moment, modified, created))
    return planned[:10]


def event_over(*cells: str) -> str:
    """Whether an event lies behind us: by its end, its beginning or its day."""
    end, begin, instead, on, now, today = cells
    moment = first(end, begin, instead)
    return "yes" if (in_utc(moment) <= now if moment else bool(on) and on[:10] < today) else ""


def unless(take: Take) -> Take:
    """Text for the rows for which another gives none."""
    return Take(take.headings, lambda *cells: "" if take.make(*cells) else "yes")


DONE: Final = Take(("IsClosed", "Status"), task_done)
DONE_AT: Final = Take(
    ("IsClosed", "Status", "CompletedDateTime", "ActivityDate", "LastModifiedDate", "CreatedDate", TODAY),
    lambda closed, status, *rest: completed(task_done(closed, status), *rest),
)
OVER: Final = Take(
    ("EndDateTime", "StartDateTime", "ActivityDateTime", "ActivityDate", NOW, TODAY), event_over
)
SUBJECT: Final = Take(("Subject", "TaskSubtype", "Type"), lambda *cells: first(*cells) or "No subject")
KINDS: Final = {"call": "Call", "email": "Email", "meeting": "Meeting", "listemail": "Email"}
ABOUT: Final = {
    "external_id": id_of("Id"),
    "subject": SUBJECT,
    "description": text("Description"),
    "related_to": of_kind(ACCOUNT, OPPORTUNITY, LEAD),
    "contact": changed(lambda cell: long_id(cell) if cell.startswith(CONTACT) else "", "WhoId"),
    "owner": OWNER,
    "created_at": CREATED,
    "updated_at": MODIFIED,
}

TASKS: Final = (
    Shape(
        "task",
        {
            **ABOUT,
            "due_date": day("ActivityDate", "Due Date"),
            "status": Take(
                ("IsClosed", "Status"),
                lambda closed, status: "Completed" if task_done(closed, status) else status,
            ),
            "priority": text("Priority"),
            "completed_at": DONE_AT,
        },
        when=unless(DONE),
    ),
    Shape(
        "activity",
        {
            **ABOUT,
            "type": Take(
                ("TaskSubtype", "Type"),
                lambda *cells: next((KINDS[fold(cell)] for cell in cells if fold(cell) in KINDS), "Note"),
            ),
            "happened_at": DONE_AT,
            "outcome": text("CallDisposition"),
            "direction": changed(lambda cell: cell if cell in ("Inbound", "Outbound") else "", "CallType"),
            "duration_minutes": changed(
                lambda cell: str(round(int(cell) / 60)) if cell.isdecimal() else "", "CallDurationInSeconds"
            ),
        },
        when=DONE,
    ),
)
EVENTS: Final = (
    Shape(
        "task",
        {
            **ABOUT,
            "due_date": day("ActivityDate", "StartDateTime", "ActivityDateTime"),
            "status": Take(OVER.headings, lambda *cells: "Completed" if event_over(*cells) else ""),
            "completed_at": Take(
                OVER.headings,
                lambda *cells: in_utc(first(*cells[:4])) if event_over(*cells) else "",
            ),
        },
        when=unless(OVER),
    ),
    Shape(
        "activity",
        {
            **ABOUT,
            "type": always("Meeting"),
            "happened_at": utc("StartDateTime", "ActivityDateTime", "ActivityDate"),
            "duration_minutes": number("DurationInMinutes"),
        },
        when=OVER,
    ),
)

SYSTEM: Final = System(
    "Salesforce",
    (
        Object(
            "OpportunityStage",
            (
                Shape(
                    STAGES,
                    {
                        "name": text("ApiName", "MasterLabel"),
                        "probability": number("DefaultProbability", "Probability"),
                        "category": CATEGORY,
                        "is_closed": text("IsClosed"),
                        "is_won": text("IsWon"),
                        "active": text("IsActive"),
                    },
                ),
            ),
        ),
        Object("User", (USER,), ("Users",)),
        Object("Account", (ACCOUNTS,), ("Accounts",)),
        Object("Contact", (CONTACTS,), ("Contacts",)),
        Object("Opportunity", (DEALS,), ("Opportunities", "oppty")),
        Object("OpportunityHistory", (SNAPSHOTS,), ("OpportunityHistories",)),
        Object("OpportunityFieldHistory", (CHANGES,)),
        Object(
            "OpportunityContactRole",
            (
                Shape(
                    ROLES,
                    {
                        "opportunity": id_of("OpportunityId"),
                        "contact": id_of("ContactId"),
                        "role": text("Role"),
                        "is_primary": flag("IsPrimary"),
                    },
                ),
            ),
            ("OpportunityContactRoles",),
        ),
        Object("Lead", (LEADS, LEAD_CONVERSIONS), ("Leads",)),
        Object("Task", TASKS, ("Tasks",), stays="task"),
        Object("Event", EVENTS, ("Events",), stays="task"),
    ),
    not_kept=(
        *("Campaign", "CampaignMember", "Product2", "Pricebook2", "PricebookEntry", "OpportunityLineItem"),
        *("Quote", "QuoteLineItem", "Order", "OrderItem", "Contract", "Asset", "Case", "CaseComment"),
        *(
            "Solution",
            "Note",
            "Attachment",
            "ContentVersion",
            "ContentDocumentLink",
            "Document",
            "EmailMessage",
        ),
        *("AccountContactRole", "AccountContactRelation", "AccountTeamMember", "OpportunityTeamMember"),
        *("AccountHistory", "ContactHistory", "LeadHistory", "CaseHistory", "CampaignMemberStatus"),
        *("OpportunityPartner", "OpportunitySplit", "Group", "GroupMember", "UserRole", "Profile"),
        *("RecordType", "Organization", "ForecastingQuota", "Idea", "Partner"),
    ),
    deleted=Take(("IsDeleted", "MasterRecordId"), lambda gone, merged: "yes" if true(gone) or merged else ""),
    idle=frozenset(
        map(
            fold,
            (
                *("IsDeleted", "MasterRecordId", "SystemModstamp", "LastActivityDate", "LastViewedDate"),
                *(
                    "LastReferencedDate",
                    "CreatedById",
                    "LastModifiedById",
                    "PhotoUrl",
                    "Jigsaw",
                    "JigsawContactId",
                ),
                *("Fiscal", "FiscalYear", "FiscalQuarter", "ExpectedRevenue", "HasOpportunityLineItem"),
                *("HasOpenActivity", "HasOverdueTask", "IsClosed", "IsWon", "IsConverted", "ConvertedDate"),
                *("ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId", "RecordTypeId"),
                *("UserRoleId", "ProfileId", "Username", "Alias", "CommunityNickname", "IsEmailBounced"),
                *(
                    "CleanStatus",
                    "IsTask",
                    "WhoCount",
                    "WhatCount",
                    "AccountId",
                    "IsArchived",
                    "IsPriorityRecord",
                ),
                *(
                    "CurrencyIsoCode",
                    "Status",
                    "Error",
                    "Name",
                    "Salutation",
                    "IsRecurrence",
                    "IsReminderSet",
                ),
                *("LastCURequestDate", "LastCUUpdateDate", "IsUnreadByOwner", "line", "code", "reason"),
            ),
        )
    ),
    custom=lambda heading: label_of(found[1]) if (found := _custom.fullmatch(heading)) else None,
)
