"""Lines to a stream in few large writes and constant memory."""

from collections.abc import Iterable
from typing import TextIO

_CHUNK = 64 * 1024


def pour(lines: Iterable[str], out: TextIO) -> None:
    """Write the lines, each with its line end, about 64 KiB at a time."""
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _CHUNK:
            out.write("".join(held))
            held.clear()
            size = 0
    if held:
        out.write("".join(held))
