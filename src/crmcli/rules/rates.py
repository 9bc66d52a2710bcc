"""Exchange rates: what an amount is worth in another currency on a day."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from crmcli.errors import InvalidValue
from crmcli.values.money import decimals

NO_RATE: Final = "no rate"
RATE: Final = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,12}))?")


def rate_text(text: str) -> str:
    """A rate as it is kept: a plain decimal above 0. Raises InvalidValue."""
    found = RATE.fullmatch(text.strip())
    if found is None or not set(text) & set("123456789"):
        raise InvalidValue(f"{text!r} is not a rate.", hint="Write a decimal above 0: 1.08", field="rate")
    whole, fraction = found[1].lstrip("0") or "0", (found[2] or "").rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


class Rates:
    """What one unit of each currency is worth in the home currency, from which day on.

    A rate holds until the next one begins. What is missing converts to None, never to zero; `failed` then
    remembers the currency.
    """

    def __init__(self, home: str, rows: Iterable[tuple[str, str, str]] = ()) -> None:
        self.home = home
        self.days: dict[str, list[str]] = {}
        self.texts: dict[str, list[str]] = {}
        self.used: dict[tuple[str, str], str] = {}  # currency and day of the rate -> the rate
        self.failed: set[str] = set()  # the currencies of which something could not be converted
        for currency, day, rate in sorted(rows):
            self.days.setdefault(currency, []).append(day)
            self.texts.setdefault(currency, []).append(rate)

    def rate(self, currency: str, day: str) -> tuple[int, int] | None:
        """The rate of a day as a fraction; None where there is none yet."""
        if currency == self.home:
            return 1, 1
        at = bisect_right(self.days.get(currency, []), day) - 1
        if at < 0:
            return None
        text = self.texts[currency][at]
        self.used[currency, self.days[currency][at]] = text
        whole, _, fraction = text.partition(".")
        return int(whole + fraction), 10 ** len(fraction)

    def convert(self, minor: int, currency: str, to: str, day: str) -> int | None:
        """An amount in another currency at the rates of a day, a half rounded up; None where one is missing."""
        if currency == to:
            return minor
        of, into = self.rate(currency, day), self.rate(to, day)
        if of is None or into is None:
            self.failed.add(currency)
            return None
        value = minor * of[0] * into[1] * int(10 ** decimals(to))
        by = of[1] * into[0] * int(10 ** decimals(currency))
        return (2 * value + by) // (2 * by)

    def sentences(self) -> list[str]:
        """The rates that were used, as a footer says them."""
        used = (
            f"1 {currency} = {rate} {self.home} from {day}"
            for (currency, day), rate in sorted(self.used.items())
        )
        return [f"Rates: {'; '.join(used)}"] if self.used else []

    def unrated(self, to: str) -> dict[str, str]:
        """The currencies that could not be converted, and the day before which they cannot be."""
        return {
            currency: max(self._first_day(currency), self._first_day(to)) for currency in sorted(self.failed)
        }

    def _first_day(self, currency: str) -> str:
        if currency == self.home:
            return ""
        return self.days.get(currency, ["9999-12-31"])[0]
