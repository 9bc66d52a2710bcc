"""crm doctor: what it finds, and what it mends."""

import sqlite3
from pathlib import Path

import pytest

from crmcli.store.checks import library
from tests.conftest import Crm


def states(crm: Crm, code: int = 0, *options: str) -> dict[str, str]:
    run = crm("doctor", "--json", *options)
    assert run.code == code, run
    return {check["check"]: check["state"] for check in run.json["checks"]}


@pytest.fixture
def filled(crm: Crm) -> Crm:
    crm.ok("lead add 'Wang Wei'")
    crm.ok("opp add 'Acme renewal' --amount 50k")
    crm.ok("opp edit O1 --amount 60k")
    crm.ok("opp add Gone")
    crm.ok("opp rm O2 --yes")
    return crm


def test_a_sound_database_is_ok(filled: Crm) -> None:
    found = states(filled)
    assert "bad" not in found.values()
    assert {name for name, state in found.items() if state == "warn"} <= {"sqlite"}
    assert {"search_index", "versions", "numbers", "fields", "settings"} <= found.keys()
    shown = filled.ok("doctor --full")
    assert "Doctor" in shown.out
    assert "search_index" in shown.out


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("check", "damage"),
    [
        ("search_index", "DELETE FROM search WHERE rowid % 64 = 1"),
        ("search_index", "INSERT INTO search (rowid, document) VALUES (64 * 99 + 1, 'left over')"),
        ("versions", "UPDATE opportunity SET amount = 1 WHERE id = 1"),
        ("versions", "DELETE FROM opportunity_version WHERE recorded_to IS NULL"),
        (
            "versions",
            "UPDATE opportunity_version SET recorded_to = NULL, valid_to = NULL WHERE opportunity_id = 2",
        ),
        ("numbers", "UPDATE sequence SET next_id = 1 WHERE entity = 'opportunity'"),
        ("numbers", "UPDATE sequence SET next_id = 1 WHERE entity = 'entry'"),
        ("fields", "UPDATE field SET column_name = 'nothing' WHERE entity = 'lead' AND name = 'title'"),
        ("fields", "DELETE FROM field WHERE entity = 'lead' AND name = 'title'"),
        ("settings", "UPDATE setting SET value = 'XXY' WHERE name = 'currency'"),
        ("settings", "UPDATE setting SET value = '13' WHERE name = 'fiscal_year_start'"),
        ("links", "UPDATE lead SET converted_account_id = 99 WHERE id = 1"),
    ],
)
def test_what_is_wrong_is_found(filled: Crm, tmp_path: Path, check: str, damage: str) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute(damage)
    database.close()
    assert [name for name, state in states(filled, 6).items() if state == "bad"] == [check]
    shown = filled("doctor")
    assert shown.code == 6
    assert "bad" in shown.out


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "damage", ["DELETE FROM search", "UPDATE sequence SET next_id = 1 WHERE entity = 'lead'"]
)
def test_fix_mends_the_index_and_the_numbers(filled: Crm, tmp_path: Path, damage: str) -> None:
    with sqlite3.connect(tmp_path / "crm.db") as database:
        database.execute(damage)
    database.close()
    states(filled, 6)
    states(filled, 0, "--fix")
    states(filled, 0)
    assert filled.ok("lead list wei --format ids").lines == ["L1"]
    assert filled.ok("lead add 'Li Na'").lines == ["L2"]


@pytest.mark.sqlite
def test_a_damaged_file_is_six(filled: Crm, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    content = bytearray(path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half : half + 8192] = bytes(8192)
    path.write_bytes(content)
    assert filled("doctor").code == 6


@pytest.mark.sqlite
def test_a_file_that_others_can_read_is_a_warning(filled: Crm, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    path.chmod(0o644)
    run = filled.ok("doctor --json")
    check = next(check for check in run.json["checks"] if check["check"] == "permissions")
    assert check["state"] == "warn"
    assert f"chmod 600 {path}" in check["hint"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ((3, 40, 1), "warn"),
        ((3, 44, 5), "warn"),
        ((3, 44, 6), "ok"),
        ((3, 50, 6), "warn"),
        ((3, 50, 7), "ok"),
        ((3, 51, 2), "warn"),
        ((3, 51, 3), "ok"),
        ((3, 53, 0), "ok"),
    ],
)
def test_the_fault_of_some_sqlites_is_known(version: tuple[int, ...], state: str) -> None:
    assert library(version).state == state


@pytest.mark.sqlite
def test_without_a_database_all_is_well(crm: Crm) -> None:
    crm.environ.pop("CRMCLI_DB")
    assert states(crm) == {"database": "ok"}
