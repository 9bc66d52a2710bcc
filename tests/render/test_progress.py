"""The progress line and the bar."""

import io

import pytest

from crmcli.render.bars import bar
from crmcli.render.progress import progress
from tests.render.screen import look_at


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_draws_at_most_ten_times_a_second_and_leaves_nothing() -> None:
    look, clock = look_at(width=80, live=True), Clock()
    assert isinstance(look.err, io.StringIO)
    with progress(1000, "Importing\x1b", look, clock) as advance:
        for _ in range(1000):
            clock.now += 0.001
            advance(1)
    text = look.err.getvalue()
    drawn = [line.rstrip() for line in text.split("\r") if line.strip()]
    assert 8 <= len(drawn) <= 10
    assert drawn[1].startswith("Importing\\x1b  ████")
    assert drawn[1].endswith("20%  200 of 1,000")
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""
    assert "\x1b" not in text


def test_progress_of_unknown_length_counts() -> None:
    look, clock = look_at(width=80, live=True), Clock()
    assert isinstance(look.err, io.StringIO)
    with progress(None, "Reading", look, clock) as advance:
        clock.now = 1
        advance(12345)
    assert "Reading  12,345" in look.err.getvalue()


def test_progress_is_silent_where_nobody_watches_or_all_is_done_at_once() -> None:
    for look in (look_at(), look_at(live=True)):
        assert isinstance(look.err, io.StringIO)
        with progress(10, "Importing", look, Clock()) as advance:
            advance(10)
        assert look.err.getvalue() == ""


def test_progress_is_erased_when_the_work_breaks_off() -> None:
    look, clock = look_at(width=40, live=True), Clock()
    assert isinstance(look.err, io.StringIO)

    def work() -> None:
        with progress(10, "Importing", look, clock) as advance:
            clock.now = 1
            advance(5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert look.err.getvalue().endswith(" \r")
    assert all(len(line) < 40 for line in look.err.getvalue().split("\r"))


@pytest.mark.parametrize(
    ("fraction", "drawn"),
    [
        (0, "    "),
        (1, "████"),
        (0.5, "██  "),
        (0.55, "██▎ "),
        (-1, "    "),
        (7, "████"),
        (float("nan"), "    "),
    ],
)
def test_a_bar_is_filled_by_its_share(fraction: float, drawn: str) -> None:
    assert bar(fraction, 4) == drawn


def test_a_bar_in_ascii() -> None:
    assert bar(0.5, 10, ascii=True) == "#####     "
