"""Contact: a person at an account."""

from typing import ClassVar

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import SOURCES


class Contact(Entity, table=True):
    """A person one deals with."""

    lists_owner: ClassVar[bool] = True

    name: str = field("Full name", required=True, listed=True, aliases=("full name", "contact name"))
    first_name: str | None = field("Given name", aliases=("first", "given name"))
    last_name: str | None = field("Family name", aliases=("last", "surname", "family name"))
    account_id: int | None = field(
        "Where they work",
        link="account",
        listed=True,
        aliases=("company", "company name", "account name", "organization"),
    )
    title: str | None = field("Job title", listed=True, aliases=("job title", "position"))
    department: str | None = field("Department")
    email: str | None = field(
        "E-mail address",
        kind="email",
        listed=True,
        aliases=("e-mail", "email address", "e-mail address"),
    )
    phone: str | None = field(
        "Telephone number",
        kind="phone",
        listed=True,
        aliases=("telephone", "phone number", "business phone"),
    )
    mobile: str | None = field(
        "Mobile number", kind="phone", aliases=("mobile phone", "cell", "mobile number")
    )
    source: str | None = field(
        "Where they came from", choices=SOURCES, open=True, aliases=("lead source", "original source")
    )
    reports_to_id: int | None = field("Their superior", link="contact", aliases=("manager",))
    street: str | None = field("Street and number", aliases=("address", "mailing street"), length=1000)
    city: str | None = field("City", aliases=("mailing city", "town"))
    state: str | None = field(
        "State or province", aliases=("province", "mailing state", "region", "state/region")
    )
    postal_code: str | None = field("Postal code", aliases=("zip", "zip code", "postcode", "mailing zip"))
    country: str | None = field("Country", aliases=("mailing country", "country/region"))

    name_key: str | None = None
    email_key: str | None = None
    phone_key: str | None = None
