"""Stretches of time that figures are asked for: `2026-Q3`, `this-quarter`, `FY26-Q1`, `2026-10..2027-03`."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from crmcli.errors import InvalidValue, suggestion
from crmcli.values._text import plain, shown
from crmcli.values.dates import add_months, last_of_month, parse_date

_EXAMPLES: Final = (
    "2026, 2026-Q3, 2026-07, 2026-07-15, this-quarter, next-month, last-90d, last-12m, FY26-Q1,"
    " 2026-10..2027-03"
)

_WORDS: Final = tuple(
    f"{which}-{unit}" for which in ("last", "this", "next") for unit in ("week", "month", "quarter", "year")
)
_YEAR: Final = r"[0-9]{4}"
_QUARTER: Final = r"([0-9]{4})[- ]?q([0-9])"
_MONTH: Final = r"([0-9]{4})-([0-9]{1,2})"
_WEEK: Final = r"([0-9]{4})-?w([0-9]{1,2})"
_FISCAL: Final = r"fy ?([0-9]{2}|[0-9]{4})(?:[- ]?q([0-9]))?"
_NEAR: Final = r"(last|this|next)[- _](week|month|quarter|year)"
_ROLLING: Final = r"last[- _]([0-9]{1,5}) ?([dwm])"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first day to the last, both included. The label reads back as the same period."""

    start: date
    end: date
    label: str


class _Unknown(Exception):
    """Why a text is no period."""


def parse_period(text: str, *, today: date, fiscal_start: int = 1) -> Period:
    """The period a text means.

    The fiscal year starts in month `fiscal_start` and is named after the calendar year in which it *ends*:
    where it starts in February, FY26 runs from February 2025 to January 2026; where in January, FY26 is 2026.
    `2026` and `2026-Q3` are the calendar's, always; `FY26`, `FY26-Q1`, `this-year` and `this-quarter` follow
    the fiscal year. Weeks are ISO weeks, Monday to Sunday. `last-90d` are the 90 days up to and including
    today; `last-4w` and `last-12m` the whole weeks or months before this one. `a..b` runs from the start of a
    to the end of b, and either may also be any date that `parse_date` reads.
    """
    if not 1 <= fiscal_start <= 12:
        raise InvalidValue(f"{fiscal_start} is not a month the fiscal year can start in. Write 1 to 12.")
    typed = plain(text).casefold()
    try:
        first, dots, last = typed.partition("..")
        if not dots:
            return _named(typed, today, fiscal_start) or _unknown(typed)
        if not first.strip() or not last.strip(" ."):
            raise _Unknown("both ends are needed")
        start, end = _end(first.strip(), today, fiscal_start), _end(last.strip(), today, fiscal_start)
        if end.end < start.start:
            raise _Unknown("it ends before it starts")
        begins, ends = start.label.partition("..")[0], end.label.rpartition("..")[2]  # an end may be last-90d
        return Period(start.start, end.end, f"{begins}..{ends}")
    except _Unknown as why:
        reason = str(why)
    except (ValueError, OverflowError):
        reason = "it is beyond the calendar"
    raise InvalidValue(
        f"{shown(text)} is not a period: {reason}. Write {_EXAMPLES}.", hint=suggestion(typed, _WORDS)
    )


def month_of(iso_date: str) -> str:
    """The month of a stored date: `2026-07`."""
    return iso_date[:7]


def quarter_of(iso_date: str, fiscal_start: int = 1) -> str:
    """The quarter of a stored date: `2026-Q3`, or `FY26-Q1` where the fiscal year is not the calendar's."""
    year, month = int(iso_date[:4]), int(iso_date[5:7])
    quarter = (month - fiscal_start) % 12 // 3 + 1
    if fiscal_start == 1:
        return f"{year:04}-Q{quarter}"
    return f"{_fiscal_name(year + (month >= fiscal_start))}-Q{quarter}"


def months(period: Period) -> list[str]:
    """Every month a period touches, in order."""
    first = period.start.year * 12 + period.start.month - 1
    last = period.end.year * 12 + period.end.month - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def period_of(start: date, end: date, fiscal_start: int = 1) -> Period:
    """The period from one day to another, by the name one would write for it."""
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    if start.day == 1 and end == last_of_month(end.year, end.month):
        if count == 1:
            return _month(start)
        into = (start.month - fiscal_start) % 12
        if count == 3 and into % 3 == 0:
            return _stretch(start, 3, quarter_of(start.isoformat(), fiscal_start))
        if count == 3 and start.month % 3 == 1:
            return _stretch(start, 3, quarter_of(start.isoformat()))
        if count == 12 and into == 0:
            return _stretch(start, 12, f"{start.year:04}" if fiscal_start == 1 else _fiscal_name(end.year))
        if count == 12 and start.month == 1:
            return _stretch(start, 12, f"{start.year:04}")
    return Period(start, end, start.isoformat() if start == end else f"{start}..{end}")


def _end(typed: str, today: date, fiscal_start: int) -> Period:
    """One end of a range: a period, or a day in any of its forms."""
    if (period := _named(typed, today, fiscal_start)) is not None:
        return period
    try:
        day = parse_date(typed, today=today, fiscal_start=fiscal_start)
    except InvalidValue:
        day = None
    return _one_day(day) if day is not None else _unknown(typed)


def _named(typed: str, today: date, fiscal_start: int) -> Period | None:
    if found := re.fullmatch(_NEAR, typed):
        return _near(("last", "this", "next").index(found[1]) - 1, found[2], today, fiscal_start)
    if found := re.fullmatch(_ROLLING, typed):
        return _rolling(int(found[1]), found[2], today)
    if typed in {"today", "tomorrow", "yesterday"} or re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", typed):
        try:
            day = parse_date(typed, today=today)
        except InvalidValue:
            raise _Unknown("there is no such day") from None
        return _one_day(day) if day is not None else None
    if re.fullmatch(_YEAR, typed):
        return _stretch(date(int(typed), 1, 1), 12, typed)
    if found := re.fullmatch(_FISCAL, typed):
        year = int(found[1]) + (2000 if len(found[1]) == 2 else 0)
        return _fiscal(year, _quarter(found[2]) if found[2] else None, fiscal_start)
    if found := re.fullmatch(_QUARTER, typed):
        quarter = _quarter(found[2])
        return _stretch(date(int(found[1]), quarter * 3 - 2, 1), 3, f"{found[1]}-Q{quarter}")
    if found := re.fullmatch(_MONTH, typed):
        if not 1 <= int(found[2]) <= 12:
            raise _Unknown(f"there is no month {int(found[2])}")
        return _month(date(int(found[1]), int(found[2]), 1))
    if found := re.fullmatch(_WEEK, typed):
        try:
            return _week(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            raise _Unknown(f"{found[1]} has no week {int(found[2])}") from None
    return None


def _near(step: int, unit: str, today: date, fiscal_start: int) -> Period:
    if unit == "week":
        return _week(today + timedelta(days=7 * step - today.weekday()))
    first = today.replace(day=1)
    if unit == "month":
        return _month(add_months(first, step))
    into = (today.month - fiscal_start) % 12  # months of the fiscal year that have passed
    if unit == "quarter":
        start = add_months(first, 3 * step - into % 3)
        return _stretch(start, 3, quarter_of(start.isoformat(), fiscal_start))
    start = add_months(first, 12 * step - into)
    return _stretch(start, 12, f"{start.year:04}" if fiscal_start == 1 else _fiscal_name(start.year + 1))


def _rolling(count: int, unit: str, today: date) -> Period:
    """The last so many days, today among them; or weeks or months, which end before this one."""
    if not count:
        raise _Unknown("it has no days")
    if unit == "d":
        return _from_to(_one_day(today - timedelta(days=count - 1)), _one_day(today))
    if unit == "w":
        monday = today - timedelta(days=today.weekday())
        return _from_to(_week(monday - timedelta(weeks=count)), _week(monday - timedelta(weeks=1)))
    first = today.replace(day=1)
    return _from_to(_month(add_months(first, -count)), _month(add_months(first, -1)))


def _from_to(first: Period, last: Period) -> Period:
    return first if first == last else Period(first.start, last.end, f"{first.label}..{last.label}")


def _fiscal(year: int, quarter: int | None, fiscal_start: int) -> Period:
    start = date(year if fiscal_start == 1 else year - 1, fiscal_start, 1)
    if quarter is None:
        return _stretch(start, 12, _fiscal_name(year))
    return _stretch(add_months(start, 3 * quarter - 3), 3, f"{_fiscal_name(year)}-Q{quarter}")


def _fiscal_name(year: int) -> str:
    return f"FY{year - 2000:02}" if 2000 <= year <= 2099 else f"FY{year:04}"


def _quarter(digit: str) -> int:
    if digit not in "1234":
        raise _Unknown("a year has the quarters Q1 to Q4")
    return int(digit)


def _month(first: date) -> Period:
    return _stretch(first, 1, f"{first.year:04}-{first.month:02}")


def _week(monday: date) -> Period:
    year, week, _ = monday.isocalendar()
    return Period(monday, monday + timedelta(days=6), f"{year:04}-W{week:02}")


def _one_day(day: date) -> Period:
    return Period(day, day, day.isoformat())


def _stretch(start: date, count: int, label: str) -> Period:
    """So many whole months from the first of one."""
    last = add_months(start, count - 1)
    return Period(start, last_of_month(last.year, last.month), label)


def _unknown(typed: str) -> Period:
    raise _Unknown("no such form of a period is known" if typed else "it is blank")
