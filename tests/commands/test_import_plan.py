"""The plan of an import: what the run would do, row by row; kept in a file, and carried out or refused."""

import csv
import io
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

LEADS = (
    "name,email,company,annual_revenue,owner\n"
    'Wang Wei,wei@huaxin.cn,Huaxin,"USD 1,000.00",li\n'
    "Ann Lee,ann@acme.example,Acme,,li\n"
)
CHANGED = (
    "name,email,company,annual_revenue,owner\n"
    'Wang Wei,wei@huaxin.cn,Huaxin Technology,"EUR 2,000.00",Maria\n'
    "Ann Lee,ann@acme.example,Acme,,li\n"
    "Zoë,zoe@x.example,Acme,,li\n"
    "Zoë,zoe@x.example,Acme,,li\n"
)
MATCHED = ("--match", "email", "--create-parents")
WORDS = [
    "company Huaxin → Huaxin Technology",
    "annual revenue USD 1,000.00 → EUR 2,000.00",
    "owner U1 li → new Maria",
]


@pytest.fixture(autouse=True)
def in_march(crm: Crm) -> None:
    crm.today = "2026-03-02"
    crm.ok("--as li init")
    crm.environ["CRMCLI_USER"] = "li"


def file(tmp_path: Path, text: str, name: str = "file.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def changed(crm: Crm, tmp_path: Path) -> Path:
    """A file that changes one of the two leads there are, and brings a new one twice."""
    crm.environ.pop("CRMCLI_USER")
    crm.ok("--as Li user add li")
    crm.environ["CRMCLI_USER"] = "li"
    crm.ok("lead", "import", file(tmp_path, LEADS))
    return file(tmp_path, CHANGED)


def planned(crm: Crm, tmp_path: Path, source: Path, *words: str, noun: str = "lead") -> Path:
    crm.ok(noun, "import", source, *words, "--plan", tmp_path / "plan.jsonl")
    return tmp_path / "plan.jsonl"


def leads(crm: Crm) -> list[Any]:
    return list(crm.ok("lead list --all --json").json)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# --- shown ----------------------------------------------------------------------------------------------


def test_a_dry_run_says_of_every_row_what_would_come_of_it(crm: Crm, changed: Path) -> None:
    run = crm.ok("lead", "import", changed, *MATCHED, "--dry-run", "--json")
    counts = run.json
    plan = counts.pop("plan")
    assert counts == {"created": 1, "updated": 1, "unchanged": 2, "rejected": 0, "entry": None}
    assert [(row["line"], row["action"], row["ref"], row["name"]) for row in plan] == [
        (2, "update", "L1", "Wang Wei"),
        (3, "unchanged", "L2", "Ann Lee"),
        (4, "create", None, "Zoë"),
        (5, "duplicate", None, None),
    ]
    assert plan[0]["changes"] == WORDS
    assert plan[3]["reason"] == "the same as line 4"
    assert "Would import file.csv (utf-8, comma): 1 created, 1 updated, 2 unchanged" in run.err
    real = crm.ok("lead", "import", changed, *MATCHED, "--json").json
    assert {**real, "entry": None} == counts


def test_every_format_has_the_rows(crm: Crm, changed: Path) -> None:
    told = ("lead", "import", changed, *MATCHED, "--dry-run")
    rows = [json.loads(line) for line in crm.ok(*told, "--format", "jsonl").lines]
    assert rows == crm.ok(*told, "--json").json["plan"]
    read = list(csv.DictReader(io.StringIO(crm.ok(*told, "--format", "csv").out)))
    assert [row["action"] for row in read] == [row["action"] for row in rows]
    assert read[0]["changes"] == "; ".join(WORDS)
    assert crm.ok(*told).out == crm.ok(*told, "--format", "tsv").out
    assert crm.ok(*told, "--format", "ids").lines == ["L1", "L2"]
    assert crm.ok(*told, "--format", "md").out.count("\n") == 8
    assert crm.ok(*told, "--format", "tsv", "--fields", "action,line").lines[1] == "update\t2"


def test_people_are_spared_the_rows_that_change_nothing(crm: Crm, changed: Path) -> None:
    told = ("lead", "import", changed, *MATCHED, "--dry-run", "--format", "table")
    shown = crm.ok(*told).out
    assert "Ann Lee" not in shown
    assert ", ".join(WORDS) in shown
    crm.ok("lead", "import", changed, *MATCHED)
    same = crm.ok(*told[:3], *MATCHED, "--format", "table", "--dry-run")
    assert "Wang" not in same.out
    assert "0 created, 0 updated, 4 unchanged" in same.err


def test_a_refused_file_shows_its_plan_and_is_refused_as_the_run_is(crm: Crm, tmp_path: Path) -> None:
    path = file(tmp_path, 'name,email\nA,a@x.example\nB,bad\n"C\n')
    dry = crm.fails(2, "lead", "import", path, "--dry-run", "--format", "jsonl")
    actions = [(row["line"], row["action"], row["code"]) for row in map(json.loads, dry.lines)]
    assert actions[:2] == [(2, "create", None), (3, "reject", "invalid_value")]
    assert actions[2][:2] == (4, "reject")
    assert dry.error == crm.fails(2, "lead", "import", path, "--json").error
    kept = crm.fails(7, "lead", "import", path, "--dry-run", "--json", "--rejects", tmp_path / "bad.csv")
    assert (kept.json["created"], kept.json["rejected"]) == (1, 2)
    assert not (tmp_path / "bad.csv").exists()
    assert leads(crm) == []


# --- written --------------------------------------------------------------------------------------------


def test_a_plan_is_a_file_that_can_be_read_and_nothing_is_written(
    crm: Crm, changed: Path, tmp_path: Path
) -> None:
    before = leads(crm)
    path = planned(crm, tmp_path, changed, *MATCHED)
    assert leads(crm) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    head, made, *rows, end = lines(path)
    assert (head["noun"], head["file"], head["made_by"]) == ("lead", "file.csv", "li")
    assert [head[name] for name in ("created", "updated", "unchanged", "rejected", "duplicates")] == [
        1,
        1,
        2,
        0,
        1,
    ]
    assert len(head["file_sha256"]) == 64
    assert (made["make"], made["name"]) == ("user", "Maria")
    assert [row["line"] for row in rows] == [2, 3, 4, 5]
    assert rows[0]["changes"] == WORDS
    assert (rows[0]["ref"], rows[0]["before"]["company"], rows[0]["after"]["annual_revenue"]) == (
        "L1",
        "Huaxin",
        200000,
    )
    assert rows[0]["after"]["owner_id"] == {"ref": None, "name": "Maria", "uid": made["uid"]}
    assert rows[2]["values"]["owner_id"]["name"] == "li"
    assert end["end"] == 4


def test_a_plan_takes_no_other_files_place(crm: Crm, changed: Path, tmp_path: Path) -> None:
    letter = file(tmp_path, "Dear Ann", "letter.txt")
    assert "is no plan" in crm.fails(2, "lead", "import", changed, *MATCHED, "--plan", letter).err
    assert letter.read_text() == "Dear Ann"
    crm.fails(2, "lead", "import", changed, *MATCHED, "--plan", changed)
    crm.fails(2, "lead", "import", changed, *MATCHED, "--plan", tmp_path / "none" / "plan")
    planned(crm, tmp_path, changed, *MATCHED)
    planned(crm, tmp_path, changed, *MATCHED)


def test_a_refused_file_makes_no_plan_unless_its_bad_rows_may_be_left_out(crm: Crm, tmp_path: Path) -> None:
    path, plan = file(tmp_path, "name,email\nA,a@x.example\nB,bad\n"), tmp_path / "plan.jsonl"
    crm.fails(2, "lead", "import", path, "--plan", plan)
    assert not plan.exists()
    crm.fails(7, "lead", "import", path, "--plan", plan, "--rejects", tmp_path / "bad.csv")
    assert crm.ok("import", "apply", plan, "--json").json["created"] == 1
    assert [lead["name"] for lead in leads(crm)] == ["A"]


# --- carried out ----------------------------------------------------------------------------------------


def test_a_plan_is_carried_out_as_one_act_and_undone_by_one(crm: Crm, changed: Path, tmp_path: Path) -> None:
    before = leads(crm)
    path = planned(crm, tmp_path, changed, *MATCHED)
    dry = crm.ok("import", "apply", path, "--dry-run", "--json").json
    assert [row["action"] for row in dry.pop("plan")] == ["update", "unchanged", "create", "duplicate"]
    assert leads(crm) == before
    crm.today = "2026-03-09"
    done = crm.ok("import", "apply", path, "--json").json
    assert {**done, "entry": None} == dry
    wang, ann, zoe = leads(crm)
    assert (wang["company"], wang["annual_revenue"], wang["currency"]) == (
        "Huaxin Technology",
        "2000.00",
        "EUR",
    )
    assert (wang["owner"], ann["owner"], zoe["owner"]) == ("Maria", "li", "li")
    assert zoe["created_at"][:10] == wang["updated_at"][:10] == "2026-03-09"
    assert zoe["uid"] == lines(path)[4]["uid"]
    assert [hit["ref"] for hit in crm.ok("search zoë --json").json] == [zoe["ref"]]
    crm.ok("doctor")
    crm.ok("undo")
    assert leads(crm) == before
    assert all(user["name"] != "Maria" for user in crm.ok("user list --json").json)
    crm.ok("redo")
    assert leads(crm) == [wang, ann, zoe]


NOUNS = {
    "account": "name,parent,website,annual_revenue,owner\nSub,Top,sub.example,\"EUR 10.50\",Maria\n"
    "Top,,top.example,,li\nOther,Grand,,,\n",
    "contact": "name,account,email,reports_to\nLi,Huaxin,li@x.example,Boss\nBoss,Huaxin,boss@x.example,\nX,Acme,,\n",
    "opp": "name,account,amount,stage,close_date,owner\nBig,Huaxin,\"USD 10.00\",Closed Won,2026-02-03,Maria\n"
    "Small,Acme,5,Prospecting,2026-05-01,\n",
    "task": "subject,related_to,due_date,status\nCall,Base,2026-04-01,\nWrite,Base,2026-01-02,\n",
    "log": "type,subject,related_to\nCall,Hello,Base\nNote,Bye,Base\n",
    "stage": "name,probability,category\nLegal,55,Pipeline\nGone,0,\n",
    "user": "name,email,manager\nAnn,ann@x.example,Boss\nBoss,,\n",
    "lead": "name,Shoe size,Color\nA,42,red\nB,,\n",
}  # fmt: skip


@pytest.mark.parametrize("noun", NOUNS)
def test_a_plan_carried_out_is_the_import(crm: Crm, tmp_path: Path, noun: str) -> None:
    """Of every noun, with links of all kinds: to records that are there, that are made, and within the file."""
    crm.today = "2026-03-02T09:00:00"
    crm.ok("account add Base")
    source = file(tmp_path, NOUNS[noun])
    told = ["--create-parents"] if noun in ("account", "contact", "opp") else []
    told += ["--extra", "custom"] if noun == "lead" else []

    def everything() -> list[Any]:
        found = []
        for each in (noun, "account", "user"):
            for row in crm.ok(each, "list", "--all", "--json").json:
                names = {key.removesuffix("_name") for key in row if key.endswith("_name")} - {
                    "first",
                    "last",
                }
                found.append({k: v for k, v in row.items() if k not in {"id", "ref", "uid", *names}})
        return found

    before = everything()
    crm.ok("import", "apply", planned(crm, tmp_path, source, *told, noun=noun))
    applied = everything()
    assert applied != before
    crm.ok("doctor")
    crm.ok("undo")
    assert everything() == before
    crm.ok(noun, "import", source, *told)
    assert everything() == applied


def test_a_plan_is_carried_out_once(crm: Crm, changed: Path, tmp_path: Path) -> None:
    path = planned(crm, tmp_path, changed, *MATCHED)
    crm.ok("import", "apply", path)
    after = leads(crm)
    assert "has been carried out already" in crm.fails(4, "import", "apply", path).err
    crm.ok("undo")
    assert "crm redo" in crm.fails(4, "import", "apply", path).err
    crm.ok("redo")
    assert leads(crm) == after


def test_a_plan_that_only_changes_records_is_carried_out_once(
    crm: Crm, changed: Path, tmp_path: Path
) -> None:
    path = planned(
        crm,
        tmp_path,
        file(tmp_path, "email,company\nwei@huaxin.cn,H\n"),
        "--match",
        "email",
        "--mode",
        "update",
    )
    crm.ok("import", "apply", path)
    assert "L1 has changed since" in crm.fails(4, "import", "apply", path).err
    crm.ok("undo")
    crm.ok("import", "apply", path)


@pytest.mark.parametrize(
    ("meanwhile", "why"),
    [
        ("lead edit L1 --city Berlin", "line 2: L1 has changed since"),
        ("lead edit L1 --company Elsewhere", "line 2: L1 has changed since"),
        ("lead rm L1 --yes", "line 2: L1 has been deleted since"),
        ("lead add Zoe --email ZOE@x.example", "line 4: it is there by now: L3"),
    ],
)
def test_what_was_done_meanwhile_is_not_run_over(
    crm: Crm, changed: Path, tmp_path: Path, meanwhile: str, why: str
) -> None:
    path = planned(crm, tmp_path, changed, *MATCHED)
    crm.today = "2026-03-03"
    crm.ok(meanwhile)
    before = leads(crm)
    refused = crm.fails(4, "import", "apply", path)
    assert why in refused.err
    assert "Make the plan anew" in refused.err
    assert leads(crm) == before
    assert crm.fails(4, "import", "apply", path, "--dry-run", "--json").error["code"] == "conflict"


def test_the_same_file_imported_meanwhile_is_not_imported_again(crm: Crm, tmp_path: Path) -> None:
    source = file(tmp_path, "name,company\nA,B\nC,D\n")
    path = planned(crm, tmp_path, source)
    crm.ok("lead", "import", source)
    assert "2 rows are no longer as planned" in crm.fails(4, "import", "apply", path).err


def test_a_user_who_is_there_by_now_owns_what_was_planned(crm: Crm, changed: Path, tmp_path: Path) -> None:
    path = planned(crm, tmp_path, changed, *MATCHED)
    crm.ok("user add maria")
    run = crm.ok("import", "apply", path)
    assert "Made" not in run.err
    assert leads(crm)[0]["owner"] == "maria"
    assert [user["name"] for user in crm.ok("user list --json").json] == ["li", "maria"]


def test_an_account_that_is_there_by_now_is_not_made_again(crm: Crm, tmp_path: Path) -> None:
    source = file(tmp_path, "name,account\nLi,Huaxin\n")
    path = planned(crm, tmp_path, source, "--create-parents", noun="contact")
    crm.ok("account add HUAXIN")
    assert "would make the account Huaxin" in crm.fails(4, "import", "apply", path).err


def test_an_external_id_that_was_given_meanwhile_is_a_conflict(crm: Crm, tmp_path: Path) -> None:
    path = planned(crm, tmp_path, file(tmp_path, "name,external_id\nA,X1\n"))
    crm.ok("lead add B --external-id X1")
    assert "another record has this external id" in crm.fails(4, "import", "apply", path).err


def test_a_link_that_has_gone_is_named(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add Base")
    path = planned(crm, tmp_path, file(tmp_path, "name,account\nLi,Base\n"), noun="contact")
    crm.ok("account rm A1 --yes")
    assert "line 2: its account is no longer there" in crm.fails(4, "import", "apply", path).err


def test_accounts_that_would_belong_to_one_another_meanwhile_are_refused(crm: Crm, tmp_path: Path) -> None:
    crm.ok("account add A")
    crm.ok("account add B")
    source = file(tmp_path, "name,parent\nA,B\n")
    path = planned(crm, tmp_path, source, "--match", "name", "--mode", "update", noun="account")
    crm.ok("account edit A2 --parent A1")
    assert "its own parent" in crm.fails(4, "import", "apply", path).err


def test_stages_that_changed_meanwhile_make_a_plan_of_deals_stale(crm: Crm, tmp_path: Path) -> None:
    path = planned(crm, tmp_path, file(tmp_path, "name,stage\nBig,Prospecting\n"), noun="opp")
    crm.ok("stage edit Prospecting --probability 15")
    assert "the stages" in crm.fails(4, "import", "apply", path).err


def test_a_refusal_names_ten_and_counts_the_rest(crm: Crm, tmp_path: Path) -> None:
    source = file(tmp_path, "name\n" + "".join(f"P{n}\n" for n in range(12)))
    path = planned(crm, tmp_path, source)
    crm.ok("lead", "import", source)
    refused = crm.fails(4, "import", "apply", path).err
    assert refused.count("it is there by now") == 10
    assert "12 rows are no longer as planned" in refused
    assert "and 2 more" in refused


# --- files that are none --------------------------------------------------------------------------------


def test_a_plan_that_is_not_as_it_was_written_is_refused(crm: Crm, changed: Path, tmp_path: Path) -> None:
    path = planned(crm, tmp_path, changed, *MATCHED)
    whole = path.read_bytes()
    before = leads(crm)
    at = whole.splitlines(keepends=True)
    for broken in (
        whole.replace(b"Huaxin Technology", b"Huaxin Technologie"),
        whole[:-40],
        b"".join(at[:-1]),
        b"".join(at[:3] + at[4:]),
        whole + whole,
    ):
        path.write_bytes(broken)
        assert "is damaged, or was changed" in crm.fails(2, "import", "apply", path).err
    for foreign in (b"", b"{}\n", b"name,email\nA,b\n", b"\xff\xfe\x00", b"[1]\n", os.urandom(50)):
        path.write_bytes(foreign)
        assert "is no plan of an import" in crm.fails(2, "import", "apply", path).err
    path.write_bytes(whole.replace(b'"version": 1', b'"version": 2'))
    assert "of version 2" in crm.fails(2, "import", "apply", path).err
    crm.fails(2, "import", "apply", tmp_path / "nothing.jsonl")
    crm.fails(2, "import", "apply", tmp_path)
    assert leads(crm) == before


def test_a_plan_of_another_database_is_refused(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead", "import", file(tmp_path, LEADS), "--create-parents")
    path = planned(crm, tmp_path, file(tmp_path, CHANGED), *MATCHED)
    crm.ok("undo")  # as good as another: the leads that were planned for are not there
    crm.ok("lead add Wang")
    refused = crm.fails(4, "import", "apply", path).err
    assert "no longer as planned" in refused


# --- large ----------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_a_large_plan_takes_no_more_memory_than_a_small_one(crm_process: Crm, tmp_path: Path) -> None:
    """30,000 rows are planned and carried out; each third of them is an update."""
    crm_process.environ["CRMCLI_USER"] = "li"

    def rows(first: int, last: int, city: str) -> str:
        return "".join(f"P{n},p{n}@x.example,{city},Owner {n % 5}\n" for n in range(first, last))

    head = "name,email,city,owner\n"
    small = planned(crm_process, tmp_path, file(tmp_path, head + rows(0, 100, "Bonn")), *MATCHED)
    least = peak(crm_process, "import", "apply", small)
    crm_process.ok("lead", "import", file(tmp_path, head + rows(0, 10_000, "Bonn")), *MATCHED)
    source = file(tmp_path, head + rows(0, 30_000, "Köln"))
    plan = tmp_path / "plan.jsonl"
    made = peak(crm_process, "lead", "import", source, *MATCHED, "--plan", plan)
    done = peak(crm_process, "import", "apply", plan)
    assert max(made, done) < least + 60_000, (least, made, done)
    found = crm_process.ok("lead list city=Köln --format ids").lines
    assert len(found) == 30_000


def peak(crm: Crm, *words: str | Path) -> int:
    """The most memory that a process took, in KiB."""
    process = crm.popen(*words, stdout=-3, stderr=-3)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss
