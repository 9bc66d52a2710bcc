"""The rows that an import refused, in a file of their own, to be mended and imported again."""

import csv
import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from crmcli.errors import InvalidValue

COLUMNS: Final = ("line", "code", "reason")


class RejectsFile:
    """Original columns first, then line, code and reason; cells beyond the headings come last.

    The file appears under its name when all went well, whole or not at all; with no reject it holds only
    its headings. A name that is a device or a pipe is written to as it is.
    """

    def __init__(self, path: str | Path, headings: Sequence[str], delimiter: str = ",") -> None:
        self.path = Path(path)
        self.count = 0
        self._headings = list(headings)
        self._delimiter = delimiter
        self._stack = ExitStack()
        self._out: IO[str] | None = None
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        target = Path(os.path.realpath(self.path))
        try:
            if target.is_dir():
                raise InvalidValue(f"{self.path} is a folder; name a file for the rejects.", field="rejects")
            if target.exists() and not target.is_file():
                opened = target
                mode = "w"
            else:
                opened = self._temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
                mode = "x"
            self._out = self._stack.enter_context(
                opened.open(mode, encoding="utf-8", errors="backslashreplace", newline="")
            )
        except OSError as error:
            raise InvalidValue(f"Cannot write {self.path}: {error.strerror}.", field="rejects") from None
        self._write([*self._headings, *COLUMNS])
        return self

    def add(self, cells: Sequence[str], line: int, code: str, reason: str) -> None:
        """Write one row that was refused."""
        width = len(self._headings)
        missing = [""] * (width - len(cells))
        self._write([*cells[:width], *missing, str(line), code, reason, *cells[width:]])
        self.count += 1

    def _write(self, cells: Sequence[str]) -> None:
        assert self._out is not None, "only inside the with block"
        # A bare carriage return is a line end to every reader and must be quoted: the writer does not.
        quote_all = any("\r" in cell for cell in cells)
        csv.writer(
            self._out,
            delimiter=self._delimiter,
            lineterminator="\n",
            quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
        ).writerow(cells)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._out is not None:
                self._out.flush()
                if self._temporary is not None:
                    os.fsync(self._out.fileno())
            self._stack.close()
            if kind is None and self._temporary is not None:
                self._temporary.replace(os.path.realpath(self.path))
                self._temporary = None
        except OSError as problem:
            raise InvalidValue(f"Cannot write {self.path}: {problem.strerror}.", field="rejects") from None
        finally:
            self._stack.close()
            if self._temporary is not None:
                self._temporary.unlink(missing_ok=True)
