"""Imports that are killed, and imports that find no room: all of a file is there, or nothing of it."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Crm

pytestmark = pytest.mark.sqlite
KILLS = int(os.environ.get("CRMCLI_KILLS", "6"))
ROWS = 50_000
PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def leads(path: Path, count: int) -> Path:
    """A file of leads, long enough to be read by a process of its own."""
    with path.open("w") as file:
        file.write("name,company,email,phone,city,description\n")
        for n in range(count):
            file.write(f"Lead {n},Company {n % 997},lead{n}@example.org,+49 30 {n:07d},Köln,Stand {n % 50}\n")
    return path


def held(database: Path) -> tuple[int, int, int]:
    """How many leads, entries of imports and documents of the search index a database holds, whole and sound."""
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        counts = [
            connection.execute(sql).fetchone()[0]
            for sql in (
                "SELECT count(*) FROM lead",
                "SELECT count(*) FROM entry WHERE source = 'import'",
                "SELECT count(*) FROM search WHERE rowid % 64 = 1",
            )
        ]
    connection.close()
    return (counts[0], counts[1], counts[2])


def children_of(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:  # it has ended just now, or the kernel does not tell
        return []


@pytest.mark.skipif(sys.platform != "linux", reason="is about POSIX processes")
def test_an_import_that_is_killed_has_not_happened(crm_process: Crm, db_url: str, tmp_path: Path) -> None:
    """Killed at random moments of it; the next one finds nothing of it and brings everything."""
    database = Path(db_url.removeprefix("sqlite:///"))
    file = leads(tmp_path / "leads.csv", ROWS)
    takes = in_peace(crm_process, file, database)
    chance, killed = random.Random(11), 0
    for _ in range(KILLS):
        process = crm_process.popen("lead", "import", str(file), "--match", "email", **PIPES)
        time.sleep(chance.uniform(0.1, 0.95) * takes)
        readers = children_of(process.pid) if process.poll() is None else []
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        if process.returncode == 0:  # the machine has become quicker
            takes = min(takes, in_peace(crm_process, file, database))
            continue
        killed += 1
        assert held(database) in {(0, 0, 0), (ROWS, 1, ROWS)}
        assert gone(readers), "the process that read the file outlived the import"
    assert killed, "none was killed: nothing is proved"
    crm_process.ok("lead", "import", file, "--match", "email")
    assert held(database) == (ROWS, 1, ROWS)


def in_peace(crm: Crm, file: Path, database: Path) -> float:
    """The seconds that the import takes where nobody kills it; the database is a new one before and after."""
    forget(database)
    crm.ok("init")
    start = time.monotonic()
    crm.ok("lead", "import", file, "--match", "email")
    seconds = time.monotonic() - start
    assert held(database) == (ROWS, 1, ROWS)
    forget(database)
    crm.ok("init")
    return seconds


def forget(database: Path) -> None:
    """Remove a database with what may stand beside it."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)


def gone(processes: list[int]) -> bool:
    """Whether processes end within half a minute."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(map(runs, processes)):
            return True
        time.sleep(0.05)
    return False


def runs(process: int) -> bool:
    """Whether a process is there and has not ended: nobody may have asked yet how it did."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of six megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=False)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
def test_a_full_disk_is_one_sentence_and_nothing_is_changed(
    crm_process: Crm, small_disk: Path, tmp_path: Path
) -> None:
    database = small_disk / "crm.db"
    file = leads(tmp_path / "leads.csv", ROWS)
    crm_process.ok("--db", database, "lead", "add", "Wang Wei")
    before = crm_process.ok("--db", database, "lead", "list", "--json").json
    done = crm_process.fails(6, "--db", database, "lead", "import", file, "--match", "email")
    assert "Traceback" not in done.err
    assert "full" in done.err.lower()
    assert crm_process.ok("--db", database, "lead", "list", "--json").json == before
    crm_process.ok("--db", database, "lead", "add", "Still works")
    assert crm_process.ok("--db", database, "doctor").code == 0
