"""Amounts as people type and read them."""

from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.values.money import (
    CURRENCIES,
    DECIMALS,
    amount_text,
    amount_words,
    check_currency,
    decimals,
    grouped,
    parse_money,
    percent_of,
    split_evenly,
)

currencies = st.sampled_from(sorted(CURRENCIES))
amounts = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("50000", 5_000_000),
        ("50_000", 5_000_000),
        ("50,000.50", 5_000_050),
        ("50.000,50", 5_000_050),
        ("50 000,50", 5_000_050),
        ("50\u00a0000.50", 5_000_050),
        ("50\u202f000", 5_000_000),
        ("1'000.50", 100_050),
        ("1’000", 100_000),
        ("1,234", 123_400),
        ("1,234,567", 123_456_700),
        ("1.234.567", 123_456_700),
        ("1,00,000", 10_000_000),
        ("12,34,567.8", 123_456_780),
        ("1,5", 150),
        ("1.5", 150),
        ("50,00", 5_000),
        (".50", 50),
        ("$.50", 50),
        ("0.50", 50),
        ("0", 0),
        ("007", 700),
        ("1234.500", 123_450),
        ("22700.0000", 2_270_000),
        ("50k", 5_000_000),
        ("50 K", 5_000_000),
        ("1.25m", 125_000_000),
        ("1.25M", 125_000_000),
        ("1,25m", 125_000_000),
        ("1.234m", 123_400_000),
        ("2bn", 200_000_000_000),
        ("0.001k", 100),
        ("$22,700.00 ", 2_270_000),
        ("$342.09K", 34_209_000),
        ('"$500,000 "', 50_000_000),
        ("“500”", 50_000),
        ("(500)", -50_000),
        ("($500.25)", -50_025),
        ("$(500)", -50_000),
        ("-500", -50_000),
        ("−500", -50_000),
        ("-$500", -50_000),
        ("$ -500", -50_000),
        ("+500", 50_000),
        ("５０，０００．５０", 5_000_050),
        ("US$ 5", 500),
        ("USD 500", 50_000),
        ("500usd", 50_000),
        ("5kUSD", 500_000),
        ("$5k USD", 500_000),
        ("(5k) USD", -500_000),
    ],
)
def test_an_amount_reads(text: str, minor: int) -> None:
    assert parse_money(text, currency="USD") == (minor, "USD")


@pytest.mark.parametrize(
    ("text", "given", "minor", "currency"),
    [
        ("€50.000,50", "USD", 5_000_050, "EUR"),
        ("50.000,50 €", "USD", 5_000_050, "EUR"),
        ("EUR 50000", "USD", 5_000_000, "EUR"),
        ("50000 eur", "USD", 5_000_000, "EUR"),
        ("CHF 1'000.50", "USD", 100_050, "CHF"),
        ("¥1,000", "JPY", 1000, "JPY"),
        ("￥1,000", "CNY", 100_000, "CNY"),
        ("1万", "CNY", None, ""),
        ("100元", "USD", 10_000, "CNY"),
        ("100元", "TWD", 10_000, "TWD"),
        ("RMB 100", "USD", 10_000, "CNY"),
        ("$100", "CAD", 10_000, "CAD"),
        ("$100", "EUR", 10_000, "USD"),
        ("$100 AUD", "USD", 10_000, "AUD"),
        ("HK$100", "USD", 10_000, "HKD"),
        ("100 kr", "SEK", 10_000, "SEK"),
        ("1.234", "KWD", 1234, "KWD"),
        ("KWD 1.234", "USD", 1234, "KWD"),
        ("1,234", "KWD", 1_234_000, "KWD"),
        ("1.5k", "JPY", 1500, "JPY"),
        ("1000.00", "JPY", 1000, "JPY"),
        ("5mxn", "USD", 500, "MXN"),
        ("5bnd", "USD", 500, "BND"),
        ("5m mxn", "USD", 500_000_000, "MXN"),
        ("5M€", "USD", 500_000_000, "EUR"),
        ("20 zł", "EUR", 2_000, "PLN"),
        ("¥1,000", "USD", None, ""),
        ("100 kr", "USD", None, ""),
        ("1.234", "JPY", None, ""),
        ("1000.5", "JPY", None, ""),
        ("1.2345", "KWD", None, ""),
        ("1.2345", "CLF", 12_345, "CLF"),
        ("USD 5 EUR", "USD", None, ""),
        ("€5 USD", "USD", None, ""),
        ("€5 £", "USD", None, ""),
    ],
)
def test_a_currency_is_read_from_the_text(text: str, given: str, minor: int | None, currency: str) -> None:
    if minor is None:
        with pytest.raises(InvalidValue):
            parse_money(text, currency=given)
    else:
        assert parse_money(text, currency=given) == (minor, currency)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            '""',
            "nan",
            "NaN",
            "inf",
            "-inf",
            "1e3",
            "1E3",
            "1.5e-3",
            "0x10",
            "fifty",
            "50 thousand",
            "50x",
            "$",
        ),
        *(
            "50.001",
            "0.001",
            "1234,567",
            "1.234",
            "50.000",
            "-1.234",
            "50.",
            "50,",
            "1,23,45",
            "1,2345",
            "12,34,5",
        ),
        *(
            "1,234.567,890",
            "1.2.3",
            "1,,000",
            "1 2",
            "1_0",
            "50__000",
            "1,000'000",
            "0,123,456",
            "(500",
            "500)",
            "(-500)",
        ),
        *(
            "--500",
            "500-",
            "5²",
            "½",
            "٥٠",
            "50%",
            "50 USD/month",
            "Rs.500",
            "USD .50",
            "1/2",
            "10-20",
            "5kk",
            "5k m",
        ),
        *("99999999999999999999", "9" * 5000, "1\n2", "50 bitcoin", "=50", "$$50k$x"),
    ],
)
def test_what_is_no_amount_is_refused_with_the_text_a_reason_and_examples(text: str) -> None:
    with pytest.raises(InvalidValue, match="Write 50000") as refusal:
        parse_money(text, currency="USD")
    assert repr(text)[:20] in refusal.value.message
    assert len(refusal.value.message) < 300


def test_a_point_before_three_digits_has_two_readings() -> None:
    with pytest.raises(InvalidValue, match=r"it could be 1234 or 1\.234"):
        parse_money("1.234", currency="USD")
    assert parse_money("1.234", currency="USD", decimal=",") == (123_400, "USD")


@pytest.mark.parametrize(
    ("text", "decimal", "minor"),
    [
        ("50.000,50", ",", 5_000_050),
        ("50.000", ",", 5_000_000),
        ("50,5", ",", 5_050),
        ("50,000.50", ".", 5_000_050),
        ("1,234", ".", 123_400),
        ("50,000", ",", 5_000),
        ("50,5", ".", None),
        ("50.5", ",", None),
        ("1.234", ".", None),
        ("1,234", ",", None),
        ("1.234.567", ".", None),
    ],
)
def test_a_decimal_mark_that_is_told_decides(text: str, decimal: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(InvalidValue):
            parse_money(text, currency="USD", decimal=decimal)
    else:
        assert parse_money(text, currency="USD", decimal=decimal) == (minor, "USD")


def test_only_a_point_or_a_comma_is_a_decimal_mark() -> None:
    with pytest.raises(InvalidValue):
        parse_money("5", currency="USD", decimal=";")


@given(amounts, currencies)
def test_every_amount_that_is_written_reads_back_exactly(minor: int, currency: str) -> None:
    for text in (amount_text(minor, currency), grouped(minor, currency), amount_words(minor, currency)):
        assert parse_money(text, currency=currency) == (minor, currency)
    assert parse_money(amount_words(minor, currency), currency="EUR") == (minor, currency)
    assert parse_money(grouped(minor, currency), currency=currency, decimal=".") == (minor, currency)


@given(st.integers(0, 10**9), st.integers(0, 10**6), currencies)
def test_an_amount_is_exact_or_refused(whole: int, fraction: int, currency: str) -> None:
    text = f"{whole}.{fraction:07}"
    try:
        minor, _ = parse_money(text, currency=currency)
    except InvalidValue:
        assert fraction % 10 ** (7 - decimals(currency))
    else:
        assert minor * 10**7 == (whole * 10**7 + fraction) * 10 ** decimals(currency)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        minor, currency = parse_money(text, currency="USD")
        assert parse_money(amount_text(minor, currency), currency=currency) == (minor, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "machine", "people"),
    [
        (5_000_000, "USD", "50000.00", "USD 50,000.00"),
        (-5, "EUR", "-0.05", "EUR -0.05"),
        (-1_250_000, "USD", "-12500.00", "USD -12,500.00"),
        (0, "USD", "0.00", "USD 0.00"),
        (50_000, "JPY", "50000", "JPY 50,000"),
        (1_234_567, "KWD", "1234.567", "KWD 1,234.567"),
        (1, "CLF", "0.0001", "CLF 0.0001"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(
    minor: int, currency: str, machine: str, people: str
) -> None:
    assert amount_text(minor, currency) == machine
    assert amount_words(minor, currency) == people


@pytest.mark.parametrize(("code", "known"), [("usd", "USD"), (" Eur ", "EUR"), ("ＣＮＹ", "CNY")])
def test_a_currency_is_known_without_case(code: str, known: str) -> None:
    assert check_currency(code) == known


@pytest.mark.parametrize(
    ("code", "hint"), [("USX", "'USD'"), ("$", "'USD'"), ("€", "'EUR'"), ("RMB", "'CNY'")]
)
def test_an_unknown_currency_is_refused_with_a_suggestion(code: str, hint: str) -> None:
    with pytest.raises(InvalidValue, match="is not a currency") as refusal:
        check_currency(code)
    assert refusal.value.hint
    assert hint in refusal.value.hint


@pytest.mark.parametrize("code", ["", "dollars and cents", "XXX", "12"])
def test_what_is_nothing_like_a_currency_is_refused(code: str) -> None:
    with pytest.raises(InvalidValue):
        check_currency(code)


def test_every_exception_in_decimals_is_a_currency() -> None:
    assert set(DECIMALS) <= CURRENCIES
    assert (decimals("USD"), decimals("JPY"), decimals("KWD"), decimals("UYW")) == (2, 0, 3, 4)


@pytest.mark.parametrize(
    ("minor", "percent", "share"),
    [
        (100, 75, 75),
        (1, 50, 1),
        (1, 49, 0),
        (-1, 50, -1),
        (-1, 49, 0),
        (333, 50, 167),
        (-333, 50, -167),
        (5, 0, 0),
    ],
)
def test_a_half_is_rounded_away_from_zero(minor: int, percent: int, share: int) -> None:
    assert percent_of(minor, percent) == share


@given(st.integers(), st.integers(0, 100))
def test_a_share_is_within_half_a_unit_and_the_same_for_either_sign(minor: int, percent: int) -> None:
    share = percent_of(minor, percent)
    assert abs(share * 100 - minor * percent) <= 50
    assert percent_of(-minor, percent) == -share


@given(st.integers(), st.lists(st.integers(0, 10**9), min_size=1))
def test_parts_sum_to_the_total_and_are_off_by_less_than_one(total: int, weights: list[int]) -> None:
    assume(sum(weights))
    parts = split_evenly(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part * sum(weights) - total * weight) < sum(weights)
        for part, weight in zip(parts, weights, strict=True)
    )
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


def test_what_is_left_goes_to_the_largest_remainders_the_earlier_first() -> None:
    assert split_evenly(100, [1, 1, 1]) == [34, 33, 33]
    assert split_evenly(10, [3, 2]) == [6, 4]
    assert split_evenly(-100, [1, 1, 1]) == [-34, -33, -33]
    assert split_evenly(7, [1, 5]) == [1, 6]


@pytest.mark.parametrize("weights", [[], [0, 0], [3, -1]], ids=str)
def test_weights_that_divide_nothing_are_refused(weights: list[int]) -> None:
    with pytest.raises(InvalidValue):
        split_evenly(100, weights)
