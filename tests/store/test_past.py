"""The past of any noun: what was printed on a day can be printed again, and what was undone never was."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import Crm, _database, in_this_process

New = Callable[[], Crm]
REPORTS = {
    "Deals": "opp --fields ref,name,account,owner,amount,stage,category,next_step,close_date,is_won,updated_at",
    "By account": "opp --by account,stage --sum amount --count --avg probability",
    "Of partners": "opp --filter account.type:Partner --by owner --count",
    "Not of West": "opp --filter '-owner.team:West' --fields name",
    "Accounts": "account --fields name,type,parent,owner,employees,website --sort name",
    "By mail": "lead --filter email=a@x.example --fields name,status,email,annual_revenue,company --sort -name",
    "Leads": "lead --by status,updated_at:week --sum annual_revenue",
    "Tasks": "task --fields subject,status,due_date,related_to,completed_at --sort related_to",
}
BEGIN = (
    "account add Acme --type Customer --website acme.example",
    "account add Beta --type Partner --parent A1",
    "opp add 'Acme deal' --account A1 --amount 5k --close-date 2026-04-01",
    "opp add 'Beta deal' --account A2 --amount 7k --close-date 2026-04-02 --stage Nego",
    "lead add Ann --email a@x.example --annual-revenue 5k",
    "lead add Bob --email b@x.example --company Bob",
    "task add Call --for O1",
    "task add Write --for A2",
)
ACTS = (
    "account edit A{k} --type {type} --employees {n}",
    "account edit A{k} --name 'Renamed {n}' --website {mail}.example",
    "account edit A{k} --parent none --owner {who}",
    "account add 'New {n}' --parent A{k} --type {type}",
    "account rm A{k} --yes",
    "opp edit O{k} --amount {n}k --next-step 'Call {n}' --owner {who}",
    "opp edit O{k} --name 'Renamed {n}' --account A{k}",
    "opp edit O{k} --probability {n} --next-step none",
    "opp add 'New {n}' --account A{k} --amount {n}000.50",
    "opp win O{k}",
    "opp rm O{k} --yes",
    "lead edit L{k} --status 'Working - Contacted' --email {mail}@X.example",
    "lead edit L{k} --email none --annual-revenue {n}k",
    "lead add 'New {n}' --email {mail}@x.example",
    "lead import - --match name --mode upsert",
    "lead convert L{k}",
    "lead rm L{k} --yes",
    "task edit T{k} --subject 'Call {n}' --for A{k}",
    "task done T{k}",
    "user edit Bo --team {team}",
)
ACT = st.fixed_dictionaries(
    {
        "act": st.sampled_from(ACTS),
        "k": st.integers(1, 2),
        "n": st.integers(1, 99),
        "type": st.sampled_from(["Partner", "Customer"]),
        "mail": st.sampled_from("ab"),
        "who": st.sampled_from(["Ann", "Bo"]),
        "team": st.sampled_from(["West", "East"]),
    }
)
DAYS = st.lists(st.lists(ACT, min_size=4, max_size=10), min_size=3, max_size=3)


@pytest.fixture
def new(request: pytest.FixtureRequest, tmp_path: Path, crm_environ: dict[str, str]) -> Iterator[New]:
    """Makes databases of their own, one after the other."""
    numbers = count(1)
    with ExitStack() as databases:

        def make() -> Crm:
            folder = tmp_path / f"of-{next(numbers)}"
            folder.mkdir()
            url = databases.enter_context(contextmanager(_database)(request.config, folder, None))
            return Crm(in_this_process, {**crm_environ, "CRMCLI_DB": url, "CRMCLI_USER": "Ann"})

        yield make


def with_reports(crm: Crm, today: str) -> Crm:
    crm.ok("user add Bo --team East", today=today)
    for name, options in REPORTS.items():
        crm.ok(f"report new '{name}' {options}", today=today)
    return crm


def printed(crm: Crm, today: str, as_of: str = "") -> dict[str, Any]:
    option = f"--as-of {as_of}" if as_of else ""
    return {name: crm.ok(f"report '{name}' {option} --json", today=today).json for name in REPORTS}


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],  # an example takes long: it is not made smaller
)
@given(days=DAYS)
def test_as_of_a_day_is_what_was_printed_that_day(new: New, days: list[Any]) -> None:
    crm = with_reports(new(), "2026-02-27")
    for act in BEGIN:
        crm.ok(act, today="2026-02-28")
    then = {"2026-02-28": printed(crm, "2026-02-28")}
    for number, acts in enumerate(days):
        today = (date(2026, 3, 1) + timedelta(days=number * 9)).isoformat()
        for told in acts:
            rows = f"name,email,company\nAnn,{told['mail']}@x.example,{told['n']}\nImported,i@x.example,C\n"
            crm(told["act"].format(**told), today=today, stdin=rows)  # may be refused
        then[today] = printed(crm, today)
        assert printed(crm, today, today) == then[today], "as of today is live"
    for day, before in then.items():
        assert printed(crm, today, day) == before


def test_an_act_at_midnight_is_of_the_day_that_begins(new: New) -> None:
    crm = with_reports(new(), "2026-02-27")
    crm.ok("opp add Deal --next-step Call", today="2026-03-01T23:59:59")
    crm.ok("opp edit O1 --next-step Write", today="2026-03-02T00:00:00")
    steps = [
        crm.ok(f"report Deals --as-of {day} --json", today="2026-03-09").json["rows"][0]["next_step"]
        for day in ("2026-03-01", "2026-03-02")
    ]
    assert steps == ["Call", "Write"]


def test_what_was_undone_never_was_and_what_was_redone_always(new: New) -> None:
    crm = with_reports(new(), "2026-02-27")
    crm.ok("account add Acme --type Customer", today="2026-03-01")
    crm.ok("lead add Ann --status 'Open - Not Contacted'", today="2026-03-01")
    crm.ok("opp add Deal --account A1 --amount 5k", today="2026-03-01")
    before = {day: printed(crm, "2026-03-20", day) for day in ("2026-02-28", "2026-03-02", "2026-03-10")}
    crm.ok("account edit A1 --type Partner", today="2026-03-05")
    edited = printed(crm, "2026-03-20", "2026-03-10")
    assert edited != before["2026-03-10"]
    crm.ok("undo", today="2026-03-12")
    assert {day: printed(crm, "2026-03-20", day) for day in before} == before
    crm.ok("redo", today="2026-03-14")
    assert printed(crm, "2026-03-20", "2026-03-10") == edited
    assert printed(crm, "2026-03-20", "2026-03-02") == before["2026-03-02"]
    for act in ("account rm A1 --yes", "opp rm O1 --yes", "lead add Bob", "lead edit L1 --company Huaxin"):
        was = printed(crm, "2026-03-20", "2026-03-17")
        crm.ok(act, today="2026-03-16")
        assert printed(crm, "2026-03-20", "2026-03-17") != was or act.startswith("lead edit")
        crm.ok("undo", today="2026-03-18")
        assert printed(crm, "2026-03-20", "2026-03-17") == was, act


def test_what_was_undone_hides_no_older_act_that_was_undone_too(new: New) -> None:
    crm = with_reports(new(), "2026-02-27")
    crm.ok("opp add Deal --next-step Call", today="2026-03-01")
    crm.ok("opp edit O1 --next-step Write", today="2026-03-03")
    crm.ok("opp edit O1 --next-step Meet", today="2026-03-05")
    crm.ok("undo", today="2026-03-07")
    crm.ok("undo", today="2026-03-08")
    found = crm.ok("report Deals --as-of 2026-03-04 --json", today="2026-03-09").json
    assert found["rows"][0]["next_step"] == "Call"


def test_an_import_that_was_undone_never_was(new: New) -> None:
    crm = with_reports(new(), "2026-02-27")
    crm.ok("lead add Ann --email a@x.example --company Old", today="2026-03-01")
    was = printed(crm, "2026-03-20", "2026-03-05")
    rows = "name,email,company\nAnn,a@x.example,New\nBob,a@x.example,C\nEve,e@x.example,D\n"
    crm.ok("lead import - --match name --mode upsert", stdin=rows, today="2026-03-02")
    imported = printed(crm, "2026-03-20", "2026-03-05")
    assert [row["company"] for row in imported["By mail"]["rows"]] == ["C", "New"]
    assert printed(crm, "2026-03-20", "2026-03-01")["By mail"] == was["By mail"] | {"as_of": "2026-03-01"}
    crm.ok("undo", today="2026-03-10")
    assert printed(crm, "2026-03-20", "2026-03-05") == was
    crm.ok("redo", today="2026-03-12")
    assert printed(crm, "2026-03-20", "2026-03-05") == imported


def test_a_record_that_is_told_of_later_was_there_with_its_owner_and_its_account(new: New) -> None:
    """An import may bring deals that are older than the users and accounts it makes for them."""
    crm = new()
    crm.ok("init")
    rows = "name,account,owner,created_at,amount\nOld deal,Huaxin,Li,2025-05-01,5000\n"
    crm.ok("opp import - --create-parents", stdin=rows, today="2026-03-01")
    crm.ok("report new Deals opp --by owner,account --sum amount", today="2026-03-01")
    found = crm.ok("report Deals --as-of 2025-06-01 --json", today="2026-03-01").json["rows"]
    assert [(row["key"], row["sum_amount"]) for row in found] == [("Li · Huaxin", "5000.00")]
    assert crm.ok("report Deals --as-of 2025-04-01 --json", today="2026-03-01").json["rows"] == []


def test_custom_fields_have_a_past_too(new: New) -> None:
    crm = new()
    crm.ok("init")
    rows = "name,Segment\nAnn,North\nBob,South\n"
    crm.ok("lead import - --extra custom", stdin=rows, today="2026-03-01")
    crm.ok("report new Regions lead --by segment", today="2026-03-01")
    again = "name,Segment\nAnn,South\n"
    crm.ok("lead import - --match name --mode update", stdin=again, today="2026-03-09")

    def regions(option: str = "") -> dict[str, int]:
        found = crm.ok(f"report Regions {option} --json", today="2026-03-10").json
        return {row["segment"]: row["count"] for row in found["rows"]}

    assert regions() == {"South": 2}
    assert regions("--as-of 2026-03-08") == {"North": 1, "South": 1}
    assert regions("--as-of 2026-03-08 segment:north") == {"North": 1}
