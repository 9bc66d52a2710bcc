"""crm opp: moves, ends, owners, roles and the timeline of a deal."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as generated
from hypothesis import strategies as st

from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm

TODAY = "2026-11-21T10:00:00"


@pytest.fixture(autouse=True)
def saturday(crm: Crm) -> None:
    crm.today = TODAY


@pytest.fixture
def deal(crm: Crm) -> str:
    """A deal that was made on 1 October."""
    return crm.ok("opp add 'Acme renewal' --amount 50k --close-date 2026-11-27 --at 2026-10-01").out.strip()


def shown(crm: Crm, ref: str = "O1") -> dict[str, Any]:
    found: dict[str, Any] = crm.ok(f"opp show {ref} --json").json
    return found


def rows(crm: Crm, sql: str, **params: Any) -> list[tuple[Any, ...]]:
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    try:
        return list(reader.rows(sql, **params))
    finally:
        reader.close()


def entries(crm: Crm) -> int:
    return int(rows(crm, "SELECT count(*) FROM entry")[0][0])


# --- stage ------------------------------------------------------------------------------------------------


def test_a_move_says_what_changed_and_prints_the_reference(crm: Crm, deal: str) -> None:
    run = crm.ok("opp stage O1 nego")
    assert run.out == "O1\n"
    assert run.err == (
        "O1 Acme renewal · Prospecting → Negotiation/Review · 90 % · Commit · closes Fri 2026-11-27\n"
    )


def test_a_move_prints_the_whole_record_as_json(crm: Crm, deal: str) -> None:
    record = crm.ok("opp stage O1 Negotiation/Review --json").json
    assert (record["ref"], record["stage"], record["probability"]) == ("O1", "Negotiation/Review", 90)


def test_a_probability_of_ones_own_survives_a_move_and_the_move_says_so(crm: Crm, deal: str) -> None:
    crm.ok("opp edit O1 --probability 40")
    run = crm.ok("opp stage O1 nego")
    assert run.err.splitlines()[1] == "probability stays 40 % (yours; the stage's is 90 %)"
    assert shown(crm)["probability"] == 40
    crm.ok("opp edit O1 --probability none")
    assert shown(crm)["probability"] == 90


def test_a_category_of_ones_own_survives_too(crm: Crm, deal: str) -> None:
    crm.ok("opp edit O1 --category 'Best Case'")
    crm.ok("opp stage O1 nego")
    assert shown(crm)["category"] == "Best Case"


def test_a_move_may_bring_a_probability_of_its_own(crm: Crm, deal: str) -> None:
    assert " · 60 % · " in crm.ok("opp stage O1 nego --probability 60%").err
    assert crm.fails(2, "opp stage O1 prop --probability 101 --json").error["field"] == "probability"


def test_the_same_stage_again_says_so_and_writes_nothing(crm: Crm, deal: str) -> None:
    before = entries(crm)
    run = crm.ok("opp stage O1 prospecting --note 'again'")
    assert run.err == "O1 Acme renewal is in Prospecting already; nothing was changed.\n"
    assert entries(crm) == before
    crm.ok("opp stage O1 prospecting --probability 35")
    assert shown(crm)["probability"] == 35


def test_an_unknown_stage_is_a_usage_error_with_a_suggestion(crm: Crm, deal: str) -> None:
    error = crm.fails(2, "opp stage O1 Prospektion --json").error
    assert (error["code"], error["hint"]) == ("invalid_value", "Did you mean 'Prospecting'?")


def test_an_inactive_stage_is_refused(crm: Crm, deal: str) -> None:
    crm.ok("stage edit 'Value Proposition' --active no")
    crm.fails(5, "opp stage O1 'Value Proposition'")


def test_a_closed_stage_wins_or_loses_the_deal(crm: Crm, deal: str) -> None:
    crm.fails(2, "opp stage O1 'Closed Lost'")
    crm.ok("opp stage O1 'Closed Lost' --reason Pricing")
    assert (shown(crm)["lost_reason"], shown(crm)["closed_at"]) == ("Pricing", "2026-11-21")
    crm.ok("opp reopen O1")
    crm.ok("opp stage O1 'Closed Won'")
    assert (shown(crm)["is_won"], shown(crm)["probability"]) == (True, 100)
    crm.fails(5, "opp stage O1 nego")
    crm.ok("opp stage O1 'Closed Won'")


def test_a_note_is_logged_with_the_deal_on_the_day_of_the_move(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 nego --at 2026-11-02 --note 'They want it by March'")
    [note] = shown(crm)["activities"]
    assert (note["type"], note["subject"]) == ("Note", "They want it by March")
    assert note["happened_at"] == "2026-11-02T00:00:00Z"


def test_a_dry_run_says_what_would_be_and_writes_nothing(crm: Crm, deal: str) -> None:
    before = entries(crm)
    run = crm.ok("opp stage O1 nego --dry-run --note x")
    assert run.err.startswith("Would be: O1 Acme renewal · Prospecting → Negotiation/Review")
    assert (entries(crm), shown(crm)["stage"]) == (before, "Prospecting")


# --- at ---------------------------------------------------------------------------------------------------


def test_a_move_can_be_backdated_and_its_line_names_the_day(crm: Crm, deal: str) -> None:
    assert crm.ok("opp stage O1 nego --at 2026-11-02").err.rstrip().endswith(" · on Mon 2026-11-02")
    assert [(row["date"], row["what"], row["days"]) for row in stages(crm)] == [
        ("2026-10-01", "Prospecting", 32),
        ("2026-11-02", "Negotiation/Review", 19),
    ]


def test_nothing_can_happen_in_the_future(crm: Crm, deal: str) -> None:
    assert crm.fails(2, "opp stage O1 nego --at tomorrow --json").error["field"] == "at"
    crm.fails(2, "opp win O1 --at 2026-11-22")


def test_nothing_can_happen_before_the_deal_was_there(crm: Crm, deal: str) -> None:
    error = crm.fails(5, "opp stage O1 nego --at 2026-09-30 --json").error
    assert error["message"] == (
        "O1 Acme renewal was created on Thu 2026-10-01; nothing happened to it on Wed 2026-09-30."
    )


def test_nothing_can_happen_before_what_is_known_to_have_happened_later(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 qual --at 2026-11-10")
    error = crm.fails(5, "opp stage O1 nego --at 2026-11-02 --json").error
    assert error["message"] == (
        "O1 has changed since: the last change is of 2026-11-10, later than 2026-11-02."
    )
    assert "crm opp timeline O1" in error["hint"]
    assert shown(crm)["stage"] == "Qualification"


def test_two_moves_on_one_past_day_keep_their_order(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 nego --at 2026-11-02")
    crm.ok("opp stage O1 qual --at 2026-11-02")
    assert [row["what"] for row in stages(crm)] == ["Prospecting", "Negotiation/Review", "Qualification"]


def test_the_day_of_the_last_change_is_that_of_the_users_time_zone(crm: Crm) -> None:
    crm.env["TZ"] = "Asia/Shanghai"
    crm.ok("opp add Acme", today="2026-11-20T00:30:00+08:00")
    crm.ok("opp stage O1 qual", today="2026-11-20T09:00:00+08:00")
    crm.ok("opp stage O1 nego --at 2026-11-20")
    assert [(row["date"], row["what"]) for row in stages(crm)] == [
        ("2026-11-20", "Prospecting"),
        ("2026-11-20", "Qualification"),
        ("2026-11-20", "Negotiation/Review"),
    ]
    crm.fails(5, "opp stage O1 prop --at 2026-11-19")


# --- win, lose, reopen ------------------------------------------------------------------------------------


def test_a_won_deal_is_closed_on_the_day_it_was_won(crm: Crm, deal: str) -> None:
    run = crm.ok("opp win O1 --at 2026-11-20 --amount 48k")
    assert run.err == (
        "O1 Acme renewal · Prospecting → Closed Won · 100 % · Closed"
        " · USD 48,000.00 · closed Fri 2026-11-20\n"
    )
    won = shown(crm)
    assert (won["closed_at"], won["close_date"], won["amount"]) == ("2026-11-20", "2026-11-20", "48000.00")


def test_an_amount_may_come_in_another_currency(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1 --amount 'EUR 45000'")
    assert (shown(crm)["amount"], shown(crm)["currency"]) == ("45000.00", "EUR")


def test_a_lost_deal_needs_a_reason(crm: Crm, deal: str) -> None:
    error = crm.fails(2, "opp lose O1 --json").error
    assert (error["field"], error["hint"]) == ("reason", "For example --reason Pricing")
    crm.fails(2, "opp lose O1 --reason ' '")
    run = crm.ok("opp lose O1 --reason 'Too slow'")
    assert run.err.splitlines()[1] == "'Too slow' is a new lost reason."
    assert (shown(crm)["lost_reason"], shown(crm)["probability"]) == ("Too slow", 0)


def test_a_closed_deal_is_neither_won_nor_lost_again(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1")
    for command in ("opp win O1", "opp lose O1 --reason Pricing", "opp lose O1"):
        assert crm.fails(5, f"{command} --json").error["hint"] == "`crm opp reopen O1` opens it again."


def test_a_closed_deal_has_the_probability_of_its_end(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1")
    crm.fails(5, "opp edit O1 --probability 40")


def test_a_reopened_deal_is_back_where_it_was_with_its_own_probability(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 nego --at 2026-11-02 --probability 40")
    crm.ok("opp lose O1 --reason Pricing --at 2026-11-10")
    run = crm.ok("opp reopen O1")
    assert run.err.splitlines() == [
        "O1 Acme renewal · Closed Lost → Negotiation/Review · 40 % · Commit · closes Fri 2026-11-27",
        "probability is again 40 % (yours; the stage's is 90 %)",
    ]
    again = shown(crm)
    assert (again["is_closed"], again["closed_at"], again["lost_reason"]) == (False, None, None)


def test_a_deal_can_be_reopened_elsewhere_with_a_new_close_date(crm: Crm, deal: str) -> None:
    crm.ok("opp win O1")
    run = crm.ok("opp reopen O1 --stage qual --close-date eoy")
    assert run.err == (
        "O1 Acme renewal · Closed Won → Qualification · 10 % · Pipeline · closes Thu 2026-12-31\n"
    )


def test_a_deal_that_came_to_us_closed_is_reopened_in_the_first_stage(crm: Crm) -> None:
    crm.ok("opp add Old --stage 'Closed Won' --close-date 2026-01-31")
    crm.ok("opp reopen O1")
    assert shown(crm)["stage"] == "Prospecting"


def test_only_a_closed_deal_is_reopened(crm: Crm, deal: str) -> None:
    crm.fails(5, "opp reopen O1")
    crm.ok("opp win O1")
    crm.fails(2, "opp reopen O1 --stage 'Closed Lost'")


def test_an_end_is_taken_back_by_undo(crm: Crm, deal: str) -> None:
    before = shown(crm)
    crm.ok("opp win O1 --note 'at last' --at 2026-11-20")
    crm.ok("undo")
    assert {**shown(crm), "updated_at": None} == {**before, "updated_at": None}
    assert len(stages(crm)) == 1


# --- stages change ----------------------------------------------------------------------------------------


def test_another_default_of_a_stage_rewrites_no_deal(crm: Crm, deal: str) -> None:
    crm.ok("stage edit Prospecting --probability 25 --category 'Best Case'")
    assert (shown(crm)["probability"], shown(crm)["category"]) == (10, "Pipeline")
    crm.ok("opp edit O1 --amount 60k")
    assert (shown(crm)["probability"], shown(crm)["category"]) == (10, "Pipeline")
    crm.ok("opp add Next")
    assert (shown(crm, "O2")["probability"], shown(crm, "O2")["category"]) == (25, "Best Case")


# --- assign -----------------------------------------------------------------------------------------------


def test_deals_are_given_to_another(crm: Crm, deal: str) -> None:
    crm.ok("user add Li")
    crm.ok("opp add Next --owner Li")
    run = crm.ok("opp assign O1 O2 --to li --reason 'New territory'")
    assert run.out == "O1\nO2\n"
    assert run.err.splitlines()[0].endswith(" → Li")
    assert run.err.splitlines()[1] == "O2 Next is Li's already."
    assert shown(crm)["owner"] == "Li"
    assert [note["subject"] for note in shown(crm)["activities"]] == ["New territory"]
    assert shown(crm, "O2")["activities"] == []


def test_a_deal_is_given_to_nobody_unknown_or_inactive(crm: Crm, deal: str) -> None:
    crm.ok("user add Li --active no")
    crm.fails(3, "opp assign O1 --to zhang")
    crm.fails(5, "opp assign O1 --to li")
    crm.fails(2, "opp assign O1")


def test_a_deal_can_be_taken_over(crm: Crm, deal: str) -> None:
    crm.ok("user add Zhang")
    crm.ok("--as Zhang opp assign O1 --to me")
    assert shown(crm)["owner"] == "Zhang"


# --- roles ------------------------------------------------------------------------------------------------


@pytest.fixture
def people(crm: Crm, deal: str) -> None:
    for line in ("account add Acme", "account add Other", "opp edit O1 --account A1"):
        crm.ok(line)
    for line in ("contact add Bo --account A1", "contact add Cy --account A2", "contact add Di"):
        crm.ok(line)


def roles(crm: Crm) -> list[tuple[str, str | None, bool]]:
    return [(each["ref"], each["role"], each["is_primary"]) for each in shown(crm)["contacts"]]


def test_a_contact_gets_a_role_and_another_one_later(crm: Crm, people: None) -> None:
    crm.ok("opp role O1 Bo 'decision maker' --primary")
    assert roles(crm) == [("C1", "Decision Maker", True)]
    crm.ok("opp role O1 C1 Influencer")
    assert roles(crm) == [("C1", "Influencer", True)]


def test_there_is_at_most_one_primary(crm: Crm, people: None) -> None:
    crm.ok("opp role O1 C1 Influencer --primary")
    answer = crm.ok("opp role O1 C3 'Economic Buyer' --primary --json").json
    assert answer == {"opportunity": "O1", "contact": "C3", "role": "Economic Buyer", "is_primary": True}
    assert roles(crm) == [("C3", "Economic Buyer", True), ("C1", "Influencer", False)]
    crm.ok("undo")
    assert roles(crm) == [("C1", "Influencer", True)]


def test_a_contact_of_another_account_may_have_a_say_and_it_is_remarked(crm: Crm, people: None) -> None:
    assert (
        crm.ok("opp role O1 Cy Evaluator").err.splitlines()[1] == "C2 Cy is of A2 Other, the deal of A1 Acme."
    )


def test_a_contact_leaves_a_deal_once(crm: Crm, people: None) -> None:
    crm.ok("opp role O1 C1 Influencer")
    crm.fails(2, "opp role O1 C1 Influencer --rm")
    crm.ok("opp role O1 C1 --rm")
    assert roles(crm) == []
    crm.fails(3, "opp role O1 C1 --rm")
    crm.ok("opp role O1 C1")
    assert roles(crm) == [("C1", None, False)]


# --- timeline ---------------------------------------------------------------------------------------------


def timeline(crm: Crm, ref: str = "O1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = crm.ok(f"opp timeline {ref} --json").json
    return found


def stages(crm: Crm) -> list[dict[str, Any]]:
    return [row for row in timeline(crm) if row["kind"] == "stage"]


def test_the_timeline_tells_everything_in_order(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 nego --at 2026-10-20", today="2026-10-25T09:00:00")
    crm.ok("log call O1 'Talked about price' --at '2026-10-28 09:00'")
    crm.ok("opp edit O1 --amount 60k --close-date 2026-12-31", today="2026-11-05T09:00:00")
    crm.ok("task add 'Send contract' --for O1 --due-date +3d")
    crm.ok("task add 'Ask legal' --for O1 --due-date 2026-11-01")
    crm.ok("task done T2 --at 2026-11-06")
    crm.ok("user add Li")
    crm.ok("--as Li opp win O1 --at 2026-11-20")
    told = [(row["date"], row["kind"], row["what"], row["was"], row["days"]) for row in timeline(crm)]
    assert [row for row in told if row[1] != "owner"] == [
        ("2026-10-01", "stage", "Prospecting", None, 19),
        ("2026-10-01", "amount", "USD 50,000.00", None, None),
        ("2026-10-01", "close_date", "2026-11-27", None, None),
        ("2026-10-20", "stage", "Negotiation/Review", None, 31),
        ("2026-10-28", "call", "Talked about price", None, None),
        ("2026-11-05", "amount", "USD 60,000.00", "USD 50,000.00", None),
        ("2026-11-05", "close_date", "2026-12-31", "2026-11-27", None),
        ("2026-11-06", "task", "Ask legal (done)", None, None),
        ("2026-11-20", "stage", "Closed Won", None, None),
        ("2026-11-20", "close_date", "2026-11-20", "2026-12-31", None),
        ("2026-11-24", "task", "Send contract (to do)", None, None),
    ]
    won = stages(crm)[-1]
    assert (won["by"], stages(crm)[0]["to"]) == ("Li", "2026-10-20")
    assert crm.ok("history --json").json[0]["entry"] == won["entry"]


def test_a_stage_is_told_of_by_the_entry_that_entered_it(crm: Crm, deal: str) -> None:
    crm.ok("opp stage O1 qual --at 2026-11-02")
    crm.ok("opp stage O1 nego --at 2026-11-03")
    first, second, third = (row["entry"] for row in stages(crm))
    assert first < second < third
    crm.ok("undo")
    assert [row["entry"] for row in stages(crm)] == [first, second]


def test_the_timeline_fits_a_narrow_terminal(crm: Crm, deal: str) -> None:
    run = crm.ok("opp timeline O1 --format table", env={"COLUMNS": "60"})
    assert all(len(line) <= 60 for line in run.lines)
    assert "USD 50,000.00" in run.out


# --- what always holds ------------------------------------------------------------------------------------

ACTS = st.lists(
    st.sampled_from(
        [
            "opp stage {} qual",
            "opp stage {} nego --probability 40",
            "opp stage {} prop --at yesterday",
            "opp stage {} 'Closed Won'",
            "opp edit {} --probability 35 --amount 7",
            "opp edit {} --probability none --close-date eoq",
            "opp win {} --at yesterday",
            "opp win {} --amount 9k",
            "opp lose {} --reason Pricing",
            "opp reopen {}",
            "opp reopen {} --stage nego --at yesterday",
            "undo",
            "redo",
        ]
    ),
    min_size=3,
    max_size=8,
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@generated(acts=ACTS)
def test_whatever_is_done_a_deal_and_its_versions_agree(crm: Crm, acts: list[str]) -> None:
    ref = crm.ok("opp add Deal --amount 5 --at -3d", today="2026-11-21T08:00:00").out.strip()
    for minute, act in enumerate(acts):
        run = crm(act.format(ref), today=f"2026-11-21T10:{minute:02}:00")
        assert run.code in (0, 3, 4, 5), str(run)
        if crm(f"opp show {ref}").code == 3:  # its making was undone
            return
        check(crm, int(ref[1:]))


def check(crm: Crm, id: int) -> None:
    """What holds of a deal at any time."""
    same = "owner_id, amount, currency, stage, probability, category, close_date, is_closed, is_won"
    [row] = rows(crm, f"SELECT {same}, closed_at FROM opportunity WHERE id = :id", id=id)
    probability, is_closed, is_won, closed_at = row[4], row[7], row[8], row[9]
    assert (probability == 100) == bool(is_closed and is_won)
    assert (probability == 0) == bool(is_closed and not is_won)
    assert (closed_at is not None) == bool(is_closed)
    known = rows(
        crm,
        f"SELECT valid_from, valid_to, {same} FROM opportunity_version"
        " WHERE opportunity_id = :id AND recorded_to IS NULL ORDER BY valid_from",
        id=id,
    )
    assert [version[2:] for version in known if version[1] is None] == [row[:-1]]
    for earlier, later in pairwise(known):
        assert earlier[1] == later[0], "versions neither overlap nor leave gaps"
