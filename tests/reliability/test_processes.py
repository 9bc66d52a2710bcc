"""Many processes at once, and processes that are killed: nothing acknowledged is lost, nothing is torn."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Crm

PIPES = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}


def test_forty_processes_on_a_fresh_database_add_forty_records(crm_process: Crm) -> None:
    running = [
        crm_process.popen("lead", "add", f"Lead {number}", "--email", f"l{number}@example.org", **PIPES)
        for number in range(40)
    ]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    leads = crm_process.ok("lead", "list", "--json").json
    assert len(leads) == 40
    assert sorted(lead["id"] for lead in leads) == list(range(1, 41))
    assert {lead["name"] for lead in leads} == {f"Lead {number}" for number in range(40)}
    assert len(crm_process.ok("user", "list", "--json").json) == 1, "the first owner was made once"


@pytest.mark.sqlite
def test_a_killed_write_is_there_whole_or_not_at_all(crm_process: Crm, db_url: str) -> None:
    """A hundred writers are killed at random moments; each one that was acknowledged is there."""
    crm_process.ok("account", "add", "Acme")
    start = time.monotonic()
    crm_process.ok("account", "add", "Initech")
    takes = time.monotonic() - start  # here and now: a busy machine is slower
    chance = random.Random(7)
    acknowledged: list[str] = []
    killed = 0
    for round in range(100):
        if round >= 25 and killed > 20 and len(acknowledged) > 10:
            break
        running = [
            crm_process.popen(
                "opp", "add", f"Deal {round}-{number}", "--account", "A1", "--amount", "10k", **PIPES
            )
            for number in range(4)
        ]
        for process in running:
            time.sleep(chance.uniform(0.25, 1.1) * takes)
            process.send_signal(signal.SIGKILL)
        for process in running:
            out, _ = process.communicate(timeout=60)
            killed += process.returncode != 0
            acknowledged += str(out).split()
    assert killed > 20, "too few were killed to prove anything"
    assert len(acknowledged) > 10, "too few were acknowledged to prove anything"
    deals = {deal["ref"]: deal for deal in crm_process.ok("opp", "list", "--json").json}
    for ref in acknowledged:
        assert ref in deals, f"{ref} was acknowledged and is gone"
    path = Path(db_url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        torn = connection.execute(
            "SELECT o.id FROM opportunity o LEFT JOIN opportunity_version v ON v.opportunity_id = o.id"
            " LEFT JOIN change c ON c.entity = 'opportunity' AND c.first_id = o.id"
            " LEFT JOIN entry e ON e.id = c.entry_id WHERE v.id IS NULL OR c.id IS NULL OR e.id IS NULL"
        ).fetchall()
        assert torn == [], "a deal without its version, its change or its entry"
        empty = connection.execute(
            "SELECT id FROM entry WHERE id NOT IN (SELECT entry_id FROM change)"
        ).fetchall()
        assert empty == [], "an entry without a change"
    connection.close()
    crm_process.ok("opp", "add", "After all that", "--account", "A1")


def test_a_reader_is_not_kept_waiting_by_a_writer(crm_process: Crm, crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add 'Wang Wei' --email wei@example.org")
    file = tmp_path / "leads.csv"
    file.write_text("name,email\n" + "".join(f"Lead {n},lead{n}@example.org\n" for n in range(20_000)))
    writer = crm_process.popen("lead", "import", str(file), **PIPES)
    seen = []
    while writer.poll() is None:
        seen.append(len(crm_process.ok("lead", "list", "--format", "ids").lines))
    writer.communicate()
    assert writer.returncode == 0
    assert seen
    assert set(seen) <= {1, 20_001}, "a reader saw a half-written import"
    assert len(crm_process.ok("lead", "list", "--format", "ids").lines) == 20_001


@pytest.mark.parametrize("words", ["lead list", "lead list --json", "lead export -"])
def test_who_reads_may_stop_reading(crm_process: Crm, crm: Crm, tmp_path: Path, words: str) -> None:
    file = tmp_path / "leads.csv"
    file.write_text("name,email\n" + "".join(f"Lead {n},lead{n}@example.org\n" for n in range(5_000)))
    crm.ok("lead", "import", file)
    process = crm_process.popen(*words.split(), **PIPES)
    assert process.stdout is not None
    assert process.stdout.read(20)
    process.stdout.close()
    assert process.stderr is not None
    assert str(process.stderr.read()) == ""
    assert process.wait(60) == 141
    process.stderr.close()


def test_ctrl_c_in_an_import_writes_nothing(crm_process: Crm, crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add 'Wang Wei' --email wei@example.org")
    file = tmp_path / "leads.csv"
    file.write_text("name,email\n" + "".join(f"Lead {n},lead{n}@example.org\n" for n in range(400_000)))
    wait, code, err = 2.4, 0, ""
    while code == 0:  # where the import was quicker than the interruption, that comes sooner the next time
        wait /= 2
        writer = crm_process.popen("lead", "import", str(file), **PIPES)
        time.sleep(wait)
        writer.send_signal(signal.SIGINT)
        err = str(writer.communicate(timeout=60)[1])
        code = writer.returncode
        if code == 0:
            crm.ok("undo")
    assert code == 130
    assert "Traceback" not in err
    assert crm.ok("lead list --format ids").lines == ["L1"]


if sys.platform != "linux":  # signals and processes as they are here
    pytestmark = pytest.mark.skip(reason="is about POSIX processes")
