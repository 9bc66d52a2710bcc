"""crm report cycle-time: how many days won deals took."""

import pytest

from tests.conftest import Crm
from tests.reports.standard.book import act, rows

ACTS = """
2026-01-05 user add Bo
2026-01-10 opp add Alpha --amount 1000 --owner Bo
2026-01-10 opp add Beta --amount 3000 --owner Bo
2026-01-10 opp add Gamma --amount 500 --owner Bo
2026-01-10 opp add Delta
2026-01-10 opp add Epsilon
2026-01-20 opp win O1
2026-01-30 opp win O2
2026-04-20 opp win O3
2026-01-10 opp win O4
2026-02-10 opp lose O5 --reason Pricing
"""


@pytest.fixture
def won(crm: Crm) -> Crm:
    crm.today = "2026-08-15"
    crm.env["CRMCLI_USER"] = "Ann"
    crm.ok("user add Ann")
    act(crm, ACTS)
    return crm


def test_mean_median_and_the_ends_of_won_deals(won: Crm) -> None:
    found = rows(won, "cycle-time")
    assert list(found["Bo"].values()) == ["Bo", 3, 43.3, 20.0, 10, 100, 0, None, None]
    assert list(found["Ann"].values()) == ["Ann", 1, 0.0, 0.0, 0, 0, 0, None, None]
    assert list(found[None].values()) == [None, 4, 32.5, 15.0, 0, 100, 0, None, None]


def test_from_the_lead_that_became_the_deal(won: Crm) -> None:
    act(
        won,
        """
2026-02-01 lead add 'Wang Wei' --company Huaxin
2026-03-01 lead convert L1
2026-03-11 opp win O6
""",
    )
    found = rows(won, "cycle-time --period 2026-03")[None]
    assert (found["deals"], found["mean_days"]) == (1, 10.0)
    assert (found["from_lead"], found["lead_mean_days"], found["lead_median_days"]) == (1, 38.0, 38.0)
    assert rows(won, "cycle-time")[None]["from_lead"] == 1


def test_days_are_those_of_the_users_calendar(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("user add Ann")
    crm.ok("config set timezone Asia/Kathmandu")  # +05:45
    crm.ok(
        "opp import - --keep created_at,closed_at",
        stdin="name,stage,created_at,close_date\n"
        "Before midnight,Closed Won,2026-03-01T18:14:00Z,2026-03-02\n"
        "After midnight,Closed Won,2026-03-01T18:15:00Z,2026-03-02\n",
    )
    found = rows(crm, "cycle-time")[None]
    assert (found["shortest_days"], found["longest_days"]) == (0, 1)


def test_a_deal_that_was_closed_before_it_was_made_is_in_no_mean(won: Crm) -> None:
    won.ok("opp import -", stdin="name,stage,close_date\nPast,Closed Won,2026-02-02\n")
    found = won.ok("report cycle-time --json").json
    assert found["total"]["deals"] == 4
    assert found["excluded"] == [{"ref": "O6", "reason": "closed before it was made"}]
    assert "Closed before it was made: 1 deal, in no number of days: O6" in won.ok("report cycle-time").out


def test_explain_has_the_days_of_each_deal(won: Crm) -> None:
    text = won.ok("report cycle-time --explain --owner Bo").out
    assert "days: close date - day of creation" in text
    assert "O3 Gamma · USD 500.00 · made 2026-01-10 · won 2026-04-20" in text
