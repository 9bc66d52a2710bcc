"""Days and moments: what people type for them, and how they are written."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Final

from crmcli.errors import InvalidValue
from crmcli.values._text import plain, shown

ORDERS: Final = frozenset({"dmy", "mdy", "ymd"})

_WEEKDAYS: Final = {
    **dict.fromkeys(("mon", "monday"), 0),
    **dict.fromkeys(("tue", "tues", "tuesday"), 1),
    **dict.fromkeys(("wed", "weds", "wednesday"), 2),
    **dict.fromkeys(("thu", "thur", "thurs", "thursday"), 3),
    **dict.fromkeys(("fri", "friday"), 4),
    **dict.fromkeys(("sat", "saturday"), 5),
    **dict.fromkeys(("sun", "sunday"), 6),
}
_DAY_NAMES: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NAMES: Final = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_MONTHS: Final = {
    **{name: number for number, name in enumerate(_MONTH_NAMES, 1)},
    **{name[:3]: number for number, name in enumerate(_MONTH_NAMES, 1)},
    "sept": 9,
}
_NEAR: Final = {"today": 0, "tomorrow": 1, "yesterday": -1}
_ENDS: Final = {"eow": "week", "eom": "month", "eoq": "quarter", "eoy": "year"}

_DATE_EXAMPLES: Final = "2026-12-01, tomorrow, fri, +3d, +1mo, eom, 1 Dec, Dec 1 2027, none"
_INSTANT_EXAMPLES: Final = (
    "2026-12-01, 2026-12-01 14:30, 2026-12-01T14:30:00Z, yesterday, -2d, 1 Dec 2026 9:15 AM"
)

# Given to `re` as text: a pattern is compiled when it is first needed, and a listing needs none.
_YEAR_FIRST: Final = r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})"
_YEAR_FIRST_CJK: Final = r"([0-9]{4}) ?年 ?([0-9]{1,2}) ?月 ?([0-9]{1,2}) ?日"
_YEAR_LAST: Final = r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})"
_SHORT_YEAR: Final = r"[0-9]{1,2}([-/.])[0-9]{1,2}\1[0-9]{2}"
_OFFSET: Final = r"([+-]) ?([0-9]{1,6}) ?(d|w|mo|y)"
_DAY_MONTH: Final = r"([0-9]{1,2})(?:st|nd|rd|th)?[ -]([a-z]+)\.?(?:(?:, ?|[ -])([0-9]{4}))?"
_MONTH_DAY: Final = r"([a-z]+)(?:\. ?|[ -])([0-9]{1,2})(?:st|nd|rd|th)?(?:(?:, ?|[ -])([0-9]{4}))?"
_SHORT_YEAR_AFTER_NAME: Final = r"(?:[0-9]{1,2}[ -][a-z]+\.?|[a-z]+\.?[ -][0-9]{1,2})(?:, ?|[ -])'?[0-9]{2}"
_SERIAL: Final = r"[0-9]{5}(?:[.,][0-9]+)?"
_MONTH: Final = r"([0-9]{4})-([0-9]{1,2})"
_QUARTER: Final = r"([0-9]{4})[- ]?q([0-9])"
_CLOCK: Final = (
    r"(?P<day>.+?)(?:(?<=[0-9])t|,? (?:at )?)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:[.,][0-9]+)?)? ?(?P<half>[ap]m)?"
)
_COMPACT_CLOCK: Final = (
    r"(?P<day>[0-9]{8})t(?P<hour>[0-9]{2})(?P<minute>[0-9]{2})(?P<second>[0-9]{2})?(?P<half>)"
)
_ZONE: Final = r" ?(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-][0-9]{2}(?::?[0-9]{2})?)?"

_EITHER: Final = frozenset({"dmy", "mdy"})
_DAY_FIRST: Final = frozenset({"dmy"})
_MONTH_FIRST: Final = frozenset({"mdy"})


class _Unreadable(Exception):
    """Why a text is not read; the caller knows the whole text and what to offer instead."""


def parse_date(
    text: str,
    *,
    today: date,
    order: str | None = None,
    period_end: bool = False,
    fiscal_start: int = 1,
    times: bool = False,
) -> date | None:
    """The day a text means; None for `none`, which clears a date.

    - `mon`, `fri` and `next fri` are the first such day after today; `1 Dec` is the first on or after today.
    - `+1mo` from the 31st is the last day of a shorter month. A week ends on Sunday. `eoq` and `eoy` follow
      the fiscal calendar that starts in month `fiscal_start`.
    - `3/1/2027` has two readings and is refused, unless `order` (`dmy`, `mdy`, `ymd`) tells which; then a
      date that contradicts it is refused too. A date that begins with its year reads alike in every order.
    - `2026-12` and `2026-Q4` (the calendar's quarter) mean their last day, where `period_end` is given.
    - A weekday before a full date, `Fri 2026-11-27`, has to be the right one. Years have four digits.
    - A time of day behind it is refused, unless `times`: then the day is the one that is written, whatever
      the zone, as exports of systems without plain dates mean it.
    """
    _check_order(order)
    if (day := _iso_day(text)) is not None:
        return day
    typed = plain(text).casefold()
    if typed == "none":
        return None
    try:
        if times and (found := _day_and_clock(typed)) is not None:
            _read_clock(found)
            typed = found["day"]
        return _read_day(typed, today, order, period_end, fiscal_start)
    except _Unreadable as why:
        raise InvalidValue(f"{shown(text)} is not a date: {why}. Write {_DATE_EXAMPLES}.") from None


def parse_instant(
    text: str, *, today: date, zone: tzinfo, order: str | None = None, fiscal_start: int = 1
) -> datetime | None:
    """The moment a text means, in UTC; None for `none`.

    Every form of `parse_date` is the start of that day in `zone`; a time may follow it, and a zone the time:
    `2026-12-01T14:30:00+01:00`, `tomorrow 9:15`, `4/15/2021 1:05 PM` (by `order`). A time without a zone is
    local: one that a clock change skips is read as if the clock had not changed, one that comes twice is the
    first. Fractions of a second are dropped.
    """
    _check_order(order)
    typed = plain(text)
    try:
        moment = _iso_moment(typed)
        if moment is None:
            typed = typed.casefold()
            if typed == "none":
                return None
            moment = _read_moment(typed, today, zone, order, fiscal_start)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except _Unreadable as why:
        reason = str(why)
    except OverflowError:
        reason = "it is beyond the calendar"
    raise InvalidValue(f"{shown(text)} is not a date or time: {reason}. Write {_INSTANT_EXAMPLES}.")


def date_orders(text: str) -> frozenset[str]:
    """The orders of day, month and year under which a text can be read.

    `10/20/2016` is `mdy` alone, `3/1/2017` either. All three where the text is no evidence: a date that
    begins with its year, words, a day that exists under no order. A column's order is what its cells share.
    """
    if text[4:5] == "-" and text[7:8] == "-":
        return ORDERS
    found = re.match(_YEAR_LAST + r"(?=$|[ ,]|[tT][0-9])", plain(text))
    if found is None:
        return ORDERS
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    if 0 < first <= 12 and 0 < second <= 12:
        return _EITHER if year else ORDERS
    if _exists(year, second, first):
        return _DAY_FIRST
    return _MONTH_FIRST if _exists(year, first, second) else ORDERS


def midnight(day: date, zone: tzinfo) -> datetime:
    """The moment a day begins in a zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def iso_instant(moment: datetime) -> str:
    """A moment as it is stored: `2026-11-21T21:09:21Z`, in UTC and whole seconds."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs its zone before it can be stored")
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def from_iso_instant(text: str) -> datetime:
    """The moment of a stored text, in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidValue(f"{shown(text)} is not a stored moment, such as 2026-11-21T21:09:21Z.") from None


def local_text(iso: str, zone: tzinfo) -> str:
    """A stored moment as clocks in `zone` show it: `2026-11-21T22:09:21+01:00`, or `…Z` without offset."""
    moment = from_iso_instant(iso)
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # the first or last day of the calendar, which other zones do not have
        return iso
    return local.isoformat(timespec="seconds") if local.utcoffset() else iso_instant(moment)


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last day where it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise OverflowError("beyond the calendar")
    return date(year, month + 1, min(day.day, last_of_month(year, month + 1).day))


def last_of_month(year: int, month: int) -> date:
    """The last day of a month."""
    if month == 2:
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return date(year, 2, 29 if leap else 28)
    return date(year, month, 30 if month in {4, 6, 9, 11} else 31)


def long_date(day: date) -> str:
    """A day as people check it: `Fri 2026-11-27`, in any locale."""
    return f"{_DAY_NAMES[day.weekday()]} {day.isoformat()}"


def _check_order(order: str | None) -> None:
    if order is not None and order not in ORDERS:
        raise InvalidValue(f"{shown(order)} is not an order of dates. Write dmy, mdy or ymd.")


def _iso_day(text: str) -> date | None:
    if len(text) != 10 or text[4] != "-" or text[7] != "-":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _iso_moment(text: str) -> datetime | None:
    if text[4:5] != "-" or text[7:8] != "-" or text[10:11] not in {"T", " "} or text[13:14] != ":":
        return None
    if text[11:13] == "24":  # read by newer Pythons only
        return None
    try:
        return datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        return None


def _read_day(typed: str, today: date, order: str | None, period_end: bool, fiscal_start: int) -> date:
    if not typed:
        raise _Unreadable("it is blank")
    try:
        day = (
            _by_keyword(typed, today, fiscal_start)
            or _by_offset(typed, today)
            or _by_numbers(typed, order)
            or _by_month_name(typed, today)
            or _by_period(typed, period_end)
            or _after_weekday(typed, today)
        )
    except OverflowError:
        raise _Unreadable("it is beyond the calendar") from None
    if day is None:
        raise _Unreadable("no such form of a date is known")
    return day


def _by_keyword(typed: str, today: date, fiscal_start: int) -> date | None:
    if typed in _NEAR:
        return today + timedelta(days=_NEAR[typed])
    weekday = _WEEKDAYS.get(typed.removeprefix("next "))
    if weekday is not None:
        return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    end = _ENDS.get(typed)
    if end is None and typed.startswith("end of "):
        end = typed.removeprefix("end of ").removeprefix("the ").removeprefix("this ")
    if end == "week":
        return today + timedelta(days=6 - today.weekday())
    month = (today.month - fiscal_start) % 12  # of the fiscal year, from 0
    to_come = {"month": 0, "quarter": 2 - month % 3, "year": 11 - month}.get(end or "")
    if to_come is None:
        return None
    last = add_months(today.replace(day=1), to_come)
    return last_of_month(last.year, last.month)


def _by_offset(typed: str, today: date) -> date | None:
    found = re.fullmatch(_OFFSET, typed)
    if found is None:
        if re.fullmatch(r"[+-][0-9]+m", typed):
            raise _Unreadable(f"months are written {typed}o")
        if re.fullmatch(r"[0-9]+ ?(d|w|mo|y)", typed):
            raise _Unreadable(f"a distance needs its sign, +{typed} or -{typed}")
        return None
    count = int(found[1] + found[2])
    if found[3] in {"d", "w"}:
        return today + timedelta(days=count * (7 if found[3] == "w" else 1))
    return add_months(today, count * (12 if found[3] == "y" else 1))


def _by_numbers(typed: str, order: str | None) -> date | None:
    if len(typed) == 8 and typed.isascii() and typed.isdigit():
        return _real_day(int(typed[:4]), int(typed[4:6]), int(typed[6:]))
    if found := re.fullmatch(_YEAR_FIRST, typed):
        return _real_day(int(found[1]), int(found[3]), int(found[4]))
    if found := re.fullmatch(_YEAR_FIRST_CJK, typed):
        return _real_day(int(found[1]), int(found[2]), int(found[3]))
    if re.fullmatch(_SHORT_YEAR, typed) or re.fullmatch(_SHORT_YEAR_AFTER_NAME, typed):
        raise _Unreadable("the year needs four digits")
    if re.fullmatch(_SERIAL, typed):
        raise _Unreadable("it looks like a spreadsheet's number of a day; let its cells be dates there")
    found = re.fullmatch(_YEAR_LAST, typed)
    if found is None:
        return None
    first, second, year = int(found[1]), int(found[3]), int(found[4])
    day_first, month_first = _exists(year, second, first), _exists(year, first, second)
    if order is None and day_first and month_first and first != second:
        by_day, by_month = date(year, second, first), date(year, first, second)
        raise _Unreadable(
            f"it could be {by_day} (day first) or {by_month} (month first); "
            "write one of these, or say which order dates have"
        )
    if day_first and order in {None, "dmy"}:
        return date(year, second, first)
    if month_first and order in {None, "mdy"}:
        return date(year, first, second)
    if day_first or month_first:
        raise _Unreadable(f"its order is {'dmy' if day_first else 'mdy'}, where dates are {order}")
    raise _Unreadable("there is no such day")


def _by_month_name(typed: str, today: date) -> date | None:
    if found := re.fullmatch(_DAY_MONTH, typed):
        number, name, year = found[1], found[2], found[3]
    elif found := re.fullmatch(_MONTH_DAY, typed):
        name, number, year = found[1], found[2], found[3]
    else:
        return None
    month, day = _MONTHS.get(name), int(number)
    if month is None:
        return None
    if year:
        return _real_day(int(year), month, day)
    for ahead in range(9):  # 29 Feb may be eight years away
        if (
            _exists(today.year + ahead, month, day)
            and (found_day := date(today.year + ahead, month, day)) >= today
        ):
            return found_day
    raise _Unreadable(f"{_MONTH_NAMES[month - 1].title()} has no day {day}")


def _by_period(typed: str, period_end: bool) -> date | None:
    if found := re.fullmatch(_MONTH, typed):
        year, month = int(found[1]), int(found[2])
        if not 1 <= month <= 12:
            raise _Unreadable(f"there is no month {month}")
    elif found := re.fullmatch(_QUARTER, typed):
        year, month = int(found[1]), int(found[2]) * 3
        if not 3 <= month <= 12:
            raise _Unreadable("a year has the quarters Q1 to Q4")
    else:
        return None
    if year == 0:
        raise _Unreadable("there is no year 0")
    last = last_of_month(year, month)
    if not period_end:
        raise _Unreadable(f"a period is not a day; its last day is {last}")
    return last


def _after_weekday(typed: str, today: date) -> date | None:
    name, _, rest = typed.partition(" ")
    weekday = _WEEKDAYS.get(name.rstrip(",."))
    if weekday is None:
        return None
    day = _iso_day(rest) or _by_month_name(rest, today)
    if day is not None and day.weekday() != weekday:
        raise _Unreadable(f"{day} is a {_DAY_NAMES[day.weekday()]}")
    return day


def _read_moment(typed: str, today: date, zone: tzinfo, order: str | None, fiscal_start: int) -> datetime:
    found = _day_and_clock(typed)
    if found is None:
        day = _read_day(typed, today, order, False, fiscal_start)
        return datetime(day.year, day.month, day.day, tzinfo=zone)
    day = _read_day(found["day"], today, order, False, fiscal_start)
    hour, minute, second, offset = _read_clock(found)
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=offset or zone)


def _day_and_clock(typed: str) -> re.Match[str] | None:
    return re.fullmatch(_CLOCK + _ZONE, typed) or re.fullmatch(_COMPACT_CLOCK + _ZONE, typed)


def _read_clock(found: re.Match[str]) -> tuple[int, int, int, tzinfo | None]:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            raise _Unreadable(f"there is no hour {hour} {found['half']}")
        hour = hour % 12 + (12 if found["half"] == "pm" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise _Unreadable("there is no such time of day")
    return hour, minute, second, _offset_zone(found["zone"])


def _offset_zone(typed: str | None) -> tzinfo | None:
    if typed is None:
        return None
    digits = typed.removeprefix("utc").removeprefix("gmt").replace(":", "")
    if digits in {"", "z"}:
        return UTC
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    if hours > 23 or minutes > 59:
        raise _Unreadable("no zone is that far from UTC")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if digits[0] == "-" else offset)


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= year <= 9999 and 1 <= month <= 12 and 1 <= day <= last_of_month(year, month).day


def _real_day(year: int, month: int, day: int) -> date:
    if _exists(year, month, day):
        return date(year, month, day)
    if year and 1 <= month <= 12:
        raise _Unreadable(f"{_MONTH_NAMES[month - 1].title()} {year} has no day {day}")
    raise _Unreadable(f"there is no month {month}" if year else "there is no year 0")
