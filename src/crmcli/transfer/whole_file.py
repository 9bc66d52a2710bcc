"""Files that appear under their name whole or not at all, readable by their owner alone."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def whole_file(path: Path, errors: str = "strict") -> Iterator[TextIO]:
    """Open a text file to be written; it takes its name when all went well.

    A pipe or a device is written to as it is; a link stays a link. Raises OSError, naming the path.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("w", encoding="utf-8", errors=errors, newline="") as out:
            yield out
        return
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        number = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with open(number, "w", encoding="utf-8", errors=errors, newline="") as out:  # noqa: PTH123 - a descriptor
            yield out
            out.flush()
            os.fsync(number)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
