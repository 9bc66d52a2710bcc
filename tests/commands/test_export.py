"""Export: every record with all its fields, in a form that imports back as it was."""

import csv
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm

NOUNS = ("user", "stage", "account", "contact", "campaign", "lead", "opp", "task", "log")
UNLIKE = ("id", "ref", "uid", "updated_at")  # what another database gives by itself


@pytest.fixture(autouse=True)
def in_march(crm: Crm) -> None:
    crm.today = "2026-03-02"


@pytest.fixture
def filled(crm: Crm) -> Crm:
    """A little of everything, with gaps among the ids."""
    crm.ok("account add Gone")
    crm.ok("account rm A1 --yes")
    crm.ok("user add 'Li Wei' --email li@x.example --team East")
    crm.ok("user add 'Zoë' --manager 'Li Wei'")
    crm.ok("account add 'Grand 華' --website https://grand.example --annual-revenue 'EUR 1250000.50'")
    crm.ok(
        "account",
        "add",
        'Kid, "Inc"',
        "--parent",
        "A2",
        "--description",
        "two\nlines; and 'quotes'",
        "--owner",
        "Zoë",
    )
    crm.ok("user edit 'Zoë' --active no")
    crm.ok(
        "contact add --first-name Ann --last-name Lee --account A3 --email ann@x.example --external-id C-1"
    )
    crm.ok("contact add Boss --account A2")
    crm.ok("contact edit C1 --reports-to C2")
    crm.ok("campaign add Gone")
    crm.ok("campaign rm M1 --yes")
    crm.ok(
        "campaign add 'Fair 華' --status Completed --start-date 2026-01-05 --end-date 2026-01-09"
        " --budgeted-cost 'EUR 900' --actual-cost 'EUR 1000.50'"
    )
    crm.ok("lead add Lead --campaign M2 --company =SUM(A1) --phone '+49 30 123' --employees 12 --rating Hot")
    crm.ok(
        "opp add 'Open one' --account A3 --amount 'JPY 5000' --close-date 2026-05-01 --probability 33 --category Commit"
    )
    crm.ok(
        "opp add Won --account A2 --campaign M2 --amount 1200.50 --stage 'Closed Won' --close-date 2026-02-01"
    )
    crm.ok("opp add Lost --stage 'Closed Lost' --close-date 2026-02-02 --lost-reason Pricing")
    crm.ok("task add Call --due-date 2026-03-09 --related-to O1 --contact C1 --priority High")
    crm.ok("task add Done --status Completed --related-to A3")
    crm.ok("log call A3 'Talked' --outcome 'Will sign' --at 2026-02-20")
    crm.ok("log note O2 'Noted'")
    return crm


def exported(crm: Crm, noun: str, *words: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = crm.ok(noun, "export", "-", "--format", "json", *words).json
    return found


def comparable(crm: Crm) -> dict[str, list[dict[str, Any]]]:
    """All records without what another database gives by itself; references by what they name."""
    return {
        noun: [
            {name: value for name, value in row.items() if name not in UNLIKE and f"{name}_name" not in row}
            for row in exported(crm, noun)
        ]
        for noun in NOUNS
    }


@pytest.mark.parametrize("ending", ["csv", "tsv", "json", "jsonl", "xlsx"])
def test_what_is_exported_imports_back_into_an_empty_database_with_the_same_values(
    filled: Crm, tmp_path: Path, ending: str
) -> None:
    before = comparable(filled)
    for noun in NOUNS:
        run = filled.ok(noun, "export", tmp_path / f"{noun}.{ending}")
        assert "Wrote" in run.err
    other = Crm(filled.start, {**filled.environ, "CRMCLI_DB": str(tmp_path / "other.db")}, filled.today)
    for noun in NOUNS:
        match = ["--match", "name"] if noun == "stage" else []
        other.ok(noun, "import", tmp_path / f"{noun}.{ending}", *match, "--create-parents")
    assert comparable(other) == before


def test_our_own_export_changes_nothing_where_it_came_from(filled: Crm, tmp_path: Path) -> None:
    for noun in NOUNS:
        path = tmp_path / f"{noun}.csv"
        count = len(exported(filled, noun))
        filled.ok(noun, "export", path)
        for match in ([], ["--match", "name"]):
            if match and noun in ("task", "log"):
                continue
            found = filled.ok(noun, "import", path, *match, "--json", today="2026-03-05").json
            assert found == {"created": 0, "updated": 0, "unchanged": count, "rejected": 0, "entry": None}, (
                noun
            )


def test_an_export_holds_every_field_on_a_line_in_the_order_of_the_ids(filled: Crm, tmp_path: Path) -> None:
    filled.ok("opp", "export", tmp_path / "opps.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "opps.csv").read_text())))
    assert [row["ref"] for row in rows] == ["O1", "O2", "O3"]
    assert {"id", "uid", "owner", "account", "account_name", "currency", "is_won", "created_at"} <= set(
        rows[0]
    )
    assert rows[0]["amount"] == "5000"
    assert list(rows[0]) == list(exported(filled, "opp")[0])


def test_a_noun_without_records_is_a_heading_or_an_empty_array(crm: Crm, tmp_path: Path) -> None:
    crm.ok("init")
    assert len(crm.ok("lead export").lines) == 1
    assert exported(crm, "lead") == []
    crm.ok("lead", "export", tmp_path / "x.csv")
    found = crm.ok("lead", "import", tmp_path / "x.csv", "--json").json
    assert (found["created"], found["entry"]) == (0, None)


def test_a_filter_and_fields_leave_what_was_asked_for(filled: Crm) -> None:
    assert [row["name"] for row in exported(filled, "opp", "stage:won")] == ["Won"]
    assert filled.ok("opp", "export", "-", "amount>1k", "--fields", "name,stage").lines == [
        "name,stage",
        "Open one,Prospecting",
        "Won,Closed Won",
    ]
    filled.fails(2, "opp", "export", "-", "shoe:1")
    filled.fails(2, "opp", "export", "-", "--fields", "shoe")


def test_converted_leads_and_completed_tasks_are_exported_too(filled: Crm) -> None:
    assert [row["subject"] for row in exported(filled, "task")] == ["Call", "Done"]


def test_the_ending_tells_the_format_or_it_has_to_be_said(filled: Crm, tmp_path: Path) -> None:
    assert "--format csv" in filled.fails(2, "lead", "export", tmp_path / "x.ods").err
    filled.ok("lead", "export", tmp_path / "x.txt", "--format", "jsonl")
    assert json.loads((tmp_path / "x.txt").read_text())["name"] == "Lead"
    filled.fails(1, "lead", "export", tmp_path / "nowhere" / "x.csv")
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_pipe_is_written_to_and_stays_a_pipe(filled: Crm, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    filled.ok("lead", "export", pipe)
    reader.join()
    assert got[0].startswith("id,ref,uid,name")
    assert pipe.is_fifo()


def test_an_export_replaces_a_file_whole_and_follows_a_link(filled: Crm, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    link.symlink_to(real)
    filled.ok("lead", "export", link)
    assert link.is_symlink()
    assert real.read_text().startswith("id,")


def test_excel_safe_guards_what_a_spreadsheet_would_calculate(filled: Crm, tmp_path: Path) -> None:
    filled.ok("lead", "export", tmp_path / "x.csv", "--excel-safe")
    text = (tmp_path / "x.csv").read_text()
    assert "'=SUM(A1)" in text
    assert "=SUM(A1)" in filled.ok("lead", "export").out
    assert "'=SUM(A1)" not in filled.ok("lead", "export").out


words = st.text(
    st.one_of(st.sampled_from("=+-@\t'\"\n\r ,;0"), st.characters(codec="utf-8", exclude_characters="\0")),
    min_size=1,
    max_size=12,
)


@given(
    texts=st.lists(
        words.filter(lambda text: text.strip() == text and text.casefold() != "none"), min_size=1, max_size=5
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_guarded_imports_back_as_it_was(crm: Crm, tmp_path: Path, texts: list[str]) -> None:
    people = [{"name": f"P {n}", "company": text, "description": text} for n, text in enumerate(texts)]
    (tmp_path / "in.json").write_text(json.dumps(people))
    crm.ok("lead", "import", tmp_path / "in.json")
    before = [(row["company"], row["description"]) for row in exported(crm, "lead")]
    crm.ok("lead", "export", tmp_path / "out.csv", "--excel-safe")
    crm.ok("undo")
    crm.ok("lead", "import", tmp_path / "out.csv")
    assert [(row["company"], row["description"]) for row in exported(crm, "lead")] == before
    assert before == [(text, text) for text in texts]
    crm.ok("undo")
