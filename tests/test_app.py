"""The outside world of a run: clock, zone, who acts, and when a database is made or upgraded."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection

from crmcli.store import engine, migrations, schema
from crmcli.store.reader import open_reader
from tests.conftest import Crm


def file_of(db_url: str) -> Path:
    return Path(db_url.removeprefix("sqlite:///"))


@pytest.mark.sqlite
def test_an_older_database_is_upgraded_after_a_backup(
    crm: Crm, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it will be with the first migration: both doors bring the schema up to date, once."""
    crm.ok("lead add 'Wang Wei' --email wei@example.org")

    def add_a_table(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE novelty (id INTEGER PRIMARY KEY)")

    newer = engine.SCHEMA_VERSION + 1
    for module in ("engine", "schema", "reader"):
        monkeypatch.setattr(f"crmcli.store.{module}.SCHEMA_VERSION", newer)
    monkeypatch.setattr(schema, "MIGRATIONS", (*migrations.MIGRATIONS, (newer, add_a_table)))
    assert crm.ok("lead list --format ids").lines == ["L1"], "reading upgrades"
    crm.ok("lead edit L1 --company Huaxin")
    with sqlite3.connect(file_of(db_url)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newer,)
        assert connection.execute("SELECT count(*) FROM novelty").fetchone() == (0,)
    connection.close()
    backups = list((file_of(db_url).parent / "backups").glob("*.db"))
    assert len(backups) == 1, "one backup, of the state before"
    with sqlite3.connect(backups[0]) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newer - 1,)
        assert connection.execute("SELECT name FROM lead").fetchone() == ("Wang Wei",)
    connection.close()


@pytest.mark.sqlite
def test_a_migration_that_fails_leaves_the_database_as_it_was(
    crm: Crm, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.ok("lead add 'Wang Wei'")

    def fail_half_way(connection: Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE novelty (id INTEGER PRIMARY KEY)")
        connection.exec_driver_sql("CREATE TABLE lead (id INTEGER)")

    newer = engine.SCHEMA_VERSION + 1
    for module in ("engine", "schema", "reader"):
        monkeypatch.setattr(f"crmcli.store.{module}.SCHEMA_VERSION", newer)
    monkeypatch.setattr(schema, "MIGRATIONS", (*migrations.MIGRATIONS, (newer, fail_half_way)))
    crm.fails(6, "lead list")
    with sqlite3.connect(file_of(db_url)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (newer - 1,)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'novelty'").fetchone() == (
            0,
        )
    connection.close()


@pytest.mark.sqlite
def test_only_what_makes_something_makes_a_database(crm: Crm, db_url: str) -> None:
    for command in ("lead edit L1 --name Z", "undo", "task done T1", "opp win O1", "lead rm L1 --yes"):
        crm.fails(6, command)
    assert not file_of(db_url).exists()
    assert "Made the database" in crm.ok("lead add 'Wang Wei'").err
    assert "Made the database" not in crm.ok("lead add 'Li Na'").err


def test_who_is_named_must_be_known(crm: Crm) -> None:
    crm.ok("--as mia lead add 'Wang Wei'")
    assert "There is no user 'mai'" in crm.fails(3, "--as mai lead add 'Li Na'").err
    assert [user["name"] for user in crm.ok("user list --json").json] == ["mia"]
    assert crm.ok("--as MIA lead list owner:me --format ids").lines == ["L1"], "me is me however I am spelt"


@pytest.mark.postgresql
def test_a_command_that_reads_and_writes_connects_to_a_server_once(crm: Crm, db_url: str) -> None:
    connected: list[object] = []
    event.listen(engine.engine_of(engine.target_of(db_url)), "connect", lambda *each: connected.append(each))
    for number, words in enumerate(("lead add 'Wang Wei'", "lead edit L1 --city Bonn", "lead list"), 1):
        crm.ok(words)
        assert len(connected) == number, words


@pytest.mark.postgresql
def test_a_connection_that_died_while_somebody_thought_is_made_anew(crm: Crm, db_url: str) -> None:
    import psycopg

    reader = open_reader(engine.target_of(db_url))
    ours = reader.value("SELECT pg_backend_pid()")
    reader.release()
    with psycopg.connect(db_url.replace("+psycopg", ""), autocommit=True) as killer:
        while killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s", [ours]
        ).fetchall():
            pass
    crm.ok("lead add 'Wang Wei'")
    assert crm.ok("lead list --format ids").lines == ["L1"]


def test_the_journal_keeps_no_root_options(crm: Crm, db_url: str) -> None:
    crm.ok("--db", db_url, "--as", "mia", "lead", "add", "Wang Wei")
    assert crm.ok("history --json").json[0]["command"] == "lead add 'Wang Wei'"


def test_a_password_is_never_shown() -> None:
    target = engine.target_of("postgresql://bob:s3cret@db.example/crm?password=s3cret&sslmode=require")
    assert "s3cret" not in target.shown
    assert "bob" in target.shown


@pytest.mark.parametrize("zone", ["CET-1CEST", ":/usr/share/zoneinfo/Europe/Berlin", "Europe/Berlin", "UTC0"])
def test_any_form_of_tz_will_do(crm: Crm, zone: str) -> None:
    crm.ok("lead add 'Wang Wei'")
    assert crm.ok("lead list --format ids", env={"TZ": zone}).lines == ["L1"]


def test_a_zone_this_machine_does_not_know_can_be_mended(crm: Crm, db_url: str) -> None:
    crm.ok("config set timezone Europe/Berlin")
    if db_url.startswith("sqlite"):
        with sqlite3.connect(file_of(db_url)) as connection:
            connection.execute("UPDATE setting SET value = 'Mars/Olympus' WHERE name = 'timezone'")
        connection.close()
        assert "'Mars/Olympus' is not a time zone" in crm.ok("lead list").err
        crm.ok("config set timezone none")
    assert crm.ok("lead list").err == "" or not db_url.startswith("sqlite")


@pytest.mark.sqlite
def test_damage_met_in_the_middle_of_a_list_ends_it_in_words(crm: Crm, db_url: str, tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("name,description\n" + "".join(f"Lead {n},{'x' * 500}\n" for n in range(2_000)))
    crm.ok("lead", "import", file)
    path = file_of(db_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'lead'").fetchone()[0]
    connection.close()
    size = path.stat().st_size
    with path.open("r+b") as raw:
        raw.seek(root * 4096 + (size - root * 4096) // 3 // 4096 * 4096)
        raw.write(b"\xff" * 4096 * 40)
    assert "damaged" in crm.fails(6, "lead list --format jsonl").err


def test_the_end_of_a_quarter_is_the_fiscal_one(crm: Crm) -> None:
    crm.ok("config set fiscal_year_start 2")
    due = crm.ok("task add Report --due-date eoq --json", today="2026-11-21").json["due_date"]
    assert due == "2027-01-31"


@pytest.mark.parametrize(
    "command",
    [
        "forecast --owner ''",
        "forecast --period ''",
        "opp list --fields ''",
        "opp add Deal --close-date ''",
        "--as '' today",
    ],
)
def test_a_blank_value_is_refused_not_ignored(crm: Crm, command: str) -> None:
    crm.ok("lead add 'Wang Wei'")
    assert "is blank" in crm.fails(2, command).err


def test_a_text_is_cleared_by_a_blank(crm: Crm) -> None:
    crm.ok("lead add 'Wang Wei' --company Huaxin")
    assert crm.ok("lead edit L1 --company '' --json").json["company"] is None


def test_what_is_no_text_is_refused_in_words(crm_process: Crm) -> None:
    assert "not valid text" in crm_process.fails(2, "lead", "add", "Wei \udcff").err


@pytest.mark.sqlite
def test_a_newer_database_is_left_without_a_trace(crm: Crm, db_url: str) -> None:
    crm.ok("init")
    path = file_of(db_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = sorted(path.parent.iterdir())
    crm.fails(6, "lead list")
    assert sorted(path.parent.iterdir()) == before


def test_entries_are_the_ids_of_the_history(crm: Crm) -> None:
    crm.ok("lead add A")
    crm.ok("lead add B")
    assert crm.ok("history --format ids").lines == ["2", "1"]
