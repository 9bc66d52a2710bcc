"""Account: an organisation one sells to, buys from, works with or competes with."""

from typing import ClassVar

from crmcli.model.entity import Entity, field
from crmcli.model.picklists import ACCOUNT_TYPES, INDUSTRIES


class Account(Entity, table=True):
    """A customer, prospect, supplier, partner or competitor."""

    lists_owner: ClassVar[bool] = True

    name: str = field(
        "Name of the organisation",
        required=True,
        listed=True,
        aliases=("account", "account name", "company", "company name", "organization", "organisation"),
    )
    type: str | None = field(
        "What it is to us", listed=True, choices=ACCOUNT_TYPES, open=True, aliases=("account type",)
    )
    industry: str | None = field(
        "What it does", listed=True, choices=INDUSTRIES, open=True, aliases=("sector",)
    )
    website: str | None = field(
        "Its website",
        kind="url",
        aliases=("url", "web", "homepage", "domain", "company domain name"),
    )
    phone: str | None = field("Main telephone number", kind="phone", aliases=("telephone", "phone number"))
    parent_id: int | None = field(
        "The account it belongs to",
        link="account",
        aliases=("parent account", "parent company", "subsidiary of"),
    )
    employees: int | None = field(
        "Number of employees", kind="number", low=0, aliases=("number of employees", "headcount")
    )
    annual_revenue: int | None = field("Revenue in a year", kind="money", aliases=("revenue",), low=0)
    currency: str | None = field("Currency of its revenue", length=3, aliases=("currency iso code",))
    street: str | None = field("Street and number", aliases=("address", "billing street"), length=1000)
    city: str | None = field("City", listed=True, aliases=("billing city", "town"))
    state: str | None = field(
        "State or province", aliases=("province", "billing state", "region", "state/region")
    )
    postal_code: str | None = field("Postal code", aliases=("zip", "zip code", "postcode", "billing zip"))
    country: str | None = field("Country", aliases=("billing country", "country/region", "office location"))

    name_key: str | None = None
    domain: str | None = None
    phone_key: str | None = None
