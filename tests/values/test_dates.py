"""Days and moments as people type them."""

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.values.dates import (
    ORDERS,
    add_months,
    date_orders,
    from_iso_instant,
    iso_instant,
    last_of_month,
    local_text,
    long_date,
    parse_date,
    parse_instant,
)

SATURDAY = date(2026, 11, 21)
BERLIN = ZoneInfo("Europe/Berlin")
SHANGHAI = ZoneInfo("Asia/Shanghai")

days = st.dates(min_value=date(1, 1, 1))


def read(text: str, order: str | None = None, today: date = SATURDAY) -> str:
    day = parse_date(text, today=today, order=order)
    return day.isoformat() if day else "none"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-12-01", "2026-12-01"),
        ("20261201", "2026-12-01"),
        ("2026-1-5", "2026-01-05"),
        ("  2026-12-01 ", "2026-12-01"),
        ("２０２６－１２－０１", "2026-12-01"),
        ("\u200e2026-12-01", "2026-12-01"),
        ("today", "2026-11-21"),
        ("TODAY", "2026-11-21"),
        ("tomorrow", "2026-11-22"),
        ("yesterday", "2026-11-20"),
        ("sat", "2026-11-28"),
        ("sun", "2026-11-22"),
        ("Fri", "2026-11-27"),
        ("friday", "2026-11-27"),
        ("next fri", "2026-11-27"),
        ("next  Saturday", "2026-11-28"),
        ("+3d", "2026-11-24"),
        ("+0d", "2026-11-21"),
        ("-2w", "2026-11-07"),
        ("+1mo", "2026-12-21"),
        ("-1y", "2025-11-21"),
        ("eow", "2026-11-22"),
        ("eom", "2026-11-30"),
        ("eoq", "2026-12-31"),
        ("eoy", "2026-12-31"),
        ("end of month", "2026-11-30"),
        ("end of the quarter", "2026-12-31"),
        ("1 Dec", "2026-12-01"),
        ("Dec 1", "2026-12-01"),
        ("21 Nov", "2026-11-21"),
        ("20 Nov", "2027-11-20"),
        ("29 feb", "2028-02-29"),
        ("1 Dec 2027", "2027-12-01"),
        ("Dec 1 2027", "2027-12-01"),
        ("December 1, 2027", "2027-12-01"),
        ("Dec. 1, 2027", "2027-12-01"),
        ("01-Dec-2027", "2027-12-01"),
        ("15 Apr, 2021", "2021-04-15"),
        ("9 Sept 2027", "2027-09-09"),
        ("31/12/2026", "2026-12-31"),
        ("12/31/2026", "2026-12-31"),
        ("31.12.2026", "2026-12-31"),
        ("31-12-2026", "2026-12-31"),
        ("2026/12/31", "2026-12-31"),
        ("3/3/2026", "2026-03-03"),
        ("Friday, December 1, 2017", "2017-12-01"),
        ("none", "none"),
        (" None ", "none"),
    ],
)
def test_a_date_reads(text: str, day: str) -> None:
    assert read(text) == day


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "  ",
            "soon",
            "next week",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "20261301",
            "2026-12-32",
            "0000-01-01",
        ),
        *(
            "31/12/26",
            "26-12-31",
            "31/02/2026",
            "13/13/2026",
            "0/1/2026",
            "1/2-2026",
            "2026-12",
            "2026-Q4",
            "2026-Q5",
        ),
        *(
            "3d",
            "+3",
            "+1m",
            "+3x",
            "+99999y",
            "+999999w",
            "30 feb",
            "31 Nov 2026",
            "1 Foo",
            "Dec 2027",
            "12/1",
        ),
        *(
            "2026-12-0²",
            "٢٠٢٦-١٢-٠١",
            "2026-W49-1",
            "Mon 2026-11-27",
            "fri fri",
            "none none",
            "x" * 500,
            "\x1b[31m",
        ),
    ],
)
def test_what_is_no_date_is_refused_with_the_text_a_reason_and_examples(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        read(text)
    assert text[:20] in refusal.value.message or not text.isprintable()
    assert "Write 2026-12-01" in refusal.value.message
    assert "\x1b" not in refusal.value.message
    assert len(refusal.value.message) < 400


@pytest.mark.parametrize("text", ["3/1/2017", "03.01.2017", "1-3-2017"])
def test_a_slash_date_with_two_readings_is_refused(text: str) -> None:
    with pytest.raises(
        InvalidValue, match=r"2017-0[13]-0[13] \(day first\) or 2017-0[13]-0[13] \(month first\)"
    ):
        read(text)


def test_an_order_decides_between_two_readings() -> None:
    assert read("3/1/2017", "dmy") == "2017-01-03"
    assert read("3/1/2017", "mdy") == "2017-03-01"


@pytest.mark.parametrize(
    ("text", "order"), [("12/31/2026", "dmy"), ("31/12/2026", "mdy"), ("31/12/2026", "ymd")]
)
def test_a_date_that_contradicts_the_order_is_refused(text: str, order: str) -> None:
    with pytest.raises(InvalidValue, match=order):
        read(text, order)


@pytest.mark.parametrize("order", sorted(ORDERS))
def test_a_date_that_begins_with_its_year_reads_under_every_order(order: str) -> None:
    assert read("2026-12-01", order) == read("2026/12/01", order) == read("20261201", order) == "2026-12-01"


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(InvalidValue, match="dmy, mdy or ymd"):
        read("2026-12-01", "myd")


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2026-12", "2026-12-31"),
        ("2028-02", "2028-02-29"),
        ("2026-Q4", "2026-12-31"),
        ("2026q1", "2026-03-31"),
    ],
)
def test_a_period_means_its_last_day_where_an_end_is_asked_for(text: str, end: str) -> None:
    assert parse_date(text, today=SATURDAY, period_end=True) == date.fromisoformat(end)


def test_a_period_is_refused_as_a_day_and_its_last_day_is_offered() -> None:
    with pytest.raises(InvalidValue, match="2026-12-31"):
        read("2026-Q4")


@pytest.mark.parametrize(
    ("text", "fiscal_start", "end"),
    [("eoq", 2, "2027-01-31"), ("eoy", 2, "2027-01-31"), ("eoq", 4, "2026-12-31"), ("eoy", 4, "2027-03-31")],
)
def test_quarters_and_years_end_by_the_fiscal_calendar(text: str, fiscal_start: int, end: str) -> None:
    assert parse_date(text, today=SATURDAY, fiscal_start=fiscal_start) == date.fromisoformat(end)


@given(
    st.dates(max_value=date(9999, 1, 1)), st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])
)
def test_a_weekday_is_within_the_next_seven_days_and_never_today(today: date, name: str) -> None:
    day = parse_date(name, today=today)
    assert day is not None
    assert today < day <= today + timedelta(days=7)
    assert long_date(day).lower().startswith(name)
    assert parse_date(f"next {name}", today=today) == day


@given(days)
def test_every_way_of_writing_a_day_reads_back(day: date) -> None:
    month = (
        day.strftime("%b")
        if day.year >= 1000
        else "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[day.month - 1]
    )
    for text in (
        day.isoformat(),
        day.isoformat().replace("-", ""),
        day.isoformat().replace("-", "/"),
        long_date(day),
        f"{day.day} {month} {day.year:04}",
        f"{month} {day.day}, {day.year:04}",
    ):
        assert parse_date(text, today=SATURDAY) == day


@given(days, st.integers(-20_000, 20_000))
def test_adding_months_lands_in_that_month_and_clamps_to_its_end(day: date, count: int) -> None:
    months = day.year * 12 + day.month - 1 + count
    if not 12 <= months < 120_000:
        with pytest.raises(OverflowError):
            add_months(day, count)
        return
    moved = add_months(day, count)
    assert moved.year * 12 + moved.month - 1 == months
    assert moved.day == min(day.day, last_of_month(moved.year, moved.month).day)


@given(st.dates(max_value=date(9999, 11, 30)))
def test_the_last_of_a_month_is_the_day_before_the_next(day: date) -> None:
    assert last_of_month(day.year, day.month) + timedelta(days=1) == add_months(day.replace(day=1), 1)


@pytest.mark.parametrize(
    ("text", "orders"),
    [
        ("10/20/2016", {"mdy"}),
        ("20/10/2016", {"dmy"}),
        ("20.10.2016 13:05", {"dmy"}),
        ("4/15/2021 1:05 PM", {"mdy"}),
        ("3/1/2017", {"dmy", "mdy"}),
        ("3/3/2017", {"dmy", "mdy"}),
        (" ３/１/２０１７ ", {"dmy", "mdy"}),
        ("2026-12-01", ORDERS),
        ("2026-12-01T10:00:00Z", ORDERS),
        ("2026/12/01", ORDERS),
        ("20261201", ORDERS),
        ("tomorrow", ORDERS),
        ("", ORDERS),
        ("31/02/2017", ORDERS),
        ("10/20/20165", ORDERS),
        ("10/20/2016th", ORDERS),
    ],
)
def test_a_numeric_date_tells_its_order(text: str, orders: set[str]) -> None:
    assert date_orders(text) == orders


@given(
    st.integers(0, 32),
    st.integers(0, 32),
    st.integers(1, 9999),
    st.sampled_from("/.-"),
    st.sampled_from(
        ["{0}{3}{1}{3}{2:04}", "{2:04}{3}{0}{3}{1}", "{0:02}{3}{1:02}{3}{2:04}", "{2:04}{3}{0:02}{3}{1:02}"]
    ),
)
def test_a_date_parses_under_exactly_the_orders_it_tells(
    first: int, second: int, year: int, mark: str, form: str
) -> None:
    text = form.format(first, second, year, mark)
    parsed = set()
    for order in ORDERS:
        try:
            parse_date(text, today=SATURDAY, order=order)
            parsed.add(order)
        except InvalidValue:
            pass
    assert date_orders(text) == (parsed or ORDERS)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01", "2026-11-30T23:00:00Z"),
        ("today", "2026-11-20T23:00:00Z"),
        ("2026-07-01", "2026-06-30T22:00:00Z"),
        ("2026-12-01T14:30:00Z", "2026-12-01T14:30:00Z"),
        ("2026-12-01t14:30z", "2026-12-01T14:30:00Z"),
        ("2026-12-01T14:30:00+02:00", "2026-12-01T12:30:00Z"),
        ("2026-12-01T14:30:00.123+0000", "2026-12-01T14:30:00Z"),
        ("2026-12-01 14:30:59.999", "2026-12-01T13:30:59Z"),
        ("2026-12-01 14:30", "2026-12-01T13:30:00Z"),
        ("2026-12-01 14:30 UTC", "2026-12-01T14:30:00Z"),
        ("2026-12-01 14:30 -0530", "2026-12-01T20:00:00Z"),
        ("2026-12-01 14:30 GMT+1", None),
        ("20261201T143000Z", "2026-12-01T14:30:00Z"),
        ("20261201T1430", "2026-12-01T13:30:00Z"),
        ("15 Apr, 2021 00:03:00", "2021-04-14T22:03:00Z"),
        ("2021-04-15 00:03", "2021-04-14T22:03:00Z"),
        ("2021/04/15 0:03", "2021-04-14T22:03:00Z"),
        ("4/15/2021 13:05", "2021-04-15T11:05:00Z"),
        ("4/15/2021 1:05 PM", "2021-04-15T11:05:00Z"),
        ("4/15/2021, 12:05am", "2021-04-14T22:05:00Z"),
        ("Friday, December 1, 2017", "2017-11-30T23:00:00Z"),
        ("Friday, December 1, 2017 at 9:15 AM", "2017-12-01T08:15:00Z"),
        ("yesterday 9:15", "2026-11-20T08:15:00Z"),
        ("-2d", "2026-11-18T23:00:00Z"),
        ("2026-10-25 02:30", "2026-10-25T00:30:00Z"),
        ("2026-03-29 02:30", "2026-03-29T01:30:00Z"),
        ("3/1/2021 13:05", None),
        ("2026-12-01 24:00", None),
        ("2026-12-01T24:00:00", None),
        ("2026-12-01 14:60", None),
        ("2026-12-01 13:00 PM", None),
        ("2026-12-01 00:30 am", None),
        ("2026-12-01 14:30+25:00", None),
        ("2026-02-30 14:30", None),
        ("14:30", None),
        ("none 14:30", None),
        ("now-ish", None),
        ("0001-01-01", None),
        ("", None),
    ],
)
def test_a_moment_reads_as_local_time_unless_it_names_a_zone(text: str, moment: str | None) -> None:
    if moment is None:
        with pytest.raises(InvalidValue, match="is not a date or time"):
            parse_instant(text, today=SATURDAY, zone=BERLIN)
        return
    parsed = parse_instant(text, today=SATURDAY, zone=BERLIN)
    assert parsed is not None
    assert parsed.utcoffset() == timedelta(0)
    assert iso_instant(parsed) == moment


def test_a_moment_can_be_cleared() -> None:
    assert parse_instant("none", today=SATURDAY, zone=UTC) is None


def test_an_order_holds_for_moments_too() -> None:
    assert parse_instant("3/1/2021 13:05", today=SATURDAY, zone=UTC, order="dmy") == datetime(
        2021, 1, 3, 13, 5, tzinfo=UTC
    )


@given(st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis takes naive bounds
def test_a_stored_moment_reads_back_in_every_zone(moment: datetime) -> None:
    stored = iso_instant(moment)
    assert from_iso_instant(stored) == moment.replace(microsecond=0)
    for zone in (UTC, SHANGHAI, timezone(timedelta(hours=-9, minutes=-30))):
        assert parse_instant(local_text(stored, zone), today=SATURDAY, zone=BERLIN) == from_iso_instant(
            stored
        )


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (BERLIN, "2026-11-21T22:09:21+01:00"),
        (SHANGHAI, "2026-11-22T05:09:21+08:00"),
        (UTC, "2026-11-21T21:09:21Z"),
        (ZoneInfo("Europe/London"), "2026-11-21T21:09:21Z"),
    ],
    ids=str,
)
def test_a_stored_moment_is_shown_with_the_offset_of_its_zone(zone: tzinfo, text: str) -> None:
    assert local_text("2026-11-21T21:09:21Z", zone) == text


def test_the_ends_of_the_calendar_are_shown_as_they_are_stored() -> None:
    assert local_text("0001-01-01T00:00:00Z", timezone(timedelta(hours=-5))) == "0001-01-01T00:00:00Z"


def test_a_moment_without_a_zone_is_never_stored() -> None:
    with pytest.raises(ValueError, match="zone"):
        iso_instant(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_a_spoilt_stored_moment_is_refused() -> None:
    with pytest.raises(InvalidValue):
        from_iso_instant("yesterday")
