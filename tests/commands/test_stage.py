"""crm stage: the steps of the sales process."""

import pytest

from tests.conftest import Crm


@pytest.fixture(autouse=True)
def deal(crm: Crm) -> None:
    crm.today = "2026-11-21T10:00:00"
    crm.ok("opp add Acme")


def names(crm: Crm) -> list[str]:
    return [row["name"] for row in crm.ok("stage list --json").json]


def positions(crm: Crm) -> list[int]:
    return [row["position"] for row in crm.ok("stage list --json").json]


def test_a_new_stage_follows_the_open_ones_and_the_closed_ones_make_room(crm: Crm) -> None:
    run = crm.ok("stage add 'Legal Review' --probability 95 --category Commit")
    assert run.err.splitlines()[1] == "Made room: Closed Won (10), Closed Lost (11)."
    assert names(crm)[7:] == ["Negotiation/Review", "Legal Review", "Closed Won", "Closed Lost"]
    assert positions(crm) == list(range(1, 12))


def test_a_stage_takes_the_position_it_is_given(crm: Crm) -> None:
    crm.ok("stage add Hunting --probability 5 --position 1")
    assert names(crm)[:2] == ["Hunting", "Prospecting"]
    crm.ok("stage edit Hunting --position 3")
    assert names(crm)[:3] == ["Prospecting", "Hunting", "Qualification"]
    assert len(set(positions(crm))) == 11


def test_a_stage_that_closes_deals_says_so_in_all_its_fields(crm: Crm) -> None:
    added = crm.ok("stage add Cancelled --is-closed yes --json").json
    assert (added["probability"], added["category"], added["is_won"]) == (0, "Omitted", False)
    crm.fails(2, "stage add Odd --is-closed yes --probability 30")
    crm.fails(2, "stage add Odd --probability 30 --category Closed --is-closed no")
    crm.fails(2, "stage edit 'Closed Won' --probability 90")


def test_a_stage_is_found_by_the_beginning_of_its_name(crm: Crm) -> None:
    crm.ok("stage edit nego --limit-days 14")
    assert crm.ok("stage show Negotiation/Review --json").json["limit_days"] == 14
    crm.fails(3, "stage edit nowhere --limit-days 14")


def test_a_stage_with_deals_in_it_is_not_deleted(crm: Crm) -> None:
    error = crm.fails(5, "stage rm Prospecting --yes --json").error
    assert "--active no" in error["hint"]
    crm.ok("opp win O1")
    crm.ok("stage rm Prospecting --yes")
    assert "Prospecting" not in names(crm)
    crm.ok("undo")
    assert names(crm)[0] == "Prospecting"


def test_a_stage_that_deals_have_been_in_keeps_its_name(crm: Crm) -> None:
    crm.ok("stage edit qual --name Check")
    error = crm.fails(5, "stage edit Prospecting --name Hunting --json").error
    assert "--label" in error["hint"]
    crm.ok("stage edit Prospecting --label Hunting")
    crm.ok("opp stage O1 nego")
    crm.ok("opp stage O1 hunting")
    assert crm.ok("opp show O1 --json").json["stage"] == "Prospecting"


def test_two_stages_have_two_names(crm: Crm) -> None:
    crm.fails(4, "stage add prospecting --probability 10")
    crm.fails(4, "stage edit qual --name PROSPECTING")


def test_a_stage_is_not_closed_under_the_deals_in_it(crm: Crm) -> None:
    crm.fails(5, "stage edit Prospecting --is-closed yes")
    crm.ok("stage edit Qualification --is-closed yes")


def test_an_open_stage_is_always_left(crm: Crm) -> None:
    crm.ok("opp win O1")
    first, *others = names(crm)[:8]
    crm.ok("stage", "rm", *others, "--yes")
    crm.fails(5, f"stage rm {first} --yes")
    crm.fails(5, f"stage edit {first} --active no")
    crm.fails(5, f"stage edit {first} --is-closed yes")


def test_a_dry_run_writes_nothing(crm: Crm) -> None:
    before = crm.ok("stage list --json").json
    crm.ok("stage add X --probability 5 --position 1 --dry-run")
    crm.ok("stage edit qual --position 1 --dry-run")
    crm.ok("stage rm qual --dry-run")
    assert crm.ok("stage list --json").json == before
