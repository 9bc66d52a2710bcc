"""crm pipeline as a command and as a group of commands."""

import pytest

from tests.conftest import Crm


def test_alone_it_is_the_report_with_all_its_options(crm: Crm) -> None:
    crm.ok("opp add One --amount 10")
    alone = crm.ok("pipeline").out
    assert alone == crm.ok("pipeline show").out
    assert crm.ok("pipeline --json").json["total"]["amount"] == "10.00"
    assert crm.ok("pipeline --period 2026 --format csv").out.startswith("stage,")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_its_help_has_the_reports_options_and_the_commands(crm: Crm, flag: str) -> None:
    text = crm.ok(f"pipeline {flag}").out
    for words in (
        "Usage: crm pipeline [OPTIONS]",
        "--as-of DATE",
        "Examples:",
        "\nCommands:",
        "\n  blockers ",
    ):
        assert words in text
    assert "\n  show" not in text


def test_what_it_does_not_know_is_named(crm: Crm) -> None:
    error = crm.fails(2, "pipeline dif --json").error
    assert (error["message"], error["hint"]) == (
        "There is no command 'crm pipeline dif'.",
        "Did you mean 'diff'?",
    )
    assert "--ownr" in crm.fails(2, "pipeline --ownr x").err


def test_a_day_in_the_past_is_no_option(crm: Crm) -> None:
    crm.ok("opp add One --amount 10")
    found = crm.ok("pipeline diff -2w -1D --json", today="2026-05-11").json
    assert (found["from"], found["to"]) == ("2026-04-27", "2026-05-10")
    assert "No such option" in crm.fails(2, "pipeline diff -2x today").err
    assert crm.ok("pipeline --as-of -1w --json", today="2026-05-11").json["as_of"] == "2026-05-04"
