"""The funnel: a skip, a re-entry, a loss, and a deal that is won from the first stage."""

from crmcli.rules.funnel import NOWHERE, WON, Passage, funnel

PLACES = (1, 2, 3, 4)


def counted(*ways: Passage) -> list[tuple[object, ...]]:
    """Entered, advanced, lost, pending, conversion and share of the first, place by place."""
    return [row[:6] for row in funnel(PLACES, [(each, 1, 100) for each in ways])]


def came(highest: int, *, closed: bool = False) -> Passage:
    """A deal that came this far within the period."""
    return Passage(NOWHERE, highest, highest, closed)


def test_what_is_skipped_is_passed() -> None:
    assert counted(came(3)) == [
        (1, 1, 0, 0, 100.0, 100.0),
        (1, 1, 0, 0, 100.0, 100.0),
        (1, 0, 0, 1, None, 100.0),
        (0, 0, 0, 0, None, 0.0),
    ]


def test_a_loss_is_an_exit_from_the_highest_stage() -> None:
    lost = came(3, closed=True)
    assert [row[:4] for row in counted(lost)] == [(1, 1, 0, 0), (1, 1, 0, 0), (1, 0, 1, 0), (0, 0, 0, 0)]


def test_a_win_jumps_all_stages() -> None:
    assert [row[:5] for row in counted(came(WON, closed=True))] == [(1, 1, 0, 0, 100.0)] * 4


def test_together() -> None:
    lost_early, lost_late = came(1, closed=True), came(2, closed=True)
    assert counted(came(3), lost_late, lost_early, came(WON, closed=True), came(1)) == [
        (5, 3, 1, 1, 75.0, 100.0),
        (3, 2, 1, 0, 66.7, 60.0),
        (2, 1, 0, 1, 100.0, 40.0),
        (1, 1, 0, 0, 100.0, 20.0),
    ]


def test_an_entry_counts_in_its_own_period_and_what_happened_since_for_what_became_of_it() -> None:
    assert counted(Passage(1, 2, 3, False)) == [
        (0, 0, 0, 0, None, None),
        (1, 1, 0, 0, 100.0, None),
        (0, 0, 0, 0, None, None),
        (0, 0, 0, 0, None, None),
    ]


def test_the_amounts_of_those_who_entered() -> None:
    found = [(Passage(0, 2, 2, False), 3, 700), (Passage(1, 2, 3, True), 1, 50)]
    assert [row.amount for row in funnel(PLACES, found)] == [700, 750, 0, 0]
    assert funnel((), found) == []
