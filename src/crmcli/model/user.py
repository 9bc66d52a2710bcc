"""User: somebody who sells, or leads those who do."""

from crmcli.model.entity import Entity, field


class User(Entity, table=True):
    """A member of the sales team; the owner of records."""

    name: str = field(
        "Full name",
        required=True,
        listed=True,
        aliases=("full name", "sales agent", "salesperson"),
    )
    email: str | None = field(
        "E-mail address", kind="email", listed=True, aliases=("e-mail", "email address")
    )
    role: str | None = field("What they do in the team", listed=True, aliases=("title", "job title"))
    manager_id: int | None = field("Who they report to", link="user", listed=True, aliases=("reports to",))
    team: str | None = field("The team they belong to", listed=True, aliases=("region", "regional office"))
    active: bool = field("Whether they still own new records", kind="boolean", default=True, listed=True)

    name_key: str | None = None
    email_key: str | None = None
