"""Undo and redo: in whatever order acts are taken back, nothing is lost and nothing is left."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crmcli.changes import Changes
from crmcli.errors import Conflict, NotFound, Refused
from crmcli.model import ENTITIES, Opportunity
from crmcli.store.engine import Target, target_of
from crmcli.store.journal import last_act, last_undo, take_back
from crmcli.store.reader import Reader, open_reader
from crmcli.store.versions import COLUMNS
from crmcli.store.work import UnitOfWork, make_ready, unit_of_work
from tests.conftest import DATABASE, Crm

State = dict[str, list[tuple[Any, ...]]]
STAGES = (
    ("Prospecting", 10, "Pipeline"),
    ("Negotiation/Review", 90, "Commit"),
    ("Closed Won", 100, "Closed"),
)
NAMES = ("Huaxin", "華信科技", "Émilie & Söhne", "Acme", "Globex", "王伟")


class World:
    """A database, a clock, and a dice."""

    def __init__(self, url: str, dice: random.Random) -> None:
        self.target: Target = target_of(url)
        self.dice = dice
        make_ready(self.target, datetime(2026, 3, 2, 8, tzinfo=UTC))

    @contextmanager
    def work(self, command: str, days_ago: int = 0) -> Iterator[UnitOfWork]:
        # The clock goes on by the entries there are, so that every act of a test has a moment of its own.
        now = datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(hours=clock())
        with unit_of_work(
            self.target,
            command=command,
            actor="li",
            source="cli",
            now=now,
            at=now - timedelta(days=days_ago) if days_ago else None,
            zone=UTC,
        ) as work:
            yield work

    @contextmanager
    def read(self) -> Iterator[Reader]:
        reader = open_reader(self.target)
        try:
            yield reader
        finally:
            reader.close()

    def state(self) -> State:
        """Everything a user can see: live records, what is known of every deal, the index, the settings."""
        with self.read() as reader:
            found = {
                entity: list(reader.rows(f'SELECT * FROM "{entity}" WHERE deleted_at IS NULL ORDER BY id'))
                for entity in ENTITIES
            }
            found["versions"] = list(
                reader.rows(
                    f"SELECT {COLUMNS} FROM opportunity_version WHERE recorded_to IS NULL"
                    " ORDER BY opportunity_id, valid_from, id"  # some hold for no time at all
                )
            )
            key = "rowid" if reader.is_sqlite else "id"
            found["search"] = list(
                reader.rows(f"SELECT {key}, CAST(document AS TEXT) FROM search ORDER BY 1")
            )
            found["search"] = [(id, " ".join(words.split())) for id, words in found["search"]]
            found["settings"] = sorted(reader.settings().items())
        return {name: [tuple(map(repr, row)) for row in rows] for name, rows in found.items()}

    def versions(self) -> dict[int, tuple[Any, ...]]:
        with self.read() as reader:
            closing = "recorded_to, closed_entry_id"
            sql = f"SELECT id, {COLUMNS}, recorded_at, entry_id, {closing} FROM opportunity_version"
            return {row[0]: row for row in reader.rows(sql)}

    def act(self) -> int | None:
        """Do something at random; its entry, or None where it was refused."""
        try:
            with self.work("something", self.dice.choice((0, 0, 0, 3))) as work:
                changes = self.plan(work)
                work.apply(changes)
                if self.dice.random() < 0.1:
                    work.set_setting("currency", self.dice.choice(("USD", "EUR", "CNY")))
            return work.entry if work.wrote else None
        except Refused:
            return None

    def plan(self, work: UnitOfWork) -> Changes:
        changes = Changes()
        for _ in range(self.dice.choice((1, 1, 2, 4))):
            self.dice.choice((self.add, self.add, self.edit, self.edit, self.remove, self.convert))(
                work, changes
            )
        return changes

    def pick(self, work: UnitOfWork, entity: str, changes: Changes) -> int | None:
        live = [
            row[0]
            for row in work.reader.rows(f'SELECT id FROM "{entity}" WHERE deleted_at IS NULL ORDER BY id')
        ]
        gone = {step.id for step in changes if type(step).__name__ == "Remove" and step.entity == entity}
        left = [id for id in live if id not in gone][-4:]
        return self.dice.choice(left) if left else None

    def add(self, work: UnitOfWork, changes: Changes, **given: Any) -> tuple[str, int]:
        entity = self.dice.choice(("lead", "account", "opportunity", "opportunity", "task"))
        id = work.ids(entity)
        if entity == "opportunity":
            changes.add(entity, id, **self.deal(), account_id=self.pick(work, "account", changes))
        elif entity == "task":
            deal = self.pick(work, "opportunity", changes)
            about = {"related_to_entity": "opportunity", "related_to_id": deal} if deal else {}
            changes.add(entity, id, subject=self.dice.choice(NAMES), due_date=date(2026, 4, 1), **about)
        else:
            changes.add(entity, id, name=self.dice.choice(NAMES))
        if self.dice.random() < 0.3:  # and changed again within the same act
            changes.edit(
                entity, id, description=self.dice.choice(("new", "newer")), custom={"region": "north"}
            )
        return entity, id

    def deal(self) -> dict[str, Any]:
        stage, probability, category = self.dice.choice(STAGES)
        return {
            "name": self.dice.choice(NAMES),
            "amount": self.dice.choice((None, 100, 250000)),
            "currency": "USD",
            "stage": stage,
            "probability": probability,
            "category": category,
            "stage_probability": probability,
            "stage_category": category,
            "is_closed": stage == "Closed Won",
            "is_won": stage == "Closed Won",
            "closed_at": date(2026, 3, 1) if stage == "Closed Won" else None,
            "stage_since": work_time(),
        }

    def edit(self, work: UnitOfWork, changes: Changes) -> None:
        entity = self.dice.choice(("lead", "account", "opportunity", "opportunity"))
        id = self.pick(work, entity, changes)
        if id is None:
            return
        if entity == "opportunity":
            values = self.deal()
            kept = self.dice.sample(sorted(values), self.dice.randint(1, 6))
            changes.edit(entity, id, **{name: values[name] for name in kept})
        else:
            changes.edit(
                entity, id, name=self.dice.choice(NAMES), description=self.dice.choice((None, "x", "y"))
            )

    def remove(self, work: UnitOfWork, changes: Changes) -> None:
        entity = self.dice.choice(("lead", "opportunity", "task"))
        id = self.pick(work, entity, changes)
        if id is not None and not any(step.id == id and step.entity == entity for step in changes):
            changes.remove(entity, id)

    def convert(self, work: UnitOfWork, changes: Changes) -> None:
        lead = self.pick(work, "lead", changes)
        if lead is None:
            return
        account, contact, deal = work.ids("account"), work.ids("contact"), work.ids("opportunity")
        changes.add("account", account, name=self.dice.choice(NAMES))
        changes.add("contact", contact, name=self.dice.choice(NAMES), account_id=account)
        changes.add("opportunity", deal, **self.deal(), account_id=account)
        changes.add(
            "contact_role", work.ids("contact_role"), opportunity_id=deal, contact_id=contact, is_primary=True
        )
        changes.edit(
            "lead", lead, converted_account_id=account, converted_contact_id=contact, converted_opp_id=deal
        )

    def undo(self, entry: int) -> int:
        before = self.versions()
        with self.work(f"undo {entry}") as work:
            take_back(work, entry)
        nothing_overwritten(before, self.versions())
        return work.entry


_hours = 0


def clock() -> int:
    global _hours
    _hours += 1
    return _hours


def work_time() -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=_hours)


def nothing_overwritten(before: dict[int, tuple[Any, ...]], after: dict[int, tuple[Any, ...]]) -> None:
    """Versions are closed once and otherwise left as they are."""
    for id, row in before.items():
        assert after[id][:-2] == row[:-2]
        assert row[-2:] in ((None, None), after[id][-2:])
        assert (after[id][-2] is None) == (after[id][-1] is None)


def acts(world: World, count: int) -> tuple[list[int], list[State]]:
    """Random acts, and the states before, between and after them."""
    entries: list[int] = []
    states = [world.state()]
    while len(entries) < count:
        before = world.versions()
        entry = world.act()
        nothing_overwritten(before, world.versions())
        if entry is not None:
            entries.append(entry)
            states.append(world.state())
    return entries, states


seeds = pytest.mark.parametrize("seed", range(int(os.environ.get("CRMCLI_TEST_SEEDS", "8"))))


@seeds
def test_undone_in_reverse_and_redone_every_state_comes_back(db_url: str, seed: int) -> None:
    world = World(db_url, random.Random(seed))
    entries, states = acts(world, 8)
    for round in range(2):
        undos = []
        for entry, state in zip(reversed(entries), reversed(states[:-1]), strict=True):
            undos.append(world.undo(entry))
            assert world.state() == state, f"undo of {entry}, round {round}"
        for undo, state in zip(reversed(undos), states[1:], strict=True):
            world.undo(undo)
            assert world.state() == state, f"redo, round {round}"


@seeds
def test_in_any_order_undo_either_refuses_or_can_be_taken_back(db_url: str, seed: int) -> None:
    dice = random.Random(1000 + seed)
    world = World(db_url, dice)
    entries, states = acts(world, 8)
    everything = list(entries)
    for _ in range(15):
        before = world.state()
        try:
            made = world.undo(dice.choice(everything))
        except Conflict:
            assert world.state() == before
            continue
        everything.append(made)
        if dice.random() < 0.3:
            everything.append(world.undo(made))
            assert world.state() == before
    for entry in reversed(everything):  # whatever was done last can always be taken back
        world.undo(entry)
    assert world.state() == states[0]


@pytest.fixture
def world(db_url: str) -> World:
    return World(db_url, random.Random(1))


def add_account(world: World, name: str) -> tuple[int, int]:
    with world.work(f"account add {name}") as work:
        id = work.ids("account")
        changes = Changes()
        changes.add("account", id, name=name)
        work.apply(changes)
    return work.entry, id


def rename(world: World, id: int, name: str) -> int:
    with world.work(f"account edit A{id} --name {name}") as work:
        changes = Changes()
        changes.edit("account", id, name=name)
        work.apply(changes)
    return work.entry


def name_of(world: World, id: int) -> str | None:
    with world.read() as reader:
        found = reader.value("SELECT name FROM account WHERE id = :id AND deleted_at IS NULL", id=id)
        return None if found is None else str(found)


def test_later_changes_are_not_lost(world: World) -> None:
    first, id = add_account(world, "Huaxin")
    second = rename(world, id, "Huaxin Technology")
    with pytest.raises(
        Conflict, match=rf"later changes would be lost, to A{id} \(entry {second}: account edit"
    ):
        world.undo(first)
    world.undo(second)
    world.undo(first)
    assert name_of(world, id) is None


def test_a_redo_does_not_overtake_an_older_act_that_was_undone_since(world: World) -> None:
    _, id = add_account(world, "A")
    first, second = rename(world, id, "B"), rename(world, id, "C")
    undo_second = world.undo(second)
    undo_first = world.undo(first)
    with pytest.raises(Conflict):
        world.undo(undo_second)
    world.undo(undo_first)
    assert name_of(world, id) == "B"
    world.undo(undo_second)
    assert name_of(world, id) == "C"


def test_what_was_undone_is_not_undone_twice(world: World) -> None:
    entry, id = add_account(world, "A")
    undo = world.undo(entry)
    with pytest.raises(Conflict, match=f"already been undone, by entry {undo}"):
        world.undo(entry)
    redo = world.undo(undo)
    assert name_of(world, id) == "A"
    again = world.undo(redo)
    assert name_of(world, id) is None
    with pytest.raises(Conflict, match=f"already been undone, by entry {again}"):
        world.undo(entry)
    with world.read() as reader, pytest.raises(NotFound, match="nothing to undo"):
        last_act(reader, "li")
    with world.read() as reader:
        assert last_undo(reader, "li") == again
    world.undo(again)
    assert name_of(world, id) == "A"


def test_a_record_that_others_belong_to_stays(world: World) -> None:
    entry, account = add_account(world, "Huaxin")
    with world.work("contact add") as work:
        changes = Changes()
        changes.add("contact", work.ids("contact"), name="Li", account_id=account)
        work.apply(changes)
    with pytest.raises(Conflict, match=f"still belongs to A{account} Huaxin"):
        world.undo(entry)
    world.undo(work.entry)
    world.undo(entry)


def test_a_record_does_not_come_back_to_one_that_has_gone(world: World) -> None:
    _, account = add_account(world, "Huaxin")
    contact = 0
    with world.work("contact add") as work:
        contact = work.ids("contact")
        changes = Changes()
        changes.add("contact", contact, name="Li", account_id=account)
        work.apply(changes)
    removals = []
    for entity, id in (("contact", contact), ("account", account)):
        with world.work(f"{entity} rm {id}") as work:
            changes = Changes()
            changes.remove(entity, id)
            work.apply(changes)
        removals.append(work.entry)
    with pytest.raises(Conflict, match="still belongs to"):
        world.undo(removals[0])
    world.undo(removals[1])
    world.undo(removals[0])


def test_a_link_may_lead_nowhere_again_where_it_did_before_the_act_was_first_done(world: World) -> None:
    changes = Changes()
    with world.work("opp and task") as work:
        deal, task = work.ids("opportunity"), work.ids("task")
        changes.add("opportunity", deal, **world.deal())
        changes.add("task", task, subject="Call", related_to_entity="opportunity", related_to_id=deal)
        work.apply(changes)
    removals = []
    for entity, id in (("opportunity", deal), ("task", task)):
        with world.work(f"{entity} rm {id}") as work:
            changes = Changes()
            changes.remove(entity, id)
            work.apply(changes)
        removals.append(work.entry)
    deal_back = world.undo(removals[0])
    task_gone = world.undo(world.undo(removals[1]))
    world.undo(deal_back)
    world.undo(task_gone)
    with world.read() as reader:
        assert reader.value("SELECT deleted_at IS NULL FROM task")
        assert reader.value("SELECT deleted_at IS NOT NULL FROM opportunity")


def test_a_name_that_was_taken_since_is_a_conflict(world: World) -> None:
    def add(name: str) -> tuple[int, int]:
        with world.work(f"user add {name}") as work:
            id = work.ids("user")
            changes = Changes()
            changes.add("user", id, name=name)
            work.apply(changes)
        return work.entry, id

    entry, _ = add("zhang")
    undo = world.undo(entry)
    add("Zhang")
    with pytest.raises(Conflict, match="there is already a record with this name"):
        world.undo(undo)


def test_settings_are_undone_one_by_one(world: World) -> None:
    with world.work("config set currency EUR") as currency:
        currency.set_setting("currency", "EUR")
    with world.work("config set timezone Asia/Shanghai") as timezone:
        timezone.set_setting("timezone", "Asia/Shanghai")
    world.undo(currency.entry)
    with world.read() as reader:
        assert reader.settings()["currency"] == "USD"
        assert reader.settings()["timezone"] == "Asia/Shanghai"


def test_an_act_of_one_deal_added_and_changed_leaves_no_version(world: World) -> None:
    with world.work("lead convert") as work:
        id = work.ids("opportunity")
        changes = Changes()
        changes.add("opportunity", id, **world.deal())
        changes.edit("opportunity", id, amount=77)
        work.apply(changes)
    world.undo(work.entry)
    with world.read() as reader:
        known = "SELECT count(*) FROM opportunity_version WHERE opportunity_id = :id AND recorded_to IS NULL"
        assert reader.value(known, id=id) == 0
    with world.work("nothing") as work, pytest.raises(NotFound):
        work.get(Opportunity, id)


# --- as a user sees it ----------------------------------------------------------------------------------


def test_undo_and_redo_say_what_they_did(crm: Crm) -> None:
    crm.ok("lead add 'Wang Wei' --company Huaxin")
    crm.ok("lead add 'Li Na'")
    undone = crm.ok("undo")
    assert undone.out == ""
    assert "Undid entry 2: lead add 'Li Na' (1 record)." in undone.err
    assert "`crm redo` brings it back." in undone.err
    assert crm.ok("lead list --format ids").lines == ["L1"]
    assert crm.ok("redo --json").json == {"entry": 4, "undone": 3, "records": 1}
    assert crm.ok("lead list --format ids").lines == ["L1", "L2"]
    assert crm.fails(3, "redo --json").error["code"] == "not_found"
    assert crm.fails(3, "undo 99").out == ""


def test_the_first_lead_can_be_undone_although_its_owner_owns_another(crm: Crm) -> None:
    crm.ok("lead add A")
    crm.ok("lead add B")
    assert crm.ok("undo 1 --json").json == {"entry": 3, "undone": 1, "records": 1}
    assert [lead["owner"] for lead in crm.ok("lead list --json").json] != [None]
    crm.ok("redo")
    assert len(crm.ok("lead list --json").json) == 2


def test_a_dry_run_undoes_nothing(crm: Crm) -> None:
    crm.ok("lead add A")
    dry = crm.ok("undo --dry-run --json")
    assert dry.json["entry"] is None
    assert dry.json["undone"] == 1
    assert "Would undo entry 1" in dry.err
    assert crm.ok("lead list --format ids").lines == ["L1"]


def test_undo_takes_only_ones_own_acts_unless_told(crm: Crm) -> None:
    crm.ok("--as li lead add A")
    crm.ok("--as li user add zhang")
    refused = crm.fails(3, "--as zhang undo")
    assert "crm undo 2" in refused.err
    crm.ok("--as zhang undo 1")


def test_processes_that_undo_at_once_undo_each_act_once(crm_process: Crm) -> None:
    for number in range(4):
        crm_process.ok("lead", "add", f"Lead {number}")
    running = [crm_process.popen("undo", "--json", stdout=-1, stderr=-1) for _ in range(6)]
    codes = sorted((process.communicate(timeout=120), process.returncode)[1] for process in running)
    assert codes == [0, 0, 0, 0, 3, 3]
    assert crm_process.ok("lead list --json").json == []
    running = [crm_process.popen("redo", stdout=-1, stderr=-1) for _ in range(6)]
    codes = sorted((process.communicate(timeout=120), process.returncode)[1] for process in running)
    assert codes == [0, 0, 0, 0, 3, 3]
    assert len(crm_process.ok("lead list --json").json) == 4


def test_undo_says_whose_newer_act_it_left_alone(crm: Crm) -> None:
    crm.ok("--as li lead add A")
    crm.ok("--as li user add zhang")
    crm.ok("--as li lead add B")
    crm.ok("--as zhang lead add C")
    said = crm.ok("--as li undo").err
    assert "Undid entry 3" in said
    assert "the newer entry 4 (lead add C), which is zhang's" in said


def test_a_record_cannot_go_while_a_task_is_about_it(crm: Crm) -> None:
    crm.ok("lead add A")
    crm.ok("task add Call --related-to L1")
    refused = crm.fails(4, "undo 1")
    assert "T1 Call still belongs to L1 A" in refused.err
    crm.ok("undo 2")
    crm.ok("undo 1")


# --- whole imports --------------------------------------------------------------------------------------


def imported(crm: Crm, folder: Path, first: int, last: int, stage: str) -> None:
    path = folder / "deals.csv"
    rows = "".join(
        f"X{n},Deal {n},{n}.50,{stage},Company {n % 50},Owner {n % 3}\n" for n in range(first, last)
    )
    path.write_text("external_id,name,amount,stage,account,owner\n" + rows)
    crm.ok("opp", "import", path, "--match", "external_id", "--create-parents")


def test_an_import_that_updates_and_creates_is_undone_and_redone(
    crm: Crm, world: World, tmp_path: Path
) -> None:
    """10,000 records each, in pages; what is left of deals, versions, index and owners is what was there."""
    count = 10_000 if DATABASE == "sqlite" else 3_000
    crm.environ["CRMCLI_USER"] = "Owner 1"
    imported(crm, tmp_path, 0, count, "Prospecting")
    before = world.state()
    imported(crm, tmp_path, 0, 2 * count, "Closed Won")
    after = world.state()
    assert len(after["opportunity"]) == 2 * count
    for _ in range(2):
        assert f"({2 * count} records)" in crm.ok("undo").err
        assert world.state() == before
        assert f"({2 * count} records)" in crm.ok("redo").err
        assert world.state() == after


def test_what_must_stay_is_named(crm: Crm, tmp_path: Path) -> None:
    crm.environ["CRMCLI_USER"] = "Owner 0"
    imported(crm, tmp_path, 0, 5, "Prospecting")
    crm.ok("lead add Wang")
    run = crm.ok("undo 1")
    assert "U1 Owner 0 stays" in run.err
    assert crm.ok("opp list --json").json == []
    assert crm.ok("user list --json").json[0]["name"] == "Owner 0"


def test_an_import_of_which_a_record_was_changed_since_stays_and_names_it(crm: Crm, tmp_path: Path) -> None:
    crm.environ["CRMCLI_USER"] = "Owner 0"
    imported(crm, tmp_path, 0, 5, "Prospecting")
    crm.ok("opp edit O3 --amount 9")
    refused = crm.fails(4, "undo 1").err
    assert "later changes would be lost, to O3 (entry 2: opp edit O3" in refused
    assert len(crm.ok("opp list --json").json) == 5


@pytest.mark.sqlite
def test_undoing_much_takes_no_more_memory_than_undoing_little(crm_process: Crm, tmp_path: Path) -> None:
    crm_process.environ["CRMCLI_USER"] = "Owner 0"

    def peak() -> int:
        process = crm_process.popen("undo", stdout=-3, stderr=-3)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return usage.ru_maxrss

    imported(crm_process, tmp_path, 0, 6_000, "Prospecting")
    imported(crm_process, tmp_path, 0, 6_000, "Qualification")
    little = peak()
    imported(crm_process, tmp_path, 0, 40_000, "Prospecting")
    imported(crm_process, tmp_path, 0, 40_000, "Qualification")
    assert peak() < little + 15_000
