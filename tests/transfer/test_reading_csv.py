"""Reading CSV: every encoding, delimiter and line end, exact line numbers, and rows that cannot be read."""

import codecs
import csv
import gzip
import io
import os
import threading
import tracemalloc
from collections import deque
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.transfer import csv_rows
from crmcli.transfer.rows import MAX_FIELD, MAX_RECORD, BadRow, Row
from crmcli.transfer.source import Source, open_source
from crmcli.transfer.writer import guard, mark

TABLE = "Name,City,Note\nAda,London,first\nZoë,Zürich,“second”\n"


def opened(
    path: Path | str,
    *,
    stdin: BinaryIO | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    headers: list[str] | None = None,
    skip_lines: int | None = None,
) -> Source:
    return open_source(
        str(path),
        stdin or io.BytesIO(),
        encoding=encoding,
        delimiter=delimiter,
        headers=headers,
        skip_lines=skip_lines,
    )


def read(path: Path, data: bytes | str, **options: object) -> tuple[Source, list[Row | BadRow]]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with opened(path, **options) as source:  # type: ignore[arg-type]  # the options of opened, as they come
        return source, list(source.rows())


def problems(rows: list[Row | BadRow]) -> list[tuple[int, str]]:
    return [(row.line, row.code) for row in rows if isinstance(row, BadRow)]


def good(rows: list[Row | BadRow]) -> list[Row]:
    return [row for row in rows if not isinstance(row, BadRow)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


# ------------------------------------------------------------------------------------------- encodings


@pytest.mark.parametrize(
    ("data", "encoding", "announced"),
    [
        (TABLE.encode(), "utf-8", []),
        (codecs.BOM_UTF8 + TABLE.encode(), "utf-8", []),
        (TABLE.encode("utf-16"), "utf-16", ["Read as utf-16."]),
        (codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be"), "utf-16", ["Read as utf-16."]),
        (TABLE.encode("utf-32"), "utf-32", ["Read as utf-32."]),
        (TABLE.encode("cp1252"), "cp1252", ["Read as cp1252 (not valid UTF-8)."]),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
def test_the_encoding_is_found_and_announced_where_it_is_not_utf_8(
    file: Path, data: bytes, encoding: str, announced: list[str]
) -> None:
    source, rows = read(file, data)
    assert source.encoding == encoding
    assert source.announced == announced
    assert source.headings == ["Name", "City", "Note"]
    assert rows == [(2, ["Ada", "London", "first"]), (3, ["Zoë", "Zürich", "“second”"])]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "UTF8", "cp437", "big5"])
def test_an_encoding_that_is_said_is_used(file: Path, encoding: str) -> None:
    text = "Name,City\nAda,Bern\n"
    source, rows = read(file, text.encode(encoding), encoding=encoding)
    assert rows == [(2, ["Ada", "Bern"])]
    assert source.announced == []


def test_a_mark_is_no_part_of_the_first_heading_whatever_encoding_is_said(file: Path) -> None:
    source, rows = read(file, '\ufeff"Na,me",City\nAda,Bern\n'.encode("utf-16-le"), encoding="utf-16-le")
    assert source.headings == ["Na,me", "City"]
    assert rows == [(2, ["Ada", "Bern"])]
    source, rows = read(
        file, "\ufeffAda,Bern\n".encode("utf-16-le"), encoding="utf-16-le", headers=["a", "b"]
    )
    assert rows == [(1, ["Ada", "Bern"])]


def test_a_byte_that_is_not_utf_8_is_found_however_late_it_stands(file: Path) -> None:
    rows = b"".join(b"%d,plain\n" % number for number in range(150_000))
    source, read_rows = read(file, b"id,name\n" + rows + b"x,Andr\xe9\n")
    assert source.encoding == "cp1252"
    assert read_rows[-1] == (150_002, ["x", "André"])


def test_bytes_that_the_said_encoding_has_no_character_for_are_named_with_their_line(file: Path) -> None:
    with pytest.raises(InvalidValue, match=r"leads\.csv cannot be read as ascii: line 3 "):
        read(file, TABLE.encode(), encoding="ascii")
    with pytest.raises(InvalidValue, match=r"line 3 "):
        read(file, b"a\rb\r\xff\r", encoding="utf-8")


def test_bytes_that_are_neither_utf_8_nor_cp1252_ask_for_an_encoding(file: Path) -> None:
    with pytest.raises(InvalidValue, match="neither UTF-8 nor cp1252: line 2 ") as caught:
        read(file, b"a,b\n\x81,\x8d\n")
    assert "--encoding gb18030|big5|" in (caught.value.hint or "")


def test_an_unknown_encoding_gets_a_suggestion(file: Path) -> None:
    with pytest.raises(InvalidValue, match="Unknown encoding 'cp1225'") as caught:
        read(file, TABLE, encoding="cp1225")
    assert "Did you mean" in (caught.value.hint or "")
    with pytest.raises(InvalidValue, match="Unknown encoding 'hex'"):
        read(file, TABLE, encoding="hex")


# ------------------------------------------------------------------------------- delimiters, line ends


@pytest.mark.parametrize(
    ("delimiter", "announced"),
    [(",", []), (";", ["Delimiter ';'."]), ("\t", ["Delimiter tab."]), ("|", ["Delimiter '|'."])],
)
def test_the_delimiter_is_found(file: Path, delimiter: str, announced: list[str]) -> None:
    text = delimiter.join("abc") + "\n" + delimiter.join(["1,5", '"x;y|z\t"', "3,5"]) + "\n"
    text = text.replace("1,5", '"1,5"').replace("3,5", '"3,5"') if delimiter == "," else text
    source, rows = read(file, text)
    assert source.delimiter == delimiter
    assert source.announced == announced
    assert rows == [(2, ["1,5", "x;y|z\t", "3,5"])]


def test_encoding_and_delimiter_are_announced_in_one_sentence(file: Path) -> None:
    source, _ = read(file, "Größe;Ort\n1;Köln\n".encode("cp1252"))
    assert source.announced == ["Read as cp1252 (not valid UTF-8); delimiter ';'."]


@pytest.mark.parametrize(
    ("word", "mark"),
    [("semicolon", ";"), ("Tab", "\t"), ("pipe", "|"), ("comma", ","), ("^", "^"), ("\\t", "\t")],
)
def test_a_delimiter_can_be_said_by_character_or_word(file: Path, word: str, mark: str) -> None:
    source, rows = read(file, f"a{mark}b\n1{mark}2\n", delimiter=word)
    assert rows == [(2, ["1", "2"])]
    assert source.announced == []


def test_an_unknown_delimiter_gets_a_suggestion(file: Path) -> None:
    with pytest.raises(InvalidValue, match="Unknown delimiter 'semicolons'") as caught:
        read(file, TABLE, delimiter="semicolons")
    assert caught.value.hint == "Did you mean 'semicolon'?"


def test_one_column_of_prose_is_one_column(file: Path) -> None:
    source, rows = read(file, "Note\nfirst; then\nsecond; last\n")
    assert source.headings == ["Note"]
    assert rows == [(2, ["first; then"]), (3, ["second; last"])]


def test_the_delimiter_line_that_excel_writes_is_obeyed(file: Path) -> None:
    source, rows = read(file, "sep=;\r\na;b\r\n1;2\r\n")
    assert source.headings == ["a", "b"]
    assert rows == [(3, ["1", "2"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_line_end_counts_the_same(file: Path, end: str, last: bool) -> None:
    text = f'a,b{end}{end}1,"x{end}y{end}z"{end}2,w{end}{end}{end}3,v' + (end if last else "")
    _, rows = read(file, text)
    assert rows == [(3, ["1", f"x{end}y{end}z"]), (6, ["2", "w"]), (9, ["3", "v"])]


# -------------------------------------------------------------------------------------------- headings


def test_a_preamble_above_a_plain_table_is_skipped_and_said(file: Path) -> None:
    source, rows = read(
        file,
        'Notes:\n"When exporting, some\nare missing"\n\n'
        "First Name,Last Name,URL,E-mail\nAda,L,u,a@x.org\nJoe,M,v,\n",
    )
    assert source.headings == ["First Name", "Last Name", "URL", "E-mail"]
    assert source.announced == ["Headings found in line 5; what stands above was skipped."]
    assert rows == [(6, ["Ada", "L", "u", "a@x.org"]), (7, ["Joe", "M", "v", ""])]


def test_a_title_padded_to_the_width_of_the_table_is_a_preamble(file: Path) -> None:
    source, _ = read(file, "Report 2026;;;\n\nName;City;Amount;Date\nA;B;1;2\n")
    assert source.headings == ["Name", "City", "Amount", "Date"]


@pytest.mark.parametrize("text", ["a,b\n1,2,3,4,5,6\n", "name\n1,2,3\n4,5,6\n", "only\na,b,c\n"])
def test_a_heading_line_is_not_skipped_where_that_would_be_a_guess(file: Path, text: str) -> None:
    if text.startswith("only"):
        text += "d,e\n"
    source, _ = read(file, text)
    assert source.headings == text.splitlines()[0].split(",")


def test_lines_above_the_headings_can_be_said(file: Path) -> None:
    source, rows = read(file, "one, two\nthree\na,b\n1,2\n", skip_lines=2)
    assert source.headings == ["a", "b"]
    assert rows == [(4, ["1", "2"])]
    with pytest.raises(InvalidValue, match="no line left"):
        read(file, "a\n", skip_lines=1)
    with pytest.raises(InvalidValue, match="negative"):
        read(file, "a\n", skip_lines=-1)


def test_a_file_without_headings_takes_those_given(file: Path) -> None:
    source, rows = read(file, "Ada,London\nJoe,Bern\n", headers=["name", "city"])
    assert source.headings == ["name", "city"]
    assert rows == [(1, ["Ada", "London"]), (2, ["Joe", "Bern"])]


def test_headings_are_trimmed_and_may_be_empty(file: Path) -> None:
    source, rows = read(file, ' Name , ,"Note\nlong"\nAda,,x\n')
    assert source.headings == ["Name", "", "Note\nlong"]
    assert rows == [(3, ["Ada", "", "x"])]


def test_a_heading_twice_is_refused_with_both_columns(file: Path) -> None:
    with pytest.raises(InvalidValue, match="the heading 'Name' twice, in columns 1 and 3"):
        read(file, "Name,City,Name \n")


@pytest.mark.parametrize("data", [b"", b"\n\n", codecs.BOM_UTF8, b"  \n"])
def test_an_empty_file_has_no_headings_and_no_rows(file: Path, data: bytes) -> None:
    source, rows = read(file, data)
    assert (source.headings, rows) == ([], [])


def test_headings_alone_have_no_rows(file: Path) -> None:
    source, rows = read(file, "a;b")
    assert (source.headings, rows) == (["a", "b"], [])


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04\x14\0", "a ZIP file"),
        (b"PK\x03\x04\x14\0mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel .* password"),
        (b"\x89PNG\r\n", "a picture"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"{\\rtf1 x}", "a document"),
        (b"\n<table><tr><td>Name</td></tr></table>", "a web page"),
        (b'<?xml version="1.0"?>\n<Workbook/>', "an XML file"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\n <html>", "a web page"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"BEGIN:VCALENDAR\n", "a calendar"),
        (b"\x01\0\x02\0\x03\0", "binary data"),
        ("a,b\n1,2\n".encode("utf-16-le"), "binary data"),
    ],
)
def test_what_is_no_table_is_refused_in_one_sentence(file: Path, data: bytes, what: str) -> None:
    with pytest.raises(InvalidValue, match=what):
        read(file, data)


def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match=r"Cannot read none\.csv: No such file"):
        opened(tmp_path / "none.csv")
    with pytest.raises(InvalidValue, match="is a folder"):
        opened(tmp_path)


def test_a_first_line_without_end_is_no_table(file: Path) -> None:
    with pytest.raises(InvalidValue, match="first line does not end"):
        read(file, "x" * 300_000)


# --------------------------------------------------------------------------- rows that cannot be read


def test_a_wrong_number_of_cells_is_a_problem_of_its_row_alone(file: Path) -> None:
    _, rows = read(file, "a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,2,3\n")
    assert problems(rows) == [(3, "column_count"), (4, "column_count")]
    assert good(rows) == [(2, ["1", "2", "3"]), (5, ["1", "2", "3"])]
    assert isinstance(rows[1], BadRow)
    assert (rows[1].reason, rows[1].cells) == ("the row has 2 cells under 3 headings", ["4", "5"])


def test_empty_cells_beyond_the_headings_are_cut(file: Path) -> None:
    _, rows = read(file, "a,b\n1,2,\n3,4,, ,\n")
    assert rows == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_rows_without_any_text_are_blank_lines(file: Path) -> None:
    _, rows = read(file, "a,b\n1,2\n,\n   \n\n3,4\n,,,\n")
    assert rows == [(2, ["1", "2"]), (6, ["3", "4"])]


def test_a_nul_is_a_problem(file: Path) -> None:
    _, rows = read(file, "a,b\n" + "long enough,to be text\n" * 20 + "x\0y,2\n3,4\n")
    assert problems(rows) == [(22, "nul")]
    assert rows[-1] == (23, ["3", "4"])


def test_an_unclosed_quote_is_reported_where_it_opens(file: Path) -> None:
    _, rows = read(file, 'a,b\n1,2\n"x\ny","never\nclosed\n5,6\n')
    assert rows[0] == (2, ["1", "2"])
    assert problems(rows) == [(4, "unclosed_quote")]
    _, rows = read(file, 'a,b\n1,2\n3,"')
    assert problems(rows) == [(3, "unclosed_quote")]


def test_an_unclosed_quote_in_a_large_file_costs_no_memory(file: Path) -> None:
    file.write_text('a,b\n1,2\nx,"open\n' + "some,more lines\n" * 1_000_000)
    tracemalloc.start()
    with opened(file) as source:
        rows = list(source.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problems(rows) == [(3, "unclosed_quote")]
    assert peak < 80 << 20


def test_text_behind_a_closing_quote_is_a_problem_and_reading_goes_on_behind_the_record(file: Path) -> None:
    _, rows = read(file, 'a,b\n1,2\n"x"y,"two\nlines"\n3,4\n"5"6,7\n8,9\n')
    assert problems(rows) == [(3, "bad_quote"), (6, "bad_quote")]
    assert good(rows) == [(2, ["1", "2"]), (5, ["3", "4"]), (7, ["8", "9"])]


def test_quotes_within_a_cell_are_text(file: Path) -> None:
    _, rows = read(file, 'a,b\n5" pipe,6"\n')
    assert rows == [(2, ['5" pipe', '6"'])]


@pytest.mark.parametrize("size", [MAX_FIELD + 1, 3 * MAX_FIELD, MAX_RECORD + 100, 3 * MAX_RECORD])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_cell_too_long_is_a_problem_of_its_row_alone(file: Path, size: int, quoted: bool) -> None:
    cell = f'"{"x" * size}"' if quoted else "x" * size
    _, rows = read(file, f"a,b\n1,2\n3,{cell}\n5,6\n7,8\n")
    assert problems(rows) == [(3, "field_too_long")]
    assert good(rows) == [(2, ["1", "2"]), (4, ["5", "6"]), (5, ["7", "8"])]


def test_a_cell_of_many_lines_that_is_too_long_keeps_the_line_numbers_right(file: Path) -> None:
    for lines in (50_000, 400_000):
        cell = "twenty-odd characters ,\n" * lines
        _, rows = read(file, f'a,b\n1,2\n3,"{cell}"\n5,6\n')
        assert problems(rows) == [(3, "field_too_long")]
        assert good(rows) == [(2, ["1", "2"]), (4 + lines, ["5", "6"])]


def test_the_longest_cell_allowed_is_read(file: Path) -> None:
    _, rows = read(file, f"a,b\n3,{'x' * MAX_FIELD}\n5,6\n")
    assert [len(cells[1]) for _, cells in good(rows)] == [MAX_FIELD, 1]


def test_a_row_that_never_ends_is_cut_off_and_named(file: Path) -> None:
    record = '"a\nb",' * 1_500_000
    _, rows = read(file, f"a,b\n1,2\n{record}z\n5,6\n")
    assert problems(rows) == [(3, "row_too_long")]
    assert good(rows)[-1] == (3 + 1_500_000 + 1, ["5", "6"])


def test_more_than_a_thousand_cells_are_a_problem(file: Path) -> None:
    _, rows = read(file, "a,b\n" + "x," * 1_000 + "x\n1,2\n")
    assert problems(rows) == [(2, "too_many_columns")]
    with pytest.raises(InvalidValue, match="1,001 columns"):
        read(file, ",".join(f"h{number}" for number in range(1001)) + "\n")


def test_a_sparse_file_of_nuls_is_read_in_little_memory(file: Path) -> None:
    file.write_text("name,city\n" + "Ada Lovelace,London\n" * 1000)
    with file.open("r+b") as out:
        out.truncate(200 << 20)
    tracemalloc.start()
    with opened(file) as source:
        rows = list(source.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problems(rows) == [(1002, "field_too_long")]
    assert peak < 80 << 20


# ------------------------------------------------------------------------------------ pipes and memory


def test_stdin_is_read_once_and_its_rows_twice() -> None:
    with opened("-", stdin=io.BytesIO(TABLE.encode("cp1252"))) as source:
        assert source.encoding == "cp1252"
        assert source.size == len(TABLE)
        assert list(source.rows()) == list(source.rows())
        assert source.position() == source.size


def test_a_named_pipe_is_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    body = "a;b\n" + "".join(f"{number};ä\n" for number in range(50_000))
    writer = threading.Thread(target=pipe.write_bytes, args=(body.encode("cp1252"),))
    writer.start()
    with opened(pipe) as source:
        rows = list(source.rows())
    writer.join()
    assert (source.encoding, source.delimiter, len(rows)) == ("cp1252", ";", 50_000)
    assert rows[-1] == (50_001, ["49999", "ä"])


@pytest.mark.parametrize("through", ["file", "stdin"])
def test_a_gzip_file_is_inflated_while_it_is_read(tmp_path: Path, through: str) -> None:
    packed = gzip.compress(TABLE.encode())
    path = tmp_path / "leads.csv.gz"
    path.write_bytes(packed)
    with opened(path if through == "file" else "-", stdin=io.BytesIO(packed)) as source:
        assert [cells[0] for _, cells in good(list(source.rows()))] == ["Ada", "Zoë"]
        assert (source.size, source.position()) == (len(packed), len(packed))


def test_a_damaged_gzip_file_is_one_sentence(tmp_path: Path) -> None:
    packed = gzip.compress(os.urandom(100_000))
    for damaged in (packed[:-2000], packed[:5000] + b"xxxx" + packed[5004:]):
        path = tmp_path / "leads.csv.gz"
        path.write_bytes(damaged)
        with pytest.raises(InvalidValue):
            opened(path, encoding="latin-1")


def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    with file.open("w") as out:
        out.write("id,name,note\n")
        out.writelines(f'{number},"Name {number}","two\nlines"\n' for number in range(200_000))
    tracemalloc.start()
    with opened(file) as source:
        ((count, last),) = deque(enumerate(source.rows(), 1), maxlen=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200_000
    assert isinstance(last, tuple)
    assert last[0] == 400_000
    assert peak < 8 << 20


def test_the_position_moves_with_the_rows(file: Path) -> None:
    file.write_text("a,b\n" + "1,2\n" * 200_000)
    with opened(file) as source:
        positions = [source.position() for number, _ in enumerate(source.rows()) if number % 50_000 == 0]
        assert positions == sorted(positions)
        assert positions[0] < positions[-1] < (source.size or 0)
        assert source.position() == source.size


def test_a_reading_can_be_left_half_way(file: Path) -> None:
    file.write_text("a,b\n" + "1,2\n" * 100)
    with opened(file) as source:
        rows = source.rows()
        assert next(rows) == (2, ["1", "2"])
    del rows


# ------------------------------------------------------------------------------------------ properties

cells = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.text(
    "\"',;|\t\r\n =", max_size=6
)


@given(st.lists(st.lists(cells, min_size=3, max_size=3).filter(lambda row: any(map(str.strip, row)))))
def test_what_the_csv_module_writes_is_read_cell_for_cell(table: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["one", "two", "three"])
    lines = []
    for row in table:
        lines.append(len(list(io.StringIO(out.getvalue(), newline=""))) + 1)
        writer.writerow(row)
    with opened("-", stdin=io.BytesIO(out.getvalue().encode())) as source:
        assert source.headings == ["one", "two", "three"]
        assert list(source.rows()) == list(zip(lines, table, strict=True))


@given(st.binary(max_size=300))
def test_no_bytes_whatever_end_in_anything_but_rows_or_one_sentence(data: bytes) -> None:
    for content in (data, b"a,b\n" + data, b'[{"a":1},' + data):
        try:
            with opened("-", stdin=io.BytesIO(content)) as source:
                list(source.rows())
        except InvalidValue:
            pass


@given(st.text('a,"\n\r', max_size=80))
def test_where_the_batches_end_changes_nothing(text: str) -> None:
    outcomes = []
    for batch in (1, 7, 1 << 16):
        stdin = io.BytesIO(b"a,b\n" + text.encode())
        with opened("-", stdin=stdin, delimiter=",") as source, pytest.MonkeyPatch.context() as patch:
            patch.setattr(csv_rows, "BATCH", batch)
            outcomes.append(list(source.rows()))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    lines = [row.line if isinstance(row, BadRow) else row[0] for row in outcomes[0]]
    assert lines == sorted(set(lines))


@given(st.lists(st.lists(cells, min_size=2, max_size=2).filter(lambda row: any(map(str.strip, row)))))
def test_a_guarded_file_says_so_and_is_read_as_it_was(table: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([mark(["one", "two"]), *(list(map(guard, row)) for row in table)])
    with opened("-", stdin=io.BytesIO(out.getvalue().encode())) as source:
        assert source.guarded
        assert source.headings == ["one", "two"]
        assert [row[1] for row in source.rows() if isinstance(row, tuple)] == table


def test_apostrophes_in_a_file_that_is_not_guarded_stay(file: Path) -> None:
    _, rows = read(file, "name,city\n't Hooft,'s-Gravenhage\n")
    assert rows == [(2, ["'t Hooft", "'s-Gravenhage"])]
    source, rows = read(file, "'name','city'\n'x','y'\n")
    assert (source.headings, rows) == (["'name'", "'city'"], [(2, ["'x'", "'y'"])])
