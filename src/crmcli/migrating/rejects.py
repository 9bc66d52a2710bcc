"""The rows of an export that cannot be brought in."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crmcli.migrating.export import Export
from crmcli.migrating.translated import Translated
from crmcli.store.bulk.staging import Reject
from crmcli.transfer.rejects import RejectsFile


class Rejects:
    """The rows that cannot be brought in: listed with their reasons, and each in a file of its object."""

    def __init__(self, export: Export, folder: str | None) -> None:
        self.count = 0
        self.reasons: Counter[tuple[str, str]] = Counter()
        self.folder = None if folder is None else Path(folder)
        self._files: dict[str, tuple[RejectsFile, list[str]]] = {}
        self._listing = export.folder / "rejects.jsonl"
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._out = self._stack.enter_context(self._listing.open("w+", encoding="utf-8"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, source: Translated, rejected: Iterator[Reject]) -> int:
        """Take rejected rows of an object, which come in the order of its rows; how many."""
        before = self.count
        rows, again = tee(rejected)
        for (_, line, code, about, reason), (part, cells, headings) in zip(
            again, source.original(row[0] for row in rows), strict=False
        ):
            self.count += 1
            self.reasons[code, about] += 1
            told = {"file": part.shown, "line": line, "code": code, "field": about or None, "reason": reason}
            self._out.write(json.dumps(told, ensure_ascii=False) + "\n")
            if self.folder is not None:
                file, all_headings = self._file_of(source)
                if all_headings != headings:
                    by_heading = dict(zip(headings, cells, strict=False))
                    surplus = cells[len(headings) :]
                    cells = [*(by_heading.get(heading, "") for heading in all_headings), *surplus]
                several = f" ({part.shown})" if len(source.parts) > 1 else ""
                file.add(cells, line, code, reason + several)
        return self.count - before

    def _file_of(self, source: Translated) -> tuple[RejectsFile, list[str]]:
        assert self.folder is not None
        name = source.object.name
        if name not in self._files:
            headings = list(dict.fromkeys(each for part in source.parts for each in part.source.headings))
            self.folder.mkdir(parents=True, exist_ok=True)
            file = RejectsFile(self.folder / f"{name}.csv", headings)
            self._files[name] = self._stack.enter_context(file), headings
        return self._files[name]

    def listed(self) -> Iterator[dict[str, Any]]:
        """Every rejected row: its file and line, code, field and reason."""
        self._out.seek(0)
        yield from map(json.loads, self._out)
