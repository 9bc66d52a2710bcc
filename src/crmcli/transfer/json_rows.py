"""JSON and JSON Lines as rows: objects one after another, without holding more than one."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, TextIO

from crmcli.errors import InvalidValue
from crmcli.transfer.rows import MAX_COLUMNS, BadRow, Row, judged

CHUNK: Final = 1 << 18
MAX_OBJECT: Final = 16 << 20  # characters

_space = re.compile(r"[ \t\n\r]*")


class _Number(str):
    """A number in the text it was written in; no digit is lost."""

    __slots__ = ()


class _Unfit(Exception):
    """JSON that can be parsed but not kept."""


def _refuse(constant: str) -> None:
    raise _Unfit(f"{constant} is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Unfit(f"the key {twice!r} stands twice in one object")
    return result


class _Text:
    """A window that slides over the text; counts lines."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.buffer = stream.read(CHUNK)
        self.at = 0
        self.line = 1
        self.decoder = json.JSONDecoder(
            parse_float=_Number, parse_int=_Number, parse_constant=_refuse, object_pairs_hook=_object
        )

    def refill(self) -> bool:
        more = self.stream.read(max(CHUNK, len(self.buffer) - self.at))
        self.buffer = self.buffer[self.at :] + more
        self.at = 0
        return bool(more)

    def move(self, to: int) -> None:
        self.line += self.buffer.count("\n", self.at, to)
        self.at = to

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            match = _space.match(self.buffer, self.at)
            self.move(match.end() if match else self.at)
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
                value, end = self.decoder.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                if len(self.buffer) - self.at < MAX_OBJECT and self.refill():
                    continue
                if len(self.buffer) - self.at >= MAX_OBJECT:
                    raise self.error(f"the object does not end within {MAX_OBJECT:,} characters") from None
                self.move(error.pos)
                raise self.error(error.msg[:1].lower() + error.msg[1:]) from None
            except RecursionError:
                raise self.error("the object is nested too deeply") from None
            except _Unfit as error:
                raise self.error(str(error)) from None
            self.move(end)
            assert isinstance(value, dict)
            return value

    def error(self, what: str) -> InvalidValue:
        return InvalidValue(f"{self.name} is not good JSON in line {self.line}: {what}.")


def objects(stream: TextIO, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every object of an array, or of the file, with the line it starts on."""
    text = _Text(stream, name)
    array = text.peek() == "["
    if array:
        text.move(text.at + 1)
        if text.peek() == "]":
            text.move(text.at + 1)
            yield from _nothing_more(text)
            return
    while array or text.peek():
        text.peek()
        line = text.line
        value = text.value()
        yield line, value
        if not array:
            continue
        after = text.peek()
        if after not in {",", "]"}:
            raise text.error("expected , or ] after an object" if after else "the array is not closed")
        text.move(text.at + 1)
        if after == "]":
            yield from _nothing_more(text)
            return


def _nothing_more(text: _Text) -> Iterator[tuple[int, dict[str, Any]]]:
    if text.peek():
        raise text.error("something follows the array")
    return iter(())


def keys(stream: TextIO, name: str) -> tuple[list[str], int]:
    """The keys of all objects in the order they first appear, and how many objects there are."""
    found: dict[str, None] = {}
    count = 0
    for line, value in objects(stream, name):
        found.update(dict.fromkeys(value))
        if len(found) > MAX_COLUMNS:
            raise InvalidValue(
                f"{name} has more than {MAX_COLUMNS:,} different keys by line {line}; no more can be read."
            )
        count += 1
    return list(found), count


def rows(stream: TextIO, name: str, columns: list[str]) -> Iterator[Row | BadRow]:
    """Every object as cells in the order of the columns."""
    for line, value in objects(stream, name):
        try:
            cells = [_cell(value.get(key)) for key in columns]
        except RecursionError:
            raise InvalidValue(f"{name} is nested too deeply in line {line}.") from None
        yield judged(line, cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    return _compact(value)


def _compact(value: Any) -> str:
    """JSON without spaces, numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(key)}:{_compact(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
