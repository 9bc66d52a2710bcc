"""A database that an older crmcli made: a write brings it up to date, after a backup; it is as good as new."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from crmcli.store.engine import APPLICATION_ID, SCHEMA_VERSION, engine_of, target_of
from crmcli.store.migrations import MIGRATIONS
from crmcli.store.schema import bring_up_to_date, set_version, version_of
from tests.conftest import DATABASE, Crm

SCHEMA_1 = Path(__file__).parent / "schema_1"  # what version 1 of the schema was, as it was released
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def statements() -> Iterator[str]:
    for name in (f"{DATABASE}.sql", "rows.sql"):
        yield from (SCHEMA_1 / name).read_text("utf-8").split(";\n")


def make_schema_1(url: str) -> None:
    target = target_of(url)
    engine = engine_of(target)
    with engine.begin() as connection:
        for statement in statements():
            if statement.strip():
                connection.exec_driver_sql(
                    statement.replace("%", "%%") if DATABASE != "sqlite" else statement
                )
        if DATABASE == "sqlite":
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
            connection.exec_driver_sql("PRAGMA user_version=1")
        else:
            connection.exec_driver_sql("INSERT INTO setting (name, value) VALUES ('schema_version', '1')")
    engine.dispose()


def described(connection: Connection) -> dict[str, Any]:
    """All that a schema is made of, and the rows that come with it."""
    found: dict[str, Any] = {"version": version_of(connection)}
    inspector = inspect(connection)
    for table in sorted(inspector.get_table_names()):
        if table.startswith("search"):
            continue
        found[table] = {
            "columns": sorted(
                (each["name"], str(each["type"]), each["nullable"], str(each["default"]))
                for each in inspector.get_columns(table)
            ),
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "links": sorted(
                (each["constrained_columns"], each["referred_table"], each["referred_columns"])
                for each in inspector.get_foreign_keys(table)
            ),
        }
    indexes = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1"
        if DATABASE == "sqlite"
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    )
    found["indexes"] = {name: " ".join(sql.split()) for name, sql in connection.execute(text(indexes))}
    for table in ("field", "sequence", "setting"):
        rows = connection.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2"))
        found[f"rows of {table}"] = [tuple(row) for row in rows]
    return found


def make_schema(url: str, version: int) -> None:
    make_schema_1(url)
    engine = engine_of(target_of(url))
    with engine.begin() as connection:
        for number, migrate in MIGRATIONS:
            if number <= version:
                migrate(connection)
        set_version(connection, version)
    engine.dispose()


def migrated_and_new(url: str, version: int, other: str) -> tuple[dict[str, Any], dict[str, Any]]:
    make_schema(url, version)
    both = []
    for each in (url, other):
        engine = engine_of(target_of(each))
        with engine.begin() as connection:
            bring_up_to_date(connection, NOW)
            both.append(described(connection))
        engine.dispose()
    return both[0], both[1]


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_migrated_database_is_as_good_as_new(
    empty_db_url: str, version: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    other = f"sqlite:///{tmp_path / 'new.db'}" if DATABASE == "sqlite" else request.getfixturevalue("db_url")
    migrated, new = migrated_and_new(empty_db_url, version, other)
    assert migrated["version"] == SCHEMA_VERSION
    assert migrated == new


def test_migrations_are_numbered_up_to_the_schema_the_program_knows() -> None:
    numbers = [number for number, _ in MIGRATIONS]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(2, SCHEMA_VERSION + 1))


@pytest.mark.sqlite
def test_a_command_brings_an_older_file_up_to_date_and_keeps_a_copy(crm: Crm, tmp_path: Path) -> None:
    make_schema_1(crm.environ["CRMCLI_DB"])
    assert crm.ok("stage list --json").json[0]["name"] == "Prospecting"
    copies = list((tmp_path / "backups").glob("*.db"))
    assert len(copies) == 1
    with sqlite3.connect(copies[0]) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    crm.ok("rate set EUR 1.08 --from 2026-07-01")
    assert crm.ok("rate list --json").json[0]["rate"] == "1.08"
    assert len(list((tmp_path / "backups").glob("*.db"))) == 1
    crm.ok("doctor --fix")
