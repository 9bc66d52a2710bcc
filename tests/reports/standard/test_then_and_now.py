"""As of a day the reports are what they were that day; what is undone has never been."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm
from tests.reports.standard.book import act, forget

REPORTS = (
    "win-rate --by owner",
    "win-rate --by source",
    "cycle-time --by owner",
    "velocity --by owner",
    "trend",
    "trend --by quarter",
    "attainment --by owner",
    "attainment --by month",
    "leaderboard",
    "win-loss --by reason",
    "win-loss --by stage",
    "win-loss --by owner",
)
ACT = st.tuples(
    st.integers(1, 3),
    st.sampled_from(
        [
            "opp add Deal --amount {id}00.01 --close-date 2026-06-01",
            "opp add Deal --amount 'EUR {id}' --close-date 2026-05-01 --owner Bo --source Web",
            "opp add Deal --close-date 2026-04-01",
            "opp edit O{id} --amount 777.77",
            "opp edit O{id} --amount 'EUR 5.50'",
            "opp edit O{id} --owner Bo",
            "opp edit O{id} --lost-reason Other",
            "opp stage O{id} Negotiation/Review",
            "opp win O{id}",
            "opp lose O{id} --reason Pricing",
            "opp lose O{id} --reason Competition",
            "opp reopen O{id} --close-date 2026-07-01",
            "opp rm O{id} --yes",
            "quota set --owner Bo --period 2026 --amount {id}000",
            "quota set --owner Bo --period 2026-0{id} --amount none",
        ]
    ),
)


@pytest.fixture
def selling(crm: Crm) -> Crm:
    act(
        crm,
        """
2026-01-01 user add Ann
2026-01-01 user add Bo --manager Ann
2026-01-01 rate set EUR 1.5 --from 2026-01-01
2026-01-01 rate set EUR 1.73 --from 2026-04-01
""",
    )
    crm.env["CRMCLI_USER"] = "Ann"
    return crm


def printed(crm: Crm, words: str = "") -> dict[str, Any]:
    return {name: crm.ok(f"report {name} --period 2026 --json {words}").json for name in REPORTS}


def begin(crm: Crm) -> None:
    """Two deals, that the acts may be about."""
    forget(crm)
    act(crm, "2026-02-01 opp add Alpha --amount 900\n2026-02-02 opp add Beta --amount 70.30 --owner Bo")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.lists(ACT, min_size=2, max_size=8), min_size=2, max_size=3))
def test_as_of_a_day_they_are_what_they_were(selling: Crm, days: list[list[tuple[int, str]]]) -> None:
    before: dict[str, dict[str, Any]] = {}
    begin(selling)
    for number, acts in enumerate(days):
        selling.today = (date(2026, 3, 1) + timedelta(days=number * 20)).isoformat()
        for id, words in acts:
            selling(words.format(id=id))
        before[selling.today] = printed(selling)
        assert printed(selling, f"--as-of {selling.today}") == before[selling.today]
    for day, said in before.items():
        assert printed(selling, f"--as-of {day}") == said


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACT, min_size=2, max_size=8), last=ACT)
def test_what_is_undone_has_never_been(
    selling: Crm, acts: list[tuple[int, str]], last: tuple[int, str]
) -> None:
    begin(selling)
    selling.today = "2026-03-01"
    for id, words in acts:
        selling(words.format(id=id))
    selling.today = "2026-03-21"
    before = printed(selling)
    id, words = last
    entries = selling.ok("history --json").json
    selling(words.format(id=id))
    if selling.ok("history --json").json != entries:
        selling.ok("undo")
    assert printed(selling) == before
    assert printed(selling, "--as-of today") == before
