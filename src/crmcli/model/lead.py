"""Lead: a person or company that showed interest, before anyone knows whether they will buy."""

from datetime import datetime
from typing import ClassVar

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import INDUSTRIES, LEAD_STATUSES, RATINGS, SOURCES


class Lead(Entity, table=True):
    """A person or company that showed interest, not yet qualified."""

    lists_owner: ClassVar[bool] = True

    name: str = field(
        "Full name",
        required=True,
        listed=True,
        aliases=("full name", "lead name", "contact name"),
    )
    first_name: str | None = field("Given name", aliases=("first", "given name"))
    last_name: str | None = field("Family name", aliases=("last", "surname", "family name"))
    company: str | None = field(
        "Where they work",
        listed=True,
        aliases=("company name", "organization", "organisation", "account", "account name"),
    )
    title: str | None = field("Job title", aliases=("job title", "position"))
    email: str | None = field(
        "E-mail address",
        kind="email",
        listed=True,
        aliases=("e-mail", "email address", "e-mail address"),
    )
    phone: str | None = field("Telephone number", kind="phone", aliases=("telephone", "phone number"))
    mobile: str | None = field(
        "Mobile number", kind="phone", aliases=("mobile phone", "cell", "mobile number")
    )
    website: str | None = field(
        "Website", kind="url", aliases=("url", "web", "homepage", "company domain name")
    )
    source: str | None = field(
        "Where they came from",
        listed=True,
        choices=SOURCES,
        open=True,
        aliases=("lead source", "original source"),
    )
    campaign_id: int | None = field(
        "The campaign they came from", link="campaign", aliases=("campaign name",)
    )
    status: str = field(
        "How far qualification got",
        required=True,
        listed=True,
        default=LEAD_STATUSES[0],
        choices=LEAD_STATUSES,
        aliases=("lead status",),
    )
    rating: str | None = field("How promising", listed=True, choices=RATINGS, aliases=("lead rating",))
    industry: str | None = field("What the company does", choices=INDUSTRIES, open=True, aliases=("sector",))
    employees: int | None = field(
        "Number of employees", kind="number", low=0, aliases=("number of employees", "headcount")
    )
    annual_revenue: int | None = field(
        "The company's revenue in a year", kind="money", low=0, aliases=("revenue",)
    )
    currency: str | None = field("Currency of the revenue", length=3, aliases=("currency iso code",))
    street: str | None = field("Street and number", aliases=("address",), length=1000)
    city: str | None = field("City", aliases=("town",))
    state: str | None = field(
        "State or province", aliases=("province", "region", "state/province", "state/region")
    )
    postal_code: str | None = field("Postal code", aliases=("zip", "zip code", "zip/postal code", "postcode"))
    country: str | None = field("Country", aliases=("country/region",))
    converted_at: datetime | None = field("When it was converted", kind="instant", owned=True)
    converted_account_id: int | None = field("The account it became", link="account", owned=True)
    converted_contact_id: int | None = field("The contact it became", link="contact", owned=True)
    converted_opp_id: int | None = field("The opportunity it became", link="opportunity", owned=True)

    name_key: str | None = None
    email_key: str | None = None
    phone_key: str | None = None
