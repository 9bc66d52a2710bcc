"""What each format prints, to the character."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.render import FORMATS
from crmcli.result import Column, Outcome, Record, Report, Table, Text
from tests.render.screen import ACME, DEALS, HUAXIN, deals, look_at, printed

NOTE = [Column("ref", "Ref", "link"), Column("note", "Note")]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


def pipeline(**more: Any) -> Report:
    columns = [
        Column("stage", "Stage"),
        Column("count", "Deals", "number"),
        Column("amount", "Amount", "money"),
    ]
    more = {"head": {"as_of": "2026-11-21", "currency": "USD"}, "total": (None, 15, 251000000)} | more
    return Report(
        columns,
        [("Qualification", 3, 1000000), ("Proposal", 12, 250000000)],
        title="Pipeline",
        notes=["As of 2026-11-21."],
        explain=["amount: the sum of 15 deals"],
        tail={"excluded": []},
        **more,
    )


def acme() -> Record:
    tasks = Table(NOTE, [("T1", "Call")], title="Open tasks")
    return Record(DEALS, ACME, "O45 Acme renewal", {"tasks": tasks, "quotes": Table(NOTE, [], empty="None.")})


def test_a_list_in_a_pipe_is_tsv() -> None:
    assert printed(deals([ACME])) == (
        "ref\tname\taccount\taccount_name\tamount\tcurrency\tprobability\tclose_date\tupdated_at\tis_won\n"
        "O45\tAcme renewal\tA4\tHuaxin\t12500.00\tUSD\t75\t2026-11-27\t2026-11-21T21:09:21Z\tfalse\n"
    )


def test_a_record_of_tsv_is_one_line() -> None:
    table = Table(NOTE, [("O1", "a\tb\nc\rd\\n"), ("O2", "plain")])
    assert printed(table, "tsv") == "ref\tnote\nO1\ta\\tb\\nc\\rd\\\\n\nO2\tplain\n"


def test_a_list_on_a_terminal_is_a_table() -> None:
    table = deals()
    table.columns = [column for column in DEALS if column.name != "updated_at"]
    table.rows = [(*row[:8], row[9]) for row in (ACME, HUAXIN)]
    assert printed(table, None, look_at(True, 100)).splitlines() == [
        "Ref  Name                         Account              Amount  Prob.  Close       Won",
        "─────────────────────────────────────────────────────────────────────────────────────",
        "O45  Acme renewal                 A4 Huaxin     USD 12,500.00   75 %  2026-11-27  no ",
        "O46  [acme] 華信科技股份有限公司  A12 深圳华信    JPY 500,000   90 %              yes",
    ]


def test_a_report_on_a_terminal_has_a_rule_over_its_total() -> None:
    assert printed(pipeline(), None, look_at(True, 80)) == (
        "Pipeline\n"
        "\n"
        "Stage          Deals        Amount\n"
        "──────────────────────────────────\n"
        "Qualification      3     10,000.00\n"
        "Proposal          12  2,500,000.00\n"
        "──────────────────────────────────\n"
        "Total             15  2,510,000.00\n"
        "\n"
        "As of 2026-11-21.\n"
        "\n"
        "amount: the sum of 15 deals\n"
    )


def test_a_report_in_a_pipe_is_aligned_text() -> None:
    assert printed(pipeline()).splitlines()[2:8] == [
        "Stage          Deals        Amount",
        "-------------  -----  ------------",
        "Qualification      3     10,000.00",
        "Proposal          12  2,500,000.00",
        "-------------  -----  ------------",
        "Total             15  2,510,000.00",
    ]


def test_a_report_in_json_is_one_object() -> None:
    assert json.loads(printed(pipeline(), "json")) == {
        "schema_version": 1,
        "as_of": "2026-11-21",
        "currency": "USD",
        "rows": [
            {"stage": "Qualification", "count": 3, "amount": "10000.00"},
            {"stage": "Proposal", "count": 12, "amount": "2500000.00"},
        ],
        "total": {"stage": None, "count": 15, "amount": "2510000.00"},
        "excluded": [],
    }
    assert json.loads(printed(pipeline(total=None), "json"))["total"] is None


def test_an_amount_in_another_currency_than_the_report_names_it() -> None:
    columns = [Column("amount", "Amount", "money"), Column("currency", "Currency", hidden=True)]
    report = Report(columns, [(100, "EUR"), (100, "USD"), (100, None)], head={"currency": "USD"})
    assert [line.strip() for line in printed(report).splitlines()[2:]] == ["EUR 1.00", "1.00", "1.00"]


def test_an_amount_without_a_currency_is_a_mistake_of_the_program() -> None:
    with pytest.raises(LookupError, match="currency"):
        printed(Table([Column("amount", "Amount", "money")], [(1,)]))
    with pytest.raises(LookupError, match="currency"):
        printed(deals([(*ACME[:5], None, *ACME[6:])]))


def test_a_list_in_json_is_an_array_with_every_key() -> None:
    first, second = json.loads(printed(deals(), "json"))
    assert list(first) == [column.name for column in DEALS]
    assert first["amount"] == "12500.00"
    assert first["is_won"] is False
    assert second["amount"] == "500000"
    assert second["close_date"] is None
    assert printed(deals(), "jsonl").splitlines() == [
        json.dumps(each, ensure_ascii=False) for each in (first, second)
    ]


def test_a_record_in_json_holds_its_lists() -> None:
    record = json.loads(printed(acme(), "json"))
    assert record["ref"] == "O45"
    assert record["tasks"] == [{"ref": "T1", "note": "Call"}]
    assert record["quotes"] == []
    assert json.loads(printed(acme(), "jsonl")) == record


def test_a_record_for_people() -> None:
    assert printed(acme()) == (
        "O45 Acme renewal\n"
        "\n"
        "Ref:     O45\n"
        "Name:    Acme renewal\n"
        "Account: A4 Huaxin\n"
        "Amount:  USD 12,500.00\n"
        "Prob.:   75 %\n"
        "Close:   2026-11-27\n"
        "Updated: 2026-11-21 21:09\n"
        "Won:     no\n"
        "\n"
        "Open tasks\n"
        "\n"
        "Ref  Note\n"
        "---  ----\n"
        "T1   Call\n"
        "\n"
        "Quotes\n"
        "\n"
        "None.\n"
    )
    assert "Close:" not in printed(Record(DEALS, HUAXIN)), "people are spared empty fields"
    assert '"close_date": null' in printed(Record(DEALS, HUAXIN), "json"), "programs get every key"


def test_a_text_of_several_lines_goes_on_beneath_itself() -> None:
    assert printed(Record(NOTE, ("O1", "one\ntwo"))) == "Ref:  O1\nNote: one\n      two\n"


def test_markdown_says_the_data_literally() -> None:
    table = Table(NOTE, [("O1", "[a](b) | *c* <d> & `e` \\")], title="Deals")
    assert printed(table, "md") == (
        "## Deals\n\n| Ref | Note |\n| --- | --- |\n"
        "| O1 | \\[a\\](b) \\| \\*c\\* \\<d\\> \\& \\`e\\` \\\\ |\n"
    )
    assert "| **Total** | **15** | **2,510,000.00** |" in printed(pipeline(), "md")


def test_ids_are_the_references_alone() -> None:
    assert printed(deals(), "ids") == "O45\nO46\n"
    assert printed(acme(), "ids") == "O45\n"
    with pytest.raises(InvalidValue):
        printed(pipeline(), "ids")


def test_rows_about_the_same_record_are_one_reference() -> None:
    rows = [(ref, "") for ref in ("O3", "O3", None, "O4", "O3", "O3")]
    assert printed(Table([Column("ref", "Ref"), Column("reason", "Reason")], rows), "ids") == "O3\nO4\nO3\n"


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("json", "[]\n"),
        ("jsonl", ""),
        ("csv", "ref,note\n"),
        ("tsv", "ref\tnote\n"),
        ("table", "No deals.\n"),
        ("plain", "No deals.\n"),
        ("md", "No deals.\n"),
        ("ids", ""),
    ],
)
def test_an_empty_list(format: str, expected: str) -> None:
    assert printed(Table(NOTE, [], empty="No deals."), format) == expected


def test_every_kind_of_value_in_csv_and_json() -> None:
    columns = [
        Column("number", "", "number"),
        Column("percent", "", "percent"),
        Column("list", "", "list"),
        Column("json", "", "json"),
        Column("boolean", "", "boolean"),
    ]
    table = Table(columns, [(Decimal("1E+2"), Decimal("7.50"), ["a", "b; c"], {"k": "é"}, 1)])
    assert printed(table, "csv").splitlines()[1] == '100,7.50,a; b; c,"{""k"": ""é""}",true'
    assert json.loads(printed(table, "json")) == [
        {"number": 100, "percent": 7.5, "list": ["a", "b; c"], "json": {"k": "é"}, "boolean": True}
    ]
    assert printed(table, "plain").splitlines()[2].split("  ") == [
        "100",
        "7.50 %",
        "a, b; c",
        '{"k": "é"}',
        "yes",
    ]


def test_a_decimal_that_no_float_holds_stays_exact_in_json() -> None:
    table = Table([Column("n", "", "number")], [(Decimal("0.12345678901234567890"),)])
    assert json.loads(printed(table, "json")) == [{"n": "0.12345678901234567890"}]


def test_instants_are_told_in_the_zone() -> None:
    table = Table([Column("at", "At", "instant")], [("2026-11-21T21:09:21Z",), (None,)])
    east = timezone(timedelta(hours=8))
    assert printed(table, "csv", look_at(zone=east)).splitlines()[1] == "2026-11-22T05:09:21+08:00"
    assert printed(table, "plain", look_at(zone=east)).splitlines()[2] == "2026-11-22 05:09"


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InvalidValue) as caught:
        printed(deals(), "jsn")
    assert caught.value.hint == "Did you mean 'json'?"


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_json_and_csv_and_tsv_say_texts_verbatim(rows: list[tuple[str, str]]) -> None:
    def table() -> Table:
        return Table(NOTE, iter(rows))

    assert [tuple(each.values()) for each in json.loads(printed(table(), "json"))] == rows
    assert [tuple(json.loads(line).values()) for line in printed(table(), "jsonl").split("\n")[:-1]] == rows
    assert list(csv.reader(io.StringIO(printed(table(), "csv"), newline="")))[1:] == [
        list(row) for row in rows
    ]
    lines = printed(table(), "tsv").split("\n")[1:-1]
    assert [tuple(map(unescaped, line.split("\t"))) for line in lines] == rows


def unescaped(text: str) -> str:
    parts = text.split("\\\\")
    return "\\".join(part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in parts)


class TestOutcome:
    """What a write prints."""

    def made(self) -> Outcome:
        return Outcome(
            ["O45 Acme renewal · USD 12,500.00"], ["O45"], Record(NOTE, ("O45", "x")), {"entry": 41}
        )

    @pytest.mark.parametrize(
        ("format", "terminal", "expected"),
        [
            (None, False, "O45\n"),
            (None, True, ""),
            ("ids", True, "O45\n"),
            ("csv", False, "ref,note\nO45,x\n"),
            ("json", False, '{\n  "ref": "O45",\n  "note": "x"\n}\n'),
        ],
    )
    def test_words_go_to_stderr_and_data_to_stdout(
        self, format: str | None, terminal: bool, expected: str
    ) -> None:
        look = look_at(terminal, 80)
        assert printed(self.made(), format, look) == expected
        assert look.err.getvalue() == "O45 Acme renewal · USD 12,500.00\n"  # type: ignore[attr-defined]

    def test_quiet_keeps_the_words_back(self) -> None:
        from crmcli.render import render

        look = look_at()
        render(self.made(), None, look, quiet=True)
        assert look.err.getvalue() == ""  # type: ignore[attr-defined]

    def test_data_stands_in_for_a_record(self) -> None:
        assert json.loads(printed(Outcome(data={"entry": 41}), "json")) == {"entry": 41}
        assert json.loads(printed(Outcome(refs=["T3"]), "json")) == {"refs": ["T3"]}
        assert printed(Outcome(refs=["T3"], data={"entry": 41}), "csv") == "T3\n"


def test_prose_is_printed_as_it_stands() -> None:
    assert printed(Text("complete -o [x]\n"), None, look_at(True, 20)) == "complete -o [x]\n"
    assert json.loads(printed(Text("a"), "json")) == {"text": "a"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_closed_pipe_is_left_to_the_caller(format: str) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    def rows() -> Iterator[Any]:
        yield ACME

    with pytest.raises(BrokenPipeError):
        printed(deals(rows()), format, look_at(True, 120)._replace(out=Closed()))
