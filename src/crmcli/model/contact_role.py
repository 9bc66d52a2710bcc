"""Contact role: what a contact has to say in a deal."""

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import CONTACT_ROLES


class ContactRole(Entity, table=True):
    """The part a contact plays in an opportunity."""

    __tablename__ = "contact_role"

    opportunity_id: int = field("The deal", link="opportunity", required=True, index=True)
    contact_id: int = field("The person", link="contact", required=True, index=True)
    role: str | None = field("Their part in the decision", choices=CONTACT_ROLES, open=True)
    is_primary: bool = field("Whether they are the first to talk to", kind="boolean", default=False)
