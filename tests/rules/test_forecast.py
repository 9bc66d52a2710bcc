"""The forecast's definitions, each with its worked numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.forecast import (
    NO_AMOUNT,
    NO_CLOSE_DATE,
    SLIPPED,
    attainment,
    coverage,
    gap,
    left_out,
    open_pipeline,
    part_of,
    roll_up,
    weighted,
)

# The amounts of Salesforce's help page.
VECTOR = {"closed": 50, "commit": 100, "best_case": 150, "pipeline": 200}


def test_the_cumulative_roll_up_of_the_help_page() -> None:
    columns = {"closed": 50, "commit": 150, "best_case": 300, "open_pipeline": 450}
    assert roll_up(VECTOR, "cumulative") == columns


def test_the_single_roll_up_of_the_help_page() -> None:
    assert roll_up(VECTOR, "single") == {"closed": 50, "commit": 100, "best_case": 150, "pipeline": 200}


def test_the_open_pipeline_is_the_same_in_either_roll_up() -> None:
    assert open_pipeline(VECTOR) == 450


@pytest.mark.parametrize(
    ("amount", "probability", "expected"),
    [
        (10000, 75, 7500),
        (1, 50, 1),
        (1, 49, 0),
        (333, 10, 33),
        (335, 10, 34),
        (0, 100, 0),
        (99, 100, 99),
        (99, 0, 0),
    ],
)
def test_weighted_rounds_a_half_up_to_the_minor_unit(amount: int, probability: int, expected: int) -> None:
    assert weighted(amount, probability) == expected


@given(st.integers(0, 2**63 - 1), st.integers(0, 100))
def test_the_form_that_sql_uses_is_the_same_and_never_overflows(amount: int, probability: int) -> None:
    steps = [amount // 100 * probability, (amount % 100 * probability + 50) // 100]
    assert sum(steps) == weighted(amount, probability)
    assert max(*steps, sum(steps)) < 2**63


@pytest.mark.parametrize(
    ("category", "is_closed", "is_won", "part"),
    [
        ("Pipeline", False, False, "pipeline"),
        ("Best Case", False, False, "best_case"),
        ("Commit", False, False, "commit"),
        ("Closed", True, True, "closed"),
        ("Omitted", True, False, None),  # lost
        ("Omitted", False, False, None),
        ("Omitted", True, True, None),  # won in a stage that is kept out of the forecast
        ("Closed", False, False, "commit"),  # open, whatever its owner calls it
        ("Pipeline", True, False, None),
        ("Most Likely", False, False, "pipeline"),  # a category of one's own
    ],
)
def test_what_a_deal_is_counted_as(category: str, is_closed: bool, is_won: bool, part: str | None) -> None:
    assert part_of(category, is_closed=is_closed, is_won=is_won) == part


@pytest.mark.parametrize(
    ("amount", "close_date", "state", "reason"),
    [
        (100, "2026-05-11", "open", None),  # due on the very day
        (100, "2026-05-10", "open", SLIPPED),
        (None, "2026-05-10", "open", SLIPPED),
        (100, "2020-01-01", "open", SLIPPED),  # whatever the period
        (100, None, "open", NO_CLOSE_DATE),
        (None, None, "open", NO_CLOSE_DATE),
        (None, "2026-06-30", "open", NO_AMOUNT),
        (None, "2026-07-01", "open", None),  # of another period
        (None, "2026-04-01", "won", NO_AMOUNT),
        (100, "2026-04-01", "won", None),
        (None, "2026-04-01", "lost", None),
    ],
)
def test_why_a_deal_is_left_out(
    amount: int | None, close_date: str | None, state: str, reason: str | None
) -> None:
    for category, expected in (("Pipeline", reason), ("Omitted", None)):
        found = left_out(
            amount=amount,
            category=category,
            close_date=close_date,
            is_closed=state != "open",
            is_won=state == "won",
            as_of="2026-05-11",
            start="2026-04-01",
            end="2026-06-30",
        )
        assert found == expected


def test_attainment_gap_and_coverage_of_a_quota() -> None:
    assert attainment(5000, 6000) == 83.3
    assert gap(5000, 6000) == 1000
    assert coverage(3250, 5000, 6000) == 3.25


def test_a_quota_that_is_passed_has_no_gap_and_no_coverage() -> None:
    assert attainment(7000, 6000) == 116.7
    assert gap(7000, 6000) == 0
    assert coverage(3000, 7000, 6000) is None
    assert coverage(3000, 6000, 6000) is None


@pytest.mark.parametrize("quota", [None, 0])
def test_without_a_quota_nothing_is_infinite(quota: int | None) -> None:
    assert attainment(5000, quota) is None
    assert gap(5000, quota) is None
    assert coverage(5000, 100, quota) is None
