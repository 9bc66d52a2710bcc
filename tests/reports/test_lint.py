"""crm lint: every check finds what it is for, and its command mends it."""

import shlex
from typing import Any

import pytest

from crmcli.reports.lint import CHECKS
from crmcli.store.engine import target_of
from crmcli.store.reader import open_reader
from tests.conftest import Crm, Golden

ACTS = """
2026-03-01 user add Ann
2026-03-01 user add Gone
2026-03-01 opp add Bare --stage Nego --probability 5
2026-03-01 opp add Fine --amount 10 --close-date 2026-09-01 --account A1
2026-03-01 opp add Late --amount 10 --close-date 2026-04-01 --account A1
2026-03-01 opp add Gones --amount 10 --close-date 2026-09-01 --account A1 --owner Gone
2026-03-01 lead add 'No Way' --company X
2026-03-01 lead add 'Old One' --email same@example.com
2026-05-01 lead add 'New One' --email same@example.com --owner Gone
2026-03-01 lead add 'Done' --status 'Closed - Not Converted'
2026-03-01 contact add Alone --email a@example.com
2026-03-01 contact add Twin --email a@example.com --account A1
2026-03-01 task add Old --due-date 2026-04-10
2026-03-01 task add Younger --due-date 2026-04-11 --owner Gone
2026-05-01 user edit Gone --active no
"""


@pytest.fixture
def messy(crm: Crm) -> Crm:
    crm.ok("init", today="2026-03-01")
    crm.ok("account add Acme", today="2026-03-01")
    crm.ok("account add 'ACME Inc.'", today="2026-03-01")
    for line in ACTS.strip().splitlines():
        day, _, words = line.partition(" ")
        crm.ok(words, today=day)
    crm.today = "2026-05-11"
    return crm


def found(crm: Crm, words: str = "") -> list[tuple[str, str]]:
    return [(each["check"], each["ref"]) for each in crm.ok(f"lint {words} --json").json]


def spoil(crm: Crm, *changes: str) -> None:
    """Put into the database what no command would: that of an older version, or of a careless import."""
    from sqlalchemy import text

    from crmcli.store.engine import engine_of

    engine = engine_of(target_of(crm.environ["CRMCLI_DB"]))
    with engine.begin() as connection:
        for change in changes:
            connection.execute(text(change))
    engine.dispose()


def test_every_check_finds_what_it_is_for_and_nothing_else(messy: Crm) -> None:
    assert found(messy) == [
        ("past close", "O3"),
        ("no amount", "O1"),
        ("no close date", "O1"),
        ("no account", "O1"),
        ("probability", "O1"),
        ("inactive owner", "O4"),
        ("untouched", "L1"),
        ("untouched", "L2"),
        ("unreachable", "L1"),
        ("duplicate", "L3"),
        ("inactive owner", "L3"),
        ("no contacts", "A2"),
        ("duplicate", "A2"),
        ("no account", "C1"),
        ("duplicate", "C2"),
        ("overdue", "T1"),
        ("inactive owner", "T2"),
    ]


def test_a_line_says_which_record_what_is_wrong_and_what_mends_it(messy: Crm) -> None:
    first = messy.ok("lint --json").json[0]
    assert first == {
        "ref": "O3",
        "check": "past close",
        "message": "Late: open, but should have closed 2026-04-01",
        "command": "crm opp edit O3 --close-date +2w",
    }


def test_what_no_command_writes_is_found_too(messy: Crm) -> None:
    messy.ok("opp lose O2 --reason Pricing")
    spoil(
        messy,
        "UPDATE opportunity SET lost_reason = NULL WHERE id = 2",
        "UPDATE lead SET email = 'wei at huaxin' WHERE id = 1",
        "UPDATE contact SET email = 'a@b' WHERE id = 1",
        "UPDATE \"user\" SET email = '@' WHERE id = 1",
    )
    lines = found(messy)
    for line in (("no lost reason", "O2"), ("e-mail", "L1"), ("e-mail", "C1"), ("e-mail", "U1")):
        assert line in lines


WORDS = {
    "MONEY": "10",
    "DATE": "+3w",
    "ACCOUNT": "A1",
    "USER": "Ann",
    "EMAIL": "x{}@example.com",
    "TEXT": "Pricing",
    "NAME": "Someone",
}


def test_the_commands_mend_it(messy: Crm) -> None:
    test_what_no_command_writes_is_found_too(messy)
    for number, each in enumerate(messy.ok("lint --json").json):
        words = [
            WORDS.get(word, word).format(number) for word in shlex.split(each["command"].removeprefix("crm "))
        ]
        messy.ok(*words)
    assert {check for check, _ in found(messy)} == {"duplicate"}, "of which dedupe makes one"


def test_a_noun_has_its_own_checks(messy: Crm) -> None:
    assert {ref[0] for _, ref in found(messy, "leads")} == {"L"}
    assert {ref for _, ref in found(messy, "task")} == {"T1", "T2"}
    assert "Nothing is checked of stages" in messy.fails(2, "lint stage").err
    assert "Did you mean 'lead'?" in messy.fails(2, "lint led").err


def test_where_nothing_is_wrong_a_sentence_says_so(crm: Crm) -> None:
    crm.ok("init")
    assert crm.ok("lint --format plain").out == "Nothing is wrong.\n"
    assert crm.ok("lint --json").json == []


def test_what_was_deleted_or_closed_is_left_alone(messy: Crm) -> None:
    for words in ("opp rm O1 --yes", "opp win O3", "task done T1", "lead rm L1 --yes"):
        messy.ok(words)
    refs = {ref for _, ref in found(messy)}
    assert not refs & {"O1", "O3", "T1", "L1"}


@pytest.mark.parametrize("width", [60, 100])
def test_the_text_at_a_width(messy: Crm, golden: Golden, width: int) -> None:
    text = messy.ok("lint --format table", env={"COLUMNS": str(width)}).out
    assert max(map(len, text.splitlines())) <= width
    golden(f"lint-{width}", text)


@pytest.mark.sqlite
def test_what_belongs_to_a_record_is_found_by_index(crm: Crm) -> None:
    crm.ok("init")
    reader = open_reader(target_of(crm.environ["CRMCLI_DB"]))
    params: dict[str, Any] = {"today": "x", "untouched": "x", "overdue": "x"}
    for check in CHECKS:
        given = {name: value for name, value in params.items() if f":{name}" in check.sql}
        steps = [each[3] for each in reader.rows(f"EXPLAIN QUERY PLAN {check.sql}", **given)]
        inner = [step for step in steps if step.split()[0] == "SCAN" and step.split()[1] != "r"]
        assert inner == [], (check.name, check.entity, inner)
    reader.close()
