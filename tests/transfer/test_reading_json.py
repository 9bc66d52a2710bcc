"""Reading JSON and JSON Lines: keys as headings, values as text, one object at a time."""

import io
import json
import tracemalloc
from collections import deque
from pathlib import Path

import pytest

from crmcli.errors import InvalidValue
from crmcli.transfer.rows import BadRow, Row
from crmcli.transfer.source import Source, open_source


def read(text: str | bytes, path: str = "-") -> tuple[Source, list[Row | BadRow]]:
    data = text.encode() if isinstance(text, str) else text
    with open_source(path, io.BytesIO(data), encoding=None, delimiter=None) as source:
        return source, list(source.rows())


def test_an_array_gives_its_keys_as_headings_in_order_of_first_appearance() -> None:
    source, rows = read(
        '[\n {"name": "Ada", "city": null},\n\n {"name": "Zoë",\n "age": 7, "city": "Bern"}\n]\n'
    )
    assert source.format == "json"
    assert source.headings == ["name", "city", "age"]
    assert rows == [(2, ["Ada", "", ""]), (4, ["Zoë", "Bern", "7"])]


def test_one_object_is_one_row_and_an_object_a_line_are_json_lines(tmp_path: Path) -> None:
    source, rows = read('{"a": 1}')
    assert (source.format, rows) == ("json", [(1, ["1"])])
    source, rows = read('{"a": 1}\n{"a": 2}\r\n\r\n{"b": 3}')
    assert (source.format, source.headings) == ("jsonl", ["a", "b"])
    assert rows == [(1, ["1", ""]), (2, ["2", ""]), (4, ["", "3"])]
    path = tmp_path / "one.jsonl"
    path.write_text('{"a": 1}\n')
    assert read("", str(path))[0].format == "jsonl"


def test_values_become_text_and_no_digit_is_lost() -> None:
    _, rows = read(
        '[{"a": 1.10, "b": 12345678901234567890123, "c": true, "d": false, "e": null, "f": "x",'
        ' "g": [1.50, "ü", null], "h": {"k": [true]}, "i": -1E+3}]'
    )
    assert rows == [
        (
            1,
            [
                "1.10",
                "12345678901234567890123",
                "true",
                "false",
                "",
                "x",
                '[1.50,"ü",null]',
                '{"k":[true]}',
                "-1E+3",
            ],
        )
    ]


@pytest.mark.parametrize("text", ["[]", "[ ]\n", '{"a": 1}\n[]'])
def test_an_empty_array_has_no_rows_and_nothing_else_beside_objects_is_read(text: str) -> None:
    if text.startswith("{"):
        with pytest.raises(InvalidValue, match="line 2 has something else"):
            read(text)
    else:
        source, rows = read(text)
        assert (source.format, source.headings, rows) == ("json", [], [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n{"a": NaN}]', "line 2: NaN is not a number"),
        ('[{"a": 1},\n{"a": -Infinity}]', "line 2: -Infinity"),
        ('[{"a": 1},\n\n{"a": oops}]', "line 3: expecting value"),
        ('{"a":\n "b\n"}', "line 2: invalid control character"),
        ('[{"a": 1},\n]', "line 2: expected an object"),
        ('[{"a": 1}\n{"a": 2}]', "line 2: expected , or ]"),
        ('[{"a": 1}\n', "line 2: the array is not closed"),
        ('[{"a": 1}]\n x', "line 2: something follows"),
        ('[{"a": 1},\n3]', "line 2 has something else than an object"),
        ('{"a": 1, "a": 2}', "line 1: the key 'a' stands twice"),
        ('{"a": "never', "line 1: unterminated string"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "line 1: the object is nested too deeply"),
    ],
)
def test_bad_json_is_one_sentence_with_its_line(text: str, message: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read(text)
    assert message in caught.value.message


@pytest.mark.parametrize("depth", [50, 100, 300, 500, 900])
def test_nesting_that_can_be_read_can_be_written_or_is_one_sentence(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    try:
        _, rows = read(f'{{"a": {nested}}}')
    except InvalidValue:
        assert depth > 100
    else:
        assert rows == [(1, [nested])]


def test_a_file_named_json_must_be_json(tmp_path: Path) -> None:
    path = tmp_path / "leads.json"
    path.write_text("name,city\nAda,Bern\n")
    with pytest.raises(InvalidValue, match=r"leads\.json is not good JSON in line 1"):
        read("", str(path))


def test_cells_that_cannot_be_kept_are_problems_of_their_row_alone() -> None:
    _, rows = read(
        '[{"a": "\\u0000"},\n{"a": "\\ud83d"},\n{"a": "' + "x" * 1_100_000 + '"},\n{"a": "\\ud83d\\ude00"}]'
    )
    assert [(row.line, row.code) for row in rows if isinstance(row, BadRow)] == [
        (1, "nul"),
        (2, "bad_text"),
        (3, "field_too_long"),
    ]
    assert rows[-1] == (4, ["😀"])


def test_keys_twice_after_trimming_and_too_many_keys_are_refused() -> None:
    with pytest.raises(InvalidValue, match="the heading 'a' twice, in columns 1 and 2"):
        read('{"a": 1, " a": 2}')
    with pytest.raises(InvalidValue, match="more than 1,000 different keys"):
        read(json.dumps({str(number): 1 for number in range(1001)}))


def test_json_in_other_encodings_and_with_a_mark_is_read() -> None:
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert read('[{"a": "Zoë"}]'.encode(encoding))[1] == [(1, ["Zoë"])]


@pytest.mark.parametrize("lines", [True, False])
def test_objects_are_read_one_at_a_time(tmp_path: Path, lines: bool) -> None:
    path = tmp_path / "many.json"
    with path.open("w") as out:
        out.write("" if lines else "[\n")
        for number in range(200_000):
            comma = "" if lines or number == 199_999 else ","
            out.write(f'{{"id": {number}, "name": "Name {number}"}}{comma}\n')
        out.write("" if lines else "]\n")
    tracemalloc.start()
    with open_source(str(path), io.BytesIO(), encoding=None, delimiter=None) as source:
        ((count, last),) = deque(enumerate(source.rows(), 1), maxlen=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert last == (200_000 if lines else 200_001, ["199999", "Name 199999"])
    assert peak < 8 << 20


def test_an_object_larger_than_the_window_is_read() -> None:
    note = "line of a long note " * 45_000
    _, rows = read(json.dumps([{"n": 1, "note": note}, {"n": 2, "note": note}]))
    assert [row[1][1] == note for row in rows if isinstance(row, tuple)] == [True, True]
