"""Which index each question is answered from, so that a million deals are no reason to wait.

The statements are those that the commands run; with an index gone, or a query written so that SQLite passes it
by, one of these fails.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crmcli.store.engine import connect_to_read
from tests.conftest import Crm

pytestmark = pytest.mark.sqlite

TODAY = "2026-07-15"
AGO = "--as-of 2026-04-15"
YEAR = "--period 2026-07..2027-06"
OPEN, BY_OWNER, BY_DATE = (f"ix_opportunity_open{rest}" for rest in ("", "_owner", "_close_date"))
CLOSED, DELETED = "ix_opportunity_close_date", "ix_opportunity_deleted"
VALID, CLOSED_THEN, LIFE = (f"ix_opportunity_version_{rest}" for rest in ("valid", "close_date", "life"))
NO_AMOUNT, NO_CLOSE_DATE = (f"ix_opportunity_version_no_{rest}" for rest in ("amount", "close_date"))
LARGE = ("opportunity", "opportunity_version", "activity", "task", "account", "contact", "lead")


@pytest.fixture
def plans(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> "Plans":
    """A database with a deal of an account, whose statements are listened to."""
    crm.today = TODAY
    crm.ok("user add Ann")
    crm.ok("account add Acme")
    crm.ok("opp add Large --account Acme --owner Ann --amount 20000 --close-date 2026-09-30")
    crm.ok("opp add Blank --account Acme --owner Ann --close-date 2026-09-30")
    return Plans(crm, monkeypatch)


class Plans:
    """How SQLite goes about the statements of a command."""

    def __init__(self, crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
        self.crm = crm
        self.said: list[str] = []

        def listened_to(path: Path) -> sqlite3.Connection:
            connection = connect_to_read(path)
            connection.set_trace_callback(self.said.append)
            return connection

        monkeypatch.setattr("crmcli.store.reader.connect_to_read", listened_to)

    def __call__(self, line: str) -> list[str]:
        """The steps in which a command comes by the rows of large tables."""
        self.said.clear()
        self.crm.ok(line)
        found = []
        for sql in self.said:
            if not sql.lstrip().startswith(("SELECT", "WITH")):
                continue
            tables = {alias: table for table, alias in re.findall(r'"?(\w+)"? AS (\w)\b', sql)}
            for step in self.explained(sql):
                read = re.fullmatch(r"(SCAN|SEARCH) (\w+) ?(?:USING )?(.*)", step)
                if read and tables.get(read[2], read[2]) in LARGE:
                    found.append(f"{read[1]} {read[3]}".rstrip())
        return found

    def explained(self, sql: str) -> list[str]:
        with closing(sqlite3.connect(self.crm.environ["CRMCLI_DB"].removeprefix("sqlite:///"))) as connection:
            connection.create_function("fold", 1, str, deterministic=True)
            return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]


def index_of(step: str) -> str:
    """The index of a step, the whole table if it has none."""
    found = re.search(r"ix_\w+", step)
    return found[0] if found else step


@pytest.mark.parametrize(
    ("line", "indexes"),
    [
        (f"forecast {YEAR}", [BY_OWNER, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by team {YEAR}", [BY_OWNER, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by manager {YEAR}", [BY_OWNER, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by month {YEAR}", [BY_DATE, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by quarter {YEAR}", [BY_DATE, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by stage {YEAR}", [BY_DATE, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast --by source {YEAR}", [BY_DATE, CLOSED, BY_OWNER, CLOSED]),
        (f"forecast {YEAR} {AGO}", [VALID, VALID, CLOSED_THEN] * 2),
        (f"forecast --by month {YEAR} {AGO}", [VALID, VALID, CLOSED_THEN] * 2),
        ("pipeline", [OPEN, BY_OWNER]),
        (f"pipeline {AGO}", [VALID, VALID, "SEARCH INTEGER PRIMARY KEY (rowid=?)"]),
        ("pipeline diff 2026-04-15 today", [VALID, VALID, VALID, DELETED, VALID, LIFE]),
    ],
)
def test_deals_are_read_from_an_index_that_holds_all_it_takes(
    plans: Plans, line: str, indexes: list[str]
) -> None:
    steps = plans(line)
    assert [index_of(step) for step in steps] == indexes
    assert [step for step in steps if "COVERING" not in step and index_of(step) not in (LIFE, step)] == []


def test_what_is_grouped_as_its_index_is_ordered_needs_no_sorting(plans: Plans) -> None:
    for line in (f"forecast {YEAR}", f"forecast --by month {YEAR}", "pipeline"):
        plans(line)
        counted = next(each for each in plans.said if "d.is_closed = 0" in each)
        of_open, *_ = counted.split(" UNION ALL ")
        assert [step for step in plans.explained(of_open) if "TEMP B-TREE" in step] == [], line


def test_the_past_takes_what_still_holds_and_what_has_ended_since(plans: Plans) -> None:
    still = f"SEARCH COVERING INDEX {VALID} (valid_to=? AND is_closed=? AND valid_from<?)"
    ended = f"SEARCH COVERING INDEX {VALID} (valid_to>?)"
    assert plans(f"forecast {YEAR} {AGO}")[:2] == [still, ended]
    begun = f"SEARCH COVERING INDEX {VALID} (valid_to=? AND is_closed=? AND valid_from>? AND valid_from<?)"
    changes = [step for step in plans("pipeline diff 2026-04-15 today") if VALID in step]
    assert changes == [still, ended, begun, ended]


def test_the_few_deals_of_the_past_that_lack_something_are_found_without_reading_the_others(
    plans: Plans,
) -> None:
    plans.crm.today = "2026-04-01"
    plans.crm.ok("opp add Vague --account Acme --owner Ann --close-date none")
    plans.crm.today = TODAY
    for report in (f"pipeline {AGO}", f"pipeline {AGO} --owner Ann"):
        steps = [step for step in plans(report) if VALID not in step]
        assert [index_of(step) for step in steps] == [
            "SEARCH INTEGER PRIMARY KEY (rowid=?)",
            *[NO_AMOUNT] * 2,
        ]
    steps = [step for step in plans(f"pipeline {AGO} --period 2026-Q2") if VALID not in step]
    # counted, then named: each time what holds still, and what has ended since
    assert [index_of(step) for step in steps[1:]] == [NO_CLOSE_DATE] * 4
    assert all("COVERING" in step for step in steps[1:])


@pytest.mark.parametrize(
    "line",
    [
        "opp list owner=Ann stage=Prospecting amount>10k --sort -amount --limit 20",
        "opp show O1",
        "account show A1",
    ],
)
def test_a_record_is_found_without_reading_the_others(plans: Plans, line: str) -> None:
    steps = plans(line)
    assert steps
    assert [step for step in steps if step.startswith("SCAN")] == []
    # Half of such an index is all the activities there are about any deal.
    assert [step for step in steps if "related_to_entity=?)" in step] == []


def test_words_are_looked_up_in_their_index(plans: Plans) -> None:
    assert set(plans("search large acme")) <= {"SEARCH INTEGER PRIMARY KEY (rowid=?)"}
    assert any("MATCH" in each for each in plans.said)
