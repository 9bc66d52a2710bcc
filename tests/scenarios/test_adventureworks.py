"""Targets as quotas, sales as won deals, a fiscal year from July: attainment by person and month, figure by figure."""

import csv
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Crm

FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "adventureworks" / "pbi"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the sales history in ../shared/data/adventureworks is not there"
)

Sums = dict[tuple[str, str], Decimal]  # by person and month


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter="|"))


def month_of(text: str) -> str:
    return text[:7].replace("/", "-")


class Files:
    """The figures, computed from the files and nothing else."""

    def __init__(self) -> None:
        people = read("Salesperson.csv")
        by_key = {row["EmployeeKey"]: row["Salesperson"] for row in people}
        by_id = {row["EmployeeID"]: row["Salesperson"] for row in people}
        self.targets: Sums = {}
        for row in read("Targets.csv"):
            self.targets[by_id[row["EmployeeID"]], month_of(row["TargetMonth"])] = Decimal(
                row["TargetAmount"]
            )
        orders: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for row in read("Sales.csv"):
            orders[row["SalesOrderNumber"], row["OrderDate"], by_key[row["EmployeeKey"]]] += Decimal(
                row["Sales"]
            )
        self.orders = {
            order: amount.quantize(Decimal("0.01"), ROUND_HALF_UP) for order, amount in orders.items()
        }
        self.sales: Sums = defaultdict(Decimal)
        for (_, day, name), amount in self.orders.items():
            self.sales[name, month_of(day)] += amount

    def sums(self, figures: Sums, months: list[str]) -> dict[str, Decimal]:
        found: dict[str, Decimal] = defaultdict(Decimal)
        for (name, month), amount in figures.items():
            if month in months:
                found[name] += amount
        return found


def percent(part: Decimal, whole: Decimal) -> float:
    return float((100 * part / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


@pytest.fixture
def company(crm: Crm, files: Files, tmp_path: Path) -> Crm:
    crm.today = "2020-07-15"
    crm.ok("config set fiscal_year_start july")
    told = (
        "--map EmployeeID=external_id --map Salesperson=name --map UPN=email --map Title=role --extra ignore"
    )
    crm.ok(f"user import {FOLDER / 'Salesperson.csv'} {told}")
    deals = tmp_path / "orders.csv"
    with deals.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["external_id", "name", "owner", "amount", "close_date", "stage"])
        for (number, day, name), amount in files.orders.items():
            out.writerow([number, number, name, amount, day.replace("/", "-"), "Closed Won"])
    crm.ok(f"opp import {deals}")
    imported = crm.ok(f"quota import {FOLDER / 'Targets.csv'} --map EmployeeID=owner --json").json
    assert imported["created"] == len(files.targets)
    return crm


def test_attainment_agrees_with_the_files(company: Crm, files: Files) -> None:
    months = [f"{2018 + (month < 7)}-{month:02}" for month in (7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6)]
    found: dict[str, Any] = company.ok("quota show --period FY19 --json").json
    assert found["period"] == {"start": "2018-07-01", "end": "2019-06-30", "label": "FY19"}
    shown = {(row["owner"], row["period"]): row for row in found["rows"] if row["amount"] is not None}
    wanted = {key: amount for key, amount in files.targets.items() if key[1] in months}
    assert {key: Decimal(row["amount"]) for key, row in shown.items()} == wanted
    for key, row in shown.items():
        closed = files.sales.get(key, Decimal(0))
        assert Decimal(row["closed"]) == closed, key
        assert row["attainment"] == percent(closed, wanted[key]), key
        assert Decimal(row["gap"]) == max(Decimal(0), wanted[key] - closed), key

    targets, sales = files.sums(files.targets, months), files.sums(files.sales, months)
    assert Decimal(found["total"]["amount"]) == sum(targets.values())
    assert Decimal(found["total"]["closed"]) == sum(sales.values())

    by_owner = company.ok("forecast --period FY19 --json").json
    for row in by_owner["rows"]:
        name = row["key"]
        assert Decimal(row["closed"]) == sales.get(name, Decimal(0)), name
        if name in targets:
            assert Decimal(row["quota"]) == targets[name], name
            assert row["attainment"] == percent(sales.get(name, Decimal(0)), targets[name]), name
    sold, wanted_in_all = sum(sales.values(), Decimal(0)), sum(targets.values(), Decimal(0))
    assert by_owner["total"]["attainment"] == percent(sold, wanted_in_all)

    by_month = company.ok("forecast --period FY19 --by month --json").json["rows"]
    assert [row["key"] for row in by_month] == months
    for row in by_month:
        month = row["key"]
        assert Decimal(row["closed"]) == sum(amount for key, amount in files.sales.items() if key[1] == month)
        assert Decimal(row["quota"]) == sum(amount for key, amount in wanted.items() if key[1] == month)


def test_the_report_on_attainment_agrees_with_the_files(company: Crm, files: Files) -> None:
    months = [f"{2018 + (month < 7)}-{month:02}" for month in (7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6)]
    wanted = {key: amount for key, amount in files.targets.items() if key[1] in months}
    people = sorted({name for name, _ in wanted})
    for name in people:
        found = company.ok("report", "attainment", *by("month", "FY19"), "--owner", name).json
        assert [row["month"] for row in found["rows"]] == months
        for row in found["rows"]:
            key = (name, row["month"])
            compare(row, files.sales.get(key, Decimal(0)), wanted.get(key))
    targets, sales = files.sums(wanted, months), files.sums(files.sales, months)
    found = company.ok("report", "attainment", *by("owner", "FY19")).json
    assert {row["owner"] for row in found["rows"]} >= set(targets)
    for row in found["rows"]:
        compare(row, sales.get(row["owner"], Decimal(0)), targets.get(row["owner"]))
    compare(found["total"], sum(sales.values(), Decimal(0)), sum(targets.values(), Decimal(0)))
    for row in company.ok("report", "attainment", *by("month", "FY19")).json["rows"]:
        sold = sum((amount for key, amount in files.sales.items() if key[1] == row["month"]), Decimal(0))
        target = sum((amount for key, amount in wanted.items() if key[1] == row["month"]), Decimal(0))
        compare(row, sold, target)


def test_the_leaderboard_agrees_with_the_files(company: Crm, files: Files) -> None:
    months = [f"2019-{month:02}" for month in (4, 5, 6)]
    targets, sales = files.sums(files.targets, months), files.sums(files.sales, months)
    rows = company.ok("report leaderboard --period FY19-Q4 --json").json["rows"]
    assert {row["owner"] for row in rows} >= set(targets) | set(sales)
    amounts = [Decimal(row["won_amount"]) for row in rows]
    assert amounts == sorted(amounts, reverse=True)
    for row in rows:
        sold, target = sales.get(row["owner"], Decimal(0)), targets.get(row["owner"])
        assert Decimal(row["won_amount"]) == sold
        assert row["share"] == percent(sold, sum(sales.values(), Decimal(0)))
        if target:
            reached = percent(sold, target)
            assert row["attainment"] == row["pace"] == reached, "the quarter is over"
            assert (row["standing"] == "behind") == (reached < 80), row


def by(key: str, period: str) -> list[str]:
    return ["--by", key, "--period", period, "--json"]


def compare(row: dict[str, Any], won: Decimal, quota: Decimal | None) -> None:
    """A row of the report says what was won of a quota, which may be none."""
    assert Decimal(row["won"]) == won
    if not quota:
        assert (row["attainment"], row["gap"], row["pace"], row["projected"]) == (None, None, None, None)
        return
    reached = percent(won, quota)
    assert Decimal(row["quota"]) == quota
    assert Decimal(row["gap"]) == max(Decimal(0), quota - won)
    assert (row["attainment"], row["pace"], row["projected"]) == (reached, reached, reached), "FY19 is over"
