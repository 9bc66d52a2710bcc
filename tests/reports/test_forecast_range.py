"""crm forecast --range: which closed deals had been in which stage."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crmcli.reports import forecast_range
from crmcli.store.engine import connect_to_read
from tests.conftest import Crm

ACTS = """
2026-01-01 opp add Back --amount 100 --close-date 2026-09-30
2026-01-02 opp stage O1 Qualification
2026-01-03 opp stage O1 Prospecting
2026-01-04 opp win O1
2026-01-05 opp add Gone --amount 100 --close-date 2026-09-30 --stage Qualification
2026-02-01 opp lose O2 --reason Price
2026-02-02 opp add Undone --amount 100 --close-date 2026-09-30
2026-02-03 opp win O3
2026-02-04 undo
2026-02-04 undo
2026-02-05 opp add Open --amount 100 --close-date 2026-09-30
"""


@pytest.fixture
def closed(crm: Crm) -> Crm:
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    crm.today = "2026-03-01"
    return crm


def stages(crm: Crm, words: str = "") -> dict[str, tuple[int, int]]:
    past: dict[str, Any] = crm.ok(f"forecast --period 2026-Q3 --range --json {words}").json["range"][
        "history"
    ]
    return {stage: (each["closed"], each["won"]) for stage, each in past["stages"].items()}


def test_a_deal_counts_once_for_every_stage_it_was_in(closed: Crm) -> None:
    assert stages(closed) == {"Prospecting": (1, 1), "Qualification": (2, 1)}
    assert stages(closed, "--as-of 2026-01-31") == {"Prospecting": (1, 1), "Qualification": (1, 1)}


def test_stages_are_told_apart_however_many_there_are(closed: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_range, "BITS", 1)
    assert stages(closed) == {"Prospecting": (1, 1), "Qualification": (2, 1)}


@pytest.mark.sqlite
def test_their_versions_are_read_in_order_without_sorting(
    closed: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def listened_to(path: Path) -> sqlite3.Connection:
        connection = connect_to_read(path)
        connection.set_trace_callback(said.append)
        return connection

    monkeypatch.setattr("crmcli.store.reader.connect_to_read", listened_to)
    stages(closed)
    sql = next(each for each in said if "DISTINCT CASE" in each)
    with closing(sqlite3.connect(closed.environ["CRMCLI_DB"].removeprefix("sqlite:///"))) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    assert steps[1:3] == [
        "SCAN d",
        "SEARCH v USING INDEX ix_opportunity_version_life (opportunity_id=?)",
    ]
