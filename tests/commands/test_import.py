"""Import: every clause of what it promises, in the order it is promised."""

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm, Run

LEADS = "name,email,company\nWang Wei,wei@huaxin.cn,Huaxin\nAnn Lee,ann@acme.example,Acme\n"


@pytest.fixture(autouse=True)
def in_march(crm: Crm) -> None:
    crm.today = "2026-03-02"
    crm.ok("init")


def file(tmp_path: Path, text: str | bytes, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def counts(run: Run) -> tuple[int, ...]:
    return tuple(run.json[name] for name in ("created", "updated", "unchanged", "rejected"))


def listed(crm: Crm, noun: str, *fields: str) -> list[Any]:
    found = crm.ok(noun, "list", "--all", "--json", "--fields", ",".join(fields)).json
    return [tuple(row[name] for name in fields) for row in found]


def bad(run: Run) -> list[tuple[int, str, str | None]]:
    """Line, code and field of every row that was refused."""
    return [(row["line"], row["code"], row["field"]) for row in run.error["details"]]


# ------------------------------------------------------------ 1. encoding and delimiter are found and said


def test_utf_8_with_a_mark_is_read_without_a_word(crm: Crm, tmp_path: Path) -> None:
    run = crm.ok("lead", "import", file(tmp_path, "\ufeffname,company\nJosé,Büro\n"))
    assert run.err.startswith("Imported file.csv")
    assert listed(crm, "lead", "name", "company") == [("José", "Büro")]


def test_cp1252_and_a_semicolon_are_found_and_announced(crm: Crm, tmp_path: Path) -> None:
    run = crm.ok("lead", "import", file(tmp_path, "name;company\nJosé;Büro\n".encode("cp1252")))
    assert run.err.startswith("Read as cp1252 (not valid UTF-8); delimiter ';'.")
    assert listed(crm, "lead", "name", "company") == [("José", "Büro")]


def test_encoding_and_delimiter_can_be_said(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name|company\nЖ|Ю\n".encode("cp1251"))
    crm.ok("lead", "import", path, "--encoding", "cp1251", "--delimiter", "pipe")
    assert listed(crm, "lead", "name", "company") == [("Ж", "Ю")]
    crm.fails(2, "lead", "import", path, "--encoding", "klingon")
    crm.fails(2, "lead", "import", path, "--delimiter", "comm")


def test_standard_input_and_json_and_a_pipe_are_read(crm: Crm, tmp_path: Path) -> None:
    assert counts(crm.ok("lead import - --json", stdin=LEADS)) == (2, 0, 0, 0)
    people = [{"name": "Zoë", "employees": 12}, {"name": "Ann", "annual_revenue": "1200.50"}]
    crm.ok("lead", "import", file(tmp_path, json.dumps(people), "x.json"))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("name\nPiped\n",))
    writer.start()
    crm.ok("lead", "import", pipe)
    writer.join()
    assert [row[0] for row in listed(crm, "lead", "name")] == ["Wang Wei", "Ann Lee", "Zoë", "Ann", "Piped"]


# ------------------------------------------------------------------------------------------- 2. headings


def test_headings_are_matched_by_name_label_and_alias(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "Full Name,E-Mail Address,Organisation,Lead Source\nAnn,a@b.example,Acme,web\n")
    crm.ok("lead", "import", path)
    assert listed(crm, "lead", "name", "email", "company", "source") == [
        ("Ann", "a@b.example", "Acme", "Web")
    ]


def test_map_and_set_fill_fields_and_placeholders_are_headings(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    path = file(tmp_path, "Deal value,account,product\n1200,Acme,Pump\n")
    crm.ok(
        "opp",
        "import",
        path,
        "--map",
        "Deal value=amount",
        "--set",
        "name={account}: {product}",
        "--set",
        "source=Web",
    )
    assert listed(crm, "opp", "name", "amount", "source") == [("Acme: Pump", "1200.00", "Web")]


def test_values_of_the_file_are_translated(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name,stage,close_date\nA,WON,2026-02-01\nB,Talking,2026-05-01\n")
    crm.ok("opp", "import", path, "--value", "stage:Won=Closed Won", "--value", "stage:talking=Qualification")
    assert listed(crm, "opp", "stage", "probability") == [("Closed Won", 100), ("Qualification", 10)]
    assert "does not fill" in crm.fails(2, "opp", "import", path, "--value", "source:a=b").err


def test_two_headings_on_one_field_are_an_error(crm: Crm, tmp_path: Path) -> None:
    assert (
        "both mean company"
        in crm.fails(2, "lead", "import", file(tmp_path, "name,company,account\na,b,c\n")).err
    )


def test_unknown_headings_are_listed_and_refused_unless_told(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name,Shoe size,Größe\nAnn,38,M\n")
    assert "'Shoe size', 'Größe'" in crm.fails(2, "lead", "import", path).err
    crm.fails(2, "lead", "import", path, "--extra", "drop")
    assert "is ignored" in crm.ok("lead", "import", path, "--extra", "ignore", "--dry-run").err
    crm.ok("lead", "import", path, "--extra", "note")
    assert listed(crm, "lead", "description") == [("Shoe size: 38\nGröße: M",)]


def test_unknown_headings_become_custom_fields_that_are_updated_and_undone(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name,email,Shoe size,区域,分类\nAnn,a@b.example,38,north,x\n")
    crm.ok("lead", "import", path, "--extra", "custom")
    assert listed(crm, "lead", "shoe_size", "field", "field_2") == [("38", "north", "x")]
    again = crm.ok("lead", "import", path, "--match", "email", "--json")
    assert counts(again) == (0, 0, 1, 0)
    changed = file(tmp_path, "email,shoe_size\nA@B.example,39\n")
    assert counts(crm.ok("lead", "import", changed, "--match", "email", "--json")) == (0, 1, 0, 0)
    assert listed(crm, "lead", "shoe_size", "field") == [("39", "north")]
    crm.ok("undo")
    assert listed(crm, "lead", "shoe_size", "field") == [("38", "north")]


def test_a_file_without_what_a_record_needs_is_refused_before_a_row_is_read(crm: Crm, tmp_path: Path) -> None:
    run = crm.fails(2, "lead", "import", file(tmp_path, "email\na@b.example\n"))
    assert "No heading of file.csv is the name" in run.err
    assert "--map 'HEADING=name'" in run.err
    crm.fails(2, "log", "import", file(tmp_path, "subject\nHello\n"))
    crm.ok("log", "import", file(tmp_path, "subject\nHello\n"), "--set", "type=Call")


# ----------------------------------------------------------------------------------------- 3. match and mode


def test_with_a_key_rows_are_upserted_and_the_key_is_normalised(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, LEADS))
    again = file(tmp_path, "name,email,company\nWang Wei,WEI@huaxin.cn,Huaxin Tech\nNew,new@x.example,X\n")
    assert counts(crm.ok("lead", "import", again, "--match", "email", "--json")) == (1, 1, 0, 0)
    assert listed(crm, "lead", "ref", "company", "email") == [
        ("L1", "Huaxin Tech", "WEI@huaxin.cn"),
        ("L2", "Acme", "ann@acme.example"),
        ("L3", "X", "new@x.example"),
    ]


@pytest.mark.parametrize(
    ("noun", "key", "first", "second"),
    [
        ("lead", "external_id", "name,external_id\nA,7\n", "name,external_id\nB,7\n"),
        ("account", "name", "name,city\nAcme Inc.,Bonn\n", "name,city\nACME,Köln\n"),
        (
            "account",
            "domain",
            "name,website\nAcme,https://www.acme.example\n",
            "name,website\nAcme 2,acme.example\n",
        ),
        ("lead", "phone", "name,phone\nA,+49 30 12345\n", "name,phone\nB,0049 30-12345\n"),
        ("lead", "website", "name,website\nA,a.example\n", "name,website\nB,a.example\n"),
        ("contact", "name,account", "name,account\nA,Acme\n", "name,account,title\nA,Acme,Director\n"),
        ("user", "name", "name,team\nLi,East\n", "name,team\nli,West\n"),
        ("stage", "name", "name,limit_days\nProspecting,3\n", "name,limit_days\nprospecting,5\n"),
    ],
)
def test_every_key_finds_its_record(
    crm: Crm, tmp_path: Path, noun: str, key: str, first: str, second: str
) -> None:
    crm.ok(noun, "import", file(tmp_path, first), "--match", key, "--create-parents")
    assert counts(crm.ok(noun, "import", file(tmp_path, second), "--match", key, "--json")) == (0, 1, 0, 0)
    assert counts(crm.ok(noun, "import", file(tmp_path, second), "--match", key, "--json")) == (0, 0, 1, 0)


def test_without_a_key_rows_are_inserted_and_exact_duplicates_reported(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, LEADS))
    more = LEADS + "Wang Wei,wei@huaxin.cn,Other\nNew,,\nNew,,\n"
    run = crm.ok("lead", "import", file(tmp_path, more), "--json")
    assert counts(run) == (2, 0, 3, 0)
    assert "1 of them stand twice in the file" in run.err


def test_a_blank_key_falls_back_to_exact_duplicates(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, "name,email\nAnn,\nBob,b@c.example\n")
    assert counts(crm.ok("lead", "import", path, "--match", "email", "--json")) == (2, 0, 0, 0)
    assert counts(crm.ok("lead", "import", path, "--match", "email", "--json")) == (0, 0, 2, 0)
    other = file(tmp_path, "name,email,company\nAnn,,Acme\n")
    assert counts(crm.ok("lead", "import", other, "--match", "email", "--json")) == (1, 0, 0, 0)


def test_mode_update_makes_nothing_and_mode_insert_changes_nothing(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, LEADS))
    path = file(tmp_path, "name,email\nWang W.,wei@huaxin.cn\nNew,new@x.example\n")
    run = crm.fails(2, "lead", "import", path, "--match", "email", "--mode", "update", "--json")
    assert bad(run) == [(3, "not_found", None)]
    run = crm.fails(2, "lead", "import", path, "--match", "email", "--mode", "insert", "--json")
    assert bad(run) == [(2, "exists", None)]


@pytest.mark.parametrize(
    "words",
    [
        "--mode replace",
        "--mode update",
        "--mode upsert",
        "--extra drop",
        "--date-order ydm",
        "--match phone",
        "--match shoe",
    ],
)
def test_unknown_words_are_errors(crm: Crm, tmp_path: Path, words: str) -> None:
    run = crm.fails(2, "lead", "import", file(tmp_path, LEADS), *words.split())
    assert words.split()[1] in run.err


def test_a_key_that_several_records_have_is_ambiguous(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Ann --company A")
    crm.ok("lead add Ann --company B")
    run = crm.fails(2, "lead", "import", file(tmp_path, "name,city\nAnn,Bonn\n"), "--match", "name", "--json")
    assert bad(run) == [(2, "ambiguous", "name")]


def test_a_second_row_with_the_same_key_and_other_values_is_rejected(crm: Crm, tmp_path: Path) -> None:
    text = "name,email\nAnn,a@b.example\nAnn,a@b.example\nBob,A@B.example\n"
    run = crm.fails(2, "lead", "import", file(tmp_path, text), "--match", "email", "--json")
    assert bad(run) == [(4, "duplicate_in_file", "email")]
    assert run.error["details"][0]["reason"] == "the same email as line 2"
    text = "name,external_id\nAnn,1\nBob,1\n"
    run = crm.fails(2, "lead", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(3, "duplicate_in_file", "external_id")]


def test_what_must_be_unique_is_kept_so(crm: Crm, tmp_path: Path) -> None:
    crm.ok("user add Li")
    run = crm.fails(2, "user", "import", file(tmp_path, "name,team\nLI,East\n"), "--json")
    assert bad(run) == [(2, "exists", "name")]
    crm.ok("lead add Ann --external-id 1")
    crm.ok("lead add Bob --external-id 2 --email b@c.example")
    path = file(tmp_path, "email,external_id\nb@c.example,1\n")
    assert bad(crm.fails(2, "lead", "import", path, "--match", "email", "--json")) == [
        (2, "exists", "external_id")
    ]


# --------------------------------------------------------------------------------------- 4. parents


def test_parents_are_found_by_name_domain_external_id_and_reference(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add 'Acme, Inc.' --website https://www.acme.example --external-id 0017")
    text = "name,account\na,ACME\nb,acme.example\nc,0017\nd,A1\ne,1\n"
    crm.ok("opp", "import", file(tmp_path, text))
    assert listed(crm, "opp", "account") == [("A1",)] * 5


def test_a_number_is_an_external_id_before_it_is_one_of_ours(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add First")
    crm.ok("account add Second --external-id 1")
    crm.ok("contact", "import", file(tmp_path, "name,account\nAnn,1\n"))
    assert listed(crm, "contact", "account_name") == [("Second",)]


def test_missing_and_ambiguous_parents_are_rejected(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Twin --city A")
    crm.ok("account add Twin --city B")
    text = "name,account,owner\na,Nobody,\nb,Twin,\nc,A99,\nd,L1,\ne,,Nobody\nf,A99999999999999999,\n"
    run = crm.fails(2, "opp", "import", file(tmp_path, text), "--json")
    assert bad(run) == [
        (2, "not_found", "account"),
        (3, "ambiguous", "account"),
        (4, "not_found", "account"),
        (5, "not_found", "account"),
        (6, "not_found", "owner"),
        (7, "not_found", "account"),
    ]
    assert run.error["details"][0]["reason"] == "there is no account Nobody"


def test_create_parents_makes_each_missing_one_once_in_the_same_entry(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    text = "name,account,owner\na,Acme,Li\nb,Huaxin,Li\nc,HUAXIN,li@x.example\nd,Globex,me\n"
    run = crm.ok("opp", "import", file(tmp_path, text), "--create-parents", "--json", env={"LOGNAME": "Zoe"})
    assert counts(run) == (4, 0, 0, 0)
    assert "Made 3 users and 2 accounts that the rows name." in run.err
    assert [name for (name,) in listed(crm, "account", "name")] == ["Acme", "Huaxin", "Globex"]
    assert listed(crm, "account", "owner")[1:] == [("Zoe",), ("Zoe",)]
    users = listed(crm, "user", "name", "email")
    assert users[1:] == [("Li", None), ("li@x.example", "li@x.example"), ("Zoe", None)]
    crm.ok("undo", str(run.json["entry"]))
    assert len(listed(crm, "account", "name")) == len(listed(crm, "user", "name")) == 1


def test_create_parents_does_not_make_a_record_called_like_a_reference(crm: Crm, tmp_path: Path) -> None:
    run = crm.fails(2, "opp", "import", file(tmp_path, "name,account\na,A7\n"), "--create-parents", "--json")
    assert bad(run) == [(2, "not_found", "account")]


def test_managers_and_parents_are_found_in_the_file_before_they_are_made(crm: Crm, tmp_path: Path) -> None:
    text = "name,manager\nLi,Ann\nAnn,Boss\nBo,Boss\n"
    run = crm.ok("user", "import", file(tmp_path, text), "--create-parents")
    assert "Made 1 user that" in run.err
    assert dict(listed(crm, "user", "name", "manager_name")) == {
        "Boss": None,
        "Li": "Ann",
        "Ann": "Boss",
        "Bo": "Boss",
    }
    text = "name,parent,owner\nKid,Mother,Li\nMother,Grand,Li\nGrand,,Li\n"
    crm.ok("account", "import", file(tmp_path, text), "--create-parents")
    assert dict(listed(crm, "account", "name", "parent_name")) == {
        "Kid": "Mother",
        "Mother": "Grand",
        "Grand": None,
    }


def test_a_child_of_a_rejected_row_is_rejected_too(crm: Crm, tmp_path: Path) -> None:
    text = "name,parent,employees\nGrandkid,Kid,1\nKid,Mother,1\nMother,,many\nOther,,1\n"
    run = crm.fails(2, "account", "import", file(tmp_path, text), "--json")
    assert {line for line, _, _ in bad(run)} == {2, 3, 4}
    rejects = tmp_path / "rejects.csv"
    assert counts(crm("account", "import", file(tmp_path, text), "--rejects", rejects, "--json")) == (
        1,
        0,
        0,
        3,
    )
    text = "name,parent,external_id\nKid,Mother,1\nMother,,2\nAnother,,2\nStep,Another,3\n"
    run = crm.fails(2, "account", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(4, "duplicate_in_file", "external_id"), (5, "not_found", "parent")]
    assert run.error["details"][1]["reason"] == "the row of account Another (line 4) cannot be imported"


def test_a_new_parent_in_the_file_becomes_that_of_a_record_that_is_there(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Kid")
    path = file(tmp_path, "name,parent\nKid,Mother\nMother,\n")
    assert counts(crm.ok("account", "import", path, "--match", "name", "--json")) == (1, 1, 0, 0)
    assert dict(listed(crm, "account", "name", "parent_name")) == {"Kid": "Mother", "Mother": None}
    assert counts(crm.ok("account", "import", path, "--match", "name", "--json")) == (0, 0, 2, 0)


def test_nothing_belongs_to_itself(crm: Crm, tmp_path: Path) -> None:
    text = "name,parent\nA,A\nB,C\nC,D\nD,B\nE,\n"
    run = crm.fails(2, "account", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(line, "circle", "parent") for line in (2, 3, 4, 5)]


def test_what_a_task_is_about_must_be_there(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    crm.ok("contact add Ann --account A1 --email ann@acme.example")
    text = "subject,related_to,contact\na,A1,\nb,acme,C1\nc,ann@acme.example,Ann\nd,,\n"
    crm.ok("task", "import", file(tmp_path, text))
    assert listed(crm, "task", "related_to", "contact") == [
        ("A1", None),
        ("A1", "C1"),
        ("C1", "C1"),
        (None, None),
    ]
    crm.ok("lead add Acme")
    text = "subject,related_to\na,A2\nb,Nobody\nc,acme\nd,O1\n"
    run = crm.fails(2, "task", "import", file(tmp_path, text), "--json")
    assert bad(run) == [
        (2, "not_found", "related_to"),
        (3, "not_found", "related_to"),
        (4, "ambiguous", "related_to"),
        (5, "not_found", "related_to"),
    ]


def test_a_reference_beside_a_name_means_the_record_that_is_called_so(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Other")
    crm.ok("account add Huaxin")
    text = "name,account,account_name\na,A1,Huaxin\nb,A2,Huaxin\nc,A9,Other\nd,A2,\n"
    crm.ok("opp", "import", file(tmp_path, text))
    assert listed(crm, "opp", "account") == [("A2",), ("A2",), ("A1",), ("A2",)]
    text = "name,account,account_name\na,A1,Gone\n"
    run = crm.fails(2, "opp", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(2, "not_found", "account")]
    text = "subject,related_to,related_to_name\na,A1,Huaxin\nb,A2,Gone\n"
    run = crm.fails(2, "task", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(3, "not_found", "related_to")]


# ------------------------------------------------------------------------------------ 5. all or nothing

BAD = 'name,email,source\nGood,g@x.example,Web\nBad,nonsense,Web\n"Multi\nline",m@x.example,Web\n,n@x.example,Web\n'


def test_any_bad_row_and_nothing_is_written_and_every_one_is_listed(crm: Crm, tmp_path: Path) -> None:
    run = crm.fails(2, "lead", "import", file(tmp_path, BAD))
    assert "line 3: " in run.err
    assert "(invalid_value)" in run.err
    assert "line 6: name is missing (missing)" in run.err
    assert "2 rows cannot be imported; nothing was written" in run.err
    assert listed(crm, "lead", "name") == []


def test_json_gives_one_error_with_every_bad_row(crm: Crm, tmp_path: Path) -> None:
    run = crm.fails(2, "lead", "import", file(tmp_path, BAD), "--json")
    assert run.out == ""
    assert run.error["code"] == "rejected"
    assert [list(row) for row in run.error["details"]] == [["line", "code", "field", "reason"]] * 2
    assert bad(run) == [(3, "invalid_value", "email"), (6, "missing", "name")]


def test_many_bad_rows_end_with_the_most_frequent_reasons(crm: Crm, tmp_path: Path) -> None:
    text = (
        "name,email\n"
        + "x,nonsense\n" * 2
        + "".join(f"x{n},nonsense\n" for n in range(20))
        + ",a@b.example\n"
    )
    run = crm.fails(2, "lead", "import", file(tmp_path, text))
    assert run.err.count("\nline ") + 1 == 23
    assert "Most often: 22 × invalid_value of email, 1 × missing of name." in run.err


def test_rejects_writes_the_good_rows_and_puts_the_bad_ones_into_a_file(crm: Crm, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    run = crm.fails(7, "lead", "import", file(tmp_path, BAD), "--rejects", rejects, "--json")
    assert counts(run) == (2, 0, 0, 2)
    assert f"The rejected rows are in {rejects}." in run.err
    lines = rejects.read_text().splitlines()
    assert lines[0] == "name,email,source,line,code,reason"
    assert lines[1].startswith("Bad,nonsense,Web,3,invalid_value,")
    assert lines[2] == ",n@x.example,Web,6,missing,name is missing"
    rejects.write_text(rejects.read_text().replace("nonsense", "b@x.example").replace("\n,n@", "\nN,n@"))
    assert counts(crm.ok("lead", "import", rejects, "--json")) == (2, 0, 0, 0)


def test_a_file_of_bad_rows_alone_makes_nothing_and_no_entry(crm: Crm, tmp_path: Path) -> None:
    text = "name,account,owner,external_id\n,Fresh,New One,1\n"
    rejects = tmp_path / "rejects.csv"
    run = crm.fails(
        7, "opp", "import", file(tmp_path, text), "--rejects", rejects, "--create-parents", "--json"
    )
    assert counts(run) == (0, 0, 0, 1)
    assert run.json["entry"] is None
    assert listed(crm, "account", "name") == listed(crm, "user", "name") == []
    assert crm.ok("history --json").json == []


def test_a_row_with_too_many_cells_is_mended_in_the_rejects_file_by_quotes_alone(
    crm: Crm, tmp_path: Path
) -> None:
    rejects, again = tmp_path / "rejects.csv", tmp_path / "again.csv"
    ragged = file(tmp_path, "name,company,email\nAda,Huaxin, Ltd,a@x.example\nBo,Acme,b@x.example\n")
    crm.fails(7, "lead", "import", ragged, "--rejects", rejects)
    crm.fails(7, "lead", "import", rejects, "--rejects", again)
    as_it_stood = "Ada,Huaxin, Ltd,a@x.example,2,column_count,the row has"
    assert again.read_text().splitlines()[1] == f"{as_it_stood} 7 cells under 6 headings"
    assert rejects.read_text().splitlines() == [
        "name,company,email,line,code,reason",
        f"{as_it_stood} 4 cells under 3 headings",
    ]
    rejects.write_text(rejects.read_text().replace("Huaxin, Ltd", '"Huaxin, Ltd"'))
    crm.ok("lead", "import", rejects)
    assert ("Huaxin, Ltd",) in listed(crm, "lead", "company")


def test_rejects_never_overwrites_what_is_read_or_the_database(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, BAD)
    link = tmp_path / "link.csv"
    link.symlink_to(path)
    for rejects in (path, link):
        assert "the file that is read" in crm.fails(2, "lead", "import", path, "--rejects", rejects).err
    crm.fails(2, "lead", "import", path, "--rejects", "-")
    assert path.read_text() == BAD


@pytest.mark.sqlite
def test_neither_rejects_nor_an_export_overwrite_the_database(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Ann")
    db = tmp_path / "crm.db"
    assert "the database" in crm.fails(2, "lead", "import", file(tmp_path, BAD), "--rejects", db).err
    assert "the database" in crm.fails(2, "lead", "export", db, "--format", "csv").err
    assert listed(crm, "lead", "name") == [("Ann",)]


def test_what_cannot_be_read_is_rejected_in_its_place(crm: Crm, tmp_path: Path) -> None:
    text = b'name,company\nA,x\nB\nC,"y\x00"\nD,"unclosed\nE,z\n'
    run = crm.fails(2, "lead", "import", file(tmp_path, text), "--json")
    assert bad(run) == [(3, "column_count", None), (4, "nul", None), (5, "unclosed_quote", None)]


@pytest.mark.parametrize(
    ("noun", "text", "field"),
    [
        ("opp", "name,amount\na,-5\n", "amount"),
        ("opp", "name,amount\na,1.005\n", "amount"),
        ("opp", "name,amount,currency\na,€5,USD\n", "amount"),
        ("opp", "name,currency\na,XYZ\n", "currency"),
        ("opp", "name,stage\na,Nirvana\n", "stage"),
        ("opp", "name,probability\na,101\n", "probability"),
        ("opp", "name,close_date\na,30 Feb 2026\n", "close_date"),
        ("opp", "name,category\na,Maybe\n", "category"),
        ("lead", "name,rating\na,Boiling\n", "rating"),
        ("lead", "name,employees\na,99999999999\n", "employees"),
        ("lead", f"name\n{'x' * 256}\n", "name"),
        ("lead", f"first_name,last_name\n{'x' * 200},{'y' * 200}\n", "name"),
        ("user", "name,active\na,perhaps\n", "active"),
        ("log", "type,subject,happened_at\nCall,a,2026-03-09\n", "happened_at"),
        ("log", "type,subject\nYodel,a\n", "type"),
    ],
)
def test_every_kind_of_value_is_checked(crm: Crm, tmp_path: Path, noun: str, text: str, field: str) -> None:
    run = crm.fails(2, noun, "import", file(tmp_path, text), "--json")
    assert [(line, of) for line, _, of in bad(run)] == [(2, field)]


# ------------------------------------------------------------------------------------------ 6. dry run


@pytest.mark.parametrize("rejects", [False, True])
def test_a_dry_run_counts_like_the_real_run(crm: Crm, tmp_path: Path, rejects: bool) -> None:
    crm.ok("lead", "import", file(tmp_path, LEADS))
    text = "name,email,company\nWang,wei@huaxin.cn,H\nAnn Lee,ann@acme.example,Acme\nNew,n@x.example,\nBad,bad,\n"
    words: list[str | Path] = ["lead", "import", file(tmp_path, text), "--match", "email"]
    target = tmp_path / "rejects.csv"
    words += ["--rejects", target] if rejects else []
    dry = crm(*words, "--dry-run", "--json")
    assert not target.exists()
    assert len(listed(crm, "lead", "name")) == 2
    real = crm(*words, "--json")
    assert dry.code == real.code == (7 if rejects else 2)
    if rejects:
        assert counts(dry) == counts(real) == (1, 1, 1, 1)
        assert dry.json["entry"] is None
    else:
        assert dry.error == real.error


@pytest.mark.sqlite
def test_a_dry_run_leaves_the_database_byte_for_byte(crm_process: Crm, tmp_path: Path) -> None:
    crm_process.ok("lead", "import", file(tmp_path, LEADS))
    db = tmp_path / "crm.db"
    before = db.read_bytes(), sorted(tmp_path.iterdir())
    text = "name,email,owner\n" + "".join(f"P{n},p{n}@x.example,Owner {n % 7}\n" for n in range(5000))
    crm_process.ok("lead", "import", file(tmp_path, text, "file.csv"), "--create-parents", "--dry-run")
    assert (db.read_bytes(), sorted(tmp_path.iterdir())) == before


@pytest.mark.sqlite
def test_a_dry_run_makes_no_database(crm_process: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, LEADS)
    for url in (tmp_path / "none.db", tmp_path / "folder" / "none.db"):
        run = crm_process.ok("lead", "import", path, "--dry-run", "--json", env={"CRMCLI_DB": str(url)})
        assert counts(run) == (2, 0, 0, 0)
        crm_process.fails(2, "lead", "import", path, "--map", "name=nonsense", env={"CRMCLI_DB": str(url)})
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "folder").exists()


# -------------------------------------------------------------------------------- 7. the same file again


@pytest.mark.parametrize("match", [None, "external_id"])
def test_the_same_file_again_changes_nothing(crm: Crm, tmp_path: Path, match: str | None) -> None:
    crm.ok("account add Acme")
    text = (
        "external_id,name,account,amount,currency,stage,probability,category,close_date,created_at,lost_reason,owner\n"
        "1,a,Acme,100,,Closed Won,60,Commit,2026-01-31,2025-12-01,,Li\n"
        "2,b,Acme,€50,,prospecting,15,,2026-05-01,,Pricing,Li\n"
        "3,c,,1k,JPY,CLOSED LOST,,,2026-02-01,2026-01-01 12:30,Pricing,\n"
        "4,d,,,,,,,,,,\n"
        "5,e,,5,,Closed Won,,,,,,\n"
    )
    words: list[str | Path] = ["opp", "import", file(tmp_path, text), "--create-parents", "--json"]
    words += ["--match", match] if match else []
    assert counts(crm.ok(*words)) == (5, 0, 0, 0)
    for day in ("2026-03-02", "2026-03-05"):
        again = crm.ok(*words, today=day)
        assert counts(again) == (0, 0, 5, 0)
        assert again.json["entry"] is None


def test_activities_and_tasks_without_a_date_are_not_doubled(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Acme")
    text = "type,subject,happened_at,related_to\nCall,Hello,,A1\nCall,Hello,2026-01-01,A1\nCall,Hello,2026-01-02,\n"
    assert counts(crm.ok("log", "import", file(tmp_path, text), "--json")) == (3, 0, 0, 0)
    assert counts(crm.ok("log", "import", file(tmp_path, text), "--json", today="2026-03-09")) == (0, 0, 3, 0)
    text = "subject,status,priority,completed_at\nA,Completed,,2026-01-01\nB,Completed,High,\nC,,,\n"
    assert counts(crm.ok("task", "import", file(tmp_path, text), "--json")) == (3, 0, 0, 0)
    assert counts(crm.ok("task", "import", file(tmp_path, text), "--json", today="2026-03-09")) == (
        0,
        0,
        3,
        0,
    )


# ----------------------------------------------------------------------------------------- 8. blank cells


def test_a_blank_cell_clears_only_when_told(crm: Crm, tmp_path: Path) -> None:
    crm.ok("opp add Deal --amount 50k --next-step Call --probability 40 --external-id 1 --source Web")
    path = file(tmp_path, "external_id,name,amount,next_step,probability,source,stage\n1,Deal,,,,Web,\n")
    assert counts(crm.ok("opp", "import", path, "--match", "external_id", "--json")) == (0, 0, 1, 0)
    run = crm.ok("opp", "import", path, "--match", "external_id", "--blank-clears", "--json")
    assert counts(run) == (0, 1, 0, 0)
    deal = crm.ok("opp show O1 --json").json
    assert [deal[name] for name in ("amount", "next_step", "probability", "source", "stage", "name")] == [
        None, None, 10, "Web", "Prospecting", "Deal",
    ]  # fmt: skip
    assert counts(crm.ok("opp", "import", path, "--match", "external_id", "--blank-clears", "--json")) == (
        0,
        0,
        1,
        0,
    )
    crm.ok("undo")
    assert crm.ok("opp show O1 --json").json["amount"] == "50000.00"


# ------------------------------------------------------------------------------- 9. one entry, taken back


def dump(crm: Crm) -> dict[str, Any]:
    nouns = ("user", "account", "contact", "lead", "opp", "task", "log", "stage")
    return {noun: crm.ok(noun, "list", "--all", "--json").json for noun in nouns}


def timeline(crm: Crm) -> Any:
    return crm.ok("pipeline", "--json").json, crm.ok("forecast", "--json").json


def test_undo_takes_back_created_and_updated_records_and_redo_brings_them_back(
    crm: Crm, tmp_path: Path
) -> None:
    crm.ok("opp add Old --amount 100 --external-id 1 --close-date 2026-03-20")
    before, told = dump(crm), timeline(crm)
    text = "external_id,name,stage,amount,owner\n1,Old,Negotiation/Review,200,Li\n2,New,Prospecting,300,Li\n"
    run = crm.ok(
        "opp", "import", file(tmp_path, text), "--match", "external_id", "--create-parents", "--json"
    )
    assert counts(run) == (1, 1, 0, 0)
    after = dump(crm)
    entries = crm.ok("history --json").json
    assert [entry["source"] for entry in entries[:1]] == ["import"]
    crm.ok("undo")
    assert strip(dump(crm)) == strip(before)
    assert timeline(crm) == told
    crm.ok("redo")
    assert strip(dump(crm)) == strip(after)
    crm.ok("undo")
    again = crm.ok(
        "opp", "import", file(tmp_path, text), "--match", "external_id", "--create-parents", "--json"
    )
    assert counts(again) == (1, 1, 0, 0)


def strip(found: dict[str, Any]) -> dict[str, Any]:
    """Without the moment of the last change, which undo does move."""
    return {noun: [{**row, "updated_at": None} for row in rows] for noun, rows in found.items()}


def test_undo_refuses_where_an_imported_record_was_changed_later_and_names_it(
    crm: Crm, tmp_path: Path
) -> None:
    entry = crm.ok("lead", "import", file(tmp_path, LEADS), "--json").json["entry"]
    crm.ok("lead edit L2 --company Other")
    run = crm.fails(4, "undo", str(entry))
    assert "L2" in run.err
    assert "crm undo" in run.err
    crm.ok("undo")
    crm.ok("undo", str(entry))
    assert listed(crm, "lead", "name") == []


def test_a_stage_move_by_import_follows_the_rules_and_keeps_versions(crm: Crm, tmp_path: Path) -> None:
    crm.ok("opp add Deal --amount 100 --external-id 1 --close-date 2026-06-01", today="2026-01-05")
    path = file(tmp_path, "external_id,stage,close_date\n1,Closed Won,2026-02-20\n")
    crm.ok("opp", "import", path, "--match", "external_id", today="2026-03-02")
    deal = crm.ok("opp show O1 --json").json
    assert [deal[name] for name in ("stage", "probability", "category", "is_won", "closed_at", "close_date")] == [
        "Closed Won", 100, "Closed", True, "2026-02-20", "2026-02-20",
    ]  # fmt: skip
    then = crm.ok("pipeline --as-of 2026-02-01 --json").json
    assert [row["amount"] for row in then["rows"] if row["count"]] == ["100.00"]
    now = crm.ok("pipeline --json").json
    assert not [row for row in now["rows"] if row["count"]]


def test_a_closed_deal_refuses_what_edit_refuses(crm: Crm, tmp_path: Path) -> None:
    crm.ok("opp add Deal --external-id 1 --stage 'Closed Won' --close-date 2026-02-01")
    path = file(tmp_path, "external_id,probability\n1,30\n")
    run = crm.fails(2, "opp", "import", path, "--match", "external_id", "--json")
    assert bad(run) == [(2, "refused", "probability")]


def test_an_amount_without_a_currency_is_in_that_of_the_record(crm: Crm, tmp_path: Path) -> None:
    crm.ok("opp add Deal --amount 'JPY 5000' --external-id 1")
    same = file(tmp_path, "external_id,amount\n1,5000\n")
    assert counts(crm.ok("opp", "import", same, "--match", "external_id", "--json")) == (0, 0, 1, 0)
    crm.ok("opp", "import", file(tmp_path, "external_id,amount\n1,6000\n"), "--match", "external_id")
    assert listed(crm, "opp", "amount", "currency") == [("6000", "JPY")]
    odd = file(tmp_path, "external_id,amount\n1,6000.50\n")
    assert bad(crm.fails(2, "opp", "import", odd, "--match", "external_id", "--json")) == [
        (2, "invalid_value", "amount")
    ]
    crm.ok("opp", "import", file(tmp_path, "external_id,amount\n1,USD 60.50\n"), "--match", "external_id")
    assert listed(crm, "opp", "amount", "currency") == [("60.50", "USD")]


def test_converted_leads_are_not_changed(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add Ann --company Acme --email a@b.example")
    if crm("lead convert L1 --no-opp").code != 0:
        pytest.skip("leads cannot be converted yet")
    path = file(tmp_path, "name,email\nAnna,a@b.example\n")
    run = crm.fails(2, "lead", "import", path, "--match", "email", "--json")
    assert bad(run) == [(2, "refused", None)]


# --------------------------------------------------------------------- 10. progress, and the summary


def test_progress_is_for_terminals_only(crm: Crm, tmp_path: Path) -> None:
    text = "name\n" + "".join(f"P{n}\n" for n in range(9000))
    run = crm.ok("lead", "import", file(tmp_path, text))
    assert "\r" not in run.err
    assert "\x1b" not in run.err
    assert run.err.startswith(
        "Imported file.csv (utf-8, comma): 9,000 created, 0 updated, 0 unchanged, 0 rejected (entry "
    )


def test_a_terminal_sees_how_far_it_is(crm_process: Crm, tmp_path: Path) -> None:
    import pty

    text = "name,email\n" + "".join(f"P{n},p{n}@x.example\n" for n in range(30_000))
    path = file(tmp_path, text)
    ours, theirs = pty.openpty()
    with crm_process.popen("lead", "import", path, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 4096)
            except OSError:
                break
        assert process.wait() == 0
    os.close(ours)
    assert b"Reading file.csv" in seen
    assert seen.rindex(b"Imported file.csv") > seen.rindex(b"Reading file.csv")


def test_the_summary_has_its_five_keys(crm: Crm, tmp_path: Path) -> None:
    run = crm.ok("lead", "import", file(tmp_path, LEADS), "--json")
    assert list(run.json) == ["created", "updated", "unchanged", "rejected", "entry"]
    assert isinstance(run.json["entry"], int)
    assert run.out.count("{") == 1


# -------------------------------------------------------------------------------- 11. one order of dates


def test_the_order_of_dates_is_found_from_the_whole_column(crm: Crm, tmp_path: Path) -> None:
    text = "name,close_date,created_at\na,3/4/2026,1/2/2025\nb,3/31/2026,2/1/2025\n"
    crm.ok("opp", "import", file(tmp_path, text))
    assert [day for (day,) in listed(crm, "opp", "close_date")] == ["2026-03-04", "2026-03-31"]
    assert listed(crm, "opp", "created_at")[1] == ("2025-02-01T00:00:00Z",)


def test_an_ambiguous_or_mixed_order_is_refused_unless_it_is_said(crm: Crm, tmp_path: Path) -> None:
    unclear = file(tmp_path, "name,Close Date\na,3/4/2026\n")
    assert "two orders ('Close Date': '3/4/2026' is dmy or mdy)" in crm.fails(2, "opp", "import", unclear).err
    crm.ok("opp", "import", unclear, "--date-order", "dmy")
    assert listed(crm, "opp", "close_date") == [("2026-04-03",)]
    mixed = file(tmp_path, "name,close_date\nx,31/3/2026\ny,3/31/2026\n")
    run = crm.fails(2, "opp", "import", mixed)
    assert "no one order (line 3, 'close_date': '3/31/2026')" in run.err
    run = crm.fails(2, "opp", "import", mixed, "--date-order", "mdy", "--json")
    assert bad(run) == [(2, "invalid_value", "close_date")]


# ----------------------------------------------------------- 12. memory, and what happens when it is broken off


PEAK = """
import os, sys
from pathlib import Path
from crmcli import cli
code = cli.run(sys.argv[1:], stdin=sys.stdin, stdout=open(os.devnull, "w"), stderr=sys.stderr, environ=os.environ)
print(code, *[line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line])
"""


def peak(crm: Crm, *words: str | Path) -> int:
    """The most memory a command took, in KiB; what getrusage() says would begin with the size of this process."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, words)],
        env=crm.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    code, kilobytes = done.stdout.split()
    assert code == "0", done.stderr
    return int(kilobytes)


def many(tmp_path: Path, rows: int, city: str) -> Path:
    people = (
        f"Person {n},p{n}@{rows}.example,Company {n % 50},{city},{'words ' * 30}\n" for n in range(rows)
    )
    return file(tmp_path, "name,email,company,city,description\n" + "".join(people), f"{rows}{city}.csv")


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process took"
)
def test_memory_does_not_grow_with_the_file(crm: Crm, tmp_path: Path) -> None:
    few, lots = 20_000, 50_000  # below, caches are still being filled
    created, updated = [], []
    for rows in (few, lots):
        created.append(peak(crm, "lead", "import", many(tmp_path, rows, "Bonn"), "--match", "email"))
        updated.append(peak(crm, "lead", "import", many(tmp_path, rows, "Köln"), "--match", "email"))
    grown = (lots - few) * 250 // 1024  # what the rows themselves would take, without any overhead
    assert created[1] - created[0] < grown
    assert updated[1] - updated[0] < grown


def test_an_import_that_is_interrupted_or_killed_leaves_nothing_or_all(
    crm_process: Crm, tmp_path: Path
) -> None:
    crm_process.ok("lead add Before --email p1@x.example")
    start = time.monotonic()
    before = strip({"lead": crm_process.ok("lead list --json").json})
    takes = time.monotonic() - start  # here and now: on a busy machine Python itself may still be starting
    path = many(tmp_path, 20_000, "Bonn")
    dice = random.Random(7)
    ended: list[int] = []
    for round in range(10):
        how = signal.SIGKILL if round % 2 else signal.SIGINT
        words: Sequence[str | Path] = ("lead", "import", path, "--match", "email")
        process = crm_process.popen(*words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(dice.uniform(0.5, 8) * takes)
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
        ended.append(process.returncode)
        assert process.returncode in (0, 130, -signal.SIGINT, -signal.SIGKILL), said.decode()
        left = crm_process.ok("lead list --json").json
        if len(left) > 1:  # it was through before the signal came: then it is all there
            assert len(left) == 20_001
            crm_process.ok("undo")
            left = crm_process.ok("lead list --json").json
        assert strip({"lead": left}) == before
    assert any(code != 0 for code in ended)


@pytest.mark.sqlite
def test_what_is_made_is_for_its_owner_only(crm_process: Crm, tmp_path: Path) -> None:
    crm_process.ok("lead", "import", file(tmp_path, LEADS))
    assert stat.S_IMODE((tmp_path / "crm.db").stat().st_mode) == 0o600


def test_rejects_take_no_other_files_place(crm: Crm, tmp_path: Path) -> None:
    bad, precious = tmp_path / "bad.csv", tmp_path / "precious.csv"
    bad.write_text("name,email\nAnn,nonsense\n")
    precious.write_text("do not,lose\n1,2\n")
    refused = crm.fails(2, "lead", "import", bad, "--rejects", precious)
    assert "is no rejects file" in refused.err
    assert precious.read_text() == "do not,lose\n1,2\n"


def test_rejects_can_be_mended_twice(crm: Crm, tmp_path: Path) -> None:
    first, second, third = (tmp_path / f"{name}.csv" for name in ("first", "second", "third"))
    first.write_text("name,email\nAnn,nonsense\nBea,b@example.org\n")
    crm.fails(7, "lead", "import", first, "--rejects", second)
    crm.fails(7, "lead", "import", second, "--rejects", third)
    third.write_text(third.read_text().replace("nonsense", "ann@example.org"))
    crm.ok("lead", "import", third)
    assert sorted(lead["name"] for lead in crm.ok("lead list --json").json) == ["Ann", "Bea"]


def test_missing_parents_bring_a_hint(crm: Crm, tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("name,account\nRenewal,Acme\n")
    assert "--create-parents" in crm.fails(2, "opp", "import", file).err


def test_what_sets_a_blank_cell_off_goes_with_it(crm: Crm, tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text("firm,product\nAcme,Sensor\n,Sensor\nAcme,\n")
    crm.ok("opp", "import", file, "--set", "name={firm}: {product}", "--extra", "ignore")
    assert [deal["name"] for deal in crm.ok("opp list --json").json] == ["Acme: Sensor", "Sensor", "Acme"]


def test_a_parent_further_down_is_found_by_its_domain_too(crm: Crm, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("name,parent,website\nSub,head.example,sub.example\nHead,,head.example\n")
    crm.ok("account", "import", file, "--create-parents")
    parents = {each["name"]: each["parent_name"] for each in crm.ok("account list --json").json}
    assert parents == {"Sub": "Head", "Head": None}
    people = tmp_path / "people.csv"
    people.write_text("name,email,reports_to\nAnn,ann@e.example,boss@e.example\nBoss,boss@e.example,\n")
    crm.ok("contact", "import", people)
    assert crm.ok("contact show C1 --json").json["reports_to_name"] == "Boss"
    for name in ("account", "contact"):
        again = crm.ok(name, "import", {"account": file, "contact": people}[name], "--json").json
        assert (again["created"], again["unchanged"]) == (0, 2)


def test_a_column_without_a_heading_is_kept_as_the_same_custom_field_each_time(
    crm: Crm, tmp_path: Path
) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("Name,,Size\nAnn,2,L\n")
    first = crm.ok("lead", "import", file, "--extra", "custom")
    assert "Added to the fields, as custom ones: column_2, size." in first.err
    again = crm.ok("lead", "import", file, "--extra", "custom", "--json").json
    assert (again["created"], again["unchanged"]) == (0, 1)
    assert crm.ok("lead show L1 --json").json["column_2"] == "2"


@pytest.mark.sqlite
def test_what_is_refused_leaves_a_new_database_empty(crm: Crm, tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    file = tmp_path / "leads.csv"
    file.write_text("name,email\nAnn,nonsense\n")
    crm.fails(2, "--db", database, "lead", "import", file)
    assert "nothing has been written" in crm.fails(6, "--db", database, "lead", "list").err
    assert "Made the database" in crm.ok("--db", database, "lead", "add", "Ann").err
