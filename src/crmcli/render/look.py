"""What the renderer must know about where it writes."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TextIO

from crmcli.errors import InvalidValue, suggestion

if TYPE_CHECKING:
    from datetime import tzinfo

COLORS = ("auto", "always", "never")


class Look(NamedTuple):
    """Two streams, and what may be written to them."""

    out: TextIO
    err: TextIO
    terminal: bool = False  # stdout is a terminal
    width: int = 0  # in cells; 0 where nothing limits it
    color: bool = False  # escape codes are welcome on stdout
    zone: "tzinfo | None" = None  # None is UTC
    ascii: bool = False  # stdout cannot say box characters
    live: bool = False  # stderr is a terminal that can draw a line again


def look_of(
    out: TextIO,
    err: TextIO,
    environ: Mapping[str, str],
    color: str = "auto",
    zone: "tzinfo | None" = None,
) -> Look:
    """Look at the streams and the environment once, before anything is written.

    `--color always` is the only thing that puts escape codes into a pipe; it also outweighs NO_COLOR.
    """
    if color not in COLORS:
        hint = suggestion(color, COLORS) or f"One of {', '.join(COLORS)}."
        raise InvalidValue(f"{color!r} is not a way to color.", hint=hint, field="color")
    terminal = out.isatty()
    dumb = environ.get("TERM") == "dumb"
    welcome = terminal and not dumb and not environ.get("NO_COLOR")
    return Look(
        out,
        err,
        terminal=terminal,
        width=_width(out, terminal, environ),
        color=color == "always" or (color == "auto" and welcome),
        zone=zone,
        ascii=not speaks(out),
        live=err.isatty() and not dumb,
    )


def speaks(stream: TextIO) -> bool:
    """Whether the stream can say what this package draws with."""
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    if encoding in ("utf-8", "utf8"):
        return True
    try:
        "─█⏎…—".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _width(out: TextIO, terminal: bool, environ: Mapping[str, str]) -> int:
    """COLUMNS, else the terminal's width; no limit in a pipe."""
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if not terminal:
        return 0
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
