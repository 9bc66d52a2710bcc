"""What every test can ask for: a database, the program in this process or in its own, and golden files."""

import gc
import io
import itertools
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

import crmcli
from tests import postgres

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

# ------------------------------------------------------------------------------ which database the run is for

SOURCE = str(Path(crmcli.__file__).parents[1])
DATABASE = os.environ.get("CRMCLI_TEST_DB", "sqlite")
SERVER = pytest.StashKey[postgres.Server]()
WHY_NOT = pytest.StashKey[str]()
RUNNING = pytest.StashKey[ExitStack]()
ELSEWHERE = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write tests/golden anew instead of comparing with it"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the server, once: workers are told of it by the process that started them."""
    if DATABASE not in ("sqlite", "postgresql"):
        raise pytest.UsageError(f"CRMCLI_TEST_DB is sqlite or postgresql, not {DATABASE!r}")
    os.environ["PYTHONPATH"] = SOURCE  # a process that a test starts imports what the test does
    os.environ["TZ"] = "UTC"
    time.tzset()
    if "TMPDIR" not in os.environ and (memory := postgres.roomy_memory()):
        tempfile.tempdir = str(memory)  # where no commit waits for a disk; no test pulls the plug
    if DATABASE == "sqlite" or config.option.collectonly:
        return
    told: dict[str, str] | None = getattr(config, "workerinput", None)
    if told is None:
        config.stash[RUNNING] = running = ExitStack()
        try:
            server = running.enter_context(postgres.serving(os.environ.get("CRMCLI_TEST_PG_URL")))
            config.stash[SERVER] = postgres.with_template(server)
        except postgres.Unavailable as why:
            config.stash[WHY_NOT] = str(why)
        except postgres.BrokenSchema as why:
            running.close()
            raise pytest.UsageError(str(why)) from None
        except BaseException:
            running.close()
            raise
    elif "pg_url" in told:
        config.stash[SERVER] = postgres.Server(told["pg_url"], told["pg_token"], told["pg_template"])
    else:
        config.stash[WHY_NOT] = told["pg_why_not"]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker (of pytest-xdist) where the server is."""
    stash = node.config.stash
    if SERVER in stash:
        server = stash[SERVER]
        node.workerinput |= {
            "pg_url": server.url,
            "pg_token": server.token,
            "pg_template": server.template,
        }
    elif WHY_NOT in stash:
        node.workerinput["pg_why_not"] = stash[WHY_NOT]


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVER in config.stash:
        config.stash[SERVER].close()
    if RUNNING in config.stash:
        config.stash[RUNNING].close()


def pytest_report_header(config: pytest.Config) -> str:
    if SERVER in config.stash:
        return f"database: PostgreSQL {config.stash[SERVER].version()}"
    if WHY_NOT in config.stash:
        return f"database: none, because {config.stash[WHY_NOT]}"
    return f"database: SQLite {sqlite3.sqlite_version}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if DATABASE != "sqlite":  # what asks for no database of the run does there what it does on SQLite
        kept = [item for item in items if uses_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if not uses_database(item)])
        config.stash[ELSEWHERE] = len(items) - len(kept)
        items[:] = kept
    for item in items:
        for name in ("sqlite", "postgresql"):
            if name != DATABASE and item.get_closest_marker(name):
                item.add_marker(pytest.mark.skip(reason=f"is about {name}; this run is on {DATABASE}"))


def pytest_collection_finish() -> None:
    """Do not look for garbage among what stays to the end; the program itself does not look at all."""
    gc.freeze()
    gc.set_threshold(50_000)


def uses_database(item: pytest.Item) -> bool:
    """Whether a test asks for a database of the run, itself or through fixtures, or is about one."""
    asked: list[str] = getattr(item, "fixturenames", [])
    return bool({"db_url", "empty_db_url"} & {*asked}) or item.get_closest_marker(DATABASE) is not None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell the process that started this worker (of pytest-xdist) what was left out."""
    told: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["elsewhere"] = session.config.stash.get(ELSEWHERE, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker leaves out the same."""
    node.config.stash[ELSEWHERE] = getattr(node, "workeroutput", {}).get("elsewhere", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out or skipped, and why, however quiet the run."""
    if count := config.stash.get(ELSEWHERE, 0):
        terminalreporter.write_line(f"left out {count}: use no database, and are run on SQLite")
    reasons: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[why.removeprefix("Skipped: ")] += 1
    for why, count in reasons.most_common():
        terminalreporter.write_line(f"skipped {count}: {why}")


_number = itertools.count(1)


def _database(config: pytest.Config, folder: Path, template: str | None) -> Iterator[str]:
    if DATABASE == "sqlite":
        yield f"sqlite:///{folder / 'crm.db'}"
        return
    if SERVER not in config.stash:
        pytest.skip(f"PostgreSQL: {config.stash[WHY_NOT]}")
    server = config.stash[SERVER]
    name = f"{server.token}_{os.getpid()}_{next(_number)}"
    try:
        yield server.create(name, template or server.template)
    finally:
        server.drop(name)


@pytest.fixture
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that only this test uses; its file is not there yet, its tables may be."""
    yield from _database(request.config, tmp_path, None)


@pytest.fixture
def empty_db_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any tables, for the tests that make them."""
    yield from _database(request.config, tmp_path, postgres.EMPTY)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home of the test's own, so that no test can reach the CRM of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(("CRMCLI_", "XDG_")) and not name.startswith("CRMCLI_TEST_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


# ---------------------------------------------------------------------------------------------- the program


@dataclass(frozen=True)
class Run:
    """What one command did."""

    argv: list[str]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error that `--json` put on stderr: code, message, hint, field."""
        return json.loads(self.err)["error"]

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def __str__(self) -> str:
        return f"crm {shlex.join(self.argv)}\nexit code {self.code}\nstdout:\n{self.out}\nstderr:\n{self.err}"


class Start(Protocol):
    def __call__(self, argv: list[str], stdin: bytes, environ: Mapping[str, str]) -> Run: ...


@dataclass
class Crm:
    """Runs the program: `crm("lead add 'Wang Wei' --json")`, or `crm("lead", "add", name)`.

    `today` and `env` hold for every command that does not say otherwise.
    """

    start: Start
    environ: dict[str, str]
    today: str | None = None
    env: dict[str, str] = field(default_factory=dict)

    def __call__(
        self,
        *words: str | Path,
        today: str | None = None,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> Run:
        environ = self.environ | self.env | dict(env or {})
        if at := today or self.today:
            environ["CRMCLI_TODAY"] = at
        return self.start(split(words), stdin.encode() if isinstance(stdin, str) else stdin, environ)

    def ok(self, *words: str | Path, **options: Any) -> Run:
        """Run what has to work."""
        run = self(*words, **options)
        assert run.code == 0, f"should have worked: {run}"
        return run

    def fails(self, code: int, *words: str | Path, **options: Any) -> Run:
        """Run what has to end with an exit code, in words and not with a traceback."""
        run = self(*words, **options)
        assert run.code == code, f"should have ended with {code}: {run}"
        assert "Traceback (most recent call last)" not in run.err, f"no words for the user: {run}"
        return run

    def popen(self, *words: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        """Start a process of its own and let it run: to interrupt it, to kill it, to talk to it."""
        environ = self.environ | self.env | ({"CRMCLI_TODAY": self.today} if self.today else {})
        return subprocess.Popen([sys.executable, "-m", "crmcli", *split(words)], env=environ, **options)


def split(words: tuple[str | Path, ...]) -> list[str]:
    """Arguments as they stand, or one text as a shell would take it apart."""
    return shlex.split(words[0]) if len(words) == 1 and isinstance(words[0], str) else [*map(str, words)]


def in_this_process(argv: list[str], stdin: bytes, environ: Mapping[str, str]) -> Run:
    from crmcli import cli

    text = partial(io.TextIOWrapper, encoding="utf-8", newline="")
    out, err = io.BytesIO(), io.BytesIO()
    with text(io.BytesIO(stdin)) as source, text(out) as said, text(err) as told:
        code = cli.run(argv, stdin=source, stdout=said, stderr=told, environ=environ)
        said.flush()
        told.flush()
        return Run(argv, code, out.getvalue().decode(), err.getvalue().decode())


def in_its_own_process(argv: list[str], stdin: bytes, environ: Mapping[str, str]) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", "crmcli", *argv], input=stdin, env=environ, capture_output=True, timeout=120
    )
    return Run(argv, done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def crm_environ(db_url: str, home: Path) -> dict[str, str]:
    """All that the program is told of the world; nothing of whoever runs the tests."""
    return {
        "CRMCLI_DB": db_url,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": SOURCE,
        "TZ": "UTC",
    }


@pytest.fixture
def crm(crm_environ: dict[str, str]) -> Crm:
    """The real program, run in this process: quick."""
    return Crm(in_this_process, crm_environ)


@pytest.fixture
def crm_process(crm_environ: dict[str, str]) -> Crm:
    """The real program as `python -m crmcli`: for what only a process of its own shows."""
    return Crm(in_its_own_process, crm_environ)


# ---------------------------------------------------------------------------------------------- golden files

Golden = Callable[[str, str], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(name, text)`: the text is what tests/golden/<name>.txt says it is."""
    folder = Path(__file__).parent / "golden"

    def check(name: str, text: str) -> None:
        path = folder / f"{name}.txt"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        elif not path.exists():
            pytest.fail(f"tests/golden/{name}.txt is not there; run pytest --update-golden and review it")
        else:
            assert text == path.read_bytes().decode(), f"not as in tests/golden/{name}.txt"

    return check
