"""SQL says what a computation over the deals one by one says: win rate, cycle time, trend, won and lost."""

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm
from tests.reports.standard.book import rows

ZONE = "Asia/Kathmandu"  # +05:45, so that its days are not those of UTC
CENT = Decimal("0.01")
NONE = "(none)"


@dataclass(frozen=True)
class Deal:
    owner: str
    amount: Decimal | None
    currency: str
    created: datetime
    stage: str
    close_date: date
    reason: str
    source: str

    @property
    def made(self) -> date:
        return self.created.astimezone(ZoneInfo(ZONE)).date()

    @property
    def outcome(self) -> str:
        return {"Closed Won": "won", "Closed Lost": "lost"}.get(self.stage, "open")

    @property
    def counts(self) -> bool:
        return self.outcome != "open" and self.close_date.year == 2026

    @property
    def dollars(self) -> Decimal | None:
        """The amount at the rate of the day it was closed; nothing has a rate before April, pounds never."""
        if self.amount is None or self.currency == "USD":
            return self.amount
        if self.currency == "GBP" or self.close_date < date(2026, 4, 1):
            return None
        rate = Decimal("1.1") if self.close_date < date(2026, 9, 1) else Decimal("1.237")
        return (self.amount * rate).quantize(CENT, ROUND_HALF_UP)

    @property
    def days(self) -> int | None:
        days = (self.close_date - self.made).days
        return days if days >= 0 else None


DEALS = st.lists(
    st.builds(
        Deal,
        st.sampled_from(["Ann", "李雷"]),
        st.none() | st.integers(0, 10**7).map(lambda cents: Decimal(cents).scaleb(-2)),
        st.sampled_from(["USD", "USD", "EUR", "GBP"]),
        st.builds(
            lambda day, minute: datetime(2025, 9, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute),
            st.integers(0, 500),
            st.sampled_from([0, 720, 1094, 1095, 1439]),  # 18:15 in UTC is midnight
        ),
        st.sampled_from(["Closed Won", "Closed Won", "Closed Lost", "Prospecting"]),
        st.integers(0, 500).map(lambda days: date(2025, 11, 1) + timedelta(days=days)),
        st.sampled_from(["", "Pricing", "太贵"]),
        st.sampled_from(["", "Web"]),
    ),
    max_size=25,
)


def bring_in(crm: Crm, deals: list[Deal]) -> None:
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(
        "external_id name owner amount currency created_at stage close_date lost_reason source".split()
    )
    for number, deal in enumerate(deals):
        reason = deal.reason if deal.outcome == "lost" else ""
        created = deal.created.strftime("%Y-%m-%dT%H:%M:%SZ")
        amount = "" if deal.amount is None else deal.amount
        row = [number, f"Deal {number}", deal.owner, amount, deal.currency, created, deal.stage]
        out.writerow([*row, deal.close_date, reason, deal.source])
    if deals:
        crm.ok("opp import - --keep created_at,closed_at", stdin=text.getvalue())
        crm.env["BROUGHT_IN"] = "yes"


def rounded(exact: Fraction, places: int) -> Decimal:
    scaled = exact * 10**places
    return Decimal((2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)).scaleb(-places)


def percent(part: Any, whole: Any) -> float | None:
    return float(rounded(Fraction(part) * 100 / Fraction(whole), 1)) if whole else None


def mean(numbers: list[int]) -> float | None:
    return float(rounded(Fraction(sum(numbers), len(numbers)), 1)) if numbers else None


def money(deals: list[Deal]) -> Decimal:
    return sum((deal.dollars for deal in deals if deal.dollars is not None), Decimal("0.00"))


def average(deals: list[Deal]) -> str | None:
    valued = [deal for deal in deals if deal.dollars is not None]
    return str(rounded(Fraction(money(valued)) / len(valued), 2)) if valued else None


def text(amount: Decimal) -> str:
    return str(amount.quantize(CENT))


def groups(deals: list[Deal], key: Callable[[Deal], str]) -> dict[str | None, list[Deal]]:
    found: dict[str | None, list[Deal]] = defaultdict(list)
    for deal in deals:
        found[key(deal)].append(deal)
    return {**found, None: deals}


KEYS: dict[str, Callable[[Deal], str]] = {
    "owner": lambda deal: deal.owner,
    "source": lambda deal: deal.source or NONE,
    "month": lambda deal: deal.close_date.isoformat()[:7],
    "quarter": lambda deal: f"2026-Q{(deal.close_date.month + 2) // 3}",
}


def win_rate(deals: list[Deal]) -> list[Any]:
    won = [deal for deal in deals if deal.outcome == "won"]
    lost = [deal for deal in deals if deal.outcome == "lost"]
    return [
        len(won),
        len(lost),
        percent(len(won), len(deals)),
        text(money(won)),
        text(money(lost)),
        percent(money(won), money(won) + money(lost)),
        average(won),
    ]


def cycle_time(deals: list[Deal]) -> list[Any]:
    days = [deal.days for deal in deals if deal.days is not None]
    ends = [min(days), max(days)] if days else [None, None]
    return [len(days), mean(days), float(statistics.median(days)) if days else None, *ends]


def win_loss(deals: list[Deal], lost: list[Deal]) -> list[Any]:
    """Of one row; what is lost in all, where the row is of lost deals."""
    days = [deal.days for deal in deals if deal.days is not None]
    return [
        len(deals),
        percent(len(deals), len(lost)) if lost else None,
        text(money(deals)),
        percent(money(deals), money(lost)) if lost else None,
        mean(days),
    ]


def trend(deals: list[Deal]) -> dict[str | None, list[Any]]:
    found: dict[str | None, list[Any]] = {}
    so_far = Decimal("0.00")
    for month in [*(f"2026-{number:02}" for number in range(1, 13)), None]:
        within = [deal for deal in deals if deal.counts and month in (None, deal.close_date.isoformat()[:7])]
        made = [
            deal for deal in deals if deal.made.year == 2026 and month in (None, deal.made.isoformat()[:7])
        ]
        won = [deal for deal in within if deal.outcome == "won"]
        so_far += money(won) if month else 0
        rate = percent(len(won), len(within))
        found[month] = [len(made), len(won), len(within) - len(won), rate, text(money(won)), average(won)]
        found[month].append(text(so_far))
    return found


def asked(crm: Crm, words: str, skip: int) -> dict[Any, list[Any]]:
    """The figures of each row, without the columns before them."""
    currency = "" if "cycle-time" in words else "--currency USD"
    found = rows(crm, f"{words} --period 2026 {currency}")
    return {key: list(row.values())[skip:] for key, row in found.items()}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deals=DEALS)
def test_it_is_so(crm: Crm, deals: list[Deal]) -> None:
    crm.today = "2027-06-01"
    if not crm.env.get("BEGUN"):
        crm.ok("user add Ann")
        crm.ok("user add 李雷")
        crm.ok(f"config set timezone {ZONE}")
        crm.ok("rate set EUR 1.1 --from 2026-04-01")
        crm.ok("rate set EUR 1.237 --from 2026-09-01")
        crm.env["BEGUN"] = "yes"
    if crm.env.pop("BROUGHT_IN", ""):
        crm.ok("undo")
    bring_in(crm, deals)
    closed = [deal for deal in deals if deal.counts]
    won = [deal for deal in closed if deal.outcome == "won"]
    timed = [deal for deal in won if deal.days is not None]
    lost = [deal for deal in closed if deal.outcome == "lost"]
    for by, key in KEYS.items():
        expected = {row: win_rate(those) for row, those in groups(closed, key).items()}
        assert asked(crm, f"win-rate --by {by}", 2) == expected
        assert {row: figures[:5] for row, figures in asked(crm, f"cycle-time --by {by}", 1).items()} == {
            row: cycle_time(those) for row, those in groups(timed, key).items()
        }
    for by, key in {**KEYS, "reason": lambda deal: deal.reason or NONE, "stage": lambda _: NONE}.items():
        expected = {row: win_loss(those, lost) for row, those in groups(lost, key).items()}
        if won:
            expected["Won"] = win_loss(won, [])
        expected[None] = win_loss(closed, [])
        assert asked(crm, f"win-loss --by {by}", 3) == expected
    if closed or any(deal.made.year == 2026 for deal in deals):
        assert asked(crm, "trend", 2) == trend(deals)
    else:
        assert asked(crm, "trend", 2).keys() == {None}
