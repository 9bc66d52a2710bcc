"""Rate: what a currency is worth from a day on, as it was set at a time."""

from datetime import date

from crmcli.model.entity import Entity, field


class Rate(Entity, table=True):
    """One setting of an exchange rate: one unit of the currency is `rate` of the home currency.

    Rows are added, never changed: what counts at a moment is the last row of the same currencies and day
    that was made before it. A row without a rate clears it.
    """

    currency: str = field("The currency", required=True, listed=True, length=3)
    home: str = field("The home currency it is worth so much of", required=True, listed=True, length=3)
    valid_from: date = field("The first day it holds", kind="date", required=True, listed=True)
    rate: str | None = field("How much one unit is worth; none clears it", listed=True, length=40)
