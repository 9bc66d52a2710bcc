"""From a path to bytes that can be read twice, and from bytes to the encoding they are in."""

import codecs
import io
import os
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from crmcli.errors import InvalidValue, suggestion
from crmcli.transfer.rows import readable

CHUNK: Final = 1 << 20
HEAD: Final = 1 << 18  # characters that delimiter and headings are found in

BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

NO_TABLES: Final = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file, or a spreadsheet with a password"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture, a sound or a film"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "a document (RTF)"),
    (b"PAR1", "a Parquet file"),
    (b"BZh", "packed with bzip2"),
    (b"\xfd7zXZ", "packed with xz"),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard"),
    (b"7z\xbc\xaf", "packed with 7-Zip"),
    (b"Rar!", "packed with RAR"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<table", "a web page"),
    (b"<head", "a web page"),
    (b"<meta", "a web page"),
    (b"<?xml", "an XML file"),
    (b"begin:vcalendar", "a calendar"),
)
# Bytes that stand alone in Western text; in other scripts they come in pairs or words. Marks of cp1252 that
# stand beside letters (quotes, dashes, ellipsis, euro, trade mark, no-break space) are not counted.
_high_runs = re.compile(rb"[\x80-\xff]+")
_marks = bytes((0x80, 0x85, *range(0x91, 0x98), 0x99, 0xA0, 0xAB, 0xBB))
_foreign = re.compile(rb"[\x82\x83\x86-\x89\x8b\x98\x9b]")  # ‚ƒ†‡ˆ‰‹˜›: rare in cp1252, usual in Shift-JIS
FEW_BYTES: Final = 4  # too few to tell a script by
OTHERS: Final = "gb18030, big5, shift_jis, euc_kr, cp1251"


@dataclass(frozen=True, slots=True)
class Facts:
    """What one look at the whole file told."""

    encoding: str
    head: str  # the first characters
    marked: bool  # a byte-order mark stands before the head that the codec does not take away
    whole: bool  # the head is all there is
    nul: bool  # there is a NUL character somewhere
    giant: bool  # there may be a line of more than CHUNK


class Bytes:
    """The bytes of a file, a stream or a gzip file; can be rewound."""

    def __init__(self, path: str, stdin: BinaryIO) -> None:
        self.name = "stdin" if path == "-" else Path(path).name or path
        self._stack = ExitStack()
        with self._stack, readable(self.name):
            self._file = self._open(path, stdin)
            self.size = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)
            self.content = self._unpacked()
            self._stack = self._stack.pop_all()

    def _unpacked(self) -> BinaryIO:
        magic = self._file.read(2)
        self._file.seek(0)
        if magic != b"\x1f\x8b":
            return self._file
        import gzip

        return cast(BinaryIO, self._stack.enter_context(gzip.GzipFile(fileobj=self._file)))

    def read_apart(self) -> None:
        """Read on without moving the position that a copied process shares with its original."""
        self._file = io.BufferedReader(_Apart(self._file.fileno()), CHUNK)
        self.content = self._unpacked()

    def _open(self, path: str, stdin: BinaryIO) -> BinaryIO:
        if path == "-":
            return self._spool(stdin)
        if Path(path).is_dir():
            raise InvalidValue(f"{path} is a folder; name a file.")
        file = self._stack.enter_context(Path(path).open("rb"))  # noqa: SIM115  closed by the stack
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return file
        with file:
            return self._spool(file)

    def _spool(self, stream: BinaryIO) -> BinaryIO:
        """A copy of a stream that can be read twice, in a file that nobody else can open."""
        import tempfile
        from shutil import copyfileobj

        spool: BinaryIO = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  closed by the stack
        copyfileobj(stream, spool, CHUNK)
        return spool

    def position(self) -> int:
        """Bytes of the file consumed so far, compressed as they are."""
        return self._file.tell()

    def close(self) -> None:
        self._stack.close()


class _Apart(io.RawIOBase):
    """An open file that is read without moving its own position."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: os.fstat(self._descriptor).st_size}
        self._at = start[whence] + offset
        return self._at


def is_workbook(content: BinaryIO) -> bool:
    """Whether the bytes are a ZIP file with a workbook in it."""
    content.seek(0)
    if content.read(4) != b"PK\x03\x04":
        return False
    import zipfile

    try:
        return "xl/workbook.xml" in zipfile.ZipFile(content).namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        return False


def look(source: Bytes, asked: str | None) -> Facts:
    """Find the encoding by reading the file once: its mark, else UTF-8, else cp1252."""
    with readable(source.name):
        source.content.seek(0)
        start = source.content.read(8192)
        marked = next((encoding for bom, encoding in BOMS if start.startswith(bom)), None)
        refuse_what_is_no_table(start, source.name, text=asked is not None or marked is not None)
        if asked is not None:
            encoding = known_encoding(asked)
            if encoding == "utf-8" and marked == "utf-8-sig":
                encoding = marked
        else:
            encoding = marked or "utf-8"
        try:
            return _scan(source, encoding)
        except UnicodeError as error:
            if asked is None and marked is None:
                return _scan_cp1252(source)
            raise _undecodable(source, encoding, error) from None


def known_encoding(word: str) -> str:
    """The codec's own name for an encoding that was typed."""
    try:
        codec = codecs.lookup(word)
    except (LookupError, ValueError):
        codec = None
    if codec is None or not codec._is_text_encoding:
        from encodings.aliases import aliases

        raise InvalidValue(
            f"Unknown encoding {word!r}.",
            hint=suggestion(word, sorted({*aliases, *aliases.values()})) or "Try utf-8, cp1252 or utf-16.",
            field="encoding",
        )
    return codec.name


def refuse_what_is_no_table(start: bytes, name: str, *, text: bool) -> None:
    """Refuse a file whose first bytes say that it is something else."""
    plain = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    for magic, what in NO_TABLES:
        if start.startswith(magic) or plain.startswith(magic):
            if b"opendocument" in start[:100]:
                what = "an OpenDocument file"
            raise InvalidValue(f"{name} is {what}, not a table.", hint="Save it as CSV or XLSX first.")
    first = start.lstrip(b"\r\n").partition(b"\n")[0]
    if not text and (b"\0" in first or start.count(0) > len(start) // 20):
        raise InvalidValue(
            f"{name} holds binary data, not a table.",
            hint="If it is UTF-16 text without a byte-order mark, say --encoding utf-16-le.",
        )


def _scan(source: Bytes, encoding: str) -> Facts:
    source.content.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    head: list[str] = []
    length = consumed = run = 0
    nul = giant = False
    more = True
    while more:
        chunk = source.content.read(CHUNK)
        more = bool(chunk)
        consumed += len(chunk)
        try:
            text = decoder.decode(chunk, final=not more)
        except UnicodeDecodeError as error:
            error.start += consumed - len(error.object)  # where it is in the file
            raise
        nul = nul or "\0" in text
        run = 0 if "\n" in text or "\r" in text else run + len(text)
        giant = giant or run >= CHUNK // 2
        if length <= HEAD:
            head.append(text[: HEAD + 1])
        length += len(text)
    start = "".join(head)[:HEAD]
    return Facts(encoding, start.removeprefix("\ufeff"), start[:1] == "\ufeff", length <= HEAD, nul, giant)


def _scan_cp1252(source: Bytes) -> Facts:
    try:
        facts = _scan(source, "cp1252")
    except UnicodeError as error:
        raise InvalidValue(
            f"{source.name} is neither UTF-8 nor cp1252{_where(source, 'cp1252', error)}.",
            hint=f"Say what it is: --encoding {OTHERS.replace(', ', '|')}",
            field="encoding",
        ) from None
    if not _is_western(source):
        raise InvalidValue(
            f"{source.name} is not UTF-8, and read as cp1252 it is no Western text.",
            hint=f"Say what it is: --encoding {OTHERS.replace(', ', '|')}, or cp1252 if it is that after all.",
            field="encoding",
        )
    return facts


def _is_western(source: Bytes) -> bool:
    """Whether the bytes above ASCII stand among letters as accents do, not in pairs and words of their own."""
    total = paired = foreign = 0
    source.content.seek(0)
    while chunk := source.content.read(CHUNK):
        for run in _high_runs.findall(chunk):
            letters = run.translate(None, _marks)
            total += len(letters)
            paired += len(letters) if len(letters) > 1 else 0
            foreign += len(_foreign.findall(letters))
    return total < FEW_BYTES or (paired * 2 <= total and foreign * 4 <= total)


def _undecodable(source: Bytes, encoding: str, error: UnicodeError) -> InvalidValue:
    return InvalidValue(
        f"{source.name} cannot be read as {encoding}{_where(source, encoding, error)}.", field="encoding"
    )


def _where(source: Bytes, encoding: str, error: UnicodeError) -> str:
    """The line of a byte that cannot be decoded, for a message."""
    if not isinstance(error, UnicodeDecodeError):
        return ""
    source.content.seek(0)
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
    line, left = 1, error.start
    while left > 0 and (chunk := source.content.read(min(CHUNK, left))):
        left -= len(chunk)
        line += decoder.decode(chunk, final=left == 0).count("\n")
    return f": line {line} holds bytes that are no character in it"
