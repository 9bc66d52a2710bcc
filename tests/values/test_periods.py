"""Periods as people ask for them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.values.periods import Period, month_of, months, parse_period, period_of, quarter_of

TODAY = date(2026, 11, 21)
units = st.sampled_from(["week", "month", "quarter", "year"])


def shape(text: str, fiscal_start: int = 1) -> str:
    period = parse_period(text, today=TODAY, fiscal_start=fiscal_start)
    return f"{period.start} {period.end} {period.label}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", "2026-01-01 2026-12-31 2026"),
        ("2026-Q3", "2026-07-01 2026-09-30 2026-Q3"),
        ("2026q3", "2026-07-01 2026-09-30 2026-Q3"),
        ("2026-07", "2026-07-01 2026-07-31 2026-07"),
        ("2028-02", "2028-02-01 2028-02-29 2028-02"),
        ("2026-07-15", "2026-07-15 2026-07-15 2026-07-15"),
        ("2026-W47", "2026-11-16 2026-11-22 2026-W47"),
        ("today", "2026-11-21 2026-11-21 2026-11-21"),
        ("this-week", "2026-11-16 2026-11-22 2026-W47"),
        ("last-week", "2026-11-09 2026-11-15 2026-W46"),
        ("next month", "2026-12-01 2026-12-31 2026-12"),
        ("last-month", "2026-10-01 2026-10-31 2026-10"),
        ("this-quarter", "2026-10-01 2026-12-31 2026-Q4"),
        ("NEXT-QUARTER", "2027-01-01 2027-03-31 2027-Q1"),
        ("last-year", "2025-01-01 2025-12-31 2025"),
        ("last-90d", "2026-08-24 2026-11-21 2026-08-24..2026-11-21"),
        ("last-1d", "2026-11-21 2026-11-21 2026-11-21"),
        ("last-4w", "2026-10-19 2026-11-15 2026-W43..2026-W46"),
        ("Last 12m", "2025-11-01 2026-10-31 2025-11..2026-10"),
        ("last-12m..today", "2025-11-01 2026-11-21 2025-11..2026-11-21"),
        ("FY26", "2026-01-01 2026-12-31 FY26"),
        ("fy2026", "2026-01-01 2026-12-31 FY26"),
        ("FY26-Q1", "2026-01-01 2026-03-31 FY26-Q1"),
        ("2026-10..2027-03", "2026-10-01 2027-03-31 2026-10..2027-03"),
        ("2026-Q3 .. 2026", "2026-07-01 2026-12-31 2026-Q3..2026"),
        ("today..eoy", "2026-11-21 2026-12-31 2026-11-21..2026-12-31"),
        ("1 Dec..2027", "2026-12-01 2027-12-31 2026-12-01..2027"),
    ],
)
def test_a_period_reads(text: str, expected: str) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FY26", "2025-02-01 2026-01-31 FY26"),
        ("FY26-Q1", "2025-02-01 2025-04-30 FY26-Q1"),
        ("FY26-Q4", "2025-11-01 2026-01-31 FY26-Q4"),
        ("this-quarter", "2026-11-01 2027-01-31 FY27-Q4"),
        ("next-quarter", "2027-02-01 2027-04-30 FY28-Q1"),
        ("this-year", "2026-02-01 2027-01-31 FY27"),
        ("2026-Q3", "2026-07-01 2026-09-30 2026-Q3"),
        ("2026", "2026-01-01 2026-12-31 2026"),
        ("this-month", "2026-11-01 2026-11-30 2026-11"),
    ],
)
def test_a_fiscal_year_is_named_after_the_year_in_which_it_ends(text: str, expected: str) -> None:
    assert shape(text, fiscal_start=2) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "someday",
            "Q3",
            "2026-Q5",
            "2026-Q0",
            "2026-13",
            "2026-07-32",
            "2026-W54",
            "0000",
            "FY0",
            "FY26-Q5",
        ),
        *(
            "2026..",
            "..2026",
            "..",
            "2027..2026",
            "2026..2027..2028",
            "2026...2027",
            "none",
            "none..2027",
            "fri",
        ),
        *("last-0d", "last-90", "last-3y", "last-99999m", "next-90d"),
        *("this-decade", "FY0001-Q9", "9999999", "last year ago"),
    ],
)
def test_an_unknown_period_is_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidValue, match="Write 2026, 2026-Q3") as refusal:
        shape(text)
    assert repr(text) in refusal.value.message


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_fiscal_year_starts_in_a_month(month: int) -> None:
    with pytest.raises(InvalidValue):
        shape("2026", fiscal_start=month)


@given(st.dates(date(1990, 1, 1), date(2110, 1, 1)), st.integers(1, 12), units)
def test_last_this_and_next_meet_without_gap_and_their_labels_read_back(
    today: date, first: int, unit: str
) -> None:
    last, this, following = (
        parse_period(f"{when}-{unit}", today=today, fiscal_start=first) for when in ("last", "this", "next")
    )
    assert this.start <= today <= this.end
    assert (this.start - last.end).days == (following.start - this.end).days == 1
    for period in (last, this, following):
        assert parse_period(period.label, today=today, fiscal_start=first) == period


@given(st.dates(date(1990, 1, 1), date(2110, 1, 1)), st.integers(1, 1000), st.sampled_from("dwm"))
def test_the_last_days_end_today_and_the_last_weeks_and_months_before_this_one(
    today: date, count: int, unit: str
) -> None:
    period = parse_period(f"last-{count}{unit}", today=today)
    assert parse_period(period.label, today=today) == period
    if unit == "d":
        assert period.end == today
        assert (period.end - period.start).days + 1 == count
        return
    word = {"w": "week", "m": "month"}[unit]
    assert period.end == parse_period(f"last-{word}", today=today).end
    assert parse_period(f"last-1{unit}", today=today) == parse_period(f"last-{word}", today=today)
    if unit == "w":
        assert (period.end - period.start).days + 1 == 7 * count
    else:
        assert (period.start.day, len(months(period))) == (1, count)


@given(st.dates(date(1990, 1, 1), date(2110, 1, 1)), st.integers(1, 12))
def test_the_quarter_of_a_day_contains_it(day: date, first: int) -> None:
    label = quarter_of(day.isoformat(), first)
    period = parse_period(label, today=TODAY, fiscal_start=first)
    assert period.start <= day <= period.end
    assert period.label == label
    assert label == parse_period("this-quarter", today=day, fiscal_start=first).label


def test_a_quarter_is_named_by_the_calendar_unless_the_fiscal_year_differs() -> None:
    assert quarter_of("2026-07-31", 1) == "2026-Q3"
    assert quarter_of("2026-07-31", 7) == "FY27-Q1"
    assert quarter_of("2026-06-30", 7) == "FY26-Q4"


def test_the_months_of_a_period_are_all_it_touches() -> None:
    assert months(Period(date(2026, 11, 21), date(2027, 2, 1), "")) == [
        "2026-11",
        "2026-12",
        "2027-01",
        "2027-02",
    ]
    assert month_of("2026-07-15") == "2026-07"


@pytest.mark.parametrize("fiscal_start", [1, 2, 7])
@pytest.mark.parametrize(
    "text", ["2026-07", "2026-Q3", "2026", "FY26", "FY26-Q1", "2026-07-15", "2026-10..2027-03", "2026-W07"]
)
def test_a_period_is_named_so_that_it_reads_back(text: str, fiscal_start: int) -> None:
    period = parse_period(text, today=date(2026, 3, 2), fiscal_start=fiscal_start)
    named = period_of(period.start, period.end, fiscal_start)
    assert (named.start, named.end) == (period.start, period.end)
    assert parse_period(named.label, today=date(2026, 3, 2), fiscal_start=fiscal_start) == named
