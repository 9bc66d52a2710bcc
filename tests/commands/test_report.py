"""crm report: making, changing, copying, carrying and taking back reports of one's own; running any by its name."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crmcli.reports.standard import STANDARD
from tests.conftest import Crm

WHOLE = (
    "report new 'Open by owner' opp --filter 'stage:prop amount>10k' --by owner,close_date:month --sum amount"
    " --avg amount --count --sort -sum_amount --top 10 --chart bars"
)


@pytest.fixture
def sales(crm: Crm) -> Crm:
    crm.today = "2026-05-11"
    crm.env["CRMCLI_USER"] = "Ann"
    crm.ok("user add Ann")
    crm.ok("user add Bo")
    crm.ok("account add Acme")
    for number, deal in enumerate(
        ("--stage Value", "--owner Bo", "--stage Nego", "--owner Bo --stage Value"), 1
    ):
        crm.ok(
            f"opp add 'Deal {number}' --account A1 --amount {number * 20}k --close-date 2026-0{number + 5}-01 {deal}"
        )
    return crm


def own(crm: Crm) -> list[str]:
    return [row["name"] for row in crm.ok("report list --json").json if row["section"] == "own"]


# --- making them ------------------------------------------------------------------------------------------


def test_a_report_is_made_and_run_by_its_name(sales: Crm) -> None:
    run = sales.ok(WHOLE)
    assert run.out == "Open by owner\n"
    assert "crm report 'Open by owner'" in run.err
    found = sales.ok("report 'open BY owner' --json")
    assert found.json["filter"] == "stage:prop amount>10k"
    assert [(row["owner"], row["close_date_month"], row["sum_amount"]) for row in found.json["rows"]] == [
        ("Bo", "2026-09", "80000.00"),
        ("Ann", "2026-06", "20000.00"),
    ]
    assert sales.ok("report run 'Open by owner' --json").out == found.out
    assert [row["owner"] for row in sales.ok("report 'Open by owner' owner:me --json").json["rows"]] == [
        "Ann"
    ]
    assert [row["owner"] for row in sales.ok("report 'Open by owner' -owner:me --json").json["rows"]] == [
        "Bo"
    ]
    assert "█" in sales.ok("report 'Open by owner'").out


def test_every_format_says_the_same(sales: Crm) -> None:
    sales.ok("report new Deals opp --by account,stage --sum amount")
    for format in ("table", "plain", "md", "csv", "tsv"):
        out = sales.ok(f"report Deals --format {format}").out
        assert out.count("Prospecting") == (2 if format in ("csv", "tsv") else 1), format
    lines = [json.loads(line) for line in sales.ok("report Deals --format jsonl").lines]
    assert lines == sales.ok("report Deals --json").json["rows"]
    assert sales.ok("report Deals --format ids").lines == ["A1"]  # of all its rows
    assert (
        sales.ok("report Deals --fields stage,sum_amount --format csv").lines[1] == "Prospecting,40000.00,USD"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("opp --by ownr", "Did you mean 'owner'?"),
        ("opp --sum stage", "stage is no number: it has no sum"),
        ("opp --sum probability", "It has --avg and --min and --max."),
        ("opp --avg close_date", "It has --min and --max."),
        ("opp --by close_date:fortnight", "there are day, week, month, quarter, year"),
        ("opp --by stage:month", "is no date"),
        ("opp --by amount", "makes no groups"),
        ("opp --by owner.tem", "Did you mean 'team'?"),
        ("opp --by owner.manager.team", "along one dot"),
        ("opp --by stage.name", "leads to no one kind"),
        ("opp --by account,account.name", "two different ones"),
        ("opp --sum age_days", "It has --avg and --min and --max."),
        ("account --sum weighted", "no field 'weighted'"),
        ("opp --by weighted", "no field 'weighted'"),
        ("opp --by ref", "makes no groups"),
        ("opp --by owner,owner", "two different ones"),
        ("opp --by owner,stage,account", "by two different ones"),
        ("opp --by owner --sort amount", "no 'amount' to sort by"),
        ("opp --by owner --fields name", "either lists"),
        ("opp --fields nme", "Did you mean 'name'?"),
        ("opp --sort nme", "Did you mean 'name'?"),
        ("opp --filter stge:x", "position 1"),
        ("opp --filter 'amount>x'", "position 1"),
        ("opp --by owner --chart pie", "bars, columns"),
        ("opp --chart bars", "no figure"),
        ("deals", "no noun"),
        ("opp --by owner --top x", "whole number"),
    ],
)
def test_a_report_that_could_not_be_run_is_not_made(sales: Crm, options: str, words: str) -> None:
    said = sales.fails(2, f"report new X {options}").err
    assert words in said
    assert own(sales) == []


def test_names_are_not_those_of_commands_or_of_standard_reports(sales: Crm) -> None:
    for name in ("list", "Win-Rate", "run", "new"):
        assert "already" in sales.fails(2, "report", "new", name, "opp").err
    sales.ok("report new Deals opp")
    assert "crm report edit" in sales.fails(4, "report new DEALS opp").err
    assert "Did you mean 'Deals'?" in sales.fails(3, "report Deal").err
    assert "Did you mean 'win-rate'?" in sales.fails(3, "report win-rat").err


def test_a_dry_run_keeps_nothing(sales: Crm) -> None:
    assert "Would keep" in sales.ok(WHOLE + " --dry-run").err
    assert own(sales) == []
    sales.ok(WHOLE)
    for act in ("edit 'Open by owner' --top 3", "copy 'Open by owner' X", "rm 'Open by owner'"):
        sales.ok(f"report {act} --dry-run")
    assert own(sales) == ["Open by owner"]
    assert sales.ok("report show 'Open by owner' --json").json["top"] == 10


# --- changing them ----------------------------------------------------------------------------------------


def shown(crm: Crm, name: str) -> dict[str, Any]:
    found = crm.ok("report", "show", name, "--json").json
    assert isinstance(found, dict)
    return {key: value for key, value in found.items() if value is not None}


def test_editing_replaces_what_is_given_and_none_clears_it(sales: Crm) -> None:
    sales.ok(WHOLE)
    sales.ok(
        "report edit 'open by owner' --by stage --max close_date --sort none --filter none --top 0 --chart none"
    )
    assert shown(sales, "Open by owner") == {
        "report": "Open by owner",
        "section": "own",
        "noun": "opp",
        "by": ["stage"],
        "measures": ["max:close_date"],
    }
    sales.ok("undo")
    assert shown(sales, "Open by owner")["top"] == 10
    sales.ok("report edit 'Open by owner' --rename 'By owner' --title 'Who has what'")
    assert own(sales) == ["By owner"]
    assert sales.ok("report 'By owner'").out.startswith("Who has what, USD")
    sales.ok("undo")
    assert own(sales) == ["Open by owner"]
    sales.ok("redo")
    assert own(sales) == ["By owner"]
    sales.fails(2, "report edit 'By owner'")
    assert "no sum" in sales.fails(2, "report edit 'By owner' --sum stage").err


def test_a_report_of_fields_becomes_one_of_groups_only_without_them(sales: Crm) -> None:
    sales.ok("report new Big opp --fields name,amount")
    assert "either lists" in sales.fails(2, "report edit Big --by owner").err
    sales.ok("report edit Big --by owner --fields none")
    assert shown(sales, "Big")["measures"] == ["count"]


def test_a_copy_is_a_report_of_its_own_and_a_standard_one_has_none(sales: Crm) -> None:
    sales.ok(WHOLE)
    sales.ok("report copy 'Open by owner' Other")
    sales.ok("report edit Other --top 1")
    assert (shown(sales, "Open by owner")["top"], shown(sales, "Other")["top"]) == (10, 1)
    sales.fails(4, "report copy Other 'Open by owner'")
    assert "crm report new" in sales.fails(5, "report copy win-rate Mine").err


def test_deleting_is_asked_for_and_undone(sales: Crm) -> None:
    sales.ok(WHOLE)
    assert "--yes" in sales.fails(2, "report rm 'Open by owner'").err
    sales.ok("report rm 'Open by owner' --yes")
    sales.fails(3, "report 'Open by owner'")
    sales.ok("undo")
    assert own(sales) == ["Open by owner"]
    for act in ("rm win-rate --yes", "edit win-rate --top 3", "export Win-Rate", "copy win-rate Mine"):
        assert "win-rate is a standard report" in sales.fails(5, f"report {act}").err


def test_a_report_that_cannot_be_read_hinders_no_other(sales: Crm) -> None:
    """It may be from a later version."""
    sales.ok("report new Deals opp --by owner")
    kept_anyway(sales, {"report": "Later", "noun": "opp", "pivot": ["owner"]})
    assert sales.ok("report Deals --json").json["rows"]
    found = {row["name"]: row for row in sales.ok("report list --json").json}
    assert "cannot be read" in found["later"]["about"]
    for act in ("Later", "show Later", "edit Later --top 3", "copy Later X"):
        assert "crm report rm 'later'" in sales.fails(2, f"report {act}").err
    assert "already" in sales.fails(4, "report new Later opp").err
    sales.ok("report rm LATER --yes")
    assert own(sales) == ["Deals"]
    sales.ok("undo")
    assert own(sales) == ["Deals", "later"]


def test_a_report_keeps_its_name_where_a_later_standard_one_has_it_too(sales: Crm) -> None:
    kept_anyway(sales, {"report": "Trend", "noun": "opp", "by": ["owner"]})
    assert shown(sales, "trend")["section"] == "own"
    assert json.loads(sales.ok("report export trend").out)["noun"] == "opp"
    sales.ok("report copy trend Other")
    sales.ok("report edit trend --rename 'Our trend'")
    assert own(sales) == ["Other", "Our trend"]
    assert shown(sales, "trend")["section"] == "standard"


def test_the_standard_ones_are_listed_and_run_by_run_too(sales: Crm) -> None:
    found = sales.ok("report list --json").json
    assert [row["name"] for row in found if row["section"] == "standard"] == [each.word for each in STANDARD]
    assert shown(sales, "win-rate")["section"] == "standard"
    options = "--period 2026 --by source --json"
    assert sales.ok(f"report run win-rate {options}").out == sales.ok(f"report win-rate {options}").out
    assert sales.ok("report run win-rate --json").out == sales.ok("report win-rate --json").out
    sales.fails(2, "report run win-rate owner:me")
    sales.ok("report new Deals opp")
    assert "filtered by terms" in sales.fails(2, "report Deals --period 2026").err


# --- elsewhere --------------------------------------------------------------------------------------------


def test_a_report_is_carried_to_another_database(sales: Crm, tmp_path: Path) -> None:
    sales.ok(WHOLE)
    path = tmp_path / "open.json"
    sales.ok("report", "export", "Open by owner", path)
    assert sales.ok("report export 'Open by owner'").out == path.read_text("utf-8")
    before = sales.ok("report 'Open by owner'").out
    sales.ok("report rm 'Open by owner' --yes")
    sales.ok("report", "import", path, "--dry-run")
    assert own(sales) == []
    sales.ok("report", "import", path)
    assert sales.ok("report 'Open by owner'").out == before
    assert "already" in sales.ok("report", "import", path).err
    path.write_text(path.read_text("utf-8").replace("owner", "region"), encoding="utf-8")
    assert "no field 'region'" in sales.fails(2, "report", "import", path).err
    sales.fails(5, "report export win-rate")
    sales.fails(2, "report", "import", tmp_path / "missing.json")


def test_reports_go_with_a_whole_export(sales: Crm, tmp_path: Path) -> None:
    sales.ok(WHOLE)
    before = sales.ok("report 'Open by owner' --json").out
    sales.ok("export", tmp_path / "out")
    sales.ok("report rm 'Open by owner' --yes")
    text = (tmp_path / "out" / "settings.csv").read_text("utf-8")
    assert "report:open by owner" in text
    if sales.environ["CRMCLI_DB"].startswith("sqlite"):
        sales.environ["CRMCLI_DB"] = f"sqlite:///{tmp_path / 'other.db'}"
        sales.ok("import", tmp_path / "out")
        assert sales.ok("report 'Open by owner' --json").out == before


# --- running them -----------------------------------------------------------------------------------------


def test_a_field_that_has_gone_is_named(sales: Crm) -> None:
    kept_anyway(sales, {"report": "Segments", "noun": "lead", "by": ["segment"]})
    said = sales.fails(2, "report Segments").err
    assert "The report Segments cannot be run: leads have no field 'segment'" in said
    assert sales.ok("report show Segments --json").json["by"] == ["segment"]


def kept_anyway(crm: Crm, document: dict[str, Any]) -> None:
    """Keep a definition as it could be after a field has gone."""
    from datetime import UTC, datetime

    from crmcli.store.engine import target_of
    from crmcli.store.work import unit_of_work

    now = datetime(2026, 5, 11, tzinfo=UTC)
    with unit_of_work(
        target_of(crm.environ["CRMCLI_DB"]),
        command="test",
        actor="Ann",
        source="cli",
        now=now,
        at=None,
        zone=UTC,
    ) as work:
        work.set_setting(f"report:{document['report'].casefold()}", json.dumps(document))


def test_as_of_takes_filters_of_fields_and_no_free_words(sales: Crm) -> None:
    sales.ok("report new Deals opp --by owner")
    assert sales.ok("report Deals 'Deal 1' --json").code == 0
    assert "filter names fields" in sales.fails(2, "report Deals Deal --as-of 2026-05-11").err
    assert "future" in sales.fails(2, "report Deals --as-of 2026-06-01").err
    sales.ok("opp edit O1 --owner Bo", today="2026-05-20")
    found = sales.ok("report Deals account.name:acme --as-of 2026-05-12 --json", today="2026-05-21").json
    assert (found["as_of"], [row["count"] for row in found["rows"]]) == ("2026-05-12", [2, 2])


def test_it_can_be_compared_and_watched(sales: Crm) -> None:
    sales.ok("report new Deals opp --by owner,stage --sum amount --count")
    sales.ok("opp add Later --amount 5k", today="2026-05-20")
    out = sales.ok("report Deals --compare 2026-05-12 --json", today="2026-05-21").json
    change = {row["key"]: row["sum_amount_change"] for row in out["rows"]}
    assert change == {
        "Ann · Prospecting": "5000.00",  # there was none: sums were 0
        "Ann · Value Proposition": "0.00",
        "Ann · Negotiation/Review": "0.00",
        "Bo · Prospecting": "0.00",
        "Bo · Value Proposition": "0.00",
    }
    assert sales("report Deals --fail-if 'sum_amount>1k'").code == 8
    assert sales("report Deals --fail-if 'Ann · Prospecting:sum_amount>1m'").code == 0


def test_every_figure_can_be_asked_for_its_origin(sales: Crm) -> None:
    sales.ok("report new Deals opp --by owner --sum amount --count")
    found = sales.ok("report Deals --explain --json").json["explain"]
    assert set(found["formulas"]) == {"count", "sum_amount"}
    assert [(row["key"], [each["ref"] for each in row["records"]]) for row in found["rows"]] == [
        ("Ann", ["O1", "O3"]),
        ("Bo", ["O2", "O4"]),
    ]
    assert "O3 Deal 3 · amount 60000.00 · USD" in sales.ok("report Deals --explain").out
    sales.ok("report new Big opp")
    assert "Nothing is computed" in sales.ok("report Big --explain").out


def test_a_currency_that_nothing_is_converted_to_is_refused(sales: Crm) -> None:
    for options in ("opp --by owner --count", "opp --fields name,amount"):
        sales.ok(f"report new Deals {options}")
        assert "nothing to convert" in sales.fails(2, "report Deals --currency EUR").err
        sales.ok("report rm Deals --yes")


def test_the_examples_of_the_help_work(sales: Crm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from crmcli.commands.report import command

    monkeypatch.chdir(tmp_path)
    for verb in ("new", "list", "show", "run", "NAME", "edit", "export", "copy", "import", "rm"):
        for example in command.verbs[verb].examples:
            sales.ok(example.removeprefix("crm "))
    assert own(sales) == ["Large", "Open by team"]


UNWANTED = ("sqlalchemy", "sqlmodel", "pydantic", "rich")


def in_a_process(crm: Crm, argv: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, which says on stderr what it imported of the heavy libraries."""
    program = (
        "import sys, crmcli.__main__ as program\n"
        f"sys.argv = ['crm', *{argv!r}]\n"
        "try: program.main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(*sorted(set(sys.modules) & set({UNWANTED!r})), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**crm.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.sqlite
@pytest.mark.parametrize("words", ["report Deals", "report Deals --as-of 2026-05-11", "report list"])
def test_running_one_imports_nothing_heavy(sales: Crm, words: str) -> None:
    sales.ok("report new Deals opp --by owner,close_date:month --sum amount")
    done = in_a_process(sales, words.split(), {"CRMCLI_TODAY": "2026-05-12"})
    assert (done.returncode, done.stderr.strip()) == (0, "")


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("crm report run D", ["Deals"]),
        ("crm report show win", ["win-rate", "win-loss"]),
        ("crm report rm ", ["Deals"]),
        ("crm report new X le", ["lead"]),
        ("crm report new X lead --chart b", ["bars"]),
    ],
)
def test_names_are_completed(sales: Crm, line: str, names: list[str]) -> None:
    sales.ok("report new Deals opp")
    typed = line.split(" ")
    environ = {"COMP_WORDS": "\n".join(typed), "COMP_CWORD": str(len(typed) - 1)}
    done = in_a_process(sales, [], {**environ, "_CRM_COMPLETE": "complete_bash"})
    assert (done.stdout.splitlines(), done.stderr.strip()) == (names, "")
