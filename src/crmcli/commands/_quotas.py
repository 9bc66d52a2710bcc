"""Quotas as they are typed and kept, for the verbs that set them."""

from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

from crmcli.changes import Changes
from crmcli.errors import InvalidValue
from crmcli.rules.quotas import Quota
from crmcli.store.figures import quotas
from crmcli.store.reader import Reader
from crmcli.values.money import amount_words, parse_money

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork

CLEARED: Final = "none"
NOTHING: Final = "no quota"


class Wanted(NamedTuple):
    """A quota that is to be set; `deals` and `amount` as they are to be, None where there is to be none."""

    owner: int
    start: date
    end: date
    team: bool
    amount: int | None
    deals: int | None
    currency: str

    @property
    def key(self) -> tuple[int, str, str, bool]:
        return self.owner, self.start.isoformat(), self.end.isoformat(), self.team


def known_quotas(reader: Reader) -> dict[tuple[int, str, str, bool], Quota]:
    """All quotas that hold now."""
    found = (
        Quota(owner, start, end, bool(team), amount, deals, currency)
        for owner, start, end, team, amount, deals, currency in quotas(reader, "", "9999-12-31")
    )
    return {(quota.owner, quota.start, quota.end, quota.team): quota for quota in found}


def set_quotas(work: "UnitOfWork", wanted: list[Wanted]) -> tuple[int, int, int]:
    """Add a row for each quota that is not so already: how many are new, changed, and the same."""
    known = known_quotas(work.reader)
    changes = Changes()
    new = changed = 0
    for quota in wanted:
        old = known.get(quota.key)
        if target_words(quota) == (target_words(old) if old else NOTHING):
            continue
        new, changed = (new, changed + 1) if old else (new + 1, changed)
        changes.add(
            "quota",
            work.ids("quota"),
            owner_id=quota.owner,
            period_start=quota.start,
            period_end=quota.end,
            team=quota.team,
            amount=quota.amount,
            deals=quota.deals,
            currency=quota.currency,
        )
    work.apply(changes)
    return new, changed, len(wanted) - new - changed


def target_words(quota: Wanted | Quota) -> str:
    parts = []
    if quota.amount is not None:
        parts.append(amount_words(quota.amount, quota.currency))
    if quota.deals is not None:
        parts.append("1 deal" if quota.deals == 1 else f"{quota.deals} deals")
    return " and ".join(parts) or NOTHING


def money_of(text: str, currency: str) -> tuple[int | None, str]:
    """An amount to win, and its currency; none clears it. Raises InvalidValue."""
    if text.strip().casefold() == CLEARED:
        return None, currency
    minor, of = parse_money(text, currency=currency)
    if minor < 0:
        raise InvalidValue(f"{text!r} is negative; a quota is not.", field="amount")
    return minor, of


def count_of(text: str) -> int | None:
    """A number of deals; none clears it. Raises InvalidValue."""
    typed = text.strip()
    if typed.casefold() == CLEARED:
        return None
    if not (typed.isascii() and typed.isdigit()) or len(typed) > 9:
        raise InvalidValue(f"{text!r} is not a number of deals.", field="count")
    return int(typed)
