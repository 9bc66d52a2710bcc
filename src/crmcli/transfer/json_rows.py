"""JSON and JSON Lines as rows: objects one after another, without holding more than one."""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, Final, NamedTuple, TextIO

from crmcli.errors import InvalidValue
from crmcli.transfer.encoding import Facts
from crmcli.transfer.rows import MAX_COLUMNS, MAX_FIELD, BadRow, Row, judged

CHUNK: Final = 1 << 18
NOT_GOOD: Final = "not good JSON"
MAX_OBJECT: Final = 16 << 20  # characters
TRAILING_COMMA: Final = "a comma stands before the closing bracket"
LONGEST_SIGN: Final = 16  # characters: -Infinity, or two escapes that are one character

_space = re.compile(r"[ \t\n\r]*")
_line_end = re.compile(r"[\r\n]\s*")


class _Number(str):
    """A number in the text it was written in; no digit is lost."""

    __slots__ = ()


class _Nested(str):
    """An object, or a list with more than plain values in it, as JSON: no text for a field."""

    __slots__ = ()


class _Unfit(Exception):
    """What can be parsed but not kept, or cannot be parsed."""


def _refuse(constant: str) -> None:
    raise _Unfit(f"{constant} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Unfit(f"the key {twice!r} stands twice in one object")
    return result


_decoder = json.JSONDecoder(
    parse_float=_Number, parse_int=_Number, parse_constant=_refuse, object_pairs_hook=_object
)


def is_lines(facts: Facts, *, named: bool) -> bool:
    """Whether a text that begins with an object is JSON Lines, of which one line may be bad and the next good.

    It is where its first line ends an object and the second does not go on with one. A name that says so is
    believed, unless the first line only opens an object that is written over many.
    """
    first, *more = _line_end.split(facts.head.strip(), 1)
    if not more and not facts.whole:
        return False
    ended = first.rstrip().endswith("}") and not (more and more[0].startswith((",", "}", "]")))
    return ended or (named and first.rstrip() != "{")


def _behind_space(text: str, at: int) -> int:
    match = _space.match(text, at)
    return match.end() if match else at


def _told(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """Where an error is, and what: what is missing belongs behind what stands before it."""
    what = error.msg.removesuffix(" at")
    before = error.pos
    while before and text[before - 1] in " \t\n\r":
        before -= 1
    # Python 3.13 finds this comma itself, earlier ones the bracket behind it.
    if what.startswith("Illegal trailing comma"):
        return error.pos, TRAILING_COMMA
    if text[before - 1 : before] == "," and text[error.pos : error.pos + 1] in ("}", "]"):
        return before, TRAILING_COMMA
    if what.startswith("Unterminated") or text[error.pos : error.pos + 1] == "\n":
        return error.pos, "a text is not closed in its line"
    if error.pos >= len(text):
        return before, "the object is not closed"
    return before if "delimiter" in what else error.pos, what[:1].lower() + what[1:]


class _Text:
    """A window that slides over the text; counts lines."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.buffer = stream.read(CHUNK)
        self.at = 0
        self.line = 1
        self.record = ""  # which of several in its line is being read, for a message

    def refill(self) -> bool:
        more = self.stream.read(max(CHUNK, len(self.buffer) - self.at))
        if more:
            self.buffer = self.buffer[self.at :] + more
            self.at = 0
        return bool(more)

    def move(self, to: int) -> None:
        self.line += self.buffer.count("\n", self.at, to)
        self.at = to

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            self.move(_behind_space(self.buffer, self.at))
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.refill():
                return ""

    def value(self) -> dict[str, Any]:
        """The object that starts here."""
        if self.peek() != "{":
            if self.peek() in '"[-0123456789':
                raise InvalidValue(
                    f"{self.name} is no list of records: line {self.line} has something else than an object."
                )
            raise self.error("expected an object, { … }")
        while True:
            try:
                value, end = _decoder.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos > len(self.buffer) - LONGEST_SIGN
                if cut and len(self.buffer) - self.at >= MAX_OBJECT:
                    raise self.error(f"the object does not end within {MAX_OBJECT:,} characters") from None
                if cut and self.refill():
                    continue
                place, what = _told(self.buffer, error)
                self.move(place)
                raise self.error(what) from None
            except RecursionError:
                raise self.error("the object is nested too deeply") from None
            except _Unfit as error:
                raise self.error(str(error)) from None
            self.move(end)
            assert isinstance(value, dict)
            return value

    def refuse_more(self) -> None:
        if self.peek():
            raise self.error("something follows the array")

    def error(self, what: str, line: int | None = None) -> InvalidValue:
        return InvalidValue(f"{self.name} is {NOT_GOOD} in line {line or self.line}{self.record}: {what}.")


def _in_lines(stream: TextIO) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Every object of JSON Lines; a line that is no good is one bad row, with its text as the only cell."""
    for line in count(1):
        text = rest = stream.readline(MAX_OBJECT)
        if not text:
            return
        while not rest.endswith("\n") and (rest := stream.readline(MAX_OBJECT)):
            pass
        try:
            found = _objects_of(text)
        except _Unfit as error:
            yield line, BadRow(line, "bad_json", f"{NOT_GOOD}: {error}", [text.strip()[:MAX_FIELD]])
        else:
            for value in found:
                yield line, value


def _objects_of(text: str) -> list[dict[str, Any]]:
    """The objects of one line, which usually are one. Raises _Unfit."""
    if len(text) == MAX_OBJECT:
        raise _Unfit(f"the line is longer than {MAX_OBJECT:,} characters")
    found = []
    at = _behind_space(text, 0)
    while at < len(text):
        if text[at] != "{":
            raise _Unfit("expected an object, { … }")
        try:
            value, end = _decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise _Unfit(_told(text, error)[1]) from None
        except RecursionError:
            raise _Unfit("the object is nested too deeply") from None
        found.append(value)
        at = _behind_space(text, end)
    return found


def objects(stream: TextIO, name: str, *, lines: bool) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    """Every object of an array, of a file, or of its lines, with the line it starts on.

    Only in JSON Lines can it be told what follows a bad one.
    """
    return _in_lines(stream) if lines else _in_window(_Text(stream, name))


def _in_window(text: _Text) -> Iterator[tuple[int, dict[str, Any]]]:
    array = text.peek() == "["
    if array:
        text.move(text.at + 1)
        if text.peek() == "]":
            text.move(text.at + 1)
            text.refuse_more()
            return
    before = last = 0  # the lines where what stands before ends, and where it starts
    for number in count(1):
        sign = text.peek()
        if array and sign == "]":
            raise text.error(TRAILING_COMMA, before)
        if not sign:
            if array:
                raise text.error("the array is not closed", before)
            return
        line = text.line
        text.record = f", record {number}" if line == last else ""
        last = line
        yield line, text.value()
        if not array:
            continue
        before = text.line
        sign = text.peek()
        if sign not in {",", "]"}:
            raise text.error("expected , or ] after an object" if sign else "the array is not closed", before)
        before = text.line
        text.move(text.at + 1)
        if sign == "]":
            text.refuse_more()
            return


class Survey(NamedTuple):
    """What one reading of the whole file told."""

    keys: list[str]  # of all objects, in the order they first appear
    records: int  # good and bad
    crowded: bool  # several records stand in one line


def survey(stream: TextIO, name: str, *, lines: bool) -> Survey:
    """Look at all objects. Raises InvalidValue where none can be read."""
    found: dict[str, None] = {}
    records = last = 0
    crowded = False
    bad: BadRow | None = None
    good = False
    for line, value in objects(stream, name, lines=lines):
        records += 1
        crowded = crowded or line == last
        last = line
        if isinstance(value, BadRow):
            bad = bad or value
            continue
        good = True
        found.update(dict.fromkeys(value))
        if len(found) > MAX_COLUMNS:
            raise InvalidValue(
                f"{name} has more than {MAX_COLUMNS:,} different keys by line {line}; no more can be read."
            )
    if bad and not good:
        what = bad.reason.removeprefix(f"{NOT_GOOD}: ")
        raise InvalidValue(f"{name} is {NOT_GOOD} in line {bad.line}: {what}.")
    return Survey(list(found), records, crowded)


def rows(
    stream: TextIO, name: str, columns: list[str], *, lines: bool, texts: Collection[int] | None
) -> Iterator[Row | BadRow]:
    """Every object as cells in the order of the columns.

    `texts` are the columns in which only plain values, and lists of them, will do; all, if None.
    """
    for line, value in objects(stream, name, lines=lines):
        if isinstance(value, BadRow):
            # Behind all columns, so that its text is seen among rejects and never taken for a cell.
            yield replace(value, cells=[""] * len(columns) + value.cells)
            continue
        try:
            cells = [_cell(value.get(key)) for key in columns]
        except RecursionError:
            yield BadRow(line, "nested", "the object is nested too deeply", [""] * len(columns))
            continue
        nested = _nested(cells, texts)
        if nested is None:
            yield judged(line, cells)
        else:
            what = "an object" if cells[nested].startswith("{") else "a list of more than plain values"
            yield BadRow(line, "nested", f"{columns[nested].strip()} holds {what}", cells)


def _nested(cells: list[str], texts: Collection[int] | None) -> int | None:
    """The first column that must hold a text and does not."""
    if _Nested not in map(type, cells):
        return None
    return next(
        (i for i, cell in enumerate(cells) if type(cell) is _Nested and (texts is None or i in texts)), None
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return "; ".join(_cell(item) for item in value if item is not None)
    return _Nested(_compact(value)) if isinstance(value, (dict, list)) else _compact(value)


def _compact(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(key)}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
