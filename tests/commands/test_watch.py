"""What every report can be asked for: a comparison, a condition to fail under, silence where nothing changed."""

import re
import shlex
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmcli.errors import InvalidValue
from crmcli.reports.standard import STANDARD
from crmcli.result import Column
from crmcli.rules.conditions import WAYS, Rows, judged, parse_condition
from tests.conftest import Crm

ACTS = """
2026-01-05 user add Li --email li@example.com
2026-01-05 user add Zhang --email zhang@example.com
2026-01-05 opp add Alpha --amount 1000 --close-date 2026-02-10 --owner Li
2026-01-05 opp add Beta --amount 2000 --close-date 2026-03-10 --owner Zhang
2026-01-05 opp add Gamma --amount 4000 --close-date 2026-05-10 --owner Li --stage Negotiation/Review
2026-02-10 opp win O1
2026-03-10 opp win O2
2026-03-11 quota set --owner Li --period 2026-Q2 --amount 10000
2026-05-10 opp win O3 --amount 5000
2026-05-11 opp add Delta --amount 6000 --close-date 2026-06-20 --owner Li --stage Negotiation/Review
"""


@pytest.fixture
def year(crm: Crm, tmp_path: Path) -> Crm:
    crm.env["HOME"] = str(tmp_path)
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    crm.today = "2026-05-20"
    return crm


# --- another period ---------------------------------------------------------------------------------------


def test_a_report_is_compared_with_another_period_row_by_row(year: Crm) -> None:
    said = year.ok("forecast --period 2026-Q2 --compare 2026-Q1 --json").json
    li = next(row for row in said["rows"] if row["key"] == "Li")
    assert (li["closed"], li["closed_before"], li["closed_change"]) == ("5000.00", "1000.00", "4000.00")
    zhang = next(row for row in said["rows"] if row["key"] == "Zhang")
    assert (zhang["closed"], zhang["closed_before"], zhang["closed_change"]) == (
        *("0.00", "2000.00", "-2000.00"),
    )
    assert (zhang["quota"], zhang["quota_change"]) == (None, None)
    assert sum(Decimal(row["closed_change"]) for row in said["rows"]) == Decimal(
        said["total"]["closed_change"]
    )
    assert said["total"]["closed_change"] == "2000.00"
    assert said["compared_with"]["label"] == "2026-Q1"
    people = year.ok("forecast --period 2026-Q2 --compare 2026-Q1").out
    assert "5,000.00 · +4,000.00" in people
    assert "Only then: Zhang." in people


def test_the_figures_compared_are_those_of_the_two_reports(year: Crm) -> None:
    now = year.ok("report win-rate --period 2026-Q2 --json").json
    then = year.ok("report win-rate --period 2026-Q1 --json").json
    both = year.ok("report win-rate --period 2026-Q2 --compare 2026-Q1 --json").json
    for name in ("won", "won_amount", "win_rate"):
        assert both["total"][name] == now["total"][name]
        assert both["total"][f"{name}_before"] == then["total"][name]


def test_months_are_compared_with_months_at_the_same_place(year: Crm) -> None:
    rows = year.ok("forecast --by month --period 2026-Q2 --compare 2026-Q1 --json").json["rows"]
    assert [row["key"] for row in rows] == ["2026-04", "2026-05", "2026-06"]
    assert [row["closed_before"] for row in rows] == ["0.00", "1000.00", "2000.00"]


def test_what_stands_on_a_day_is_compared_with_the_end_of_a_period(year: Crm) -> None:
    said = year.ok("pipeline --compare 2026-Q1 --json").json
    review = next(row for row in said["rows"] if row["stage"] == "Negotiation/Review")
    assert (review["amount"], review["amount_before"]) == ("6000.00", "4000.00")
    assert "Compared with 2026-03-31" in year.ok("pipeline --compare 2026-Q1").out
    year.fails(2, "pipeline --compare this-quarter")


def test_months_in_which_something_is_are_compared_with_their_like(year: Crm) -> None:
    """The report has only months with closed deals: February and March, then May."""
    rows = year.ok("report win-rate --by month --period 2026-Q2 --compare 2026-Q1 --json").json["rows"]
    assert [(row["month"], row["won"], row["won_before"]) for row in rows] == [
        ("2026-05", 1, 1),  # with February, the second of its quarter
        ("2026-03", 0, 1),
    ]


def test_figures_of_two_currencies_are_never_subtracted(year: Crm) -> None:
    year.ok("rate set EUR 2 --from 2026-01-01", today="2026-01-02")
    year.ok("opp add Köln --amount 'EUR 300' --close-date 2026-05-12 --stage 'Closed Won' --owner Zhang")
    for day in ("O1", "O2", "O3", "O4"):
        year.ok(f"opp rm {day} --yes")
    year.ok("opp add Old --amount 'USD 100' --close-date 2026-02-12 --stage 'Closed Won' --owner Zhang")
    for words in (
        "report win-rate --fields won_amount,won_amount_change",
        "forecast --fields closed,closed_change",
    ):
        said = year.ok(f"{words} --period 2026-Q2 --compare 2026-Q1 --json").json
        expected = {"USD": ["600.00", "500.00"], "EUR": ["300.00", "250.00"]}  # 100 dollars are 50 euros
        assert [*said["total"].values()][:2] == expected[said["currency"]]


def test_a_day_is_compared_with_as_it_stood_then(year: Crm) -> None:
    said = year.ok("forecast --period 2026-Q2 --compare 2026-05-08 --json").json
    assert (said["total"]["closed"], said["total"]["closed_before"]) == ("5000.00", "0.00")
    assert said["compared_with"]["as_of"] == "2026-05-08"


def test_records_of_one_name_stay_apart(year: Crm) -> None:
    year.ok("account add Acme")
    year.ok("account add Acme")
    year.ok("opp edit O3 --account A1")
    year.ok("opp edit O4 --account A2")
    rows = year.ok("forecast --by account --period 2026-Q2 --compare 2026-Q1 --json").json["rows"]
    assert [row["ref"] for row in rows if row["key"] == "Acme"] == ["A1", "A2"]


@pytest.mark.parametrize("words", ["pipeline diff -1w today", "forecast accuracy"])
def test_what_stands_on_no_period_or_day_of_its_own_is_not_compared(year: Crm, words: str) -> None:
    assert "--compare" not in year.ok(f"{' '.join(words.split()[:2])} --help").out
    year.fails(2, f"{words} --compare last-year")


@pytest.mark.parametrize(
    "words", ["forecast", "pipeline", "quota show", *(f"report {each.word}" for each in STANDARD)]
)
def test_every_report_can_be_compared(year: Crm, words: str) -> None:
    period = "last-quarter" if words != "report stale" else "2026-04"
    said = year.ok(f"{words} --compare {period} --json").json
    assert said["compared_with"]
    year.ok(f"{words} --compare {period}")


# --- conditions -------------------------------------------------------------------------------------------


def test_a_condition_on_the_total_ends_with_8_and_says_why(year: Crm) -> None:
    run = year.fails(8, "forecast --period 2026-Q2 --fail-if coverage<3 --json")
    assert run.json["total"]["coverage"] == 1.2
    assert run.err == "coverage is 1.2: coverage<3.\n"
    assert year.ok("forecast --period 2026-Q2 --fail-if coverage<1.2").err == ""
    year.fails(8, "forecast --period 2026-Q2 --fail-if coverage<1.2 --fail-if coverage<=1.2")


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ("Li:closed<6k", 8),
        ("li:closed>=6k", 0),
        ("*:closed<6k", 8),
        ("closed = 5,000.00", 8),
        ("closed<EUR 1m", 0),
        ("rows>0", 8),
        ("rows>1", 0),
        ("attainment < 50 %", 0),
        ("attainment <= 50%", 8),
        ("open pipeline>1", 8),
    ],
)
def test_a_condition_may_name_a_row_money_and_shares(year: Crm, condition: str, code: int) -> None:
    assert year("forecast", "--period", "2026-Q2", "--fail-if", condition).code == code


def test_money_of_another_currency_is_not_judged_and_that_is_said(year: Crm) -> None:
    run = year.ok("forecast", "--period", "2026-Q2", "--fail-if", "closed<EUR 1m")
    assert run.err == "closed is USD 5,000.00, another currency: closed<EUR 1m cannot be judged.\n"


def test_what_cannot_be_judged_is_named_and_does_not_hold(year: Crm) -> None:
    run = year.ok("forecast --period 2026-Q1 --fail-if coverage<3")
    assert run.err == "coverage is n/a, so coverage<3 cannot be judged.\n"


def test_a_condition_nobody_can_mean_is_refused(year: Crm) -> None:
    assert "'coverage'" in year.fails(2, "forecast --fail-if coverge<3").err
    assert "no number" in year.fails(2, "forecast --period 2026-Q2 --fail-if coverage<three").err
    assert "no condition" in year.fails(2, "forecast --fail-if coverage").err
    assert "no row" in year.fails(3, "forecast --fail-if Wu:closed<3").err


def test_lists_of_what_is_wrong_can_fail_too(year: Crm) -> None:
    year.ok("opp edit O4 --close-date 2026-05-15")
    assert "There are" in year.fails(8, "lint --fail-if rows>0").err


@given(
    st.lists(st.integers(-5, 5) | st.none(), max_size=4),
    st.sampled_from(sorted(WAYS)),
    st.integers(-5, 5),
)
def test_a_condition_on_each_row_holds_where_python_says_so(
    values: list[int | None], way: str, limit: int
) -> None:
    rows = [(str(at), (str(at), value)) for at, value in enumerate(values)]
    on = Rows((Column("key", "Key"), Column("n", "N", "number")), rows, (), None)
    found = judged(parse_condition(f"*:n{way}{limit}"), on)
    assert len(found.holds) == sum(value is not None and WAYS[way](value, limit) for value in values)
    assert len(found.unknown) == values.count(None)


@given(st.text(max_size=30))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    with suppress(InvalidValue):
        assert parse_condition(text).way in WAYS


# --- silence ----------------------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_printed_again(year: Crm) -> None:
    words = "forecast --period 2026-Q2 --changed-since-last"
    assert "for the first time" in year.ok(words).out
    quiet = year.ok(words, today="2026-05-21")
    assert (quiet.out, quiet.err) == ("", "")
    year.ok("opp edit O4 --amount 6500")
    assert "Changed since 2026-05-20" in year.ok(words, today="2026-05-22").out
    assert year.ok(words, today="2026-05-22").out == ""
    assert year.ok(f"{words} --json", today="2026-05-22").json["rows"]  # asked otherwise, remembered apart


def test_a_change_in_any_of_several_rows_of_one_name_is_a_change(year: Crm) -> None:
    for subject in ("Write", "Call"):
        year.ok(f"task add {subject} --due-date 2026-05-19 --owner Li")
    words = "today --owner Li --changed-since-last"
    assert "Write" in year.ok(words).out
    assert year.ok(words).out == ""
    year.ok("task done T1")
    assert "Call" in year.ok(words).out


def test_growing_older_is_no_change(year: Crm) -> None:
    words = "pipeline --changed-since-last"
    assert year.ok(words).out
    assert year.ok(words, today="2026-05-25").out == ""


def test_a_condition_is_judged_where_nothing_is_printed(year: Crm) -> None:
    words = "forecast --period 2026-Q2 --changed-since-last --fail-if coverage<3"
    year.fails(8, words)
    again = year.fails(8, words)
    assert again.out == ""
    assert "coverage is" in again.err


def test_what_is_remembered_is_for_its_owner_alone(year: Crm, tmp_path: Path) -> None:
    year.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    year.ok("forecast --changed-since-last")
    (file,) = (tmp_path / "state" / "crmcli" / "last").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    file.write_text("{damaged")
    assert "for the first time" in year.ok("forecast --changed-since-last").out


def test_where_nothing_can_be_remembered_one_is_told(year: Crm, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    run = year.fails(1, "forecast --changed-since-last", env={"XDG_STATE_HOME": str(tmp_path / "state")})
    assert "XDG_STATE_HOME" in run.err


# --- cron -------------------------------------------------------------------------------------------------


def page(crm: Crm) -> str:
    return crm.ok("help cron").out


@pytest.mark.sqlite
def test_the_lines_of_the_crontab_run_with_an_empty_environment(
    year: Crm, crm_process: Crm, tmp_path: Path
) -> None:
    """Each command of the page is run by sh with hardly an environment, as cron does it."""
    year.ok("rate set EUR 1.08 --from 2026-01-01")
    lines = re.findall(r"^    (?:[0-9*/,-]+ ){5}\s*(/home/li/.local/bin/crm .*)$", page(year), re.MULTILINE)
    assert len(lines) >= 4
    (tmp_path / "crm").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m crmcli "$@"\n')
    (tmp_path / "crm").chmod(0o755)
    bare: dict[str, str] = {
        name: year.environ[name] for name in ("CRMCLI_DB", "PYTHONPATH") if name in year.environ
    }
    bare |= {"CRMCLI_TODAY": "2026-05-20", "HOME": str(tmp_path)}
    for line in lines:
        here = line.replace("/tmp/", f"{tmp_path}/").replace("/home/li/.local/bin/crm", str(tmp_path / "crm"))
        done = subprocess.run(
            ["/bin/sh", "-c", here.replace("\\%", "%")], env=bare, capture_output=True, text=True, cwd="/"
        )
        assert done.returncode in (0, 8), (here, done.stderr)
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout


@pytest.mark.sqlite
def test_the_systemd_units_are_well_formed(year: Crm, tmp_path: Path) -> None:
    """systemd itself checks them where it is installed; their commands run in any case."""
    text = page(year)
    units = re.findall(r"^    \[Unit\]\n(?:    .*\n|\n(?=    ))+", text, re.MULTILINE)
    assert len(units) == 2
    names = re.findall(r"~/\.config/systemd/user/(\S+?)[:,]", text)
    assert names == ["crm-forecast.service", "crm-forecast.timer"]
    for name, unit in zip(names, units, strict=True):
        body = re.sub(r"^    ", "", unit, flags=re.MULTILINE)
        (tmp_path / name).write_text(body)
        sections = re.findall(r"^\[(\w+)\]$", body, re.MULTILINE)
        assert sections[0] == "Unit"
        assert all(re.fullmatch(r"\[\w+\]|\w+=.+|", line) for line in body.splitlines())
    (command,) = re.findall(
        r"^ExecStart=%h/\.local/bin/crm (.*)$", (tmp_path / names[0]).read_text(), re.MULTILINE
    )
    assert "Forecast 2026-Q2" in year.ok(*shlex.split(command)).out
