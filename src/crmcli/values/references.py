"""Typed references: O45 is the opportunity 45."""

from crmcli.values._text import plain


def split_reference(text: str) -> tuple[str, int] | None:
    """The letters, in capitals, and the number of a reference; None where the text is not one.

    Whether the letters are those of a noun is for the caller to know: a company may be called Studio54.
    """
    typed = plain(text)
    letters = typed.rstrip("0123456789")
    digits = typed[len(letters) :]
    if not letters.isascii() or not letters.isalpha() or not 1 <= len(digits) <= 18:
        return None
    return letters.upper(), int(digits)
