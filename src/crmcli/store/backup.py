"""Copies of a SQLite database, made while it is in use."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from crmcli.errors import DatabaseError
from crmcli.store.engine import BUSY_SECONDS, make_file

FOLDER: Final = "backups"


def back_up(path: Path) -> Path:
    """Copy a database beside itself, checked and complete, and return the copy. Raises DatabaseError."""
    folder = path.parent / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S")
    final = folder / f"{path.stem}-{stamp}-{time.time_ns() % 1_000_000_000:09d}.db"
    partial = final.with_suffix(".partial")
    make_file(partial)
    deadline = time.monotonic() + BUSY_SECONDS

    def give_up(status: int, _remaining: int, _total: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise DatabaseError(f"{path} is locked; no backup could be made.")

    try:
        source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        copy = sqlite3.connect(partial)
        try:
            source.backup(copy, pages=-1, progress=give_up)
            if copy.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                raise DatabaseError(f"{path} is damaged; the backup of it was not kept.")
        finally:
            source.close()
            copy.close()
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.rename(final)
    finally:
        partial.unlink(missing_ok=True)
    return final
