"""crm config: what is configured, and that undo takes it back."""

import sys
from pathlib import Path

import pytest

from tests.conftest import Crm


@pytest.mark.parametrize(
    ("name", "typed", "kept"),
    [
        ("currency", "eur", "EUR"),
        ("fiscal_year_start", "april", "4"),
        ("fiscal-year-start", "Sep", "9"),
        ("fiscal_year_start", "12", "12"),
        ("date_order", "DMY", "dmy"),
        ("timezone", "Asia/Shanghai", "Asia/Shanghai"),
        ("country", "de", "DE"),
    ],
)
def test_a_setting_is_kept_and_undone(crm: Crm, name: str, typed: str, kept: str) -> None:
    known = name.replace("-", "_")
    crm.ok("init")
    before = crm.ok("config list --json").json
    crm.ok("config", "set", name, typed, "--dry-run")
    assert crm.ok("config list --json").json == before
    done = crm.ok("config", "set", name, typed, "--json")
    assert done.json["value"] == kept
    assert crm.ok("config", "get", known).out == f"{kept}\n"
    assert crm.ok("config", "get", known, "--json").json["value"] == kept
    crm.ok("undo")
    assert crm.ok("config list --json").json == before
    crm.ok("redo")
    assert crm.ok("config", "get", known).out == f"{kept}\n"


def test_none_clears_what_can_be_without(crm: Crm) -> None:
    for name, value in (("date_order", "dmy"), ("timezone", "Europe/Berlin"), ("country", "DE")):
        crm.ok("config", "set", name, value)
        crm.ok("config", "set", name, "none")
        assert crm.ok("config", "get", name, "--json").json["value"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currency", "XXY"),
        ("currency", "none"),
        ("fiscal_year_start", "13"),
        ("fiscal_year_start", "ju"),
        ("date_order", "ydm"),
        ("timezone", "Asia/Shangai"),
        ("country", "UK"),
        ("country", "Germany"),
        ("schema_version", "7"),
        ("curency", "EUR"),
    ],
)
def test_what_cannot_be_is_refused(crm: Crm, name: str, value: str) -> None:
    assert crm.fails(2, "config", "set", name, value, "--json").error["code"] == "invalid_value"


def test_the_same_value_again_is_no_act(crm: Crm) -> None:
    crm.ok("config set currency EUR")
    assert crm.ok("config set currency EUR --json").json["entry"] is None
    assert len(crm.ok("history --json").json) == 1


def test_settings_take_effect(crm: Crm) -> None:
    crm.ok("config set currency EUR")
    crm.ok("opp add Deal --amount 5k")
    assert crm.ok("opp show O1 --json").json["currency"] == "EUR"
    crm.ok("config set date_order dmy")
    crm.ok("opp edit O1 --close-date 3/4/2027")
    assert crm.ok("opp show O1 --json").json["close_date"] == "2027-04-03"


# ------------------------------------------------------------------------------- the country of phone numbers


def by_phone(crm: Crm, noun: str, number: str) -> list[str]:
    return crm.ok(noun, "list", f'phone="{number}"', "--format", "ids").lines


def test_a_country_makes_phone_numbers_one_however_they_are_written(crm: Crm) -> None:
    crm.ok("lead add Ann --phone '030 1234567'")
    assert by_phone(crm, "lead", "+49 30 1234567") == []
    crm.ok("config set country DE")
    crm.ok("account add Acme --phone '0049 30 1234567'")
    crm.ok("contact add Bob --phone 030/123-4567")
    for noun in ("lead", "account", "contact"):
        for number in ("+49 30 1234567", "(030) 1234567", "0049301234567"):
            assert len(by_phone(crm, noun, number)) == 1, (noun, number)
    assert crm.ok("lead show L1 --json").json["phone"] == "030 1234567"
    crm.ok("config set country US")
    assert by_phone(crm, "lead", "+49 30 1234567") == []
    assert by_phone(crm, "account", "+49 30 1234567") == ["A1"]
    crm.ok("undo")
    assert by_phone(crm, "lead", "+49 30 1234567") == ["L1"]
    crm.ok("config set country none")
    assert by_phone(crm, "lead", "+49 30 1234567") == []
    assert by_phone(crm, "lead", "0301234567") == ["L1"]


def test_a_country_stands_in_the_way_of_no_undo(crm: Crm) -> None:
    crm.ok("lead add Ann --phone '030 1234567'")
    crm.ok("lead edit L1 --phone '040 1234567'")
    crm.ok("lead add Bob --phone '089 1234567'")
    crm.ok("undo")
    crm.ok("config set country DE")
    crm.ok("undo 2")
    assert by_phone(crm, "lead", "+49 30 1234567") == ["L1"]
    crm.ok("redo")
    assert by_phone(crm, "lead", "+49 40 1234567") == ["L1"]
    crm.ok("undo 4")
    assert by_phone(crm, "lead", "+49 89 1234567") == ["L2"]


def test_an_import_matches_phones_of_the_country(crm: Crm, tmp_path: Path) -> None:
    crm.ok("config set country DE")
    crm.ok("lead add Ann --phone '030 1234567'")
    path = tmp_path / "leads.csv"
    path.write_text("name,phone,title\nAnn,+49 30 1234567,Head\nBob,040 7654321,CTO\n")
    run = crm.ok("lead", "import", path, "--match", "phone", "--json")
    assert (run.json["created"], run.json["updated"]) == (1, 1)
    assert by_phone(crm, "lead", "+49 40 7654321") == ["L2"]
    path.write_text("name,phone\nBob,089 7654321\n")
    crm.ok("lead", "import", path, "--match", "name")
    assert by_phone(crm, "lead", "+49 89 7654321") == ["L2"]
    crm.ok("undo")
    assert by_phone(crm, "lead", "+49 40 7654321") == ["L2"]


def test_what_reads_phones_is_imported_only_with_a_country(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "phonenumbers"]:
        monkeypatch.delitem(sys.modules, name)
    crm.ok("lead add Ann --phone '030 1234567'")
    crm.ok("lead list phone=0301234567")
    assert "phonenumbers" not in sys.modules
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    run = crm.fails(2, "config set country DE")
    assert "pip install 'crmcli[phones]'" in run.err
    crm.ok("config set country none")
