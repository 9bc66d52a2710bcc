"""Widths, colors and hostile text on people's screens."""

import io
import json
import re
from typing import Any

import pytest
import wcwidth
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.render import Look, look_of, render_error
from crmcli.render.clean import clean
from crmcli.render.measure import cells, shorten, wrap
from crmcli.result import Column, Outcome, Record, Report, Row, Table
from tests.render.screen import ACME, deals, look_at, printed

COLUMNS = [
    Column("ref", "Ref", "link"),
    Column("name", "Name"),
    Column("account", "Account", "link"),
    Column("account_name", "", folded=True),
    Column("amount", "Amount", "number"),
]
HARMFUL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
NAMES = [
    "Acme",
    "華信科技股份有限公司",
    "שלום עולם",
    "مرحبا بالعالم",
    "e\u0301clair cafe\u0301",
    "👨‍👩‍👧 family",
    "🇩🇪🇫🇷 flags",
    "❤️ heart",
    "👍🏽 ok",
    "ｱｲｳ 한국어 ไทย",
    "[acme] [/x] :smile: [link=file:///x]",
    "“quotes” – and €",
    "\u200bzero",
]
ANY_TEXT = st.text(st.characters(codec=None), max_size=30)


def names(rows: list[Row]) -> Table:
    return Table(COLUMNS, rows)


def as_rows(words: list[str]) -> list[Row]:
    return [(f"O{n}", word, f"A{n}", word, n) for n, word in enumerate(words, 1)]


@pytest.mark.parametrize("width", [60, 70, 100, 200])
@pytest.mark.parametrize("format", ["table", "plain"])
def test_every_line_of_a_table_is_equally_wide(format: str, width: int) -> None:
    lines = printed(names(as_rows(NAMES)), format, look_at(True, width)).splitlines()
    assert len(lines) == len(NAMES) + 2
    assert len({wcwidth.wcswidth(line) for line in lines}) == 1
    assert wcwidth.wcswidth(lines[0]) <= width


@given(st.lists(st.lists(st.sampled_from([*NAMES, " ", "x", "信"]), max_size=4).map("".join), min_size=1))
def test_any_mix_of_scripts_stays_aligned(words: list[str]) -> None:
    lines = printed(names(as_rows(words)), "table", look_at(True, 60)).splitlines()
    assert {wcwidth.wcswidth(line) for line in lines} == {wcwidth.wcswidth(lines[0])}


def test_references_amounts_and_dates_are_never_cut() -> None:
    text = printed(deals(), None, look_at(True, 84))
    for whole in ("O45", "O46", "A12 ", "USD 12,500.00", "JPY 500,000", "2026-11-27", "2026-11-21 21:09"):
        assert whole in text
    assert "…" in text
    assert all(wcwidth.wcswidth(line) <= 84 for line in text.splitlines())


@pytest.mark.parametrize("width", [20, 59, 61])
def test_a_table_that_does_not_fit_turns_into_records(width: int) -> None:
    text = printed(deals(), None, look_at(True, width))
    assert text.startswith(
        "Ref:     O45\nName:    Acme renewal\nAccount: A4 Huaxin\nAmount:  USD 12,500.00\n"
    )
    assert "Won:     no\n\nRef:     O46\n" in text


WIDE = [
    Column("ref", "Ref", "link"),
    Column("name", "Name"),
    Column("stage", "Stage", cut="last"),
    Column("source", "Source", cut="later"),
    Column("probability", "Probability", "percent", short="Prob.", minor=1),
    Column("owner", "Owner", minor=2),
    Column("then", "Then", cut="never"),
]
LONG: Row = ("O1", "n" * 30, "Closed Lost", "Employee Referral", 10, "Bo", "crm opp edit O1")


@pytest.mark.parametrize(
    ("width", "cut", "gone"),
    [
        (110, "", ""),
        (100, "", ""),
        (80, "n", ""),
        (79, "n", "Owner"),
        (72, "n", "Owner, Probability"),
        (63, "n", "Owner, Probability"),
        (60, "ne", "Owner, Probability"),
    ],
)
def test_a_table_gives_up_what_is_least_missed_first(width: int, cut: str, gone: str) -> None:
    text = printed(Table(WIDE, [LONG]), None, look_at(True, width))
    assert max(map(len, text.splitlines()[:3])) <= width
    assert ("Probability  Owner" in text) is (width > 104)
    assert ("Prob.  " in text) is (104 > width > 72)
    for letter, whole in zip("ne", (LONG[1], LONG[3]), strict=True):
        assert (whole in text) is (letter not in cut)
    assert "Closed Lost" in text
    assert "crm opp edit O1" in text
    assert (f"Left out for width: {gone}." in text) if gone else ("Left out" not in text)


def test_programs_and_pipes_get_what_people_have_no_room_for() -> None:
    for format in ("csv", "tsv", "json"):
        assert "owner" in printed(Table(WIDE, [LONG]), format, look_at(True, 60))
    assert "Probability  Owner" in printed(Table(WIDE, [LONG]), "plain", look_at())


def test_an_empty_column_goes_before_any_text_is_cut() -> None:
    text = printed(Table(WIDE, [(*LONG[:3], None, *LONG[4:])]), None, look_at(True, 84))
    assert "n" * 30 in text
    assert "Source" not in text
    assert "Left out" not in text


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("format", ["table", "plain"])
def test_prose_goes_on_in_the_next_line(format: str, width: int) -> None:
    prose = (
        "A sentence that is long enough to need more than one line on any screen, 而且還有中文的部分沒有空格"
        * 2
    )
    columns = [Column("check", "Check", cut="never"), Column("found", "Found", wraps=True)]
    text = printed(Table(columns, [("first", prose), ("second", "ok")]), format, look_at(True, width))
    assert "…" not in text
    assert max(map(wcwidth.wcswidth, text.splitlines())) <= width
    found = [line[8:].strip() for line in text.splitlines()[2:]]
    assert "".join(found).replace(" ", "") == prose.replace(" ", "") + "ok"


@given(st.lists(st.sampled_from([*NAMES, "信", "a"]), max_size=6).map("".join), st.integers(4, 40))
def test_wrapped_lines_fit_and_lose_nothing(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(wcwidth.wcswidth(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("width", range(60, 76))
def test_a_reference_inside_a_cell_is_whole_or_not_there(width: int) -> None:
    columns = [
        Column("what", "What"),
        Column("related", "For", "link", folded=True),
        Column("name", "For name", folded=True),
        Column("then", "Then", cut="never"),
    ]
    row: Row = ("Call them about it", "A1234", "Acme", "x" * 45)
    text = printed(Table(columns, [row]), None, look_at(True, width))
    cell = text.splitlines()[2].partition("  ")[0]
    assert "A1" not in cell or "A1234" in cell
    assert not cell.removesuffix("…").rstrip().endswith("·")


def test_a_narrow_report_keeps_its_total() -> None:
    report = Report(
        [Column("stage", "Stage"), Column("n", "Deals", "number")], [("Won", 1)], total=("Total", 1)
    )
    assert printed(report, None, look_at(True, 30)).endswith("Total\n\nStage: Total\nDeals: 1\n")


def test_a_long_table_is_laid_out_without_rich() -> None:
    text = printed(deals([ACME] * 201), None, look_at(True, 120, color=True))
    assert "\x1b" not in text
    assert "─" not in text
    assert text.count("O45") == 201


def test_color_reaches_only_those_who_asked_for_it() -> None:
    assert "\x1b[1mRef" in printed(deals(), None, look_at(True, 120, color=True))
    assert "\x1b" not in printed(deals(), None, look_at(True, 120))
    assert "\x1b" not in printed(deals(), "table", look_at())
    assert "\x1b[1mRef" in printed(deals(), "table", look_at(color=True))


def test_a_terminal_that_says_only_ascii() -> None:
    assert printed(names(as_rows(["x" * 90])), None, look_at(True, 80, ascii=True)).isascii()
    assert printed(names(as_rows(["信"])), "json", look_at(ascii=True)).isascii()


@given(ANY_TEXT, st.sampled_from([30, 60, 100]), st.booleans())
def test_nothing_in_the_data_can_steer_a_terminal(text: str, width: int, color: bool) -> None:
    row: Row = ("O1", text, text, text, 1)
    table = Report(COLUMNS, [row], text, text, notes=[text], explain=[text], total=row)
    for format in ("table", "plain", "md", "csv", "tsv", "json", "jsonl", "ids"):
        if format == "ids":
            assert_harmless(printed(Table(COLUMNS, [(text, *row[1:])]), format, look_at(True, width)))
            continue
        terminal = look_at(True, width, color=color and format == "table")
        assert_harmless(re.sub("\x1b\\[[0-9;]*m", "", printed(table, format, terminal)), tabs=format == "tsv")
    for format in ("table", "plain", "md"):
        assert_harmless(printed(table, format, look_at()))
        assert_harmless(printed(Record(COLUMNS, row, text, {"s": Table(COLUMNS, [row])}), format, look_at()))


@given(ANY_TEXT)
def test_words_and_errors_cannot_steer_a_terminal(text: str) -> None:
    look = look_at()
    printed(Outcome(said=[text]), None, look)
    for as_json in (False, True):
        render_error(InvalidValue(text, hint=text, field=text), as_json, look)
    assert_harmless(look.err.getvalue())  # type: ignore[attr-defined]


def assert_harmless(text: str, tabs: bool = False) -> None:
    found = HARMFUL.search(text.replace("\t", "") if tabs else text)
    assert found is None, f"{found!r} in {text!r}"
    text.encode()


def test_every_code_point_is_harmless_or_written_out() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert HARMFUL.search(clean(every)) is None
    assert clean("a\u200db\u200c👨‍👩‍👧 信\u3000é\xa0") == "a\u200db\u200c👨‍👩‍👧 信\u3000é\xa0"
    assert clean("\x1b[31m\u202e\n\ud800\U000e0041") == "\\x1b[31m\\u202e\\n\\ud800\\U000e0041"


def test_json_on_a_terminal_is_the_same_document() -> None:
    text = "\x9b31m\u202e\U000e0041 信\n"
    shown = printed(names([("O1", text, None, None, 1)]), "json", look_at(True, 80))
    assert json.loads(shown)[0]["name"] == text
    assert_harmless(shown)


def test_markup_in_data_stays_literal() -> None:
    hostile = "[acme] [/x] :smile: [link=file:///etc]x[/link]"
    assert hostile in printed(names([("O1", hostile, None, None, 1)]), None, look_at(True, 100, color=True))


def test_errors_are_words_or_one_object() -> None:
    look = look_at()
    error = InvalidValue(
        "'prop' is no stage.\nThere are two.", hint="Did you mean 'Proposal'?", field="stage"
    )
    render_error(error, False, look)
    assert look.err.getvalue() == (  # type: ignore[attr-defined]
        "Error: 'prop' is no stage.\nThere are two.\nHint: Did you mean 'Proposal'?\n"
    )
    look = look_at()
    render_error(error, True, look)
    assert json.loads(look.err.getvalue())["error"] == {  # type: ignore[attr-defined]
        "code": "invalid_value",
        "message": error.message,
        "hint": error.hint,
        "field": "stage",
    }


@given(st.lists(st.sampled_from([*NAMES, "信", "a"]), max_size=4).map("".join), st.integers(4, 40))
def test_a_shortened_text_fits_and_is_measured_as_it_stands(text: str, width: int) -> None:
    assert cells(text) == wcwidth.wcswidth(text)
    short = shorten(text, width)
    assert wcwidth.wcswidth(short) <= width
    assert short == text or short.endswith("…")


class Stream(io.StringIO):
    """A stream that says it is a terminal, or not."""

    def __init__(self, terminal: bool = True, encoding: str = "utf-8") -> None:
        super().__init__()
        self.terminal = terminal
        self.said = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.said

    def isatty(self) -> bool:
        return self.terminal


class TestLook:
    """What is read from the streams and the environment."""

    def look(
        self, terminal: bool = True, color: str = "auto", encoding: str = "utf-8", **environ: Any
    ) -> Look:
        return look_of(Stream(terminal, encoding), Stream(terminal), environ, color)

    def test_a_terminal_has_color_and_a_pipe_has_none(self) -> None:
        assert self.look().color
        assert not self.look(False).color
        assert self.look(False).width == 0

    def test_no_color_and_dumb_terminals_are_obeyed(self) -> None:
        assert not self.look(NO_COLOR="1").color
        assert self.look(NO_COLOR="").color
        assert not self.look(TERM="dumb").color
        assert not self.look(TERM="dumb").live
        assert not self.look(color="never").color
        assert self.look(False, "always", NO_COLOR="1").color

    def test_columns_outweigh_the_terminal(self) -> None:
        assert self.look(COLUMNS="77").width == 77
        assert self.look(False, COLUMNS="77").width == 77
        assert self.look(COLUMNS="wide").width == 80

    def test_an_encoding_without_boxes_is_noticed(self) -> None:
        assert self.look(encoding="iso8859-1").ascii
        assert not self.look(encoding="UTF-8").ascii

    def test_an_unknown_color_word_is_refused(self) -> None:
        with pytest.raises(InvalidValue) as caught:
            self.look(color="allways")
        assert caught.value.hint == "Did you mean 'always'?"
