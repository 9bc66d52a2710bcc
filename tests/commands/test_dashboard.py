"""crm dashboard: the same figures as the reports alone, on one page, in every format."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
import wcwidth

from tests.conftest import Crm
from tests.test_screens import on_a_screen

PANELS = ["trend", "forecast", "pipeline", "attainment", "leaderboard", "cycle_time"]
ALONE = {
    "trend": "report trend --period 2025-12..2026-11",
    "forecast": "forecast --currency USD",
    "pipeline": "pipeline",
    "attainment": "report attainment",
    "leaderboard": "report leaderboard",
    "cycle_time": "report cycle-time --period this-quarter",
}
NAMES = ("Ann Lee", "李娜", "Bo")


@pytest.fixture
def team(crm: Crm) -> Crm:
    """Won 50,000 of 100,000 this quarter in 30 and 60 days, one deal lost; 20,000 at 90 % still to come."""
    crm.today = "2026-11-18"
    for line in (
        "user add 'Ann Lee'",
        "user add 李娜",
        "user add Bo",
        "quota set --owner 'Ann Lee' --period 2026-Q4 --amount 60k",
        "quota set --owner 李娜 --period 2026-Q4 --amount 20k",
        "quota set --owner Bo --period 2026-Q4 --amount 20k",
        "opp add Alpha --owner 'Ann Lee' --amount 30k --close-date 2026-10-01 --at 2026-09-10",
        "opp win Alpha --at 2026-10-10",
        "opp add Beta --owner 'Ann Lee' --amount 10k --close-date 2026-10-01 --at 2026-09-10",
        "opp lose Beta --reason Pricing --at 2026-11-01",
        "opp add Gamma --owner 'Ann Lee' --amount 20k --close-date 2026-12-01 --stage Negotiation",
        "opp add Delta --owner 李娜 --amount 20k --close-date 2026-11-01 --at 2026-09-11",
        "opp win Delta --at 2026-11-10",
        "opp add Epsilon --owner 李娜 --amount 10k --close-date 2027-02-01 --stage Prospecting",
    ):
        crm.ok(line)
    return crm


def test_the_headline_says_how_sales_stand(team: Crm) -> None:
    lines = team.ok("dashboard").lines
    assert lines[0] == "Sales 2026-Q4, USD"
    assert re.split(r"\s{2,}", lines[2]) == [
        "Won",
        "Attainment",
        "Win rate",
        "Weighted pipeline",
        "Coverage",
        "Days to close",
    ]
    assert re.split(r"\s{2,}", lines[3]) == ["50,000", "50.0 %", "66.7 %", "18,000", "0.4", "45.0"]
    assert lines[-1] == "As of 2026-11-18 · 2026-10-01..2026-12-31 · all owners"


def test_each_panel_is_the_report_that_can_be_had_alone(team: Crm) -> None:
    page = team.ok("dashboard --json").json
    assert [*page] == ["schema_version", "as_of", "period", "currency", "owner", "panels"]
    assert page["period"] == {"start": "2026-10-01", "end": "2026-12-31", "label": "2026-Q4"}
    assert [*page["panels"]] == PANELS
    for name, words in ALONE.items():
        assert page["panels"][name] == team.ok(f"{words} --json").json, name


def test_options_reach_every_panel(team: Crm) -> None:
    page = team.ok("dashboard --owner 李娜 --period 2026-10 --as-of 2026-11-15 --json").json
    asked = "--owner 李娜 --as-of 2026-11-15 --json"
    for name, words in {**ALONE, "pipeline": "pipeline"}.items():
        month = "" if name in ("trend", "pipeline") else " --period 2026-10"
        alone = words.replace(" --period this-quarter", "").replace("2025-12..2026-11", "2025-11..2026-10")
        assert page["panels"][name] == team.ok(f"{alone}{month} {asked}").json, name
    assert (page["owner"], page["as_of"]) == ("李娜", "2026-11-15")
    assert "owner 李娜" in team.ok("dashboard --owner 李娜").lines[-1]


def test_as_of_today_is_now(team: Crm) -> None:
    assert team.ok("dashboard --as-of today").out == team.ok("dashboard").out


def test_rows_hold_every_figure_with_its_panel(team: Crm) -> None:
    panels = team.ok("dashboard --json").json["panels"]
    rows = [*csv.DictReader(io.StringIO(team.ok("dashboard --format csv").out))]
    assert [*rows[0]] == ["panel", "key", "currency", "figure", "value"]
    found = {(row["panel"], row["key"], row["figure"]): (row["value"], row["currency"]) for row in rows}
    assert found["forecast", "Ann Lee", "commit"] == ("50000.00", "USD")
    assert found["attainment", "李娜", "attainment"] == ("100.0", "")
    for name, key in (
        ("trend", "month"),
        ("pipeline", "stage"),
        ("leaderboard", "owner"),
        ("cycle_time", "owner"),
    ):
        for row in panels[name]["rows"]:
            for figure, value in row.items():
                if figure not in (key, "currency"):
                    said = "" if value is None else str(value)
                    assert found[name, row[key], figure][0] == said
    assert len(team.ok("dashboard --format jsonl").lines) == len(rows) == len(found)
    assert len(team.ok("dashboard --format tsv").lines) == len(rows) + 1


def test_markdown_has_the_reports_whole(team: Crm) -> None:
    text = team.ok("dashboard --format md").out
    for name in ("trend", "pipeline"):
        assert team.ok(f"{ALONE[name]} --format md").out in text
    assert "\n- Won 50,000 2 deals\n" in text


def test_fields_choose_panels(team: Crm) -> None:
    assert [*team.ok("dashboard --fields pipeline,trend --json").json["panels"]] == ["pipeline", "trend"]
    text = team.ok("dashboard --fields pipeline").out
    assert "Pipeline by stage" in text
    assert "Attainment" not in text
    error = team.fails(2, "dashboard --fields pipelin --json").error
    assert error["field"] == "fields"
    assert error["hint"] == "Did you mean 'pipeline'?"


def test_there_are_no_references_to_print(team: Crm) -> None:
    assert "no references" in team.fails(2, "dashboard --format ids").err


def test_an_empty_database_has_a_page_too(crm: Crm) -> None:
    crm.ok("init")
    text = crm.ok("dashboard").out
    assert "No deals were won" in text
    assert text.count("There is no quota") == 1
    assert "n/a" in text
    assert crm.ok("dashboard --html -").out.startswith("<!doctype html>")


def test_one_currency_for_all_and_what_has_no_rate_is_named(team: Crm) -> None:
    team.ok("opp add Zeta --owner Bo --amount 'EUR 1000' --close-date 2026-12-01")
    text = team.ok("dashboard").out
    assert "Sales 2026-Q4, USD" in text
    assert "No rate" in text
    team.ok("rate set EUR 1.10 --from 2026-01-01")
    page = team.ok("dashboard --json").json
    assert page["panels"]["forecast"]["total"]["open_pipeline"] == "21100.00"
    assert team.ok("dashboard --currency EUR").lines[0] == "Sales 2026-Q4, EUR"


def test_a_page_in_the_only_currency_there_is(crm: Crm) -> None:
    crm.today = "2026-11-18"
    crm.ok("opp add One --amount 'EUR 5000' --close-date 2026-12-01")
    assert crm.ok("dashboard --json").json["currency"] == "EUR"


# --- on a screen ------------------------------------------------------------------------------------------


def rows_of(text: str, title: str) -> list[str]:
    """The lines of a panel that stands alone in its lines."""
    lines = text.splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{title} "))
    return lines[start : lines.index("", start)]


@pytest.mark.sqlite
def test_a_hundred_columns_hold_all_on_one_screen(team: Crm) -> None:
    lines = on_a_screen(team, "dashboard", 100).splitlines()
    assert len(lines) < 50
    assert max(map(wcwidth.wcswidth, lines)) <= 100
    heads = [line for line in lines if "──" in line]
    assert sum(len(re.findall(" ─+", line)) for line in heads) == 6
    beside = [line for line in heads if len(re.findall(" ─+", line)) == 2]
    assert beside
    assert all(line[48:52].isspace() and not line[52].isspace() for line in beside)


@pytest.mark.sqlite
@pytest.mark.parametrize("width", [60, 80])
def test_names_in_chinese_stay_aligned_under_each_other(team: Crm, width: int) -> None:
    text = on_a_screen(team, "dashboard", width)
    assert max(map(wcwidth.wcswidth, text.splitlines())) <= width
    for title in ("Attainment", "Performance by member", "Forecast, cumulative"):
        rows = [line for line in rows_of(text, title)[2:] if "%" in line]
        assert len({wcwidth.wcswidth(line[: line.index("%")]) for line in rows}) == 1, title
    assert all(any(line.startswith(name) for line in text.splitlines()) for name in NAMES)


@pytest.mark.sqlite
def test_a_narrow_screen_gets_records(team: Crm) -> None:
    text = on_a_screen(team, "dashboard", 50)
    assert "Won: 50,000 (2 deals)\n" in text
    assert "Owner:      李娜\nAttainment: 100.0 %\n" in text.replace("Quota:      20,000.00\n", "")
    assert "█" not in text


@pytest.mark.sqlite
def test_where_blocks_cannot_be_said_there_are_letters(team: Crm) -> None:
    text = on_a_screen(team, "dashboard", 100, PYTHONIOENCODING="ascii")
    assert text.isascii()
    assert "Attainment ------" in text
    assert "   ###" in text


@pytest.mark.sqlite
def test_color_is_only_where_it_is_welcome(team: Crm) -> None:
    drawn = on_a_screen(team, "dashboard", 100, NO_COLOR="")
    assert "\x1b[36m" in drawn
    assert "\x1b" not in team.ok("dashboard").out
    assert re.sub(r"\x1b\[\d+m", "", drawn) == on_a_screen(team, "dashboard", 100)


# --- as every report can be asked for ---------------------------------------------------------------------


def test_a_page_is_compared_with_another_period(team: Crm) -> None:
    team.ok("opp add Eta --owner Bo --amount 5k --close-date 2026-08-01 --at 2026-07-01")
    team.ok("opp win Eta --at 2026-08-15")
    lines = team.ok("dashboard --compare last-quarter", env={"COLUMNS": "160"}).lines
    notes = next(line for line in lines if "2 deals" in line)
    assert re.split(r"\s{2,}", notes) == [
        "+45,000 · 2 deals",
        "pace 93.9 %",  # there was no quota
        "-33.3 · of deals closed",
        "closing in 2026-Q4",
        "open / gap",
        "median of 2",  # 45 days both times
    ]
    assert lines[-1].startswith("Compared with 2026-Q3, as of 2026-11-18: under the headline figures,")
    page = team.ok("dashboard --compare last-quarter --json").json
    assert page["compared_with"] == {
        "start": "2026-07-01",
        "end": "2026-09-30",
        "label": "2026-Q3",
        "as_of": "2026-11-18",
    }
    for name, words in {**ALONE, "forecast": "forecast --currency USD"}.items():
        if name not in ("trend", "pipeline"):
            alone = words.replace(" --period this-quarter", "")
            both = f"{alone} --period this-quarter --compare last-quarter --json"
            assert page["panels"][name] == team.ok(both).json, name
    trend = "report trend --period 2025-12..2026-11 --compare 2025-10..2026-09 --json"
    assert page["panels"]["trend"] == team.ok(trend).json
    assert page["panels"]["pipeline"] == team.ok("pipeline --json").json, "of today, either way"
    page = team.ok("dashboard --compare last-quarter --html -").out
    assert '<dd class="note"><span>+45,000</span> · <span>2 deals</span></dd>' in page
    assert "Won: 50,000 (+45,000 · 2 deals)" in on_a_screen(team, "dashboard --compare last-quarter", 50)


def test_a_page_is_compared_with_how_it_stood_on_a_day(team: Crm) -> None:
    page = team.ok("dashboard --compare 2026-11-05 --json", today="2026-11-18").json
    forecast = team.ok("forecast --currency USD --compare 2026-11-05 --json").json
    assert page["panels"]["forecast"] == forecast
    assert page["panels"]["pipeline"] == team.ok("pipeline --compare 2026-11-05 --json").json
    assert page["compared_with"]["as_of"] == "2026-11-05"


def test_two_pages_that_are_compared_are_in_one_currency(team: Crm) -> None:
    team.ok("rate set EUR 2 --from 2026-01-01")
    team.ok("opp add Theta --owner Bo --amount 'EUR 1000' --close-date 2026-08-01 --at 2026-07-01")
    team.ok("opp win Theta --at 2026-08-15")
    assert "+48,000 · 2 deals" in team.ok("dashboard --compare last-quarter").out


def test_a_page_fails_if_a_headline_figure_is_so(team: Crm) -> None:
    run = team.fails(8, "dashboard --fail-if coverage<3 --fail-if won>1m")
    assert run.err == "coverage is 0.4: coverage<3.\n"
    assert "Sales 2026-Q4, USD" in run.out
    assert "win_rate is 66.7 %" in team.fails(8, "dashboard", "--fail-if", "win rate<70", "--json").err
    assert "won_change" in team.fails(8, "dashboard --compare last-quarter --fail-if won_change>1").err
    assert "coverage is n/a" in team.ok("dashboard --period 2026-Q3 --fail-if coverage<3").err
    assert "There is no figure 'amount'" in team.fails(2, "dashboard --fail-if amount<3").err


def test_a_page_is_silent_where_nothing_changed(team: Crm, tmp_path: Path) -> None:
    team.env["HOME"] = str(tmp_path)
    file = tmp_path / "page.html"
    words = ("dashboard", "--changed-since-last", "--html", file)
    assert team.ok(*words).err == f"Wrote {file}.\n"
    assert "Asked so for the first time." in file.read_text("utf-8")
    file.unlink()
    run = team.ok(*words)
    assert (run.out, run.err, file.exists()) == ("", "", False)
    team.fails(8, *words, "--fail-if", "coverage<3")
    assert team.fails(8, *words, "--fail-if", "coverage<3").out == ""
    team.ok("opp edit Gamma --amount 25k")
    team.ok(*words)
    assert re.search(
        r"Changed since 2026-11-18 [0-9:]+: forecast, pipeline, attainment\.", file.read_text("utf-8")
    )
    run = team.ok(*words, today="2026-11-19")
    assert (run.out, run.err) == ("", ""), "that a deal grew a day older is no change"


# --- as a file --------------------------------------------------------------------------------------------


def test_a_file_is_there_whole_and_only_its_owner_reads_it(team: Crm, tmp_path: Path) -> None:
    file = tmp_path / "out" / "dashboard.html"
    assert "No such file" in team.fails(1, "dashboard", "--html", file).err
    file.parent.mkdir()
    assert team.ok("dashboard", "--html", file).err == f"Wrote {file}.\n"
    text = file.read_text("utf-8")
    assert text == team.ok("dashboard --html -").out == team.ok("dashboard --format html").out
    assert file.stat().st_mode & 0o777 == 0o600
    assert [*file.parent.iterdir()] == [file]
    for said in ("Sales 2026-Q4, USD", "李娜", "50,000", "Performance by member"):
        assert said in text
    assert team.ok("dashboard", "--html", file, "--json").json == {"file": str(file)}
    assert file.read_text("utf-8") == text


def test_a_file_takes_no_place_of_the_database(team: Crm, tmp_path: Path) -> None:
    if not (tmp_path / "crm.db").exists():
        pytest.skip("the database is no file")
    before = (tmp_path / "crm.db").read_bytes()
    assert "is the database" in team.fails(2, "dashboard", "--html", tmp_path / "crm.db").err
    assert (tmp_path / "crm.db").read_bytes() == before


def test_names_in_a_file_are_only_text(team: Crm) -> None:
    team.ok("user", "edit", "Bo", "--set", "name=<script>alert('x')</script>")
    text = team.ok("dashboard --html -").out
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in text


def test_every_report_can_be_a_page(team: Crm) -> None:
    found: dict[str, Any] = {}
    for words in (
        "report win-rate",
        "forecast",
        "pipeline",
        "pipeline diff -2w today",
        "opp list",
        "opp show O1",
    ):
        found[words] = team.ok(f"{words} --format html").out
        assert found[words].startswith("<!doctype html>")
    assert '<svg class="bar"' in found["pipeline"]
    assert "Moved in" in found["pipeline diff -2w today"]
    assert "Alpha" in found["opp show O1"]
