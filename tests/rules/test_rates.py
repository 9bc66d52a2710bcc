"""Exchange rates: the dated one, exact to the minor unit; a missing one is never zero."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.rules.rates import Rates, rate_text
from crmcli.values.money import decimals

RATES = Rates(
    "USD",
    [("EUR", "2026-07-01", "1.1"), ("EUR", "2026-01-01", "1.05"), ("JPY", "2026-01-01", "0.0067")],
)


@pytest.mark.parametrize(
    ("minor", "currency", "to", "day", "expected"),
    [
        (10000, "EUR", "USD", "2026-06-30", 10500),
        (10000, "EUR", "USD", "2026-07-01", 11000),
        (10000, "EUR", "USD", "2027-01-01", 11000),
        (10500, "USD", "EUR", "2026-06-30", 10000),
        (1000, "JPY", "USD", "2026-06-30", 670),
        (670, "USD", "JPY", "2026-06-30", 1000),
        (1000, "JPY", "EUR", "2026-06-30", 638),  # 6.70 / 1.05 = 6.3809…
        (12345, "USD", "USD", "1999-01-01", 12345),
    ],
)
def test_an_amount_is_converted_at_the_rate_of_the_day(
    minor: int, currency: str, to: str, day: str, expected: int
) -> None:
    assert RATES.convert(minor, currency, to, day) == expected


def test_a_missing_rate_converts_to_nothing_and_is_remembered() -> None:
    rates = Rates("USD", [("EUR", "2026-07-01", "1.1")])
    assert rates.convert(10000, "EUR", "USD", "2026-06-30") is None
    assert rates.convert(10000, "GBP", "USD", "2026-07-30") is None
    assert rates.convert(10000, "USD", "GBP", "2026-07-01") is None
    assert rates.failed == {"EUR", "GBP", "USD"}
    assert rates.unrated("USD") == {"EUR": "2026-07-01", "GBP": "9999-12-31", "USD": ""}


@given(
    minor=st.integers(0, 10**15),
    whole=st.integers(0, 10**6),
    digits=st.text("0123456789", min_size=1, max_size=9),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_conversion_is_exact_and_half_up(minor: int, whole: int, digits: str, currency: str) -> None:
    text = f"{whole}.{digits}"
    if not Fraction(text):
        return
    found = Rates("USD", [(currency, "2026-01-01", rate_text(text))]).convert(
        minor, currency, "USD", "2026-02-01"
    )
    exact = Fraction(minor, 10 ** decimals(currency)) * Fraction(text) * 100
    assert found is not None
    assert -Fraction(1, 2) <= exact - found < Fraction(1, 2)


@pytest.mark.parametrize(
    ("text", "kept"), [("1.08", "1.08"), ("1.0800", "1.08"), ("007", "7"), ("0.5", "0.5")]
)
def test_a_rate_is_kept_as_a_plain_decimal(text: str, kept: str) -> None:
    assert rate_text(text) == kept


@pytest.mark.parametrize("text", ["0", "0.00", "-1", "1,08", "1e3", "", "x", "NaN", "1.", ".5"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        rate_text(text)
