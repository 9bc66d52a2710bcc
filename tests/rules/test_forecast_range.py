"""The range: the mean is that of the rates it was made with, and the distribution is that of independent deals."""

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules import forecast_range as rule
from crmcli.rules.forecast_range import Ended, Outcome, forecast_range, mean_of, on_a_grid, win_rates

DEALS = st.lists(
    st.builds(
        Outcome,
        st.integers(0, 10**9),
        st.fractions(0, 1, max_denominator=50),
        st.integers(1, 2),
    ),
    max_size=6,
)


def test_win_rates_are_drawn_towards_the_probability_of_the_stage() -> None:
    rates = win_rates(
        {"Late": Ended(8, 8), "Early": Ended(80, 0), "Never": Ended(0, 0), "Gone": Ended(3, 1)},
        {"Late": 90, "Early": 10, "Never": 40},
    )
    assert rates == {"Late": Fraction(152, 160), "Early": Fraction(8, 880), "Never": Fraction(2, 5)}


def test_one_win_is_no_certainty() -> None:
    assert win_rates({"Early": Ended(1, 1)}, {"Early": 10}) == {"Early": Fraction(1, 5)}


def test_two_deals_by_hand() -> None:
    found = forecast_range(50, [Outcome(100, Fraction(1, 2)), Outcome(200, Fraction(3, 10))], 250)
    assert (found.p10, found.p50, found.p90) == (50, 150, 350)  # 35 % 50, 35 % 150, 15 % 250, 15 % 350
    assert (found.mean, found.chance, found.step) == (160, 30.0, 1)


def test_what_is_certain_has_no_range() -> None:
    found = forecast_range(7, [Outcome(100, Fraction(1)), Outcome(50, Fraction(0))], 107)
    assert (found.p10, found.p50, found.p90, found.mean, found.chance) == (107, 107, 107, 107, 100.0)
    nothing = forecast_range(7, [], None)
    assert (nothing.p10, nothing.p90, nothing.chance) == (7, 7, None)


@given(closed=st.integers(0, 10**9), deals=DEALS)
def test_the_mean_is_the_amounts_weighted_by_the_rates(closed: int, deals: list[Outcome]) -> None:
    exact = closed + sum((each.amount * each.chance * each.deals for each in deals), Fraction(0))
    assert mean_of(closed, deals) == exact
    assert abs(forecast_range(closed, deals, None).mean - exact) <= Fraction(1, 2)


@given(deals=DEALS, target=st.integers(1, 10**9))
def test_every_outcome_has_the_likelihood_of_independent_deals(deals: list[Outcome], target: int) -> None:
    apart = [each for each in deals for _ in range(each.deals)][:8]
    sums: dict[int, Fraction] = {}
    for won in product((0, 1), repeat=len(apart)):
        likelihood = Fraction(1)
        for each, is_won in zip(apart, won, strict=True):
            likelihood *= each.chance if is_won else 1 - each.chance
        total = sum(each.amount for each, is_won in zip(apart, won, strict=True) if is_won)
        sums[total] = sums.get(total, Fraction(0)) + likelihood
    found = forecast_range(0, [each._replace(deals=1) for each in apart], target)
    assert found.chance == pytest.approx(
        100 * float(sum(p for s, p in sums.items() if s >= target)), abs=0.051
    )
    for share, value in ((0.1, found.p10), (0.5, found.p50), (0.9, found.p90)):
        assert sum(p for s, p in sums.items() if s <= value) >= Fraction(share) - Fraction(1, 10**9)
        assert sum(p for s, p in sums.items() if s < value) <= Fraction(share) + Fraction(1, 10**9)


@given(
    deals=st.lists(
        st.builds(Outcome, st.integers(1, 10**9), st.fractions(0, 1, max_denominator=50), st.just(1)),
        min_size=1,
        max_size=40,
    )
)
def test_a_grid_keeps_the_mean_and_all_likelihood(deals: list[Outcome]) -> None:
    chances, step = on_a_grid(deals)
    assert sum(chances) == pytest.approx(1)
    mean = sum(at * step * chance for at, chance in enumerate(chances))
    assert mean == pytest.approx(float(mean_of(0, deals)), rel=1e-9)


def test_many_deals_go_on_a_grid_and_stay_near_the_exact_range(monkeypatch: pytest.MonkeyPatch) -> None:
    deals = [Outcome(100_000 + 7 * number, Fraction(1 + number % 9, 10)) for number in range(60)]
    coarse = forecast_range(0, deals, 3_000_000)
    assert coarse.step > 1
    monkeypatch.setattr(rule, "CELLS", 300_000)
    fine = forecast_range(0, deals, 3_000_000)
    for one, other in zip(coarse[:4], fine[:4], strict=True):
        assert one is not None
        assert other is not None
        assert abs(one - other) <= 10 * coarse.step
