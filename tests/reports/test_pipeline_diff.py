"""crm pipeline diff: the waterfall from one day to another."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crmcli.rules.waterfall import BUCKETS
from crmcli.store.engine import target_of
from tests.conftest import Crm, Golden

ACTS = """
2026-04-01 opp add Alpha --amount 1000 --close-date 2026-06-01
2026-04-01 opp add Beta --amount 2000 --close-date 2026-06-01
2026-04-01 opp add Gamma --amount 3000 --close-date 2026-06-01
2026-04-01 opp add Delta --amount 400 --close-date 2026-06-01
2026-04-01 opp add Epsilon --amount 500 --close-date 2026-06-01
2026-04-01 opp add Zeta --amount 600 --close-date 2026-06-01
2026-04-01 opp add Eta --amount 700 --close-date 2026-06-01
2026-04-01 opp add Theta --amount 80.50 --close-date 2026-09-01
2026-04-01 opp add Iota --amount 50 --close-date 2026-06-01
2026-04-02 opp lose O6 --reason Pricing
2026-05-05 opp win O1 --amount 1234
2026-05-05 opp lose O2 --reason Pricing
2026-05-05 opp edit O3 --amount 3500.25
2026-05-05 opp edit O4 --close-date 2026-09-01
2026-05-05 opp rm O5 --yes
2026-05-05 opp reopen O6 --close-date 2026-06-01
2026-05-05 opp edit O7 --amount 650
2026-05-05 opp edit O8 --close-date 2026-06-01
2026-05-06 opp add Kappa --amount 999 --close-date 2026-06-01
2026-05-06 opp add Lambda --amount 100 --close-date 2026-06-01
2026-05-07 opp win O11
"""
MOVED = {
    "O10": ("new", "999.00"),
    "O8": ("moved_in", "80.50"),
    "O3": ("increased", "500.25"),
    "O7": ("decreased", "-50.00"),
    "O4": ("moved_out", "-400.00"),
    "O1": ("won", "-1000.00"),
    "O2": ("lost", "-2000.00"),
    "O6": ("reopened", "600.00"),
    "O5": ("deleted", "-500.00"),
}


@pytest.fixture
def spring(crm: Crm) -> Crm:
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    crm.today = "2026-05-11"
    return crm


def diff(crm: Crm, words: str) -> Any:
    return crm.ok(f"pipeline diff {words} --json").json


def test_each_deal_is_in_one_bucket_and_all_add_up(spring: Crm) -> None:
    found = diff(spring, "2026-04-30 today --period 2026-Q2")
    assert {each["ref"]: (each["bucket"], each["amount"]) for each in found["deals"]} == MOVED
    assert list(found["buckets"]) == list(BUCKETS)
    assert (found["buckets"]["opening"], found["buckets"]["closing"]) == ("7650.00", "5879.75")
    assert (found["from"], found["to"]) == ("2026-04-30", "2026-05-11")
    assert found["buckets"]["rate"] == "0.00"
    assert found["excluded"] == [{"ref": "O11", "reason": "in the pipeline only in between"}]


def test_rows_and_total_say_the_same_and_count_the_deals(spring: Crm) -> None:
    found = diff(spring, "2026-04-30 today --period 2026-Q2")
    assert {each["bucket"]: each["amount"] for each in found["rows"]} == found["buckets"]
    counts = {each["bucket"]: each["count"] for each in found["rows"]}
    assert (counts["opening"], counts["won"], counts["rate"], counts["closing"]) == (7, 1, 0, 6)
    assert found["total"] == found["rows"][-1]


def test_without_a_period_nothing_moves_in_or_out(spring: Crm) -> None:
    found = diff(spring, "2026-04-30 2026-05-11")
    assert not {"O4", "O8"} & {each["ref"] for each in found["deals"]}
    assert (found["buckets"]["moved_in"], found["buckets"]["moved_out"]) == ("0.00", "0.00")


@pytest.mark.parametrize("act", ["opp rm O1 --yes", "opp lose O1 --reason Pricing"])
def test_a_deal_that_came_and_went_in_between_is_named(crm: Crm, act: str) -> None:
    crm.ok("opp add Brief --amount 100 --close-date 2026-06-01", today="2026-05-04")
    crm.ok("opp edit O1 --amount 200", today="2026-05-05")
    crm.ok(act, today="2026-05-06")
    crm.today = "2026-05-11"
    found = diff(crm, "2026-05-01 2026-05-08")
    assert found["excluded"] == [{"ref": "O1", "reason": "in the pipeline only in between"}]


def test_a_day_differs_in_nothing_from_itself(spring: Crm) -> None:
    found = diff(spring, "2026-05-05 2026-05-05")
    assert found["deals"] == []
    assert found["buckets"]["opening"] == found["buckets"]["closing"] != "0.00"


def test_a_deal_given_to_another_moves_out_of_ones_pipeline(spring: Crm) -> None:
    spring.ok("user add Bo", today="2026-05-08")
    spring.ok("opp assign O3 --to Bo", today="2026-05-09")
    found = diff(spring, "2026-05-08 today --owner Bo")
    assert [(each["ref"], each["bucket"]) for each in found["deals"]] == [("O3", "moved_in")]
    assert found["owner"] == "Bo"


def test_currencies_stay_apart_and_a_deal_moves_from_one_to_another(spring: Crm) -> None:
    spring.ok("opp edit O9 --amount 'EUR 40'", today="2026-05-08")
    found = diff(spring, "2026-05-07 today")
    assert (found["buckets"], found["total"], found["currency"]) == (None, None, None)
    assert found["blocks"]["EUR"] == dict.fromkeys(BUCKETS, "0.00") | {
        "moved_in": "40.00",
        "closing": "40.00",
    }
    assert found["blocks"]["USD"]["moved_out"] == "-50.00"
    text = spring.ok("pipeline diff 2026-05-07 today").out
    assert text.index("\nEUR\n") < text.index("\nUSD\n")


def test_a_deal_closed_and_opened_again_in_between_is_reopened(spring: Crm) -> None:
    spring.ok("opp lose O3 --reason Pricing", today="2026-05-08")
    spring.ok("opp reopen O3", today="2026-05-09")
    found = diff(spring, "2026-05-07 today")
    assert [(each["ref"], each["bucket"], each["amount"]) for each in found["deals"]] == [
        ("O3", "reopened", "0.00")
    ]


def test_an_empty_pipeline_has_all_buckets(crm: Crm) -> None:
    crm.ok("init")
    found = diff(crm, "-1w today")
    assert found["buckets"] == dict.fromkeys(BUCKETS, "0.00")
    crm.ok("pipeline diff -1w today")


def test_what_cannot_be_understood_is_refused(spring: Crm) -> None:
    assert "is later than" in spring.fails(2, "pipeline diff 2026-05-02 2026-05-01").err
    assert "Error: tomorrow is 2026-05-12, in the future" in spring.fails(2, "pipeline diff -1d tomorrow").err
    assert "'none' is no day" in spring.fails(2, "pipeline diff none today").err
    assert spring.ok("pipeline diff 2026-05-02").out == spring.ok("pipeline diff 2026-05-02 today").out
    spring.fails(2, "pipeline diff")
    spring.fails(3, "pipeline diff 2026-05-02 today --owner Nobody")
    spring.fails(2, "pipeline diff 2026-05-02 today --period soon")


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(spring: Crm, golden: Golden, width: int) -> None:
    words = "pipeline diff 2026-04-30 today --period 2026-Q2 --explain --format table"
    golden(f"pipeline-diff-{width}", spring.ok(words, env={"COLUMNS": str(width)}).out)


def test_ascii_says_which_way_a_bar_goes(spring: Crm, crm_process: Crm) -> None:
    crm_process.today = spring.today
    text = crm_process.ok("pipeline diff 2026-04-30 today", env={"PYTHONIOENCODING": "ascii"}).out
    bars = {line.split()[0]: line.split()[-1] for line in text.splitlines()[4:16] if line}
    assert set(bars["Opening"]) == {"#"}
    assert set(bars["New"]) == {"+"}
    assert set(bars["Won"]) == {"-"}


# --- properties ---------------------------------------------------------------------------------------

FIRST = date(2026, 3, 1)
ACT = st.tuples(
    st.integers(1, 4),
    st.sampled_from(
        [
            "opp add Deal --amount {id}00.01 --close-date 2026-06-01",
            "opp add Deal --amount 'EUR {id}' --close-date 2026-08-01 --owner Bo",
            "opp add Deal --close-date 2026-06-01",
            "opp edit O{id} --amount 777.77",
            "opp edit O{id} --amount none",
            "opp edit O{id} --close-date 2026-08-01",
            "opp edit O{id} --close-date 2026-06-01",
            "opp edit O{id} --amount 'EUR 5.50'",
            "opp edit O{id} --owner Bo",
            "opp win O{id}",
            "opp lose O{id} --reason Pricing",
            "opp reopen O{id} --close-date 2026-06-01",
            "opp rm O{id} --yes",
            "undo",
        ]
    ),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.lists(ACT, max_size=6), min_size=2, max_size=4))
def test_the_waterfall_adds_up_between_any_two_days(crm: Crm, days: list[list[tuple[int, str]]]) -> None:
    if not crm.env.get("BEGUN"):
        crm.ok("user add Bo", today="2026-01-01")
        crm.env["BEGUN"] = "yes"
    forget(crm)
    dates = [(FIRST + timedelta(days=number * 9)).isoformat() for number in range(len(days))]
    for day, acts in zip(dates, days, strict=True):
        crm.today = day
        for id, words in acts:
            crm(words.format(id=id))
    for first, last in combinations_with_replacement(dates, 2):
        for words in ("", "--period 2026-Q2", "--owner Bo"):
            found = diff(crm, f"{first} {last} {words}")
            opening, closing = totals(crm, first, words), totals(crm, last, words)
            for currency, said in found["blocks"].items():
                amounts = {name: Decimal(text) for name, text in said.items()}
                assert amounts["opening"] == opening.pop(currency, 0)
                assert amounts["closing"] == closing.pop(currency, 0)
                assert sum(amounts.values()) == 2 * amounts["closing"]
                deals = [each for each in found["deals"] if each["currency"] == currency]
                assert len({each["ref"] for each in deals}) == len(deals), "each deal once"
                for name in BUCKETS[1:-1]:
                    parts = [Decimal(each["amount"]) for each in deals if each["bucket"] == name]
                    assert sum(parts, Decimal()) == amounts[name]
                    assert all(part * sign(name) >= 0 for part in parts), name
            assert not any({**opening, **closing}.values()), "no currency is left out"
            assert first != last or found["deals"] == []


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.lists(ACT, max_size=6), min_size=2, max_size=4))
def test_the_waterfall_adds_up_in_one_currency_too(crm: Crm, days: list[list[tuple[int, str]]]) -> None:
    if not crm.env.get("BEGUN"):
        crm.ok("user add Bo", today="2026-01-01")
        crm.ok("rate set EUR 1.5 --from 2026-01-01", today="2026-01-01")
        crm.ok("rate set EUR 1.73 --from 2026-03-09", today="2026-01-01")
        crm.env["BEGUN"] = "yes"
    forget(crm)
    dates = [(FIRST + timedelta(days=number * 9)).isoformat() for number in range(len(days))]
    for day, acts in zip(dates, days, strict=True):
        crm.today = day
        for id, words in acts:
            crm(words.format(id=id))
    for first, last in combinations_with_replacement(dates, 2):
        found = diff(crm, f"{first} {last} --currency USD")
        amounts = {name: Decimal(text) for name, text in found["buckets"].items()}
        assert amounts["opening"] == worth(crm, first)
        assert amounts["closing"] == worth(crm, last)
        assert sum(amounts.values()) == 2 * amounts["closing"]
        for name in BUCKETS[1:-1]:
            parts = [Decimal(each["amount"]) for each in found["deals"] if each["bucket"] == name]
            assert sum(parts, Decimal()) == amounts[name]
        moved = [each["ref"] for each in found["deals"] if each["bucket"] != "rate"]
        assert len(set(moved)) == len(moved), "each deal in one bucket, beside what its rate did"


def worth(crm: Crm, day: str) -> Decimal:
    """The pipeline of a day in dollars, each deal converted by itself at the rate of the day."""
    rate = {"USD": Decimal(1), "EUR": Decimal("1.73") if day >= "2026-03-09" else Decimal("1.5")}
    rows = crm.ok(f"pipeline --as-of {day} --explain --json").json["explain"]["rows"]
    return sum(
        (
            (Decimal(deal["amount"]) * rate[row["currency"]]).quantize(Decimal("0.01"), ROUND_HALF_UP)
            for row in rows
            for deal in row["deals"]
            if deal["amount"]
        ),
        Decimal(),
    )


def test_what_rates_do_is_no_sale(spring: Crm) -> None:
    spring.ok("rate set EUR 1.10 --from 2026-01-01", today="2026-05-08")
    spring.ok("rate set EUR 1.20 --from 2026-05-10", today="2026-05-08")
    spring.ok("opp add Mu --amount 'EUR 100' --close-date 2026-06-01", today="2026-05-08")
    spring.ok("opp add Nu --amount 'EUR 200' --close-date 2026-06-01", today="2026-05-08")
    spring.ok("opp edit O13 --amount 'EUR 250'", today="2026-05-10")
    found = diff(spring, "2026-05-09 today --currency USD")
    assert [(each["ref"], each["bucket"], each["amount"]) for each in found["deals"]] == [
        ("O13", "increased", "60.00"),
        ("O13", "rate", "20.00"),
        ("O12", "rate", "10.00"),
    ]
    assert "1 EUR = 1.2 USD from 2026-05-10" in spring.ok("pipeline diff 2026-05-09 today --currency USD").out


def test_a_deal_without_a_rate_is_named_and_in_no_figure(spring: Crm) -> None:
    spring.ok("opp add Mu --amount 'GBP 100' --close-date 2026-06-01", today="2026-05-08")
    found = diff(spring, "2026-05-07 today --currency USD")
    assert found["buckets"]["new"] == "0.00"
    assert {"ref": "O12", "reason": "no rate for GBP"} in found["excluded"]
    assert "No rate for GBP" in spring.ok("pipeline diff 2026-05-07 today --currency USD").out


def sign(bucket: str) -> int:
    """The way that deals of a bucket go; 0 where they go either."""
    if bucket in ("new", "moved_in", "increased"):
        return 1
    return 0 if bucket in ("reopened", "rate") else -1


def totals(crm: Crm, day: str, words: str) -> dict[str, Decimal]:
    """What the pipeline of a day says of itself, by currency."""
    found = crm.ok(f"pipeline --as-of {day} {words} --json").json
    by_currency = found.get("totals") or {found["currency"]: found["total"]}
    return {currency: Decimal(row["amount"]) for currency, row in by_currency.items()}


def forget(crm: Crm) -> None:
    """Empty the database of deals and of all that is known of them."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        for table in ("opportunity_version", "opportunity", "change", "entry"):
            connection.execute(text(f"DELETE FROM {table}"))
        connection.execute(text("UPDATE sequence SET next_id = 1 WHERE entity IN ('opportunity', 'entry')"))
    engine.dispose()
