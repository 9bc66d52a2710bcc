"""What the standard reports on quotas share: the targets of the period in one currency, and the people."""

from typing import Final, NamedTuple

from crmcli.reports.standard import Asked
from crmcli.reports.standard._deals import in_one_currency
from crmcli.result import Report
from crmcli.rules.quotas import Quota, Target, own_targets, partly_covered
from crmcli.rules.quotas import in_one_currency as quotas_in_one_currency
from crmcli.store.figures import quotas
from crmcli.store.groups import reporting_line
from crmcli.store.reader import Reader
from crmcli.values.money import amount_words

NO_QUOTA: Final = "n/a"


class Person(NamedTuple):
    """A user, as the reports know them."""

    name: str
    manager: int | None
    sells: bool  # active, and there on the as-of day


def people(reader: Reader, asked: Asked) -> dict[int, Person]:
    """All users, also those who are no more, as deals may be theirs."""
    line = reporting_line(reader, asked.scope.moment)
    return {user.id: Person(user.name, user.manager, user.sells) for user in line}


class Quotas:
    """The quotas for periods within the one asked for, in the currency of the report."""

    def __init__(self, reader: Reader, asked: Asked) -> None:
        start, end = asked.bounds["start"], asked.bounds["end"]
        found = [
            Quota(person, first, last, bool(team), amount, deals, currency)
            for person, first, last, team, amount, deals, currency in quotas(
                reader, start, end, asked.scope.moment, asked.scope.known
            )
            if asked.scope.covers(person)
        ]
        self.asked = asked = in_one_currency(reader, asked)
        assert asked.currency is not None
        self.known, self.without_rate = quotas_in_one_currency(
            found, asked.rates, asked.currency, asked.scope.as_of
        )

    def own(self) -> dict[int, Target]:
        """Everybody's own."""
        return own_targets(self.known)

    def say(self, report: Report, users: dict[int, Person]) -> None:
        """Name what is missing: quotas that cannot be converted, and days that none is for."""
        said = [
            f"No rate: a quota of {amount_words(quota.amount or 0, quota.currency)} for"
            f" {users[quota.owner].name} is left out: crm rate set {quota.currency} RATE --from DATE"
            for quota in self.without_rate
            if quota.owner in users
        ]
        start, end = self.asked.bounds["start"], self.asked.bounds["end"]
        partial = partly_covered(self.known, start, end, {id: person.name for id, person in users.items()})
        if partial:
            said.append(f"The quotas of {partial} cover only part of {self.asked.period.label}")
        if not self.known and not self.without_rate:
            said.append(
                f"There is no quota for {self.asked.period.label}: crm quota set --period P --amount M"
            )
        report.notes += said
        report.tail["quotas_without_rate"] = [
            {"owner": users[quota.owner].name, "quota": amount_words(quota.amount or 0, quota.currency)}
            for quota in self.without_rate
            if quota.owner in users
        ]
