"""Time in stage: days of the calendar, visits added up, the last one up to today."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.time_in_stage import Stay, Step, days_by_stage, stays

TODAY = date(2026, 5, 1)


def stayed(*path: Step, until: date = TODAY) -> dict[str, Stay]:
    return stays(path, until, date.fromisoformat)


def test_the_last_stage_runs_until_today() -> None:
    assert stayed(("2026-03-01", "A"), ("2026-03-08", "B")) == {
        "A": Stay(7, date(2026, 3, 8)),
        "B": Stay(54, None),
    }


def test_visits_add_up() -> None:
    path = (("2026-03-01", "A"), ("2026-03-08", "B"), ("2026-03-10", "A"), ("2026-03-13", None))
    assert stayed(*path) == {"A": Stay(10, date(2026, 3, 13)), "B": Stay(2, date(2026, 3, 10))}
    assert stayed(*path[:3])["A"] == Stay(7 + 52, None)


def test_what_changed_within_a_stage_is_no_step_out_of_it() -> None:
    path = (("2026-03-01", "A"), ("2026-03-05", "A"), ("2026-03-08", None), ("2026-03-09", None))
    assert stayed(*path) == {"A": Stay(7, date(2026, 3, 8))}


def test_the_days_a_deal_was_closed_are_none_of_a_stage() -> None:
    path = (("2026-03-01", "A"), ("2026-03-08", None), ("2026-04-08", "A"), ("2026-04-10", None))
    assert stayed(*path) == {"A": Stay(9, date(2026, 4, 10))}
    assert stayed(("2026-03-08", None)) == {}
    assert stayed() == {}


def test_a_day_is_one_of_the_calendar() -> None:
    path = (("2026-03-01T23:00", "A"), ("2026-03-02T01:00", None))
    assert stays(path, TODAY, lambda at: date.fromisoformat(at[:10])) == {"A": Stay(1, date(2026, 3, 2))}


def test_only_what_was_left_is_counted_by_days() -> None:
    paths: list[list[tuple[str, str | None]]] = [
        [("2026-03-01", "A"), ("2026-03-08", "B")],
        [("2026-03-01", "A"), ("2026-03-08", None)],
        [("2026-03-01", "A"), ("2026-03-02", "B"), ("2026-03-04", None)],
    ]
    assert days_by_stage(paths, TODAY, date.fromisoformat) == {"A": {7: 2, 1: 1}, "B": {2: 1}}


@given(st.lists(st.tuples(st.dates(date(2026, 1, 1), TODAY), st.sampled_from(["A", "B", None])), max_size=8))
def test_the_days_of_all_stages_are_those_it_was_open(steps: list[tuple[date, str | None]]) -> None:
    path = [(day.isoformat(), stage) for day, stage in sorted(steps, key=lambda step: step[0])]
    days = [date.fromisoformat(at) for at, _ in path] + [TODAY]
    open_days = sum((days[at + 1] - days[at]).days for at, (_, stage) in enumerate(path) if stage)
    assert sum(stay.days for stay in stayed(*path).values()) == open_days
