"""Typed text before it is read: widths, dashes and spaces made plain, and how it is shown in an error."""

from typing import Final

# Full-width forms, the dashes and quotes that keyboards and spreadsheets put in, and invisible marks that
# come along when a cell is copied. Not NFKC: that would read the exponent of 5² as a digit.
_PLAIN: Final[dict[int, int | None]] = {
    **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)},
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2212), ord("-")),
    **dict.fromkeys((0x2018, 0x2019), ord("'")),
    **dict.fromkeys((0x201C, 0x201D), ord('"')),
    **dict.fromkeys((0x200B, 0x200E, 0x200F, 0xFEFF), None),
    0xFFE1: ord("£"),
    0xFFE5: ord("¥"),
    0xFFE6: ord("₩"),
}


def plain(text: str) -> str:
    """The text with full-width characters, dashes and quotes made plain and every run of spaces one space."""
    if not text.isascii():
        text = text.translate(_PLAIN)
    return " ".join(text.split())


def shown(text: str, longest: int = 60) -> str:
    """The text in quotes as an error repeats it: on one line, and not endless."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")
