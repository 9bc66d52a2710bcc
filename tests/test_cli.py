"""The command line as a whole: exit codes, errors, prompts, pipes, and files that are not ours."""

import json
import os
import pty
import select
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from crmcli import __version__
from crmcli.cli import COMMANDS, root
from crmcli.commands._group import Group
from tests.conftest import Crm

# ------------------------------------------------------------------------------------ every command has help


def every_command() -> Iterator[tuple[str, Any]]:
    """The words of every command there is, and the command."""
    program: Any = get_command(root)
    ctx: Any = program.make_context("crm", [], resilient_parsing=True)
    for word, *_ in COMMANDS:
        command = program.get_command(ctx, word)
        yield word, command
        if isinstance(command, Group):
            inside = command.make_context(word, [], parent=ctx, resilient_parsing=True)
            for verb in command.list_commands(inside):
                yield f"{word} {verb}", command.get_command(inside, verb)


def test_every_command_has_help_with_an_example(crm: Crm) -> None:
    without = []
    for words, command in every_command():
        shown = crm.ok(f"{words} --help")
        assert shown.err == ""
        assert shown.out.startswith(f"Usage: crm {words}")
        assert command.help
        # These are no words but stand for one: crm import DIR, crm report NAME.
        typed = words.removesuffix(" DIR").removesuffix(" NAME")
        if not isinstance(command, Group) and f"crm {typed}" not in (command.epilog or ""):
            without.append(words)
    assert without == []


def test_every_noun_has_the_verbs_of_every_noun() -> None:
    words = {words for words, _ in every_command()}
    for noun in ("lead", "account", "contact", "opp", "task"):
        assert {
            f"{noun} {verb}" for verb in ("add", "list", "show", "edit", "rm", "import", "export")
        } <= words


def test_the_version_is_printed(crm: Crm, crm_process: Crm) -> None:
    assert crm.ok("--version").out == f"crm {__version__}\n"
    assert crm_process.ok("--version").out == f"crm {__version__}\n"


def test_without_a_command_the_commands_are_listed(crm: Crm) -> None:
    assert "pipeline" in crm.ok().out
    assert "convert" in crm.ok("lead").out


# ------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        ("leed list", 2, "invalid_value"),
        ("lead lsit", 2, "invalid_value"),
        ("lead list --sotr name", 2, "invalid_value"),
        ("lead list --format yaml", 2, "invalid_value"),
        ("lead show", 2, "invalid_value"),
        ("lead add", 2, "invalid_value"),
        ("lead list --limit many", 2, "invalid_value"),
        ("opp list amuont>5", 2, "invalid_value"),
        ("opp list amount>1e3", 2, "invalid_value"),
        ("opp add X --amount 1.234", 2, "invalid_value"),
        ("opp add X --close-date 3/4/2026", 2, "invalid_value"),
        ("lead add X --set nonsense=1", 2, "invalid_value"),
        ("lead rm L1", 2, "invalid_value"),
        ("lead show L99", 3, "not_found"),
        ("lead show Nobody", 3, "not_found"),
        ("undo 99", 3, "not_found"),
        ("lead show Twin", 4, "conflict"),
        ("config set currency XXY", 2, "invalid_value"),
        ("schema leed", 2, "invalid_value"),
        ("--color sometimes lead list", 2, "invalid_value"),
    ],
)
def test_an_error_is_one_object_on_stderr_and_nothing_on_stdout(
    crm: Crm, words: str, code: int, name: str
) -> None:
    crm.ok("lead add Twin")
    crm.ok("lead add Twin")
    refused = crm.fails(code, *words.split(), "--json")
    assert refused.out == ""
    assert refused.error["code"] == name
    assert set(refused.error) == {"code", "message", "hint", "field"}
    assert len(refused.err.splitlines()) == 1
    plain = crm.fails(code, *words.split())
    assert plain.out == ""
    assert plain.err.startswith("Error: ")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("leed list", "lead"),
        ("foercast", "forecast"),
        ("lead lst", "list"),
        ("lead list --sotr name", "--sort"),
        ("lead add X --compnay Y", "--company"),
        ("lead list --format jsn", "json"),
        ("lead list compnay:x", "company"),
        ("config get curency", "currency"),
    ],
)
def test_a_typing_slip_gets_a_suggestion(crm: Crm, words: str, meant: str) -> None:
    crm.ok("init")
    assert meant in crm.fails(2, words).err


def test_quiet_keeps_back_words_but_not_errors(crm: Crm) -> None:
    done = crm.ok("-q lead add 'Wang Wei'")
    assert (done.out, done.err) == ("L1\n", "")
    assert crm.fails(3, "-q lead show L9").err.startswith("Error: ")


def test_no_escape_code_gets_into_a_pipe_unless_it_is_asked_for(crm: Crm) -> None:
    crm.ok("lead add 'Wang Wei'")
    assert "\x1b" not in crm.ok("lead list --format table", env={"TERM": "xterm-256color"}).out
    assert "\x1b" in crm.ok("--color always lead list --format table", env={"TERM": "xterm-256color"}).out


def test_what_is_missing_is_named_all_at_once_in_a_pipe(crm: Crm) -> None:
    assert crm.fails(2, "lead add").err.startswith("Error: Missing: name.")
    refused = crm.fails(2, "log call") if "log call" in {words for words, _ in every_command()} else None
    assert refused is None or refused.out == ""


# ---------------------------------------------------------------------------------------- pipes and terminals


def test_a_reader_that_leaves_early_hears_no_traceback(crm_process: Crm) -> None:
    for number in range(3):
        crm_process.ok("lead", "add", f"Lead {number}")
    process = crm_process.popen("help", "dates", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 141
    assert b"Traceback" not in told
    assert b"Exception ignored" not in told


def shell(crm: Crm, command: str) -> subprocess.CompletedProcess[str]:
    """Run `crm …` through a shell, with whatever it does to the streams."""
    program = f'crm() {{ {shlex.quote(sys.executable)} -m crmcli "$@"; }}; {command}'
    return subprocess.run(
        ["/bin/sh", "-c", program], env=crm.environ, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("crm lead add B --company Acme >&-", 0),
        ("crm lead add B --company Acme 2>&-", 0),
        ("crm lead add B --company Acme <&- >&- 2>&-", 0),
        ("crm forecast >&-", 0),
        ("crm lead import - <&-", 2),
        ("crm lead add <&-", 2),
    ],
)
def test_a_closed_stream_is_one_that_nobody_reads(crm_process: Crm, command: str, code: int) -> None:
    crm_process.ok("lead add A --company Acme")
    done = shell(crm_process, command)
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    names = crm_process.ok("lead list --fields name --sort name --format csv").lines[1:]
    assert names == (["A", "B"] if "add B" in command else ["A"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_an_error_that_cannot_be_told_keeps_its_exit_code(crm_process: Crm) -> None:
    crm_process.ok("init")
    assert shell(crm_process, "crm lead show L9 2>/dev/full").returncode == 3
    assert shell(crm_process, "crm lead nonsense 2>/dev/full").returncode == 2


def test_data_comes_although_nobody_can_be_told(crm_process: Crm) -> None:
    crm_process.ok("lead add A --company Acme")
    assert [row["name"] for row in json.loads(shell(crm_process, "crm lead list --json 2>&-").stdout)] == [
        "A"
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command", ["lead list", "lead list --json", "lead export -", "forecast", "lead add B --company Acme"]
)
def test_output_that_cannot_be_written_is_one_sentence(crm_process: Crm, command: str) -> None:
    crm_process.ok("lead add A --company Acme")
    done = shell(crm_process, f"crm {command} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.count("The output could not be written: No space left on device") == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert ("what was asked for is done" in done.stderr) == ("add" in command)


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, crm: Crm, *words: str) -> None:
        self.master, slave = pty.openpty()
        environ = crm.environ | {"TERM": "xterm", "COLUMNS": "80"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "crmcli", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
            preexec_fn=lambda: control_terminal(),
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} never came: {self.seen}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    part = os.read(self.master, 65536)
                except OSError:
                    part = b""
                assert part or text in self.seen, f"{text!r} never came: {self.seen}"
                self.seen += part.decode(errors="replace")
                if "\x1b[6n" in self.seen:  # it asks where the cursor is
                    self.seen = self.seen.replace("\x1b[6n", "")
                    self.type("\x1b[1;1R")

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        deadline = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError:
                    break
        code = self.process.wait(30)
        os.close(self.master)
        return code


def control_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_breaking_off_at_a_question_writes_nothing(crm_process: Crm, key: str) -> None:
    crm_process.ok("init")
    terminal = Terminal(crm_process, "lead", "add")
    terminal.wait_for("Name")
    time.sleep(0.3)
    terminal.type(key)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    assert crm_process.ok("lead list --json").json == []
    assert crm_process.ok("history --json").json == []


def test_a_question_can_be_answered_no(crm_process: Crm) -> None:
    crm_process.ok("lead add 'Wang Wei'")
    terminal = Terminal(crm_process, "lead", "rm", "L1")
    terminal.wait_for("Delete L1 Wang Wei?")
    time.sleep(0.3)
    terminal.type("n")
    assert terminal.end() == 0, "a no is an answer, not a failure"
    assert "Nothing was done." in terminal.seen
    assert crm_process.ok("lead list --format ids").lines == ["L1"]


def test_who_changes_several_at_once_is_asked_on_a_terminal(crm_process: Crm) -> None:
    crm_process.ok("user add Li --email li@example.org")
    for name in "ABC":
        crm_process.ok(f"lead add {name} --company Acme")
    refused = Terminal(crm_process, *"lead assign L1 L2 L3 --to Li".split())
    refused.wait_for("Give 3 leads to Li?")
    refused.type("n")
    assert refused.end() == 0
    assert crm_process.ok("lead list owner=Li --json").json == []
    for words in ("L1 L2 --to Li", "L1 L2 L3 --to Li --yes"):
        assert Terminal(crm_process, *f"lead assign {words}".split()).end() == 0
    assert len(crm_process.ok("lead list owner=Li --json").json) == 3
    crm_process.ok("lead assign L1 L2 L3 --to me")


def test_no_input_asks_nothing_even_on_a_terminal(crm_process: Crm) -> None:
    terminal = Terminal(crm_process, "--no-input", "lead", "add")
    assert terminal.end() == 2
    assert "Missing: name." in terminal.seen


def test_an_interrupt_of_a_waiting_write_is_130(crm_process: Crm, tmp_path: Path) -> None:
    if not crm_process.environ["CRMCLI_DB"].startswith("sqlite"):
        pytest.skip("is about the lock of a file")
    crm_process.ok("lead add A")
    holder = sqlite3.connect(tmp_path / "crm.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = crm_process.popen("lead", "add", "B", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    holder.execute("ROLLBACK")
    holder.close()
    _, err = process.communicate(timeout=60)
    # The signal is heard when SQLite lets go; either it came in time or the write was acknowledged.
    assert process.returncode in (0, 130)
    assert b"Traceback" not in err
    assert len(crm_process.ok("lead list --json").json) == (2 if process.returncode == 0 else 1)


# ---------------------------------------------------------------------------------- files that are not ours


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"-"
        for path in sorted(folder.rglob("*"))
    }


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE songs (title TEXT)")
        other.execute("INSERT INTO songs VALUES ('Yesterday')")
    other.close()


def newer(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA application_id=0x43524D43")
        other.execute("PRAGMA user_version=999")
        other.execute("CREATE TABLE setting (name TEXT, value TEXT)")
    other.close()


STRANGERS: dict[str, Callable[[Path], object]] = {
    "another program's": foreign,
    "a newer schema": newer,
    "text": lambda path: path.write_text("Dear diary,\n" * 200),
    "short text": lambda path: path.write_text("hi"),
    "a directory": lambda path: path.mkdir(),
    "a dangling link": lambda path: path.symlink_to(path.parent / "nowhere.db"),
}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "words", ["lead list", "lead add A", "undo", "doctor", "init", "config set currency EUR"]
)
@pytest.mark.parametrize("kind", STRANGERS)
def test_a_file_that_is_not_ours_is_left_as_it_is(crm: Crm, tmp_path: Path, kind: str, words: str) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    path = folder / "theirs.db"
    STRANGERS[kind](path)
    before = snapshot(folder)
    refused = crm.fails(6, "--db", path, *words.split())
    assert refused.out == ""
    assert len([line for line in refused.err.splitlines() if line.startswith("Error: ")]) == 1
    assert len(refused.err.splitlines()) <= 2
    assert snapshot(folder) == before
    assert json.loads(crm.fails(6, "--db", path, *words.split(), "--json").err)["error"]["code"] == "database"


@pytest.mark.sqlite
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_a_read_only_file_can_be_read_and_refuses_to_be_written(crm: Crm, tmp_path: Path) -> None:
    crm.ok("lead add A")
    (tmp_path / "crm.db").chmod(0o400)
    assert crm.ok("lead list --format ids").lines == ["L1"]
    assert "read-only" in crm.fails(6, "lead add B").err


@pytest.mark.sqlite
def test_a_missing_database_that_was_named_is_an_error_and_nothing_is_made(crm: Crm, tmp_path: Path) -> None:
    for words in ("lead list", "pipeline", "history", "doctor", "config list"):
        assert "crm init" in crm.fails(6, "--db", tmp_path / "none" / "x.db", *words.split()).err
    assert not (tmp_path / "none").exists()


@pytest.mark.sqlite
def test_without_a_database_of_ones_own_lists_are_empty_and_nothing_is_made(crm: Crm, home: Path) -> None:
    crm.environ.pop("CRMCLI_DB")
    assert crm.ok("lead list --json").json == []
    assert crm.ok("history --json").json == []
    crm.ok("doctor")
    crm.ok("config list")
    crm.ok("schema --json")
    assert list(home.rglob("*")) == []
    crm.ok("lead add A")
    assert (home / ".local" / "share" / "crmcli" / "crm.db").exists()


@pytest.mark.sqlite
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_what_is_made(crm_process: Crm, home: Path, umask: int) -> None:
    crm_process.environ.pop("CRMCLI_DB")
    old = os.umask(umask)
    try:
        crm_process.ok("lead add A")
        folder = home / ".local" / "share" / "crmcli"
        keeper = sqlite3.connect(folder / "crm.db")  # keeps -wal and -shm from being tidied away
        keeper.execute("SELECT count(*) FROM lead").fetchone()
        crm_process.ok("lead add B")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        keeper.close()
    finally:
        os.umask(old)
    assert modes == {"crm.db": 0o600, "crm.db-wal": 0o600, "crm.db-shm": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
