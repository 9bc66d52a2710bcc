"""The quotas of a forecast: what its rows, and all of them together, were to come to."""

from collections.abc import Iterator
from typing import Any

from crmcli.reports.forecast.asked import Asked
from crmcli.reports.forecast.cells import Cells
from crmcli.reports.forecast.people import People
from crmcli.rules.quotas import Quota, Target, in_one_currency, own_targets, partly_covered, whole_targets
from crmcli.rules.rates import Rates
from crmcli.store import figures as known
from crmcli.store.groups import Key
from crmcli.store.reader import Reader
from crmcli.values.money import amount_text, amount_words


class Targets:
    """The quotas that are known for the period, row by row and in all, by currency."""

    def __init__(self, reader: Reader, asked: Asked, rates: Rates, people: People) -> None:
        self.asked = asked
        self.key_of = people.key_of
        self.people = people
        self.rows: dict[tuple[str, Key], int] = {}
        self.totals: dict[str, int] = {}
        self.without_rate: list[Quota] = []
        start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
        self.quotas = [
            Quota(owner, first, last, bool(team), amount, deals, currency)
            for owner, first, last, team, amount, deals, currency in known.quotas(
                reader, start, end, asked.scope.moment, asked.scope.known
            )
            if amount is not None and asked.scope.covers(owner)
        ]
        if asked.into:
            self.quotas, self.without_rate = in_one_currency(
                self.quotas, rates, asked.into, asked.scope.as_of
            )
        for currency in self.currencies:
            self._target(self._in(currency), currency)

    @property
    def currencies(self) -> list[str]:
        return sorted({quota.currency for quota in self.quotas})

    def _in(self, currency: str) -> list[Quota]:
        return [quota for quota in self.quotas if quota.currency == currency]

    def _target(self, quotas: list[Quota], currency: str) -> None:
        """The targets of the rows, and of the whole, in one currency."""
        by, own = self.asked.by, own_targets(quotas)
        if by == "owner":
            targets = whole_targets(self.people.line, quotas).targets if self.asked.team else own
            for owner, target in targets.items():
                self._add(currency, self.key_of(owner), target)
        elif by in ("team", "manager"):
            for owner, target in own.items():
                self._add(currency, self.key_of(owner), target)
        elif by in ("month", "quarter"):
            slices: dict[Key, list[Quota]] = {}
            for quota in quotas:
                key = self.key_of(quota.start[:7])
                if key == self.key_of(quota.end[:7]):
                    slices.setdefault(key, []).append(quota)
            for key, those in slices.items():
                self._add(currency, key, self.total(those))
        total = self.total(quotas).amount
        if total is not None:
            self.totals[currency] = total

    def _add(self, currency: str, key: Key, target: Target) -> None:
        if target.amount is not None:
            self.rows[currency, key] = self.rows.get((currency, key), 0) + target.amount

    def total(self, quotas: list[Quota]) -> Target:
        """What the quotas of all add up to; those of one person alone are that person's own."""
        owner, line = self.asked.scope.owner_id, self.people.line
        if owner is not None and not self.asked.team:
            return own_targets(quotas).get(owner, Target())
        whole = whole_targets(line, quotas).targets
        total = Target()
        for top in line.tops if owner is None else [owner]:
            total = total.plus(whole.get(top, Target()))
        return total

    def as_json(self) -> list[dict[str, Any]]:
        """The quotas that are known for the period, whether or not a longer one holds them."""
        return [
            {
                "owner": self.people.name(quota.owner),
                "team": quota.team,
                "start": quota.start,
                "end": quota.end,
                "amount": amount_text(quota.amount or 0, quota.currency),
                "currency": quota.currency,
            }
            for quota in self.quotas
        ]

    def explained(self) -> Iterator[str]:
        for each in self.as_json():
            team = "team of " if each["team"] else ""
            yield f"quota of {team}{each['owner']}, {each['start']}..{each['end']}: {each['currency']} {each['amount']}"

    def notes(self, own: Cells) -> Iterator[str]:
        """What is set for teams, and what is in no figure."""
        asked = self.asked
        for currency in sorted({quota.currency for quota in self.without_rate}):
            amounts = [quota.amount or 0 for quota in self.without_rate if quota.currency == currency]
            quotas = "1 quota" if len(amounts) == 1 else f"{len(amounts)} quotas"
            yield f"No rate: {quotas}, {amount_words(sum(amounts), currency)}, left out; `crm rate set` mends it"
        others = sorted({currency for currency, _ in own} - set(self.currencies))
        if self.quotas and others and not asked.into:
            convert = f"--currency {self.quotas[0].currency} converts them"
            yield f"Deals in {', '.join(others)} count towards no quota; {convert}"
        start, end = asked.period.start.isoformat(), asked.period.end.isoformat()
        partial = partly_covered(self.quotas, start, end, self.people.names)
        if partial:
            yield (
                f"The quotas of {partial} cover only part of {asked.period.label}, and all that is closed in it is"
                " compared with them; crm quota show compares only what they are for"
            )
        own_only = asked.by in ("owner", "team", "manager") and not asked.team  # what rows have
        if own_only and asked.scope.owner_id is None and any(quota.team for quota in self.quotas):
            yield "What is set for a team is in the total, and in no row: --team"
        for currency in self.currencies if asked.team else ():
            yield from whole_targets(self.people.line, self._in(currency)).sentences(
                self.people.names, currency
            )
