"""The files of an export: tables in folders and ZIP files, none of which is trusted."""

import re
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self
from zlib import error as ZlibError

from crmcli.errors import InvalidValue
from crmcli.transfer.source import Source, open_source

CHUNK: Final = 1 << 20
MOST_BYTES: Final = 64 << 30  # inflated, of a whole export
MOST_RATIO: Final = 200  # inflated bytes for one packed byte; tables reach a tenth of it …
SPARED: Final = 16 << 20  # … but small ones, all of whose rows are the same
TABLES: Final = (".csv", ".csv.gz", ".xlsx")


class Part:
    """One table: a file, or a member of a ZIP file, which is inflated when it is first read."""

    def __init__(self, export: "Export", name: str, shown: str, size: int, path: Path | None = None) -> None:
        self.export = export
        self.name = name  # of the file alone: Account.csv
        self.shown = shown  # as messages have it: export_1.zip/Account.csv
        self.size = size
        self.path = path
        self.packed: tuple[zipfile.ZipFile, zipfile.ZipInfo] | None = None

    def open(self, encoding: str | None) -> Source:
        """The table, to be read as often as needed. Raises InvalidValue."""
        if self.path is None:
            self.path = self.export.inflated(self)
        source = open_source(str(self.path), self.export.stdin, encoding=encoding, delimiter=None)
        source.name = self.shown
        return source

    def forget(self) -> None:
        """Give back the room that the inflated member takes."""
        if self.packed is not None and self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


class Export:
    """All tables under the paths that were named; a context manager."""

    def __init__(self, paths: Sequence[str], stdin: BinaryIO) -> None:
        self.stdin = stdin
        self.parts: list[Part] = []
        self.others = 0  # files that are no tables
        self._inflated = 0
        self._stack = ExitStack()
        with self._stack:
            self.folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="crmcli-")))
            for path in paths:
                self._add(Path(path), path)
            self._stack = self._stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def size(self) -> int:
        """The bytes of all tables; of packed ones as they say themselves."""
        return sum(part.size for part in self.parts)

    def _add(self, path: Path, typed: str) -> None:
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            for file in files:
                self._add_file(file, str(file.relative_to(path)))
        elif path.is_file():
            self._add_file(path, path.name, named=True)
        else:
            raise InvalidValue(f"There is no file or folder {typed}.", field="export")

    def _add_file(self, path: Path, shown: str, *, named: bool = False) -> None:
        table = path.name.lower().endswith(TABLES)
        if path.suffix.lower() == ".zip" or (named and not table and zipfile.is_zipfile(path)):
            self._add_members(path, shown)
        elif named or table:
            self.parts.append(Part(self, path.name, shown, path.stat().st_size, path))
        else:
            self.others += 1

    def _add_members(self, path: Path, shown: str) -> None:
        with whole(shown):
            packed = self._stack.enter_context(zipfile.ZipFile(path))
        for member in packed.infolist():
            name = re.split(r"[/\\]", member.filename)[-1]
            if member.is_dir() or not name:
                continue
            if not name.lower().endswith(TABLES):
                self.others += 1
                continue
            part = Part(self, name, f"{shown}/{name}", member.file_size)
            part.packed = packed, member
            self.parts.append(part)

    def inflated(self, part: Part) -> Path:
        """A member of a ZIP file as a file of its own, in a place that its name has no say in."""
        assert part.packed is not None
        packed, member = part.packed
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        path = folder / (re.sub(r"[^A-Za-z0-9_.-]", "_", part.name)[-100:].lstrip(".") or "table.csv")
        assert packed.filename is not None
        room = min(member.compress_size, Path(packed.filename).stat().st_size)  # a header may say anything
        most = max(SPARED, room * MOST_RATIO)
        count = 0
        with whole(part.shown), packed.open(member) as stream, path.open("wb") as out:
            while chunk := stream.read(CHUNK):
                count += len(chunk)
                self._inflated += len(chunk)
                if count > most or self._inflated > MOST_BYTES:
                    raise InvalidValue(
                        f"{part.shown} is refused: it grows without measure when it is unpacked"
                        f" ({count >> 20:,} MiB of {max(room >> 10, 1):,} KiB so far).",
                        hint="If it is a true export, unpack it yourself and name the folder.",
                        field="export",
                    )
                out.write(chunk)
        return path


@contextmanager
def whole(shown: str) -> Iterator[None]:
    """Turn whatever can be wrong with a ZIP file into one sentence."""
    try:
        yield
    except (zipfile.BadZipFile, EOFError, ZlibError):
        raise InvalidValue(f"{shown} is damaged, or no ZIP file.", field="export") from None
    except (RuntimeError, NotImplementedError) as error:
        raise InvalidValue(
            f"{shown} cannot be unpacked: {str(error).rstrip('.')}.",
            hint="Unpack it yourself and name the folder.",
            field="export",
        ) from None
    except OSError as error:
        raise InvalidValue(
            f"{shown} cannot be unpacked: {error.strerror or error}.", field="export"
        ) from None
