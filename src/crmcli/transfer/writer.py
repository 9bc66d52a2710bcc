"""Cells that a spreadsheet would take for a formula: made harmless, and taken back exactly.

The scheme: a cell that starts with a formula character, or with an apostrophe, gets one apostrophe in
front. Taking back removes one leading apostrophe. A guarded file says so itself: its first heading has an
apostrophe in front, so that a file of other origin ('t Hooft, 'Ndrangheta) is never touched.
"""

from collections.abc import Sequence
from typing import Final

GUARDED: Final = tuple("=+-@\t\r\n＝＋－＠")  # full-width ones too


def guard(cell: str) -> str:
    """The text as no spreadsheet runs it, nor takes a phone number for a sum."""
    return "'" + cell if cell.startswith(("'", *GUARDED)) else cell


def unguard(cell: str) -> str:
    """What `guard` was given."""
    return cell.removeprefix("'")


def mark(headings: Sequence[str]) -> list[str]:
    """The headings of a guarded file."""
    return ["'" + heading if index == 0 else heading for index, heading in enumerate(headings)]


def is_marked(headings: Sequence[str]) -> bool:
    """Whether a file says that it is guarded; one whose headings stand in apostrophes does not."""
    return bool(
        headings
        and headings[0].startswith("'")
        and not headings[0].endswith("'")
        and not any(heading.startswith("'") for heading in headings[1:])
    )
