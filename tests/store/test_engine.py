"""Connections: what is refused, and what another process may be doing meanwhile."""

import sqlite3
from pathlib import Path

import pytest

from crmcli.errors import DatabaseError
from crmcli.store.engine import APPLICATION_ID, check_header

pytestmark = pytest.mark.sqlite


def test_a_file_that_is_being_set_up_is_not_taken_for_another_programs(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    setting_up = sqlite3.connect(path, isolation_level=None)
    setting_up.execute("PRAGMA journal_mode=WAL")
    setting_up.execute("BEGIN IMMEDIATE")
    setting_up.execute("CREATE TABLE lead (id INTEGER PRIMARY KEY)")
    setting_up.execute(f"PRAGMA application_id={APPLICATION_ID}")
    setting_up.execute("PRAGMA user_version=1")

    def finish(statement: str) -> None:
        if "user_version" in statement:  # after the application's id was read, before anything else is
            setting_up.execute("COMMIT")
            opened.set_trace_callback(None)

    opened = sqlite3.connect(path, isolation_level=None)
    opened.set_trace_callback(finish)
    assert check_header(opened, path) == 0
    assert not setting_up.in_transaction, "the other process has finished meanwhile"
    assert check_header(opened, path) == 1
    opened.close()
    setting_up.close()


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "songs.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE song (id INTEGER PRIMARY KEY)")
    with pytest.raises(DatabaseError, match="another program"):
        check_header(connection, path)
    connection.close()
