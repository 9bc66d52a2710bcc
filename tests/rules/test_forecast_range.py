"""The range: the mean is that of the rates it was made with, and the distribution is that of independent deals."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from itertools import product
from math import comb, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules import forecast_range as rule
from crmcli.rules.forecast_range import Ended, Open, by_sums, forecast_range, mean_of, on_a_grid, win_rates

Deal = tuple[int, Fraction]  # the amount of an open deal, and its chance

CHANCES = st.fractions(0, 1, max_denominator=50)
UNCERTAIN = st.fractions(Fraction(1, 50), Fraction(49, 50), max_denominator=50)


def opened(deals: Iterable[Deal]) -> list[Open]:
    """Deals as the rule takes them: by their chances."""
    amounts: dict[Fraction, Counter[int]] = {}
    for amount, chance in deals:
        amounts.setdefault(chance, Counter())[amount] += 1
    return [Open(chance, those) for chance, those in amounts.items()]


def test_win_rates_are_drawn_towards_the_probability_of_the_stage() -> None:
    rates = win_rates(
        {"Late": Ended(8, 8), "Early": Ended(80, 0), "Never": Ended(0, 0), "Gone": Ended(3, 1)},
        {"Late": 90, "Early": 10, "Never": 40},
    )
    assert rates == {"Late": Fraction(152, 160), "Early": Fraction(8, 880), "Never": Fraction(2, 5)}


def test_one_win_is_no_certainty() -> None:
    assert win_rates({"Early": Ended(1, 1)}, {"Early": 10}) == {"Early": Fraction(1, 5)}


def test_two_deals_by_hand() -> None:
    found = forecast_range(50, opened([(100, Fraction(1, 2)), (200, Fraction(3, 10))]), 250)
    assert (found.p10, found.p50, found.p90) == (50, 150, 350)  # 35 % 50, 35 % 150, 15 % 250, 15 % 350
    assert (found.mean, found.chance, found.step) == (160, 30.0, 1)


def test_what_is_certain_has_no_range() -> None:
    found = forecast_range(7, opened([(100, Fraction(1)), (50, Fraction(0))]), 107)
    assert (found.p10, found.p50, found.p90, found.mean, found.chance) == (107, 107, 107, 107, 100.0)
    nothing = forecast_range(7, [], None)
    assert (nothing.p10, nothing.p90, nothing.chance) == (7, 7, None)


@given(closed=st.integers(0, 10**9), deals=st.lists(st.tuples(st.integers(0, 10**9), CHANCES), max_size=9))
def test_the_mean_is_the_amounts_weighted_by_the_rates(closed: int, deals: list[Deal]) -> None:
    exact = closed + sum((amount * chance for amount, chance in deals), Fraction(0))
    assert mean_of(closed, opened(deals)) == exact
    assert abs(forecast_range(closed, opened(deals), None).mean - exact) <= Fraction(1, 2)


def likelihoods(deals: list[Deal]) -> dict[int, Fraction]:
    """How likely each sum of a few deals is, counted out."""
    sums: dict[int, Fraction] = {}
    for won in product((0, 1), repeat=len(deals)):
        likelihood = Fraction(1)
        for (_, chance), is_won in zip(deals, won, strict=True):
            likelihood *= chance if is_won else 1 - chance
        total = sum(amount for (amount, _), is_won in zip(deals, won, strict=True) if is_won)
        sums[total] = sums.get(total, Fraction(0)) + likelihood
    return sums


@given(deals=st.lists(st.tuples(st.integers(0, 10**9), CHANCES), max_size=8), target=st.integers(1, 10**9))
def test_every_outcome_has_the_likelihood_of_independent_deals(deals: list[Deal], target: int) -> None:
    sums = likelihoods(deals)
    found = forecast_range(0, opened(deals), target)
    assert found.chance == pytest.approx(
        100 * float(sum(p for s, p in sums.items() if s >= target)), abs=0.051
    )
    for share, value in ((0.1, found.p10), (0.5, found.p50), (0.9, found.p90)):
        assert sum(p for s, p in sums.items() if s <= value) >= Fraction(share) - Fraction(1, 10**9)
        assert sum(p for s, p in sums.items() if s < value) <= Fraction(share) + Fraction(1, 10**9)


# --- on a grid ----------------------------------------------------------------------------------------


@given(deals=st.lists(st.tuples(st.integers(1, 10**9), UNCERTAIN), min_size=1, max_size=40))
def test_a_grid_keeps_the_mean_and_all_likelihood(deals: list[Deal]) -> None:
    chances, _ = on_a_grid(opened(deals))
    assert sum(chances.values()) == pytest.approx(1, abs=1e-12)
    mean = sum(amount * chance for amount, chance in chances.items())
    assert mean == pytest.approx(float(mean_of(0, opened(deals))), rel=1e-9)


@given(
    deals=st.lists(st.tuples(st.integers(1, 300), UNCERTAIN), min_size=1, max_size=7),
    grain=st.integers(1, 10**6),
)
def test_where_all_amounts_are_multiples_of_a_cell_the_grid_is_exact(deals: list[Deal], grain: int) -> None:
    apart = [(amount * grain, chance) for amount, chance in deals]
    exact = likelihoods(apart)
    chances, step = on_a_grid(opened(apart))
    assert step == 1
    assert set(chances) <= set(exact)
    assert {amount: chances.get(amount, 0.0) for amount in exact} == pytest.approx(
        {amount: float(likelihood) for amount, likelihood in exact.items()}, abs=1e-12
    )
    assert by_sums(opened(apart)) == pytest.approx(
        {amount: float(likelihood) for amount, likelihood in exact.items()}, abs=1e-12
    )


def test_many_equal_deals_are_a_binomial_distribution() -> None:
    chances, step = on_a_grid([Open(Fraction(3, 10), {4_999: 2_000})])
    assert step == 1
    for won in (500, 580, 600, 641):
        exact = comb(2_000, won) * Fraction(3, 10) ** won * Fraction(7, 10) ** (2_000 - won)
        assert chances[won * 4_999] == pytest.approx(float(exact), rel=1e-9)


def test_many_deals_go_on_a_grid_and_stay_near_the_exact_range(monkeypatch: pytest.MonkeyPatch) -> None:
    deals = opened((100_000 + 7 * number, Fraction(1 + number % 9, 10)) for number in range(60))
    coarse = forecast_range(0, deals, 3_000_000)
    assert coarse.step > 1
    monkeypatch.setattr(rule, "CELLS", 40_000)
    monkeypatch.setattr(rule, "MOST", 40_000)
    fine = forecast_range(0, deals, 3_000_000)
    assert fine.step < coarse.step / 5
    for one, other in zip(coarse[:4], fine[:4], strict=True):
        assert one is not None
        assert other is not None
        assert abs(one - other) <= 3 * coarse.step


def test_thousands_of_deals_spread_as_far_as_they_do() -> None:
    deals = [(100_000 + number * 7_919 % 9_900_000, Fraction(1 + number % 9, 10)) for number in range(20_000)]
    variance = sum(amount**2 * float(chance * (1 - chance)) for amount, chance in deals)
    mean = float(mean_of(0, opened(deals)))
    found = forecast_range(0, opened(deals), int(mean))
    assert found.step < 1_000_000
    for value, deviations in ((found.p10, -1.2815516), (found.p50, 0), (found.p90, 1.2815516)):
        assert value == pytest.approx(mean + deviations * sqrt(variance), abs=0.01 * sqrt(variance))
    assert found.chance == pytest.approx(50, abs=0.5)


def test_one_deal_that_is_larger_than_all_others_together() -> None:
    small = [(100 + number, Fraction(1, 2)) for number in range(5_000)]
    found = forecast_range(0, opened([(10**9, Fraction(1, 3)), *small]), 10**9)
    assert found.chance == pytest.approx(33.3, abs=0.1)
    assert found.p50 < 10**8 < 10**9 <= found.p90
