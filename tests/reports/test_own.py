"""Reports of one's own: figures by hand, against a fold in Python, in several currencies, in other time zones."""

import io
import json
from collections import defaultdict
from contextlib import closing
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.app import App
from crmcli.reports.own import Asked, report
from crmcli.rules.own_reports import read_definition
from crmcli.rules.rates import Rates
from crmcli.settings import settings_from
from crmcli.store.filter_values import Context
from crmcli.values.money import amount_text, parse_money
from crmcli.values.periods import quarter_of
from tests.conftest import Crm

TODAY = "2026-05-11"


@pytest.fixture
def team(crm: Crm) -> Crm:
    """Two sellers with deals in three currencies, one of which has no rate."""
    crm.today = TODAY
    crm.env["CRMCLI_USER"] = "Ann Lee"
    crm.ok("user", "add", "Ann Lee")
    crm.ok("user", "add", "李娜")
    crm.ok("account", "add", "Acme")
    crm.ok("account", "add", "华信科技")
    crm.ok("rate set EUR 1.10 --from 2026-01-01")
    crm.ok("rate set EUR 1.20 --from 2026-05-01")
    for deal in (
        "Renewal --account Acme --amount 50k --close-date 2026-06-30",
        "Support --account Acme --amount 'EUR 1000' --close-date 2026-04-02 --stage 'Closed Won'",
        "扩容 --account 华信科技 --amount 'EUR 100.01' --close-date 2026-06-15 --owner 李娜",
        "Yen --amount 'JPY 5000' --close-date 2026-07-01 --stage Nego",
        "Blank --owner 李娜",
    ):
        crm.ok(f"opp add {deal}")
    return crm


def rows(crm: Crm, options: str, *more: str) -> list[dict[str, Any]]:
    found = ran(crm, options, *more)["rows"]
    assert isinstance(found, list)
    return found


def ran(crm: Crm, options: str, *more: str) -> dict[str, Any]:
    """A report made, run and deleted again."""
    crm.ok(f"report new Test {options}")
    found = crm.ok("report", "Test", "--json", *more).json
    crm.ok("report rm Test --yes")
    assert isinstance(found, dict)
    return found


# --- money ------------------------------------------------------------------------------------------------


def test_amounts_are_converted_at_the_rate_of_their_day_and_what_has_none_is_named(team: Crm) -> None:
    found = ran(team, "opp --by owner --sum amount --avg amount --min amount --max amount --count")
    assert found["currency"] == "USD"
    assert found["rows"] == [
        {
            "key": "Ann Lee",
            "owner": "Ann Lee",
            "currency": "USD",
            "count": 3,
            "sum_amount": "51100.00",  # 50,000 and, closed in April, EUR 1,000 at 1.10
            "avg_amount": "25550.00",
            "min_amount": "1100.00",
            "max_amount": "50000.00",
        },
        {
            "key": "李娜",
            "owner": "李娜",
            "currency": "USD",
            "count": 2,
            "sum_amount": "120.01",  # open: at today's 1.20
            "avg_amount": "120.01",
            "min_amount": "120.01",
            "max_amount": "120.01",
        },
    ]
    assert found["total"]["sum_amount"] == "51220.01"
    assert found["total"]["avg_amount"] == "17073.34"
    assert found["excluded"] == [{"ref": "O4", "reason": "no rate for JPY"}]
    assert [(each["valid_from"], each["rate"]) for each in found["rates"]] == [
        ("2026-01-01", "1.1"),
        ("2026-05-01", "1.2"),
    ]


def test_a_rate_is_as_it_was_known_and_of_the_day_that_is_asked_for(team: Crm) -> None:
    team.ok("opp edit O1 --next-step Call", today="2026-04-20")
    found = ran(team, "opp --sum amount", "--currency", "EUR")
    assert found["currency"] == "EUR"
    assert found["rows"][0]["sum_amount"] == amount_text(4166667 + 100000 + 10001, "EUR")


def test_the_usual_currency_is_that_of_every_report_whichever_deals_are_asked_for(team: Crm) -> None:
    team.ok("report new R opp --by stage --sum amount")
    found = team.ok("report R currency=EUR --json").json
    assert found["currency"] == team.ok("report win-rate --json").json["currency"] == "USD"
    assert found["total"]["sum_amount"] == "1220.01"
    for ref in ("O1", "O4"):  # what is left is in euros
        team.ok(f"opp rm {ref} --yes", today="2026-05-12")
    team.today = "2026-05-12"
    now = team.ok("report R name=Nothing --json").json
    assert now["currency"] == team.ok("report win-rate --json").json["currency"] == "EUR"
    then = team.ok("report R currency=EUR --as-of yesterday --json").json
    assert then["currency"] == "USD"


def test_the_usual_currency_of_other_nouns_is_the_only_one_among_all_of_theirs(crm: Crm) -> None:
    crm.ok("campaign add Fair --budgeted-cost 'EUR 100'")
    crm.ok("campaign add Mail")
    crm.ok("report new R campaign --sum budgeted_cost")
    assert crm.ok("report R name=Mail --json").json["currency"] == "EUR"
    crm.ok("campaign add Post --budgeted-cost 'USD 100'")
    assert crm.ok("report R name=Fair --json").json["currency"] == "USD"


def test_explain_holds_no_more_records_than_people_read_and_all_for_programs(crm: Crm) -> None:
    lines = "\n".join(json.dumps({"name": f"Deal {at}", "source": "Web"}) for at in range(1, 31))
    crm.ok("opp import -", stdin=lines)
    crm.ok("report new R opp --by source --count")
    (row,) = crm.ok("report R --explain --json").json["explain"]["rows"]
    assert (row["counted"], len(row["records"])) == (30, 30)
    said = crm.ok("report R --explain").out
    assert "Web: records counted: 30\n  O1 " in said
    assert "  O20 Deal 20\n  and 10 more\n" in said
    definition = read_definition(crm.ok("report export R").out)
    stream = io.StringIO()
    app = App(settings_from(crm.environ), environ=crm.environ, stdin=stream, stdout=stream, stderr=stream)
    with closing(app):
        context = Context(date(2026, 5, 11), app.zone, "USD", is_sqlite=app.read().is_sqlite)
        asked = Asked(TODAY, None, context, Rates("USD", []), explain=True, every=False)
        (held,) = report(app.read(), definition, "", asked).tail["explain"]["rows"]
    assert (held["counted"], len(held["records"])) == (30, 20)


def test_nothing_to_sum_is_null(team: Crm) -> None:
    only = ran(team, "opp --filter name=Blank --sum amount --avg amount --max close_date --count")
    assert [only["rows"][0][name] for name in ("count", "sum_amount", "avg_amount", "max_close_date")] == [
        1,
        None,
        None,
        None,
    ]


def test_groups_of_a_currency_say_what_their_amounts_were_converted_to(team: Crm) -> None:
    found = rows(team, "opp --by currency --sum amount --count")
    assert [(row["currency"], row["sum_amount"], row["converted_to"]) for row in found] == [
        ("EUR", "1220.01", "USD"),
        ("JPY", None, "USD"),
        ("USD", "50000.00", "USD"),
    ]


def test_each_amount_is_converted_by_itself_and_equal_ones_each_count(team: Crm) -> None:
    for _ in range(3):  # EUR 0.01 is USD 0.012: a cent each, not four for all
        team.ok("opp add Small --amount 'EUR 0.01' --source Web")
    assert rows(team, "opp --filter source=Web --sum amount --count", "--currency", "USD") == [
        {"key": None, "currency": "USD", "count": 3, "sum_amount": "0.03"}
    ]


# --- groups and their order -------------------------------------------------------------------------------


def test_links_are_grouped_by_the_other_record_and_blanks_come_last(team: Crm) -> None:
    found = rows(team, "opp --by account")
    assert [(row["account"], row["account_name"], row["count"]) for row in found] == [
        ("A1", "Acme", 2),
        ("A2", "华信科技", 1),
        (None, None, 2),
    ]
    assert [row["key"] for row in rows(team, "opp --by account --sort -account")] == [
        "华信科技",
        "Acme",
        "(none)",
    ]
    assert [row["key"] for row in rows(team, "opp --by account --sum amount --sort -sum_amount")] == [
        "Acme",
        "华信科技",
        "(none)",
    ]
    team.ok("account rm A1 --yes")
    assert [row["account"] for row in rows(team, "opp --by account")] == ["A2", None]


def test_a_relation_leads_to_records_of_any_noun(team: Crm) -> None:
    for task in ("Call --for O1", "Write --for A1", "Meet --for A1", "Think"):
        team.ok(f"task add {task}")
    found = rows(team, "task --by related_to --sort -count")
    assert [(row["related_to"], row["related_to_name"], row["count"]) for row in found] == [
        ("A1", "Acme", 2),
        ("O1", "Renewal", 1),
        (None, None, 1),
    ]


def test_stages_follow_one_another_and_equals_go_by_name(team: Crm) -> None:
    assert [row["stage"] for row in rows(team, "opp --by stage --count")] == [
        "Prospecting",
        "Negotiation/Review",
        "Closed Won",
    ]
    assert [row["key"] for row in rows(team, "opp --by stage,owner --sort -count")] == [
        "Prospecting · 李娜",
        "Prospecting · Ann Lee",
        "Negotiation/Review · Ann Lee",
        "Closed Won · Ann Lee",
    ]


def test_top_cuts_the_rows_and_the_total_is_of_all(team: Crm) -> None:
    team.ok("report new Test opp --by stage --count --sort -count --top 1")
    run = team.ok("report Test")
    assert "The first 1 of 3: 2 more." in run.out
    assert team.ok("report Test --json").json["total"]["count"] == 5


@pytest.mark.parametrize(
    ("unit", "keys"),
    [
        ("day", ["2026-04-02", "2026-06-15", "2026-06-30", "2026-07-01", None]),
        ("week", ["2026-W14", "2026-W25", "2026-W27", None]),
        ("month", ["2026-04", "2026-06", "2026-07", None]),
        ("quarter", ["FY26-Q4", "FY27-Q1", None]),
        ("year", ["FY26", "FY27", None]),
    ],
)
def test_days_are_grouped_by_stretches_of_time_and_the_fiscal_year(
    team: Crm, unit: str, keys: list[str | None]
) -> None:
    team.ok("config set fiscal_year_start july")
    assert [row[f"close_date_{unit}"] for row in rows(team, f"opp --by close_date:{unit}")] == keys
    found = rows(team, f"opp --by close_date:{unit} --sort -close_date")
    assert [row[f"close_date_{unit}"] for row in found] == [*reversed(keys[:-1]), None]


def test_a_moment_belongs_to_the_day_it_was_where_the_user_is(crm: Crm) -> None:
    for at in ("2026-03-01T18:14:59", "2026-03-01T18:15:00", "2026-03-02T00:00:00"):
        crm.ok("lead add Ann", today=at)
    expected = {
        "UTC": {"2026-03-01": 2, "2026-03-02": 1},
        "Asia/Kathmandu": {"2026-03-01": 1, "2026-03-02": 2},
        "America/New_York": {"2026-03-01": 3},
    }
    crm.ok("report new Days lead --by created_at:day --max created_at", today="2026-03-03")
    crm.ok("report edit Days --count", today="2026-03-03")
    for zone, days in expected.items():
        crm.ok(f"config set timezone {zone}", today="2026-03-03")
        found = crm.ok("report Days --json", today="2026-03-03").json["rows"]
        assert {row["created_at_day"]: row["count"] for row in found} == days, zone


def test_a_yes_or_no_and_numbers_make_groups(team: Crm) -> None:
    assert [(row["is_won"], row["key"]) for row in rows(team, "opp --by is_won")] == [
        (False, "no"),
        (True, "yes"),
    ]
    assert [row["probability"] for row in rows(team, "opp --by probability --sort -probability")] == [
        100,
        90,
        10,
    ]
    assert rows(team, "opp --avg probability")[0]["avg_probability"] == 44


# --- what is computed -------------------------------------------------------------------------------------


def test_deals_are_weighted_one_by_one_a_half_rounded_up(crm: Crm) -> None:
    for amount, probability in (("0.05", 10), ("0.15", 10), ("0.05", 90), ("100", 25), ("", 50)):
        crm.ok(f"opp add Deal {f'--amount {amount}' if amount else ''} --probability {probability}")
    found = ran(crm, "opp --sum weighted --avg weighted --max weighted --count", "--explain")
    # 0.005 is 0.01, 0.015 is 0.02, 0.045 is 0.05
    assert found["rows"] == [
        {
            "key": None,
            "currency": "USD",
            "count": 5,
            "sum_weighted": "25.08",
            "avg_weighted": "6.27",
            "max_weighted": "25.00",
        }
    ]
    said = [record["weighted"] for record in found["explain"]["rows"][0]["records"]]
    assert said == ["0.01", "0.02", "0.05", "25.00", None]
    assert "probability / 100" in found["explain"]["formulas"]["weighted"]


def test_weighted_amounts_are_those_of_the_pipeline(team: Crm) -> None:
    team.ok("rate set JPY 0.0067 --from 2026-01-01")
    team.ok("report new Weighted opp --filter is_closed:no --by stage --sum weighted")
    team.ok("opp edit O1 --amount 60k --probability 33", today="2026-05-20")
    for options in ("", "--as-of 2026-05-12"):
        own = team.ok(f"report Weighted --currency USD {options} --json", today="2026-05-21").json["rows"]
        pipeline = team.ok(f"pipeline --currency USD {options} --json", today="2026-05-21").json["rows"]
        assert {row["stage"]: row["sum_weighted"] for row in own} == {
            row["stage"]: row["weighted"] for row in pipeline if row["count"]
        }, options


def test_ages_are_days_of_the_users_calendar_and_end_with_the_record(crm: Crm) -> None:
    crm.ok("opp add Old --close-date 2026-06-01", today="2026-03-01T23:30:00")
    crm.ok("opp add Won", today="2026-03-02T10:00:00")
    crm.ok("opp win O2 --at 2026-03-12", today="2026-03-20")
    crm.ok("task add Call", today="2026-03-02")
    crm.ok("task done T1", today="2026-03-05T23:30:00")
    crm.ok("task add Write", today="2026-03-02")
    crm.ok("report new Ages opp --by name --avg age_days", today="2026-03-03")
    crm.ok("report new Tasks task --by subject --max age_days", today="2026-03-03")

    def ages(name: str, *more: str) -> list[int]:
        found = crm.ok("report", name, "--json", *more, today="2026-04-01").json
        return [row["avg_age_days" if name == "Ages" else "max_age_days"] for row in found["rows"]]

    assert ages("Ages") == [31, 10]
    assert ages("Ages", "--as-of", "2026-03-10") == [9, 8]
    assert ages("Tasks") == [3, 30]
    assert ages("Tasks", "--as-of", "2026-03-04") == [2, 2]
    crm.ok("config set timezone Asia/Kathmandu", today="2026-04-01")
    assert ages("Ages") == [30, 10]
    assert ages("Tasks") == [4, 30]
    total = crm.ok("report Ages --explain --json", today="2026-04-01").json
    assert total["total"]["avg_age_days"] == 20
    assert [row["records"][0]["age_days"] for row in total["explain"]["rows"]] == [30, 10]


def test_what_was_closed_before_it_was_made_has_no_age(crm: Crm) -> None:
    crm.ok("opp import -", stdin="name,stage,close_date\nPast,Closed Won,2026-01-05\n", today="2026-05-01")
    crm.ok("report new Ages opp --avg age_days --count", today="2026-05-01")
    run = crm.ok("report Ages", today="2026-05-01")
    assert "Age in days is blank in 1 record, counted, in no sum." in run.out


# --- along a dot ------------------------------------------------------------------------------------------


def test_groups_may_be_of_a_field_of_the_record_that_a_link_leads_to(team: Crm) -> None:
    team.ok("user edit 'Ann Lee' --team West")
    team.ok("user edit 李娜 --team East --manager 'Ann Lee'")
    team.ok("account edit A1 --industry Energy --owner 李娜")
    found = ran(team, "opp --by owner.team,account.industry --count --sort owner.team")
    assert found["by"] == ["owner.team", "account.industry"]
    assert [(row["owner_team"], row["account_industry"], row["count"]) for row in found["rows"]] == [
        ("East", None, 2),
        ("West", "Energy", 2),
        ("West", None, 1),
    ]
    assert [(row["account_owner"], row["count"]) for row in rows(team, "opp --by account.owner")] == [
        ("Ann Lee", 1),
        ("李娜", 2),
        (None, 2),
    ]
    managers = rows(team, "opp --by owner.manager")
    assert [(row["owner_manager"], row["owner_manager_name"]) for row in managers] == [
        ("U1", "Ann Lee"),
        (None, None),
    ]
    months = rows(team, "opp --by account.created_at:month --sort -account.created_at")
    assert [row["account_created_at_month"] for row in months] == ["2026-05", None]
    team.ok("report new Teams opp --by owner.team")
    before = team.ok("report Teams --json").json["rows"]
    team.ok("user edit 李娜 --team South", today="2026-05-20")
    assert team.ok("report Teams --as-of 2026-05-12 --json", today="2026-05-21").json["rows"] == before
    team.ok("account rm A1 --yes")
    assert [row["key"] for row in rows(team, "opp --by account.industry")] == ["(none)"]
    assert [row["key"] for row in rows(team, "opp --by account.owner")] == ["Ann Lee", "(none)"]


# --- lists ------------------------------------------------------------------------------------------------


def test_a_list_has_the_fields_the_order_and_no_more_than_are_asked_for(team: Crm) -> None:
    team.ok("report new Big opp --fields name,account,amount --sort -amount --top 2")
    found = team.ok("report Big --json").json
    assert found["rows"] == [
        {
            "ref": "O1",
            "name": "Renewal",
            "account": "A1",
            "account_name": "Acme",
            "amount": "50000.00",
            "currency": "USD",
        },
        {
            "ref": "O4",
            "name": "Yen",
            "account": None,
            "account_name": None,
            "amount": "5000",
            "currency": "JPY",
        },
    ]
    assert team.ok("report Big --format ids").lines == ["O1", "O4"]
    assert "O1" not in team.ok("report Big --format table").out
    assert "The first 2 of 5: 3 more." in team.ok("report Big").out
    assert team.ok("report Big account:acme --format csv").out.splitlines()[1:] == [
        "O1,Renewal,A1,Acme,50000.00,USD",
        "O2,Support,A1,Acme,1000.00,EUR",
    ]


def test_a_list_of_no_fields_is_that_of_the_noun(team: Crm) -> None:
    team.ok("report new All opp")
    assert team.ok("report All --format csv").out == team.ok("opp list --format csv").out
    assert team.ok("report All --format ids").out == team.ok("opp list --format ids").out


# --- against a fold in Python -----------------------------------------------------------------------------

RATES = [("EUR", "2026-01-01", "1.1"), ("EUR", "2026-05-01", "1.2"), ("JPY", "2026-04-01", "0.0067")]
DEAL = st.fixed_dictionaries(
    {
        "name": st.just("Deal"),
        "amount": st.none() | st.integers(0, 10**9) | st.sampled_from([50, 12345]),
        "currency": st.sampled_from(["USD", "EUR", "JPY"]),
        "close_date": st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        "source": st.sampled_from([None, "Web", "Trade Show"]),
        "stage": st.sampled_from(["Prospecting", "Closed Won"]),
    }
)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deals=st.lists(DEAL, min_size=1, max_size=12), unit=st.sampled_from(["month", "quarter"]))
def test_sql_sums_what_python_does(crm: Crm, deals: list[dict[str, Any]], unit: str) -> None:
    crm.today = TODAY
    if "BEGUN" not in crm.environ:
        for currency, day, rate in RATES:
            crm.ok(f"rate set {currency} {rate} --from {day}")
        for way in ("month", "quarter"):
            crm.ok(
                f"report new {way} opp --by source,close_date:{way} --sum amount --avg amount --min amount --count"
            )
        crm.environ["BEGUN"] = "yes"
    for ref in crm.ok("opp list --format ids").lines:
        crm.ok(f"opp rm {ref} --yes")
    said: list[dict[str, Any]] = [
        deal
        | {
            "close_date": deal["close_date"] and deal["close_date"].isoformat(),
            "amount": None if deal["amount"] is None else amount_text(deal["amount"], deal["currency"]),
        }
        for deal in deals
        if deal["stage"] == "Prospecting" or (deal["close_date"] and deal["close_date"] <= date(2026, 5, 11))
    ]
    told = [{name: value for name, value in deal.items() if value is not None} for deal in said]
    if not told:
        return
    lines = "\n".join(json.dumps({**deal, "external_id": str(at)}) for at, deal in enumerate(told))
    crm.ok("opp import - --match external_id", stdin=lines)
    found = crm.ok(f"report {unit} --json --currency USD").json

    rates = Rates("USD", RATES)
    groups: dict[Any, list[int | None]] = defaultdict(list)
    for deal in told:
        close: Any = deal.get("close_date")
        label = close and (close[:7] if unit == "month" else quarter_of(close))
        value = None
        if "amount" in deal:
            minor, _ = parse_money(deal["amount"], currency=deal["currency"])
            closed = deal["stage"] == "Closed Won"
            value = rates.convert(minor, deal["currency"], "USD", close if closed else TODAY)
        groups[deal.get("source"), label].append(value)
    expected = {}
    for key, values in groups.items():
        amounts = [value for value in values if value is not None]
        mean = int(Decimal(sum(amounts) * 2 + len(amounts)) // (2 * len(amounts))) if amounts else None
        figures = [sum(amounts) if amounts else None, mean, min(amounts, default=None)]
        texts = [None if figure is None else amount_text(figure, "USD") for figure in figures]
        expected[key] = [len(values), *texts]
    names = ("count", "sum_amount", "avg_amount", "min_amount")
    assert {
        (row["source"], row[f"close_date_{unit}"]): [row[name] for name in names] for row in found["rows"]
    } == expected
    assert found["total"]["count"] == len(told)
