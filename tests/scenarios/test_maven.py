"""A sales history of 8,800 deals, imported with the commands that the documentation gives, figure by figure."""

import csv
import re
import shlex
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT.parent / "shared" / "data" / "maven_crm" / "mdy_lf"
GUIDE = ROOT / "docs" / "import-a-sales-history.md"
NOUNS = ("user", "account", "opp", "stage", "contact", "lead", "task", "log")
TODAY = "2018-01-15"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the sales history in ../shared/data/maven_crm is not there"
)

Deal = dict[str, Any]


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def commands() -> list[list[str]]:
    """The import commands as the guide gives them, with the names of the files."""
    text = GUIDE.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [shlex.split(line) for line in re.findall(r"^ *crm (\w+ import .*)$", text, re.MULTILINE)]
    return [[str(FOLDER / word) if word.endswith(".csv") else word for word in words] for words in found]


class Files:
    """The figures, computed from the files and nothing else."""

    def __init__(self) -> None:
        self.deals = read("sales_pipeline.csv")
        self.team = {row["sales_agent"]: row for row in read("sales_teams.csv")}
        self.accounts = read("accounts.csv")

    def won(self) -> Iterator[tuple[dict[str, str], date, Decimal]]:
        for deal in self.deals:
            if deal["deal_stage"] == "Won":
                closed = datetime.strptime(deal["close_date"], "%m/%d/%Y").date()
                yield deal, closed, Decimal(deal["close_value"])

    def won_by(self, key: Callable[[dict[str, str], date], str]) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for deal, closed, value in self.won():
            sums[key(deal, closed)] += value
        return dict(sums)


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


@pytest.fixture
def history(crm: Crm) -> Crm:
    crm.today = TODAY
    for words in commands():
        crm.ok(*words)
    return crm


def opps(crm: Crm, *terms: str) -> list[Deal]:
    found: list[Deal] = crm.ok("opp", "list", *terms, "--json").json
    return found


def value(deals: list[Deal]) -> Decimal:
    return sum((Decimal(deal["amount"]) for deal in deals if deal["amount"]), Decimal(0))


def summed(deals: list[Deal], key: Callable[[Deal], str]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for deal in deals:
        sums[key(deal)] += Decimal(deal["amount"])
    return dict(sums)


def quarter(closed: date) -> str:
    return f"{closed.year}-Q{(closed.month + 2) // 3}"


def test_every_figure_of_a_sales_history_is_that_of_its_files(history: Crm, files: Files) -> None:
    users = history.ok("user list --json").json
    agents = {user["name"]: user for user in users if user["name"] in files.team}
    assert len(agents) == len(files.team) == 35
    assert (
        len(users) == 35 + len({row["manager"] for row in files.team.values()}) + 1
    )  # and who imported them
    assert history.ok("account list --json").json[0]["name"] == files.accounts[0]["account"]
    accounts = history.ok("account list --json").json
    assert len(accounts) == len(files.accounts) == 85
    assert sum(bool(account["parent"]) for account in accounts) == 15

    deals = opps(history)
    assert len(deals) == len(files.deals) == 8800
    assert [deal["external_id"] for deal in deals] == [row["opportunity_id"] for row in files.deals]
    theirs = {"Won": "Closed Won", "Lost": "Closed Lost", "Engaging": "Qualification"}
    assert Counter(deal["stage"] for deal in deals) == Counter(
        theirs.get(row["deal_stage"], row["deal_stage"]) for row in files.deals
    )
    assert sum(deal["account"] is None for deal in deals) == 1425
    for deal, row in zip(deals, files.deals, strict=True):
        assert (deal["owner"], deal["account_name"]) == (row["sales_agent"], row["account"] or None)
        for ours, name in (("close_date", "close_date"), ("created_at", "engage_date")):
            if row[name]:
                assert deal[ours][:10] == datetime.strptime(row[name], "%m/%d/%Y").date().isoformat()

    won, lost = opps(history, 'stage="Closed Won"'), opps(history, 'stage="Closed Lost"')
    assert (len(won), value(won)) == (4238, Decimal("10005534.00"))
    assert (len(lost), value(lost)) == (2473, Decimal(0))
    assert value(won) == sum(amount for *_, amount in files.won())

    by_quarter = files.won_by(lambda _, closed: quarter(closed))
    for period, amount in by_quarter.items():
        assert value(opps(history, 'stage="Closed Won"', f"close_date={period}")) == amount
    assert by_quarter["2017-Q2"] == 3086111

    by_region = files.won_by(lambda deal, _: files.team[deal["sales_agent"]]["regional_office"])
    by_manager = files.won_by(lambda deal, _: files.team[deal["sales_agent"]]["manager"])
    assert summed(won, lambda deal: agents[deal["owner"]]["team"]) == by_region
    assert summed(won, lambda deal: agents[deal["owner"]]["manager_name"]) == by_manager
    assert (by_region["West"], by_manager["Cara Losch"]) == (Decimal(3568647), Decimal(1130049))

    by_agent = files.won_by(lambda deal, _: deal["sales_agent"])
    assert summed(won, lambda deal: deal["owner"]) == by_agent
    assert by_agent["Darcel Schlecht"] == 1153214
    rates = win_rates([deal["owner"] for deal in won], [deal["owner"] for deal in lost])
    assert max(rates.items(), key=lambda item: item[1]) == ("Hayden Neloms", Decimal("70.39"))
    assert min(rates.items(), key=lambda item: item[1]) == ("Lajuana Vencill", Decimal("54.98"))
    assert round(Decimal(100 * len(won)) / (len(won) + len(lost)), 2) == Decimal("63.15")


def win_rates(won: list[str], lost: list[str]) -> dict[str, Decimal]:
    wins, losses = Counter(won), Counter(lost)
    return {name: round(Decimal(100 * wins[name]) / (wins[name] + losses[name]), 2) for name in wins}


def test_the_forecast_by_owner_and_by_month_agree_with_the_files(history: Crm, files: Files) -> None:
    by_owner = history.ok("forecast --period 2017 --by owner --json").json
    by_month = history.ok("forecast --period 2017 --by month --json").json
    assert by_owner["total"]["closed"] == by_month["total"]["closed"] == "10005534.00"
    assert {**by_owner["total"], "key": None} == {**by_month["total"], "key": None}
    closed = {row["key"]: Decimal(row["closed"]) for row in by_owner["rows"] if Decimal(row["closed"])}
    assert closed == files.won_by(lambda deal, _: deal["sales_agent"])
    months = {row["key"]: Decimal(row["closed"]) for row in by_month["rows"] if Decimal(row["closed"])}
    assert months == files.won_by(lambda _, day: f"{day:%Y-%m}")
    for name, amount in files.won_by(lambda _, day: quarter(day)).items():
        assert Decimal(history.ok("forecast", "--period", name, "--json").json["total"]["closed"]) == amount


def test_won_win_rate_and_cycle_by_person_and_month_agree_with_the_files(history: Crm, files: Files) -> None:
    for by, key in (
        ("owner", lambda deal: deal["sales_agent"]),
        ("month", lambda deal: day_of(deal["close_date"]).isoformat()[:7]),
        ("team", lambda deal: files.team[deal["sales_agent"]]["regional_office"]),
    ):
        closed: dict[str | None, list[dict[str, str]]] = defaultdict(list)
        for deal in files.deals:
            if deal["deal_stage"] in ("Won", "Lost"):
                closed[key(deal)].append(deal)
                closed[None].append(deal)
        won = {row: [deal for deal in deals if deal["deal_stage"] == "Won"] for row, deals in closed.items()}
        rates = standard(history, f"win-rate --period 2017 --by {by}")
        cycles = standard(history, f"cycle-time --period 2017 --by {by}")
        reasons = standard(history, f"win-loss --period 2017 --by {by}")
        assert rates.keys() == cycles.keys() == closed.keys()
        for row, deals in closed.items():
            values = [Decimal(deal["close_value"]) for deal in won[row]]
            assert (rates[row]["won"], rates[row]["lost"]) == (len(values), len(deals) - len(values)), row
            assert Decimal(rates[row]["won_amount"]) == sum(values), row
            assert Decimal(str(rates[row]["win_rate"])) == tenths(Decimal(100 * len(values)) / len(deals))
            assert Decimal(rates[row]["average_won"]) == hundredths(sum(values, Decimal(0)) / len(values)), (
                row
            )
            days = sorted((day_of(d["close_date"]) - day_of(d["engage_date"])).days for d in won[row])
            assert Decimal(str(cycles[row]["mean_days"])) == tenths(Decimal(sum(days)) / len(days)), row
            assert [cycles[row][name] for name in ("deals", "shortest_days", "longest_days")] == [
                len(days),
                days[0],
                days[-1],
            ]
            assert cycles[row]["median_days"] == statistics.median(days), row
            if row is not None:
                assert reasons[row]["deals"] == len(deals) - len(values), row
        assert reasons["Won"]["deals"] == len(won[None])


def test_the_trend_and_the_leaderboard_agree_with_the_files(history: Crm, files: Files) -> None:
    trend = standard(history, "trend --period 2016-10..2017-12")
    made = Counter(deal["engage_date"] and f"{day_of(deal['engage_date']):%Y-%m}" for deal in files.deals)
    won = files.won_by(lambda _, closed: f"{closed:%Y-%m}")
    so_far = Decimal(0)
    assert len(trend) == 15 + 1
    for month, row in trend.items():
        if month is not None:
            so_far += won.get(month, Decimal(0))
            assert row["made"] == made[month], month
            assert Decimal(row["won_amount"]) == won.get(month, Decimal(0)), month
            assert Decimal(row["cumulative_won"]) == so_far, month
    found = history.ok("report leaderboard --period 2017 --json").json["rows"]
    by_agent = files.won_by(lambda deal, _: deal["sales_agent"])
    whole = sum(by_agent.values())
    ranked = sorted(by_agent, key=lambda name: (-by_agent[name], name))
    assert [row["owner"] for row in found] == [*ranked, *sorted(idle(files))]
    for row in found:
        amount = by_agent.get(row["owner"], Decimal(0))
        assert Decimal(row["won_amount"]) == amount
        assert Decimal(str(row["share"])) == tenths(100 * amount / whole)
        assert row["rank"] == 1 + sum(other > amount for other in by_agent.values())
    assert [row["owner"] for row in found if row["standing"] == "top"] == ranked[: -(-len(found) // 4)]
    amounts = sorted(by_agent.get(row["owner"], Decimal(0)) for row in found)
    half = statistics.median(amounts) / 2
    assert [row["owner"] for row in found if row["standing"] == "behind"] == [
        row["owner"] for row in found if by_agent.get(row["owner"], Decimal(0)) < half
    ]


def standard(crm: Crm, words: str) -> dict[str | None, dict[str, Any]]:
    """The rows of a standard report by their names; the total is that of None."""
    found = crm.ok(f"report {words} --json").json
    by = found["by"]
    return {row[by]: row for row in [*found["rows"], found["total"]]}


def idle(files: Files) -> set[str]:
    """Those who own deals, and won none."""
    sellers = {deal["sales_agent"] for deal in files.deals}
    return sellers - {deal["sales_agent"] for deal, *_ in files.won()}


def day_of(text: str) -> date:
    return datetime.strptime(text, "%m/%d/%Y").date()


def tenths(exact: Decimal) -> Decimal:
    return exact.quantize(Decimal("0.1"), ROUND_HALF_UP)


def hundredths(exact: Decimal) -> Decimal:
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def test_the_same_files_again_change_nothing(history: Crm) -> None:
    for words in commands():
        found = history.ok(*words, "--json", today="2018-02-01").json
        assert (found["created"], found["updated"], found["rejected"], found["entry"]) == (0, 0, 0, None)


def dump(crm: Crm) -> dict[str, Any]:
    return {noun: crm.ok(noun, "export", "-", "--format", "json").json for noun in NOUNS}


def test_undo_leaves_the_database_as_before_the_import(crm: Crm) -> None:
    crm.today = TODAY
    crm.ok("account add 'There before'")
    before = dump(crm)
    entries = [crm.ok(*words, "--json").json["entry"] for words in commands()]
    for entry in reversed(entries):
        crm.ok("undo")
        assert entry is not None
    assert dump(crm) == before
    for _ in entries:
        crm.ok("redo")
    assert len(opps(crm)) == 8800
