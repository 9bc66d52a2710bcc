"""The stage of an import: what one row does not do to another, whatever is in it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from crmcli.store.bulk import verdicts, writing
from crmcli.store.bulk.links import Links, titled
from crmcli.store.bulk.staging import CHUNK, Stage, plain_json
from crmcli.store.bulk.verdicts import Key, Sameness
from crmcli.store.engine import target_of
from crmcli.store.work import UnitOfWork, unit_of_work

COLUMNS = ("name", "company", "email_key", "name_key")
KEYS = [Key("email_key", "email")]
SAME = Sameness("name_key", ["name", "company"], [], {})


@pytest.fixture
def work(db_url: str) -> Iterator[UnitOfWork]:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with unit_of_work(
        target_of(db_url),
        command="test",
        actor="li",
        named=True,
        source="import",
        now=now,
        at=None,
        zone=UTC,
    ) as work:
        yield work


def row(n: int, name: str | None, company: str | None = None, email: str | None = None) -> tuple[Any, ...]:
    key = name.lower() if name else None
    return (n, n + 2, f"uid-{n}", f"{name}|{company}|{email}", name, company, email, key)


def staged(work: UnitOfWork, rows: list[tuple[Any, ...]]) -> Stage:
    stage = Stage(work, "lead", COLUMNS)
    stage.fill(rows)
    return stage


def verdicts_of(stage: Stage) -> list[str]:
    return [verdict for (verdict,) in stage.work.reader.rows("SELECT verdict FROM stage_rows ORDER BY n")]


def make(stage: Stage) -> None:
    writing.number(stage)
    writing.insert(stage, {"status": "Open - Not Contacted"})


def test_what_a_row_says_is_told_from_what_another_says_although_they_read_alike(work: UnitOfWork) -> None:
    first = staged(work, [row(0, "a b", "c"), row(1, "a", None), row(2, "a", "")])
    verdicts.mark_repeats(first)
    verdicts.match(first, [], SAME)
    verdicts.decide_new(first, "insert")
    make(first)
    again = staged(work, [row(0, "a b", "c"), row(1, "a", "b c"), row(2, "a", None), row(3, "a", "-")])
    verdicts.match(again, [], SAME)
    verdicts.decide_new(again, "insert")
    assert verdicts_of(again) == [None, "create", None, "create"]


def test_a_repeat_of_a_rejected_row_is_rejected_and_stays_so(work: UnitOfWork) -> None:
    stage = staged(work, [row(0, "x"), row(1, "x"), row(2, "y")])
    stage.add_rejects([(0, 2, "bad", "name", "it is bad")])
    verdicts.mark_repeats(stage)
    assert verdicts_of(stage) == ["reject", "duplicate", None]
    verdicts.refuse_repeats_of_rejects(stage)
    assert [(line, code) for _, line, code, _, _ in stage.rejects()] == [(2, "bad"), (3, "duplicate_in_file")]


def test_no_row_is_rejected_twice(work: UnitOfWork) -> None:
    stage = staged(work, [row(0, None)])
    assert stage.reject("1 = 1", "first", "", "'one'") == 1
    assert stage.reject("1 = 1", "second", "", "'two'") == 0
    assert [code for _, _, code, _, _ in stage.rejects()] == ["first"]


def test_several_rows_may_stand_on_one_line(work: UnitOfWork) -> None:
    stage = Stage(work, "lead", COLUMNS)
    stage.fill([(n, 1, *row(n, f"p{n}")[2:]) for n in range(3)])
    stage.reject("s.n > 0", "bad", "", "'bad'")
    assert [(n, line) for n, line, *_ in stage.rejects()] == [(1, 1), (2, 1)]


def test_pages_give_every_row_once_in_order(work: UnitOfWork) -> None:
    count = CHUNK + 17
    stage = staged(work, [row(n, f"p{n}") for n in range(count)])
    pages = list(stage.pages("SELECT n FROM stage_rows WHERE n > :after ORDER BY n"))
    assert [len(page) for page in pages] == [CHUNK, 17]
    assert [n for page in pages for (n,) in page] == list(range(count))


def test_texts_that_name_records_are_paged_in_any_script(work: UnitOfWork) -> None:
    dice = random.Random(5)
    names = {
        "".join(dice.choices("aZäß王伟é'\"-. 1", k=dice.randint(1, 12))).strip() or "x"
        for _ in range(CHUNK + 500)
    }
    stage = Stage(work, "contact", ("name", "account_id", "name_key", "link_account"))
    stage.fill((n, n, f"u{n}", str(n), f"c{n}", None, f"c{n}", name) for n, name in enumerate(sorted(names)))
    links = Links(stage, "li")
    spec = next(spec for spec in work.fields("contact") if spec.name == "account")
    links.resolve(spec, create=True)
    assert stage.value("SELECT count(*) FROM link_account") == len(names)
    assert stage.value("SELECT count(*) FROM stage_rejects") == stage.value(
        "SELECT count(*) FROM link_account WHERE found <> 1"
    )


def test_a_rule_that_refuses_one_update_leaves_the_others(work: UnitOfWork) -> None:
    from crmcli.errors import Refused

    first = staged(work, [row(n, f"p{n}", None, f"{n}@x") for n in range(3)])
    verdicts.match(first, KEYS, SAME)
    verdicts.decide_new(first, "upsert")
    make(first)
    stage = staged(work, [row(n, f"p{n}", "New", f"{n}@x") for n in range(3)])
    verdicts.match(stage, KEYS, SAME)
    verdicts.judge(stage, ["company"], [], [])

    def revise(revision: Any) -> dict[str, Any]:
        if revision.current["name"] == "p0":
            raise Refused("Not this one.")
        return {"company": revision.given["company"]} if revision.current["name"] == "p1" else {}

    writing.plan_updates(stage, ["company"], revise)
    writing.update(stage)
    assert verdicts_of(stage) == ["reject", "update", "unchanged"]
    assert [name for (name,) in work.reader.rows("SELECT company FROM lead ORDER BY id")] == [
        None,
        "New",
        None,
    ]


def test_new_records_are_journalled_as_ranges_even_with_gaps(work: UnitOfWork) -> None:
    stage = staged(work, [row(n, f"p{n}") for n in range(5)])
    verdicts.decide_new(stage, "insert")
    writing.number(stage)
    stage.reject("s.n = 2", "bad", "", "'too late'")
    writing.insert(stage, {"status": "Open - Not Contacted"})
    stage.put_away()
    writing.finish(stage)
    sql = "SELECT first_id, last_id, op FROM change WHERE entity = 'lead' ORDER BY id"
    assert list(work.reader.rows(sql)) == [(1, 2, "add"), (4, 5, "add")]


def test_json_is_the_same_in_any_spelling() -> None:
    assert plain_json('{"b": "é", "a": 1}') == plain_json('{"a":1,"b":"\\u00e9"}')
    assert plain_json(None) is None


def test_a_reference_and_a_name_are_one_text() -> None:
    assert titled("A4", "Huaxin").split("\x1f") == ["A4", "Huaxin"]


def test_what_earlier_blocks_said_counts_in_later_ones(work: UnitOfWork) -> None:
    stage = staged(work, [row(n, f"p{n}", email=f"p{n}@example.org") for n in range(3)])
    verdicts.match(stage, KEYS, SAME)
    verdicts.decide_new(stage, "upsert")
    make(stage)
    stage.put_away()
    again, otherwise, new = (
        row(1, "p1", email="p1@example.org"),
        row(2, "q", email="p2@example.org"),
        row(5, "p5", email="p5@example.org"),
    )
    stage.fill([(3, 5, "uid-3", *again[3:]), (4, 6, "uid-4", *otherwise[3:]), new])
    verdicts.match(stage, KEYS, SAME)
    verdicts.decide_new(stage, "upsert")
    assert verdicts_of(stage) == ["duplicate", "reject", "create"]
    assert [(line, code, reason) for _, line, code, _, reason in stage.rejects()] == [
        (6, "duplicate_in_file", "the same email as line 4")
    ]
    make(stage)
    stage.put_away()
    assert writing.finish(stage) == 0
    sql = "SELECT first_id, last_id, op FROM change WHERE entity = 'lead' ORDER BY id"
    assert list(work.reader.rows(sql)) == [(1, 4, "add")]


def test_rows_without_a_key_that_repeat_one_of_an_earlier_block_are_dropped(work: UnitOfWork) -> None:
    stage = staged(work, [row(n, f"p{n}") for n in range(3)])
    verdicts.decide_new(stage, "insert")
    make(stage)
    stage.put_away()
    stage.fill([(3, 5, "uid-3", *row(1, "p1")[3:]), row(4, "p4")])
    verdicts.match(stage, [], SAME)
    verdicts.decide_new(stage, "insert")
    assert verdicts_of(stage) == ["create", "create"], "twins are looked for in the base only"
    make(stage)
    stage.put_away()
    assert writing.finish(stage) == 1
    names = 'SELECT name FROM "lead" ORDER BY id'
    assert [name for (name,) in work.reader.rows(names)] == ["p0", "p1", "p2", "p4"]
    key = "rowid" if work.reader.is_sqlite else "id"
    assert work.reader.value(f"SELECT count(*) FROM search WHERE {key} % 64 = 1") == 4
    sql = "SELECT first_id, last_id, op FROM change WHERE entity = 'lead' ORDER BY id"
    assert list(work.reader.rows(sql)) == [(1, 3, "add"), (5, 5, "add")]
