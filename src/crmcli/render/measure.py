"""How many terminal cells a text takes, and how to cut it to fewer.

ASCII, Latin, Greek, Cyrillic, kana, Hangul and common ideographs are measured here, at no import. Anything
else (emoji, combining marks, other scripts) goes to Rich's own tables: 2 ms once, and the same ruler as
the one that draws tables on a terminal.
"""

from typing import Final

_NARROW: Final = ((0x00A0, 0x02FF), (0x0370, 0x0482), (0x2010, 0x2027), (0x20A0, 0x20BF), (0x2500, 0x25AF))
_WIDE: Final = ((0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x3041, 0x3096), (0x30A0, 0x30FF), (0xFF01, 0xFF60))
_MORE_WIDE: Final = range(0x3000, 0x302A)
_FLAG_LETTERS: Final = range(0x1F1E6, 0x1F200)


def cells(text: str) -> int:
    """The width of clean text in terminal cells."""
    if text.isascii():
        return len(text)
    width = 0
    for character in text:
        known = _known(ord(character))
        if not known:
            from rich.cells import cell_len

            return cell_len(text)
        width += known
    return width


def shorten(text: str, width: int, mark: str = "…") -> str:
    """The text, or its beginning and the mark, in at most `width` cells; no character is cut in half."""
    if cells(text) <= width:
        return text
    room = max(width - len(mark), 0)
    if text.isascii():
        return text[:room].rstrip() + mark
    from rich.cells import set_cell_size

    kept = set_cell_size(text, room).rstrip()
    flags = 0
    while flags < len(kept) and ord(kept[-1 - flags]) in _FLAG_LETTERS:
        flags += 1
    return (kept[:-1] if flags % 2 else kept) + mark


def wrap(text: str, width: int) -> list[str]:
    """The text on lines of at most `width` cells, broken at spaces, or inside a word that is wider."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and cells(lines[-1]) + 1 + cells(word) <= width:
            lines[-1] += " " + word
            continue
        if lines[-1]:
            lines.append("")
        while cells(word) > width:
            piece = shorten(word, width, "")
            piece = piece if piece and word.startswith(piece) else word[:1]
            lines[-1:] = [piece, ""]
            word = word[len(piece) :]
        lines[-1] = word
    return lines if lines[-1] or len(lines) == 1 else lines[:-1]


def pad(text: str, width: int, right: bool = False) -> str:
    """The text filled with spaces to `width` cells; `right` puts it at the right edge."""
    blank = " " * (width - cells(text))
    return blank + text if right else text + blank


def _known(code: int) -> int:
    """1 or 2 cells where that is plain to see, 0 where the tables must be asked."""
    if code < 0x80:
        return 1
    if any(low <= code <= high for low, high in _NARROW):
        return 1
    if any(low <= code <= high for low, high in _WIDE) or code in _MORE_WIDE:
        return 2
    return 0
