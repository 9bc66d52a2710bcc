"""Importing JSON: what is bad in a file is a row that is refused, and a file of nothing imports as nothing."""

import json
from pathlib import Path

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def ready(crm: Crm) -> None:
    crm.ok("init")


def written(tmp_path: Path, text: str, name: str) -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def names(crm: Crm) -> list[str]:
    return sorted(row["name"] for row in crm.ok("lead list --all --json").json)


def test_bad_lines_are_listed_and_go_into_a_rejects_file_that_can_be_mended(crm: Crm, tmp_path: Path) -> None:
    lines = written(tmp_path, '{"name": "A"}\n{"name": "B",}\n{"name": "C"\n{"name": "D"}\n', "x.jsonl")
    run = crm.fails(2, "lead", "import", lines, "--json")
    assert [(row["line"], row["code"]) for row in run.error["details"]] == [(2, "bad_json"), (3, "bad_json")]
    assert names(crm) == []
    rejects = tmp_path / "rejects.json"  # a table, whatever its name
    crm.fails(7, "lead", "import", lines, "--rejects", rejects)
    assert names(crm) == ["A", "D"]
    table = rejects.read_text().splitlines()
    assert (
        table[1]
        == ',"{""name"": ""B"",}",2,bad_json,not good JSON: a comma stands before the closing bracket'
    )
    assert (
        "column_count" in crm.fails(2, "lead", "import", rejects).err
    )  # not mended: nobody is named {"name"
    written(tmp_path, "name,line,code,reason\nB,2,bad_json,\nC,3,bad_json,\n", "rejects.json")
    crm.ok("lead", "import", rejects)
    assert names(crm) == ["A", "B", "C", "D"]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize("words", ["", "--match email", "--map Wer=name", "--set source={Wo}", "--dry-run"])
def test_an_export_of_nothing_imports_as_nothing(crm: Crm, tmp_path: Path, name: str, words: str) -> None:
    crm.ok("lead", "export", tmp_path / name)
    run = crm.ok("lead", "import", tmp_path / name, *words.split())
    assert "0 created, 0 updated, 0 unchanged, 0 rejected" in run.err


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_of_nothing_at_all_is_empty(crm: Crm, tmp_path: Path, text: str) -> None:
    for name in ("x.csv", "x.json"):
        for words in ("", "--match email"):
            run = crm.fails(2, "lead", "import", written(tmp_path, text, name), *words.split(), "--json")
            assert run.error["message"] == f"{name} is empty."
    assert crm.fails(2, "lead import - --json", stdin=text).error["message"] == "stdin is empty."


def test_an_object_becomes_no_value_of_a_field(crm: Crm, tmp_path: Path) -> None:
    row = {"name": "Ann", "company": {"id": 7}, "tags": ["a", "b"]}
    people = written(tmp_path, json.dumps([row]), "x.json")
    for extra in ("ignore", "note", "custom"):
        error = crm.fails(2, "lead", "import", people, "--extra", extra, "--json").error
        assert [each["reason"] for each in error["details"]] == ["company holds an object"]
    crm.ok("lead", "import", people, "--map", "company=", "--map", "tags=description")
    assert crm.ok("lead show L1 --json").json["description"] == "a; b"


def test_an_object_under_an_unknown_heading_is_ignored_or_noted_but_no_custom_field(
    crm: Crm, tmp_path: Path
) -> None:
    people = written(tmp_path, '[{"name": "Ann", "links": {"self": "x"}}]', "x.json")
    error = crm.fails(2, "lead", "import", people, "--extra", "custom", "--json").error
    assert error["details"][0]["code"] == "nested"
    assert "links holds an object" in crm.fails(2, "lead", "import", people, "--set", "title={links}").err
    crm.ok("lead", "import", people, "--extra", "ignore")
    crm.ok("lead", "import", people, "--extra", "note", "--match", "name")
    assert crm.ok("lead show L1 --json").json["description"] == 'links: {"self":"x"}'


def test_records_of_one_line_are_told_by_their_number(crm: Crm, tmp_path: Path) -> None:
    people = written(tmp_path, '[{"name": "A"}, {"name": "B"}, {"name": "C", "email": "nope"}]', "x.json")
    assert "line 1: record 3: email:" in crm.fails(2, "lead", "import", people).err
    crm.fails(7, "lead", "import", people, "--rejects", tmp_path / "rejects.csv")
    assert "record 3: " in (tmp_path / "rejects.csv").read_text()
