"""Files that are text but no list of records, or not in the encoding that they seem to be in."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.transfer.headings import heading_record, refuse_no_table
from crmcli.transfer.rows import BadRow
from crmcli.transfer.source import Source, open_source


def read(path: Path, data: str | bytes, **options: Any) -> Source:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    asked = {"encoding": None, "delimiter": None, **options}
    with open_source(str(path), io.BytesIO(), **asked) as source:
        list(source.rows())
        return source


def refused(path: Path, data: str | bytes, why: str, **options: Any) -> str:
    with pytest.raises(InvalidValue, match=why) as caught:
        read(path, data, **options)
    return caught.value.hint or ""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leads.csv"


# ---------------------------------------------------------------------------------------------- no headings


@pytest.mark.parametrize(
    "text",
    [
        "Ada Lovelace,ada@x.example,London\nGrace Hopper,grace@x.example,Arlington\n",
        "Acme,https://acme.example\nGrand,https://grand.example\n",
        "Acme,Bern,+41 31 123,Ann\nGrand,Berlin,030-99,Bea\n",
        "Acme,2026-03-02,Bern\nGrand,2026-03-03,Berlin\n",
    ],
)
def test_a_file_without_headings_is_told_of_the_option_that_gives_them(file: Path, text: str) -> None:
    hint = refused(file, text, r"leads\.csv has no headings: line 1 is a record itself \('")
    assert "--headers name,email,…" in hint
    assert "--skip-lines 0" in hint
    names = ["a", "b", "c", "d"][: text.splitlines()[0].count(",") + 1]
    assert read(file, text, headers=names).headings == names
    assert read(file, text, skip_lines=0).headings == text.splitlines()[0].split(",")


@pytest.mark.parametrize(
    "text",
    [
        "Company,2024,2025\nAcme,1,2\n",  # amounts of years: two of three headings are figures
        "2026-01,2026-02,2026-03\n1,2,3\n",
    ],
)
def test_headings_that_are_mostly_figures_are_none(file: Path, text: str) -> None:
    hint = refused(file, text, "most headings in line 1 are numbers or dates")
    assert "--skip-lines 0" in hint
    assert read(file, text, skip_lines=0).headings == text.splitlines()[0].split(",")


@pytest.mark.parametrize(
    "text",
    [
        "Name,Phone 1,2nd phone\nAda,1,2\n",
        "Company,2024\nAcme,lots\n",
        "1\n2\n3\n",
        "Name,E-mail@work\nAda,a@x.example\n",
        "No.,#,%\n1,2,3\n",
    ],
)
def test_headings_with_figures_in_them_are_headings(file: Path, text: str) -> None:
    assert read(file, text).headings == text.splitlines()[0].split(",")


# ------------------------------------------------------------------------------------------- pivots, titles


@pytest.mark.parametrize(
    "text",
    [
        "Row Labels,Closed Lost,Closed Won,Grand Total\nAnn,1,2,3\nGrand Total,1,2,3\n",
        "Zeilenbeschriftungen,Summe von Betrag\nAnn,1\nGesamtergebnis,1\n",
    ],
)
def test_a_pivot_table_is_refused(file: Path, text: str) -> None:
    assert "Export the records that it was made from" in refused(file, text, "is a pivot table")


def test_a_title_above_the_table_that_is_not_beyond_doubt_is_named_with_the_line(file: Path) -> None:
    text = "Sales by region,,,\n,,,\nRegion,Owner,,Amount\nNorth,Ann,x,1\n"
    hint = refused(file, text, "line 1 has 1 heading above 4 columns")
    assert hint.startswith("If the headings are in line 3, say --skip-lines 2. ")
    assert read(file, text, skip_lines=2).headings == ["Region", "Owner", "", "Amount"]


def test_blank_headings_over_blank_columns_are_no_matter(file: Path) -> None:
    assert read(file, "Name,,,,\nAda,,,,\n").headings == ["Name", "", "", "", ""]


def test_prose_is_refused(file: Path) -> None:
    text = "Dear Ann; thank you for the list of leads that you sent us in the week before last.\nBest\n"
    assert "--delimiter" in refused(file, text.replace(";", ""), "is text, not a table")


def test_a_grand_total_is_a_bad_row_wherever_it_stands(file: Path) -> None:
    lines = ["Account,Amount", *(f"Account {n},{n}" for n in range(200)), "Grand Total,19900", "Total,7"]
    file.write_text("\n".join(lines), "utf-8")
    with open_source(str(file), io.BytesIO(), encoding=None, delimiter=None) as source:
        bad = [row for row in source.rows() if isinstance(row, BadRow)]
    assert [(row.line, row.code, row.reason) for row in bad] == [
        (202, "grand_total", "the row is a grand total, not a record")
    ]


_cell = st.one_of(
    st.text(max_size=5), st.sampled_from(["", "1", "2026-03-02", "a@x.example", "Name", "Grand Total"])
)


@given(st.lists(st.lists(_cell, min_size=1, max_size=5), min_size=1, max_size=8))
def test_any_records_are_taken_or_refused_in_a_sentence(cells: list[list[str]]) -> None:
    records = [(line, line, row) for line, row in enumerate(cells, 1)]
    try:
        refuse_no_table(records, heading_record(records), "x.csv")
    except InvalidValue as error:
        assert error.message.endswith((".", ")"))  # noqa: PT017 - most are taken


# ----------------------------------------------------------------------------------------------- encodings

CHINESE = "姓名,公司\n李雷,华信科技\n韩梅梅,北京贸易\n"
JAPANESE = "名前,会社\n鈴木 太郎,東京商事株式会社\n佐藤 花子,アクメ\n"
RUSSIAN = "имя,компания\nИван Петров,Ромашка\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        (CHINESE, "gbk"),
        ("姓名,公司\n王小明,台北貿易\n陳美麗,高雄科技\n", "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        ("ナマエ,カイシャ\nタナカ,アクメ\n", "shift_jis"),  # the second byte of each is ASCII
        ("이름,회사\n김철수,서울무역\n", "euc_kr"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        ("όνομα,εταιρία\nΝίκος,Αθήνα\n", "iso8859_7"),
    ],
)
def test_text_of_another_script_is_not_taken_for_western(file: Path, text: str, encoding: str) -> None:
    hint = refused(file, text.encode(encoding), r"leads\.csv is (not UTF-8|neither UTF-8)")
    assert "--encoding gb18030|big5|shift_jis|euc_kr|cp1251" in hint
    source = read(file, text.encode(encoding), encoding=encoding)
    assert source.headings == text.splitlines()[0].split(",")


@pytest.mark.parametrize(
    "text",
    [
        "name,city\nZoë Müller,Zürich\nJosé Ñandú,A Coruña\n",
        "name,note\nAda,“It’s – well… fine”\n",
        "name,price\nÀ la carte,€ 5\nCrème brûlée,£ 4\n",
        "name\nCréée\n",
        "name,city\nMatti Määttä,Jyväskylä\nPäivi Häkkinen,Hämeenlinna\nJörn Öst,Växjö\n",
        "NAME,STRASSE\nMÜLLER,GRÖßE ÄNDERN\n",
    ],
)
def test_western_text_is_read_as_cp1252_and_announced(file: Path, text: str) -> None:
    source = read(file, text.encode("cp1252"))
    assert source.announced == ["Read as cp1252 (not valid UTF-8)."]
    assert source.headings == text.splitlines()[0].split(",")


def test_cp1252_can_be_insisted_on(file: Path) -> None:
    assert read(file, RUSSIAN.encode("cp1251"), encoding="cp1252").encoding == "cp1252"
