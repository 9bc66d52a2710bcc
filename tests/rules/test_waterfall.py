"""Each deal in one bucket, with what it adds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.rules.waterfall import LOST, MOVEMENTS, OPEN, WON, Ends, bucket_of

SIDE = st.none() | st.integers(0, 5)
STATE = st.sampled_from([None, OPEN, LOST, WON])


@pytest.mark.parametrize(
    ("deal", "bucket", "movement"),
    [
        (Ends(None, 10, None, OPEN), "new", 10),
        (Ends(None, 10, OPEN, OPEN), "moved_in", 10),
        (Ends(None, 10, LOST, OPEN), "reopened", 10),
        (Ends(None, 10, WON, OPEN), "reopened", 10),
        (Ends(10, 15, OPEN, OPEN), "increased", 5),
        (Ends(10, 7, OPEN, OPEN), "decreased", -3),
        (Ends(10, 10, OPEN, OPEN), None, 0),
        (Ends(10, 15, OPEN, OPEN, True), "reopened", 5),
        (Ends(10, None, OPEN, OPEN), "moved_out", -10),
        (Ends(10, None, OPEN, WON), "won", -10),
        (Ends(10, None, OPEN, LOST), "lost", -10),
        (Ends(10, None, OPEN, None), "deleted", -10),
        (Ends(None, None, None, WON), None, 0),
    ],
)
def test_how_a_deal_came_or_left_counts_more_than_its_amount(
    deal: Ends, bucket: str | None, movement: int
) -> None:
    assert (bucket_of(deal), deal.movement) == (bucket, movement)


@given(before=SIDE, after=SIDE, was=STATE, is_now=STATE, closed=st.booleans())
def test_a_deal_that_moves_has_a_bucket(
    before: int | None, after: int | None, was: int | None, is_now: int | None, closed: bool
) -> None:
    deal = Ends(before, after, was, is_now, closed)
    assert bucket_of(deal) in (*MOVEMENTS, None)
    assert bucket_of(deal) or deal.movement == 0
