"""crm report velocity: what the pipeline brings a day."""

from tests.conftest import Crm
from tests.reports.standard.book import act, rows


def test_the_worked_numbers(crm: Crm) -> None:
    crm.today = "2026-08-15"
    crm.ok("user add Ann")
    lines = ["name,stage,amount,created_at,close_date"]
    lines += [f"Open {number},Prospecting,1,2026-07-01," for number in range(50)]
    lines += ["Won,Closed Won,10000,2026-05-01,2026-05-31"]
    lines += [f"Lost {number},Closed Lost,7,2026-05-01,2026-06-01" for number in range(4)]
    crm.ok("opp import - --keep created_at,closed_at", stdin="\n".join(lines))
    found = rows(crm, "velocity")[None]
    assert found == {
        "owner": None,
        "currency": "USD",
        "open_deals": 50,
        "win_rate": 20.0,
        "average_won": "10000.00",
        "cycle_days": 30.0,
        "velocity": "3333.33",
        "closed": 5,
        "won": 1,
    }
    assert "Founded on 5 closed deals, 1 of them won" in crm.ok("report velocity").out


def test_a_missing_factor_is_na_and_no_division_by_zero(crm: Crm) -> None:
    crm.today = "2026-08-15"
    act(
        crm,
        """
2026-01-05 user add Bo
2026-01-05 user add Cy
2026-01-05 user add Di
2026-01-10 opp add Alpha --amount 1000 --owner Bo
2026-01-10 opp add Beta --amount 1000 --owner Cy
2026-01-10 opp lose O2 --reason Pricing
2026-01-10 opp add Gamma --amount 1000 --owner Di
2026-01-10 opp win O3
""",
    )
    found = rows(crm, "velocity")
    assert [found["Bo"][name] for name in ("win_rate", "average_won", "cycle_days", "velocity")] == [None] * 4
    assert [found["Cy"][name] for name in ("win_rate", "average_won", "velocity")] == [0.0, None, None]
    assert [found["Di"][name] for name in ("win_rate", "cycle_days", "velocity")] == [100.0, 0.0, None]
    line = next(line for line in crm.ok("report velocity").lines if line.startswith("Bo"))
    assert line.split() == ["Bo", "1", "n/a", "n/a", "n/a", "n/a", "0", "0"]


def test_the_total_is_of_all_and_not_the_sum_of_the_rows(crm: Crm) -> None:
    crm.today = "2026-08-15"
    act(
        crm,
        """
2026-01-05 user add Bo
2026-01-05 user add Cy
2026-01-10 opp add Alpha --amount 300 --owner Bo
2026-01-10 opp add Beta --amount 100 --owner Cy
2026-01-10 opp add Gamma --amount 1 --owner Cy
2026-01-20 opp win O1
2026-01-30 opp win O2
""",
    )
    found = rows(crm, "velocity")
    assert (found["Bo"]["velocity"], found["Cy"]["velocity"]) == ("0.00", "5.00")
    assert found[None]["velocity"] == "13.33", "1 open × 100 % × 200.00 / 15 days"
