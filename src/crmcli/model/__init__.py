"""The nouns, as SQLModel tables: one file each, each field declared once."""

from crmcli.model.account import Account
from crmcli.model.activity import Activity
from crmcli.model.adjustment import Adjustment
from crmcli.model.campaign import Campaign
from crmcli.model.contact import Contact
from crmcli.model.contact_role import ContactRole
from crmcli.model.entity import Entity, declared_fields
from crmcli.model.lead import Lead
from crmcli.model.opportunity import Opportunity
from crmcli.model.quota import Quota
from crmcli.model.rate import Rate
from crmcli.model.stage import Stage
from crmcli.model.task import Task
from crmcli.model.user import User

ENTITIES: dict[str, type[Entity]] = {
    entity.__tablename__: entity  # type: ignore[misc]  # SQLModel types the name as a declared attribute
    for entity in (
        *(User, Stage, Account, Contact, Campaign, Lead, Opportunity, ContactRole, Task, Activity),
        *(Quota, Rate, Adjustment),
    )
}

__all__ = [
    "ENTITIES",
    "Account",
    "Activity",
    "Adjustment",
    "Campaign",
    "Contact",
    "ContactRole",
    "Entity",
    "Lead",
    "Opportunity",
    "Quota",
    "Rate",
    "Stage",
    "Task",
    "User",
    "declared_fields",
]
