"""crm forecast: what it counts, what it leaves out and says so, and that the past can be printed again."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.reports.forecast.asked import Asked as Forecast
from crmcli.reports.forecast.left_out import LeftOut
from crmcli.rules.forecast import REASONS, ROLLUPS, left_out, part_of, roll_up, weighted
from crmcli.store.deals import Scope
from crmcli.store.engine import target_of
from crmcli.store.reader import Reader, open_reader
from crmcli.values.periods import Period, parse_period
from tests.conftest import Crm, Golden

TODAY = "2026-05-11"


@pytest.fixture
def team(crm: Crm) -> Crm:
    """Three sellers, one of them in China, and a handful of deals in the second quarter of 2026."""
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "Ann Lee"
    crm.ok("user", "add", "Ann Lee", "--team", "West")
    crm.ok("user", "add", "李娜", "--team", "华东", "--manager", "Ann Lee")
    crm.ok("account", "add", "Acme")
    crm.ok("account", "add", "华信科技")
    for deal in (
        "'Acme renewal' --account Acme --amount 50k --close-date 2026-06-30",
        "'Acme support' --account Acme --amount 30000 --close-date 2026-05-02 --stage 'Closed Won'",
        "华信二期扩容 --account 华信科技 --amount 100k --close-date 2026-06-15 --stage Nego --owner 李娜",
        "Perception --amount 12345.67 --close-date 2026-05-20 --stage Percep --source Web",
        "'Lost one' --amount 70k --close-date 2026-05-01 --stage 'Closed Lost' --lost-reason Pricing",
        "'Old one' --amount 5k --close-date 2026-03-01 --owner 李娜",
        "'No date' --amount 8k",
        "'No amount' --close-date 2026-06-11",
        "'Next quarter' --amount 9k --close-date 2026-07-01",
        "'Kept out' --amount 4k --close-date 2026-06-01 --category Omitted",
    ):
        crm.ok(f"opp add {deal}")
    return crm


def row(found: Any, key: str | None) -> dict[str, Any]:
    rows: list[dict[str, Any]] = found["rows"]
    return next(each for each in rows if each["key"] == key)


# --- what is counted --------------------------------------------------------------------------------------


def test_the_document_holds_the_fiscal_quarter_by_owner(team: Crm) -> None:
    found = team.ok("forecast --json").json
    assert list(found) == [
        *("schema_version", "as_of", "known_at", "period", "currency", "rollup", "by", "owner"),
        *("what_if", "rows", "total", "slipped", "excluded"),
        *("adjustments", "adjustments_not_applied", "rates"),
    ]
    assert found["as_of"] == TODAY
    assert found["period"] == {"start": "2026-04-01", "end": "2026-06-30", "label": "2026-Q2"}
    assert found["currency"] == "USD"
    assert found["rollup"] == "cumulative"
    assert [each["key"] for each in found["rows"]] == ["Ann Lee", "李娜"]
    assert row(found, "Ann Lee") == {
        "key": "Ann Lee",
        "currency": "USD",
        "count": 3,
        "closed": "30000.00",
        "commit": "30000.00",
        "best_case": "42345.67",
        "open_pipeline": "62345.67",
        "weighted": "13641.97",
        "quota": None,
        "attainment": None,
        "gap": None,
        "coverage": None,
        "raw": None,
    }
    assert found["total"]["commit"] == "130000.00"
    assert found["total"]["count"] == 4


def test_deals_that_are_left_out_are_counted_and_named(team: Crm) -> None:
    found = team.ok("forecast --json").json
    assert found["slipped"] == [{"currency": "USD", "count": 1, "amount": "5000.00"}]
    assert found["excluded"] == [
        {"ref": "O6", "reason": "slipped"},
        {"ref": "O7", "reason": "no close date"},
        {"ref": "O8", "reason": "no amount"},
    ]


def test_the_single_roll_up_shows_each_category_alone(team: Crm) -> None:
    total = team.ok("forecast --rollup single --json").json["total"]
    assert (total["closed"], total["commit"]) == ("30000.00", "100000.00")
    assert (total["best_case"], total["pipeline"]) == ("12345.67", "50000.00")


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("owner", ["Ann Lee", "李娜"]),
        ("month", ["2026-04", "2026-05", "2026-06"]),
        ("quarter", ["2026-Q2"]),
        ("stage", ["Prospecting", "Perception Analysis", "Negotiation/Review", "Closed Won"]),
        ("account", ["Acme", "华信科技", "(none)"]),
        ("source", ["Web", "(none)"]),
        ("team", ["West", "华东"]),
        ("manager", ["Ann Lee", "(none)"]),
    ],
)
def test_the_rows_can_be_anything_and_add_up_to_the_same(team: Crm, by: str, keys: list[str]) -> None:
    found = team.ok("forecast", "--by", by, "--json").json
    assert [each["key"] for each in found["rows"]] == keys
    whole = team.ok("forecast --json").json["total"]
    assert {name: found["total"][name] for name in whole} == whole


def test_a_row_of_an_account_has_its_reference(team: Crm) -> None:
    found = team.ok("forecast --by account --json").json
    assert row(found, "Acme")["ref"] == "A1"
    assert row(found, "(none)")["ref"] is None
    assert team.ok("forecast --by account --format ids").lines[:2] == ["A1", "A2"]


def test_an_owner_narrows_rows_and_exclusions(team: Crm) -> None:
    found = team.ok("forecast --owner 李娜 --json").json
    assert found["owner"] == "李娜"
    assert found["total"]["commit"] == "100000.00"
    assert [each["ref"] for each in found["excluded"]] == ["O6"]
    mine = team.ok("forecast --owner me --json").json
    assert mine["owner"] == "Ann Lee"


def test_the_period_takes_every_form_and_follows_the_fiscal_year(team: Crm) -> None:
    assert team.ok("forecast --period 2026-07..2026-09 --json").json["total"]["count"] == 1
    assert team.ok("forecast --period next-quarter --json").json["period"]["label"] == "2026-Q3"
    assert team.ok("forecast --period 2026-07-01 --json").json["total"]["open_pipeline"] == "9000.00"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("--by ower", 2, "Did you mean 'owner'?"),
        ("--rollup both", 2, "cumulative, single"),
        ("--period soon", 2, "not a period"),
        ("--as-of 2027-01-01", 2, "in the future"),
        ("--as-of none", 2, "takes a day"),
        ("--owner Nobody", 3, "Nobody"),
        ("--currency EURO", 2, "EURO"),
    ],
)
def test_what_cannot_be_understood_is_refused(team: Crm, words: str, code: int, says: str) -> None:
    assert says in team.fails(code, f"forecast {words}").err


def test_an_empty_forecast_is_zero_and_not_an_error(crm: Crm) -> None:
    crm.today = TODAY
    crm.ok("init")
    found = crm.ok("forecast --json").json
    assert (found["rows"], found["currency"], found["total"]["closed"]) == ([], "USD", "0.00")
    assert "No deals close in 2026-Q2." in crm.ok("forecast").out
    months = crm.ok("forecast --by month --json").json["rows"]
    assert [(each["key"], each["closed"]) for each in months] == [
        ("2026-04", "0.00"),
        ("2026-05", "0.00"),
        ("2026-06", "0.00"),
    ]


def test_currencies_are_never_added(team: Crm) -> None:
    team.ok("opp", "add", "Köln", "--amount", "EUR 1000", "--close-date", "2026-06-01")
    team.ok("opp", "add", "Edo", "--amount", "JPY 5000", "--close-date", "2026-06-01", "--stage", "Nego")
    found = team.ok("forecast --json").json
    assert found["currency"] is None
    assert found["total"] is None
    assert [(each["key"], each["currency"]) for each in found["rows"]] == [
        ("Ann Lee", "EUR"),
        ("Ann Lee", "JPY"),
        ("Ann Lee", "USD"),
        ("李娜", "USD"),
    ]
    assert found["totals"]["JPY"]["commit"] == "5000"
    assert found["totals"]["EUR"]["open_pipeline"] == "1000.00"
    assert found["totals"]["USD"]["commit"] == "130000.00"
    text = team.ok("forecast").out
    assert [line for line in text.splitlines() if line in ("EUR", "JPY", "USD")] == ["EUR", "JPY", "USD"]


def test_an_explanation_names_formula_counts_and_the_deals_behind_each_cell(team: Crm) -> None:
    explained = team.ok("forecast --explain --json").json["explain"]
    assert explained["left_out"] == {
        "slipped": 1,
        "no close date": 1,
        "no amount": 1,
        "lost": 1,
        "omitted": 1,
    }
    ann = explained["rows"][0]
    assert ann["counted"] == {"closed": 1, "commit": 1, "best_case": 2, "open_pipeline": 2}
    behind = {each["ref"]: each["columns"] for each in ann["deals"]}
    assert behind["O2"] == ["closed", "commit", "best_case"]
    assert behind["O4"] == ["best_case", "open_pipeline"]
    assert behind["O10"] == []
    text = team.ok("forecast --explain").out
    assert "commit: amounts of Closed (won) + Commit" in text
    assert "O3 华信二期扩容 · 100000.00 Commit 90 %" in text
    assert "left out here: slipped 1, no close date 1, no amount 1, lost 1, omitted 1" in text


def test_people_see_twenty_deals_of_a_row_and_programs_all(crm: Crm) -> None:
    crm.today = TODAY
    for number in range(1, 26):
        crm.ok(f"opp add 'Deal {number}' --amount {number}00 --close-date 2026-06-01")
    text = crm.ok("forecast --explain").out
    assert text.count("\n  O") == 20
    assert "  and 5 more" in text
    assert len(crm.ok("forecast --explain --json").json["explain"]["rows"][0]["deals"]) == 25


# --- how it looks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize(
    "words", ["forecast", "forecast --by account --explain", "pipeline", "today --owner all"]
)
def test_the_text_at_a_width(team: Crm, golden: Golden, width: int, words: str) -> None:
    name = words.replace(" --", "-").replace(" ", "-")
    golden(f"{name}-{width}", team.ok(f"{words} --format table", env={"COLUMNS": str(width)}).out)


@pytest.mark.sqlite
def test_cron_has_no_terminal_and_hardly_an_environment(team: Crm, crm_process: Crm) -> None:
    bare = {name: team.environ[name] for name in ("CRMCLI_DB", "PYTHONPATH")} | {"CRMCLI_TODAY": TODAY}
    crm_process.environ = bare
    for words in (
        "forecast",
        "pipeline",
        "today --owner all",
        "search acme",
        "forecast --explain --by month",
    ):
        first, second = crm_process.ok(words), crm_process.ok(words)
        assert first.out == second.out
        assert "\x1b" not in first.out
        assert not first.err


@pytest.mark.parametrize(
    "words", ["forecast", "pipeline", "today", "search acme", "forecast --as-of 2026-05-11"]
)
@pytest.mark.sqlite
def test_reading_imports_nothing_heavy(team: Crm, words: str) -> None:
    import os
    import subprocess
    import sys

    code = (
        "import sys; from crmcli.cli import run; import os; null = open(os.devnull, 'w')\n"
        "run(sys.argv[1:], stdin=sys.stdin, stdout=null, stderr=sys.stderr, environ=os.environ)\n"
        "print(','.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    environ = {**os.environ, **team.environ, **team.env, "CRMCLI_TODAY": TODAY}
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], env=environ, capture_output=True, text=True, check=True
    )
    heavy = {"sqlalchemy", "sqlmodel", "pydantic", "rich", "questionary", "decimal", "asyncio", "zoneinfo"}
    assert not heavy & set(done.stdout.strip().split(","))


# --- SQL and the rules agree ----------------------------------------------------------------------------

PERIOD = Period(date(2026, 4, 1), date(2026, 6, 30), "2026-Q2")

DEAL = st.fixed_dictionaries(
    {
        "amount": st.none() | st.integers(0, 10**6) | st.integers(0, 2**62),
        "currency": st.sampled_from(["USD", "EUR"]),
        "probability": st.integers(0, 100),
        "category": st.sampled_from(["Pipeline", "Best Case", "Commit", "Closed", "Omitted"]),
        "state": st.sampled_from(["open", "open", "won", "lost"]),
        "close_date": st.none() | st.dates(date(2026, 3, 20), date(2026, 7, 10)).map(str),
    }
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deals=st.lists(DEAL, max_size=12), rollup=st.sampled_from(list(ROLLUPS)))
def test_sql_counts_what_the_rules_say(crm: Crm, deals: list[dict[str, Any]], rollup: str) -> None:
    from crmcli.reports.forecast import forecast

    deals = [each for each in deals if each["close_date"] or each["state"] == "open"]
    total = sum(each["amount"] or 0 for each in deals)
    if total >= 2**63:
        return
    crm.ok("init")
    reader = _with_deals(crm, deals)
    asked = Forecast(Scope(TODAY, None, PERIOD), PERIOD, "owner", rollup, "USD", 1)
    report = forecast(reader, asked)
    missing = LeftOut(reader, asked)
    reader.close()

    expected: dict[str, list[int]] = {}
    names = []
    for id, deal in enumerate(deals, 1):
        closed, won = deal["state"] != "open", deal["state"] == "won"
        reason = left_out(
            amount=deal["amount"],
            category=deal["category"],
            close_date=deal["close_date"],
            is_closed=closed,
            is_won=won,
            as_of=TODAY,
            start="2026-04-01",
            end="2026-06-30",
        )
        if reason:
            names.append({"ref": f"O{id}", "reason": reason})
            continue
        part = part_of(deal["category"], is_closed=closed, is_won=won)
        if part is None or deal["amount"] is None or not "2026-04-01" <= deal["close_date"] <= "2026-06-30":
            continue
        columns = list(roll_up({part: deal["amount"]}, rollup).values())
        figures = [1, *columns, 0 if part == "closed" else weighted(deal["amount"], deal["probability"])]
        so_far = expected.get(deal["currency"], [0] * 6)
        expected[deal["currency"]] = [before + more for before, more in zip(so_far, figures, strict=True)]
    found = {each[1]: list(each[2:8]) for each in report.rows}
    assert found == expected
    assert all(type(value) is int for values in found.values() for value in values)
    order = {reason: place for place, reason in enumerate(REASONS)}
    assert missing.excluded == sorted(names, key=lambda each: (order[each["reason"]], int(each["ref"][1:])))


def _with_deals(crm: Crm, deals: list[dict[str, Any]]) -> Reader:
    """A reader of a database that holds just these deals, put there without ceremony."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of

    target = target_of(crm.environ["CRMCLI_DB"])
    engine = engine_of(target)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM opportunity"))
        for id, deal in enumerate(deals, 1):
            connection.execute(
                text(
                    "INSERT INTO opportunity (id, uid, name, amount, currency, stage, probability, category,"
                    " close_date, is_closed, is_won, created_at, updated_at, stage_since, stage_probability,"
                    " stage_category, custom) VALUES (:id, :uid, 'x', :amount, :currency, 'x', :probability,"
                    " :category, :close_date, :closed, :won, :at, :at, :at, 0, 'Pipeline', '{}')"
                ),
                {
                    **{
                        name: deal[name]
                        for name in ("amount", "currency", "probability", "category", "close_date")
                    },
                    "id": id,
                    "uid": str(id),
                    "closed": int(deal["state"] != "open"),
                    "won": int(deal["state"] == "won"),
                    "at": "2026-01-01T00:00:00Z",
                },
            )
    engine.dispose()
    return open_reader(target)


# --- the past ---------------------------------------------------------------------------------------------

REPORTS = (
    "forecast --json",
    "forecast --by month --rollup single --explain --json",
    "pipeline --explain --json",
)

ACT = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(["", "--stage 'Closed Won'", "--stage Nego", "--owner Bo"])),
    st.tuples(
        st.just("edit"),
        st.sampled_from(
            [
                *(
                    "--amount 777.77",
                    "--amount none",
                    "--close-date none",
                    "--close-date +30d",
                    "--close-date +1d",
                ),
                *(
                    "--stage Proposal",
                    "--stage 'Closed Won'",
                    "--stage 'Closed Lost' --lost-reason Pricing",
                    "--stage Prosp",
                ),
                *("--category Omitted", "--probability 33", "--currency EUR", "--owner Bo", "--name Renamed"),
            ]
        ),
    ),
    st.tuples(st.just("rm"), st.just("")),
    st.tuples(st.just("undo"), st.just("")),
)
DAY = st.lists(st.tuples(ACT, st.integers(1, 4)), min_size=1, max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(DAY, min_size=1, max_size=4))
def test_as_of_a_day_prints_what_was_printed_that_day(crm: Crm, days: list[Any]) -> None:
    crm.ok("user add Bo", today="2026-01-01") if "BO" not in crm.environ else None
    crm.environ["BO"] = "is there"
    _forget(crm)
    printed: dict[str, list[str]] = {}
    undone = False
    for number, acts in enumerate(days):
        today = (date(2026, 3, 1) + timedelta(days=number * 20)).isoformat()
        for (act, option), id in acts:
            if act == "add":
                crm.ok(f"opp add 'Deal {id}' --amount {id}000.50 --close-date +0d {option}", today=today)
            elif act == "undo":
                undone = crm("undo", today=today).code == 0 or undone
            else:
                yes = "--yes" if act == "rm" else ""
                crm(f"opp {act} O{id} {option} {yes}", today=today)
        printed[today] = [crm.ok(words, today=today).out for words in REPORTS]
        again = [crm.ok(f"{words} --as-of {today}", today=today).out for words in REPORTS]
        assert _without_names(again) == _without_names(printed[today])
    for day, before in printed.items():
        again = [crm.ok(f"{words} --as-of {day}", today=today).out for words in REPORTS]
        # What was undone has never been: then the past is another than the one that was printed.
        assert undone or _without_names(again) == _without_names(before)


def _forget(crm: Crm) -> None:
    """Empty the database of deals and of all that is known of them."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        for table in ("opportunity_version", "opportunity", "change", "entry"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE sequence SET next_id = 1 WHERE entity IN ('opportunity', 'entry')"))
    engine.dispose()


def _without_names(printed: list[str]) -> list[Any]:
    """The documents without what is not kept as it was: the names of deals."""
    documents = [json.loads(text) for text in printed]
    for document in documents:
        for each in document.get("explain", {}).get("rows", []):
            for deal in each["deals"]:
                deal["name"] = ""
    return documents


def test_as_of_a_day_takes_what_is_true_of_it_from_what_is_known_now(crm: Crm) -> None:
    crm.ok("opp add Won --amount 100 --close-date 2026-06-20", today="2026-05-01")
    crm.ok("opp edit O1 --stage 'Closed Won' --at 2026-05-10", today="2026-05-20")
    before = crm.ok("forecast --as-of 2026-05-09 --json", today="2026-05-20").json["total"]
    after = crm.ok("forecast --as-of 2026-05-10 --json", today="2026-05-20").json["total"]
    assert (before["closed"], before["open_pipeline"]) == ("0.00", "100.00")
    assert (after["closed"], after["open_pipeline"]) == ("100.00", "0.00")


def test_the_day_ends_where_the_user_is(crm: Crm) -> None:
    crm.env["TZ"] = "Asia/Shanghai"
    crm.ok("opp add Late --amount 100 --close-date 2026-06-20", today="2026-05-11T23:30:00")
    assert crm.ok("forecast --as-of 2026-05-11 --json", today="2026-05-12").json["total"]["count"] == 1
    assert crm.ok("forecast --as-of 2026-05-10 --json", today="2026-05-12").json["total"]["count"] == 0
    crm.ok("opp add Early --amount 100 --close-date 2026-06-20", today="2026-05-12T00:30:00")
    assert crm.ok("forecast --as-of 2026-05-11 --json", today="2026-05-12").json["total"]["count"] == 1


def test_periods_of_the_fiscal_year_part_the_rows(crm: Crm) -> None:
    crm.today = TODAY
    crm.ok("opp add One --amount 10 --close-date 2026-06-01")
    crm.ok("config set fiscal_year_start 2")
    found = crm.ok("forecast --by quarter --json").json
    assert (
        found["period"]["label"]
        == parse_period("this-quarter", today=date(2026, 5, 11), fiscal_start=2).label
    )
    assert [each["key"] for each in found["rows"]] == ["FY27-Q2"]
