"""Adjustments: the manager's word, else the owner's, else the figure; parents hold what is shown of those below."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.rules.adjustments import Judged, Layers, category_named, checked_note, judged, layer_of
from crmcli.rules.quotas import Line


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (Layers(), (100, 100, 100)),
        (Layers(owner=80), (80, 100, 80)),
        (Layers(manager=120), (100, 120, 120)),
        (Layers(owner=80, manager=0), (80, 0, 0)),
    ],
)
def test_each_layer_can_be_looked_under(layers: Layers, expected: tuple[int, int, int]) -> None:
    one = Judged(100, layers)
    assert (one.without_manager, one.without_owner, one.shown) == expected
    assert one.raw == 100


def test_a_parent_is_what_is_shown_of_those_below_and_its_own() -> None:
    line = Line({1: None, 2: 1, 3: 1, 4: 3})
    own = {1: 5, 2: 10, 3: 0, 4: 20}
    found = judged(line, own, {4: Layers(owner=30), 2: Layers(owner=7, manager=8)})
    assert {person: one.shown for person, one in found.items()} == {1: 43, 2: 8, 3: 30, 4: 30}
    assert found[1].raw == 43
    assert judged(line, own, {1: Layers(manager=99)})[1] == Judged(35, Layers(manager=99))


@given(
    managers=st.lists(st.none() | st.integers(0, 9), min_size=1, max_size=10),
    own=st.lists(st.integers(0, 10**12), min_size=10, max_size=10),
)
def test_without_judgement_the_top_is_the_sum_of_everybodys_own(
    managers: list[int | None], own: list[int]
) -> None:
    people = {
        person: manager if manager is not None and manager < person else None
        for person, manager in enumerate(managers)
    }
    line = Line(people)
    found = judged(line, dict(enumerate(own[: len(people)])), {})
    assert sum(found[top].shown for top in line.tops) == sum(own[: len(people)])


def test_who_acts_decides_the_layer() -> None:
    line = Line({1: None, 2: 1, 3: 2, 4: 1})
    assert layer_of(line, 2, 2) == "owner"
    assert layer_of(line, 1, 3) == "manager"  # above the manager
    assert layer_of(line, None, 2) == "manager"
    assert layer_of(line, 4, 1) == "manager"  # nobody is above
    assert layer_of(line, 4, 2) is None
    assert layer_of(line, 3, 2) is None


def test_figures_and_notes_are_checked() -> None:
    assert [category_named(text) for text in ("Best Case", "best-case", "commit", "Pipeline")] == [
        *("best_case", "best_case", "commit", "open_pipeline")
    ]
    for wrong in ("closed", "comit", ""):
        with pytest.raises(InvalidValue):
            category_named(wrong)
    assert checked_note("  PO  on\nFriday ") == "PO on Friday"
    for note in (None, "  ", "x" * 256):
        with pytest.raises(InvalidValue):
            checked_note(note)
