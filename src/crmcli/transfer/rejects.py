"""The rows that an import refused, in a file of their own, to be mended and imported again."""

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from crmcli.errors import InvalidValue
from crmcli.transfer.whole_file import whole_file

COLUMNS: Final = ("line", "code", "reason")


class RejectsFile:
    """The cells as they stood, then line, code and reason: the reason is last, however many cells a row has.

    So the quotes that a row with too many cells lacks mend it. The file appears under its name when all went
    well, whole or not at all; with no reject it holds only its headings. Where a rejects file
    was read, its own line, code and reason give way to the new ones.
    """

    def __init__(self, path: str | Path, headings: Sequence[str], delimiter: str = ",") -> None:
        self.path = Path(path)
        self.count = 0
        again = tuple(headings[-len(COLUMNS) :]) == COLUMNS
        self._headings = list(headings[: -len(COLUMNS)] if again else headings)
        self._skipped = len(COLUMNS) if again else 0
        self._delimiter = delimiter
        self._stack = ExitStack()
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise InvalidValue(f"{self.path} is a folder; name a file for the rejects.", field="rejects")
        try:
            self._out = self._stack.enter_context(whole_file(self.path, errors="backslashreplace"))
        except OSError as error:
            raise InvalidValue(f"Cannot write {self.path}: {error.strerror}.", field="rejects") from None
        self._write([*self._headings, *COLUMNS])
        return self

    def add(self, cells: Sequence[str], line: int, code: str, reason: str) -> None:
        """Write one row that was refused."""
        width = len(self._headings)
        own = cells[: max(width, len(cells) - self._skipped)]
        missing = [""] * (width - len(own))
        self._write([*own, *missing, str(line), code, reason])
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
            self._stack.__exit__(kind, error, trace)
        except OSError as problem:
            if problem is error:
                raise
            raise InvalidValue(f"Cannot write {self.path}: {problem.strerror}.", field="rejects") from None


def is_rejects_file(path: Path) -> bool:
    """Whether a file has the headings of a rejects file, so that another may take its place."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.readline(65_536).rstrip("\r\n")
    return head == "" or any(
        tuple(head.rsplit(mark, len(COLUMNS))[-len(COLUMNS) :]) == COLUMNS for mark in ",;\t|"
    )
