"""crm config: what is configured, and that undo takes it back."""

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
    for name, value in (("date_order", "dmy"), ("timezone", "Europe/Berlin")):
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
