"""A seller's week, from a business card at a trade fair to a deal that is won; each step is what was typed."""

from decimal import Decimal

from tests.conftest import Crm


def forecast(crm: Crm, today: str, *options: str) -> dict[str, str]:
    total: dict[str, str] = crm.ok("forecast", "--period", "2026-Q4", "--json", *options, today=today).json[
        "total"
    ]
    return {name: total[name] for name in ("closed", "commit", "best_case", "open_pipeline", "weighted")}


def test_a_sellers_week(crm: Crm) -> None:
    # Before the fair: a customer we know, and a deal with them that is nearly done.
    crm.ok("account add 'Huaxin Technology Ltd' --website huaxin.cn --type Prospect", today="2026-10-12")
    crm.ok("opp add 'Huaxin pilot' --account A1 --amount 12k --close-date 2026-11-30", today="2026-10-12")
    crm.ok("opp stage O1 negotiation", today="2026-10-20")

    # Monday. A card from the fair; two calls the same day, one of them not answered.
    crm.ok(
        "lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn --source 'Trade Show' --rating Hot"
        " --description 'Needs 40 sensors by spring'",
        today="2026-11-02",
    )
    crm.ok("log call 'First call' --related-to L1 --outcome 'No answer'", today="2026-11-02")
    crm.ok("log call 'Second call' --related-to L1 --outcome 'Wants a quote'", today="2026-11-02")
    crm.ok("task add 'Find out who decides' --related-to L1 --due-date wed", today="2026-11-02")
    before = crm.ok("forecast --period 2026-Q4", today="2026-11-02").out
    assert forecast(crm, "2026-11-02") == {
        "closed": "0.00",
        "commit": "12000.00",
        "best_case": "12000.00",
        "open_pipeline": "12000.00",
        "weighted": "10800.00",
    }

    # Tuesday. Qualified: the lead becomes a contact and a deal of the account that is there.
    converted = crm.ok(
        "lead convert L1 --account A1 --opp-name 'Huaxin sensors' --amount 50k --close-date 2026-12-11"
        " --role 'Decision Maker' --task 'Send quote:+2d' --json",
        today="2026-11-03",
    ).json
    assert (converted["account"]["ref"], converted["account"]["created"]) == ("A1", False)
    assert converted["opportunity"]["ref"] == "O2"
    assert converted["tasks"] == ["T2"]
    view = crm.ok("account show A1 --json", today="2026-11-03").json
    assert [contact["name"] for contact in view["contacts"]] == ["Wang Wei"]
    assert "Decision Maker" in str(view["contacts"][0]["roles"])
    assert {task["subject"] for task in view["tasks"]} == {"Find out who decides", "Send quote"}
    assert {call["subject"] for call in view["activities"]} == {"First call", "Second call"}
    assert forecast(crm, "2026-11-03")["open_pipeline"] == "62000.00"

    # Thursday. The quote is sent; the move of Wednesday is entered a day late.
    assert [
        task["ref"] for task in crm.ok("today --json", today="2026-11-05").json if task["kind"] == "due"
    ] == ["T2"]
    crm.ok("task done T1 T2", today="2026-11-05")
    crm.ok("opp stage O2 'Value Prop' --at 2026-11-04", today="2026-11-05")
    crm.ok("opp stage O2 proposal --note 'Quote sent'", today="2026-11-05")
    thursday = crm.ok("forecast --period 2026-Q4", today="2026-11-05").out
    assert forecast(crm, "2026-11-05") == {
        "closed": "0.00",
        "commit": "12000.00",
        "best_case": "62000.00",
        "open_pipeline": "62000.00",
        "weighted": "48300.00",
    }

    # Friday. Won, a little smaller.
    crm.ok("opp win O2 --amount 48k", today="2026-11-06")
    assert forecast(crm, "2026-11-06") == {
        "closed": "48000.00",
        "commit": "60000.00",
        "best_case": "60000.00",
        "open_pipeline": "12000.00",
        "weighted": "10800.00",
    }
    weighted = Decimal(forecast(crm, "2026-11-06")["weighted"])
    assert weighted == Decimal(12000) * 90 / 100

    # What was printed on Thursday can be printed again, word for word but for the day it was asked.
    again = crm.ok("forecast --period 2026-Q4 --as-of 2026-11-05", today="2026-11-06").out
    assert again == thursday
    assert crm.ok("forecast --period 2026-Q4 --as-of 2026-11-02", today="2026-11-06").out == before
    stages = [
        row["what"]
        for row in crm.ok("opp timeline O2 --json", today="2026-11-06").json
        if row["kind"] == "stage"
    ]
    assert stages == ["Prospecting", "Value Proposition", "Proposal/Price Quote", "Closed Won"]
    days = {row["what"]: row["date"] for row in crm.ok("opp timeline O2 --json", today="2026-11-06").json}
    assert days["Value Proposition"] == "2026-11-04", "the backdated move stands on its day"

    # It was the wrong deal: the winning is taken back, and everything reads as on Thursday.
    crm.ok("undo", today="2026-11-06")
    assert forecast(crm, "2026-11-06") == forecast(crm, "2026-11-06", "--as-of", "2026-11-05")
    assert crm.ok("opp show O2 --json").json["stage"] == "Proposal/Price Quote"
