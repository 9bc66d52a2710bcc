"""The deals that are in no figure of a forecast, and why."""

from heapq import nsmallest
from itertools import chain
from typing import Any, Final

from crmcli.fields import reference
from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.sql import left_out_sql, unrated_sql
from crmcli.rules.forecast import NO_AMOUNT, NO_CLOSE_DATE, REASONS, SLIPPED
from crmcli.rules.rates import NO_RATE, Rates
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words

NAMED: Final = 10  # deals that a footer names


class LeftOut:
    """The deals that are in no row though one might look for them: counted, summed and named."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates | None = None) -> None:
        self.as_of = asked.scope.as_of
        self.counts: dict[str, dict[str, tuple[int, int]]] = {reason: {} for reason in REASONS}
        ids: dict[str, list[int]] = {reason: [] for reason in REASONS}
        params = {"as_of": self.as_of, **asked.bounds}
        found = [reader.rows(left_out_sql(asked), **params)]
        unrated = rates.unrated(asked.into) if rates and asked.into else {}
        for code, day in unrated.items():
            found.append(reader.rows(unrated_sql(asked), unrated=code, rated_from=day, **params))
        for reason, of, given, id in chain(*found):
            currency, amount = of, given
            if reason == SLIPPED and rates and asked.into and given is not None:
                worth = rates.convert(given, of, asked.into, self.as_of)
                currency, amount = (of, given) if worth is None else (asked.into, worth)
            counts = self.counts.setdefault(reason, {})
            before = counts.get(currency, (0, 0))
            counts[currency] = (before[0] + 1, before[1] + (amount or 0))
            ids.setdefault(reason, []).append(id)
        self.excluded = [
            {"ref": reference("opportunity", id), "reason": reason}
            for reason, those in ids.items()
            for id in (sorted(those) if asked.every else nsmallest(NAMED, those))
        ]

    def deals(self, reason: str) -> int:
        return sum(count for count, _ in self.counts[reason].values())

    def slipped_json(self) -> list[dict[str, Any]]:
        return [
            {"currency": currency, "count": count, "amount": amount_text(amount, currency)}
            for currency, (count, amount) in sorted(self.counts[SLIPPED].items())
        ]

    def sentences(self) -> list[str]:
        said = []
        why = {
            SLIPPED: f"close date before {self.as_of}",
            NO_CLOSE_DATE: "in no period",
            NO_AMOUNT: "adding nothing",
            NO_RATE: "in no figure; `crm rate set` mends it",
        }
        for reason in self.counts:
            deals = self.deals(reason)
            if not deals:
                continue
            amounts = [
                amount_words(amount, currency)
                for currency, (_, amount) in sorted(self.counts[reason].items())
                if reason in (SLIPPED, NO_RATE)
            ]
            refs = [each["ref"] for each in self.excluded if each["reason"] == reason][:NAMED]
            more = [f"and {deals - len(refs)} more"] if deals > len(refs) else []
            counted = ", ".join([f"{deals} deal{'s' if deals > 1 else ''}", *amounts, why[reason]])
            said.append(f"{reason.capitalize()}: {counted}: {' '.join([*refs, *more])}")
        return said
