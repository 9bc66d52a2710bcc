"""The funnel: a skip, a re-entry, a loss, and a deal that is won from the first stage."""

import pytest

from crmcli.rules.funnel import NOWHERE, WON, Passage, Step, funnel, passage

SINCE, UNTIL = "2026-01-01", "2027-01-01"
PLACES = (1, 2, 3, 4)


def path(*steps: str) -> list[Step]:
    """Steps such as `1 2026-03-01`, `won 2026-04-01`."""
    found = []
    for step in steps:
        place, at = step.split()
        ended = place in ("won", "lost")
        found.append(Step(at, 9 if ended else int(place), ended, place == "won"))
    return found


def counted(*paths: list[Step], since: str = SINCE, until: str = UNTIL) -> list[tuple[object, ...]]:
    """Entered, advanced, lost, pending, conversion and share of the first, place by place."""
    found = [passage(each, since, until) for each in paths]
    return [row[:6] for row in funnel(PLACES, [(each, 1, 100) for each in found if each])]


def test_a_skipped_stage_is_passed() -> None:
    assert counted(path("1 2026-03-01", "3 2026-04-01")) == [
        (1, 1, 0, 0, 100.0, 100.0),
        (1, 1, 0, 0, 100.0, 100.0),
        (1, 0, 0, 1, None, 100.0),
        (0, 0, 0, 0, None, 0.0),
    ]


def test_a_deal_that_begins_later_has_passed_what_is_before() -> None:
    assert [row[:2] for row in counted(path("3 2026-04-01"))] == [(1, 1), (1, 1), (1, 0), (0, 0)]


def test_an_entry_counts_once_and_in_its_own_period() -> None:
    back = path("1 2026-03-01", "2 2026-04-01", "1 2026-05-01", "2 2026-06-01", "1 2027-02-01")
    assert counted(back)[:2] == [(1, 1, 0, 0, 100.0, 100.0), (1, 0, 0, 1, None, 100.0)]
    assert [row[0] for row in counted(back, since="2026-05-01")] == [0, 0, 0, 0]


def test_a_loss_is_an_exit_from_the_highest_stage() -> None:
    lost = path("1 2026-03-01", "3 2026-04-01", "2 2026-05-01", "lost 2026-06-01")
    assert [row[:4] for row in counted(lost)] == [(1, 1, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (0, 0, 0, 0)]


def test_a_win_jumps_all_stages() -> None:
    assert [row[:5] for row in counted(path("1 2026-03-01", "won 2026-03-09"))] == [(1, 1, 0, 0, 100.0)] * 4


def test_together() -> None:
    rows = counted(
        path("1 2026-03-01", "3 2026-04-01"),
        path("1 2026-03-01", "2 2026-04-01", "1 2026-05-01", "2 2026-06-01", "lost 2026-07-01"),
        path("1 2026-03-01", "lost 2026-04-01"),
        path("1 2026-03-01", "won 2026-04-01"),
        path("1 2026-03-01"),
    )
    assert rows == [
        (5, 3, 1, 1, 75.0, 100.0),
        (3, 2, 1, 0, 66.7, 60.0),
        (2, 1, 0, 1, 100.0, 40.0),
        (1, 1, 0, 0, 100.0, 20.0),
    ]


@pytest.mark.parametrize(
    ("steps", "highest", "closed"),
    [
        (("1 2026-03-01", "lost 2026-04-01", "2 2026-05-01"), 2, False),
        (("1 2026-03-01", "won 2026-04-01", "2 2026-05-01"), 2, False),
        (("1 2026-03-01", "won 2026-04-01", "2 2026-05-01", "lost 2026-06-01"), 2, True),
        (("1 2026-03-01", "won 2026-04-01", "2 2026-05-01", "won 2026-06-01"), WON, True),
    ],
)
def test_what_a_reopened_deal_was_closed_as_no_longer_counts(
    steps: tuple[str, ...], highest: int, closed: bool
) -> None:
    assert passage(path(*steps), SINCE, UNTIL) == Passage(NOWHERE, highest, highest, closed)


def test_a_deal_that_came_closed_is_in_no_stage() -> None:
    assert passage(path("won 2026-03-01"), SINCE, UNTIL) is None
    assert passage(path("lost 2026-03-01"), SINCE, UNTIL) is None


def test_what_happened_since_counts_for_what_became_of_a_deal() -> None:
    deal = path("1 2025-03-01", "2 2026-04-01", "3 2027-05-01")
    assert counted(deal) == [
        (0, 0, 0, 0, None, None),
        (1, 1, 0, 0, 100.0, None),
        (0, 0, 0, 0, None, None),
        (0, 0, 0, 0, None, None),
    ]


def test_the_amounts_of_those_who_entered() -> None:
    found = [(Passage(0, 2, 2, False), 3, 700), (Passage(1, 2, 3, True), 1, 50)]
    assert [row.amount for row in funnel(PLACES, found)] == [700, 750, 0, 0]
    assert funnel((), found) == []
