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
        ' "g": [1.50, "ü", null, true], "h": [], "i": -1E+3}]'
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
                "1.50; ü; true",
                "",
                "-1E+3",
            ],
        )
    ]


@pytest.mark.parametrize("text", ["[]", "[ ]\n"])
def test_an_empty_array_has_no_rows_and_says_so(text: str) -> None:
    source, rows = read(text)
    assert (source.format, source.headings, rows) == ("json", [], [])
    assert source.is_empty
    assert not read("[{}]")[0].is_empty


def test_json_lines_of_nothing_are_empty_and_other_files_of_nothing_are_blank(tmp_path: Path) -> None:
    for name in ("x.jsonl", "x.ndjson", "x.json", "x.csv"):
        for text in ("", "\n \n"):
            (tmp_path / name).write_text(text)
            source, rows = read("", str(tmp_path / name))
            lines = name.endswith(("jsonl", "ndjson"))
            assert (source.is_empty, source.is_blank, rows) == (lines, not lines, [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": "B",}', "a comma stands before the closing bracket"),
        ('{"a": [1,]}', "a comma stands before the closing bracket"),
        ('{"a": "B"', "the object is not closed"),
        ('{"a":', "the object is not closed"),
        ('{"a": "B', "a text is not closed in its line"),
        ('{"a": NaN}', "NaN is not a number"),
        ('{"a": 1, "a": 2}', "the key 'a' stands twice in one object"),
        ('{"a": 1},', "expected an object, { … }"),
        ('{"a": 1} {"a": oops}', "expecting value"),
        ("oops", "expected an object, { … }"),
        ("[]", "expected an object, { … }"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "the object is nested too deeply"),
    ],
)
def test_a_bad_line_of_json_lines_is_one_bad_row_and_the_next_are_read(
    tmp_path: Path, line: str, reason: str
) -> None:
    path = tmp_path / "x.jsonl"
    for before in ('{"a": "A"}\n\n', "\n\n") if line.startswith("{") else ('{"a": "A"}\n\n',):
        path.write_text(f'{before}{line}\r\n{{"b": "C"}}\n{line}')
        source, rows = read("", str(path))
        assert source.format == "jsonl"
        blank = [""] * len(source.headings)
        bad = [BadRow(number, "bad_json", f"not good JSON: {reason}", [*blank, line]) for number in (3, 5)]
        assert rows[-3:] == [bad[0], (4, [*blank[1:], "C"]), bad[1]]
        assert len(rows) == (4 if before.strip() else 3)


def test_json_lines_are_known_by_their_first_lines_without_a_name() -> None:
    _, rows = read('{"a": "A"}\noops\n{"a": "B"}')
    assert [row.line for row in rows if isinstance(row, BadRow)] == [2]
    with pytest.raises(InvalidValue, match="line 1: a comma"):  # nothing good is left
        read('{"a": "A",}\n{"a": "B",}')


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
def test_objects_over_many_lines_one_after_another_are_read(tmp_path: Path, name: str) -> None:
    text = '{\n "a": 1,\n "b": 2\n}\n{\n "a": 3\n}\n'
    (tmp_path / name).write_text(text)
    assert read("", str(tmp_path / name))[1] == [(1, ["1", "2"]), (5, ["3", ""])]
    (tmp_path / name).write_text(text.replace("2", "oops"))
    with pytest.raises(InvalidValue, match="in line 3: expecting value"):
        read("", str(tmp_path / name))


def test_a_first_line_that_ends_an_inner_object_is_no_line_of_json_lines() -> None:
    assert read('{"a": "x", "b": {"c": 1}\n, "d": "y"}\n{"a": "z"}')[1][1:] == [(3, ["z", "", ""])]


def test_an_object_is_no_value_of_a_cell_but_where_it_is_no_value_of_a_field() -> None:
    text = '{"a": {"k": [1.50]}, " b": "x"}\n{"a": "y", " b": [["z"]]}\n{"a": "z"}'
    with open_source("-", io.BytesIO(text.encode()), encoding=None, delimiter=None) as source:
        assert [row.reason for row in source.rows() if isinstance(row, BadRow)] == [
            "a holds an object",
            "b holds a list of more than plain values",
        ]
        source.texts = {1}
        assert next(source.rows()) == (1, ['{"k":[1.50]}', "x"])
        assert [row.line for row in source.rows() if isinstance(row, BadRow)] == [2]


@pytest.mark.parametrize(
    ("text", "crowded"),
    [
        ('[{"a": 1}, {"a": 2}]', True),
        ('[{"a": 1},\n{"a": 2}]', False),
        ('{"a": 1}\n{"a": 2} {"a": 3}', True),
        ("a\n1\n", False),
    ],
)
def test_of_several_records_in_one_line_the_number_is_said(text: str, crowded: bool) -> None:
    source, _ = read(text)
    assert source.reason(1, "why") == ("record 2: why" if crowded else "why")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[\n{"a": 1,\n"b": 2,\n}\n]', "line 3: a comma stands before the closing bracket"),
        ('[\n{"a": 1},\n{"a": 2\n]', "line 3: expecting ',' delimiter"),
        ('[{"a": 1},\n\n{"a": 2\n\n', "line 3: the object is not closed"),
        ('[{"a": 1},\n\n', "line 1: the array is not closed"),
        ('[{"a": 1}, {"a": oops}]', "line 1, record 2: expecting value"),
        ('[{"a": 1},\n{"a": oops},' + " " * 20_000_000 + "]", "line 2: expecting value"),
        ('[{"a": 1},\n{"a": NaN}]', "line 2: NaN is not a number"),
        ('[{"a": 1},\n{"a": -Infinity}]', "line 2: -Infinity"),
        ('[{"a": 1},\n\n{"a": oops}]', "line 3: expecting value"),
        ('{"a":\n "b\n"}', "line 2: a text is not closed in its line"),
        ('[{"a": 1},\n]', "line 1: a comma stands before the closing bracket"),
        ('[{"a": 1}\n{"a": 2}]', "line 1: expected , or ]"),
        ('[{"a": 1}\n', "line 1: the array is not closed"),
        ('[{"a": 1}]\n x', "line 2: something follows"),
        ('[{"a": 1},\n3]', "line 2 has something else than an object"),
        ('{"a": 1, "a": 2}', "line 1: the key 'a' stands twice"),
        ('{"a": "never', "line 1: a text is not closed"),
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
        (row,) = rows
        assert isinstance(row, BadRow)
        assert (row.code, row.cells) == ("nested", [nested]) or depth > 100


@pytest.mark.parametrize("name", ["rejects.json", "rejects.jsonl", "rejects.ndjson.gz"])
def test_a_table_is_read_as_one_though_it_is_named_json(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text('name,city\n"Ada",Bern\n')
    source, rows = read("", str(path))
    assert (source.format, rows) == ("csv", [(2, ["Ada", "Bern"])])


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
