"""A PostgreSQL server for one run of the tests, and a new database on it for each test."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import psycopg

EMPTY = "template0"

# A server is seldom set up like SQLite: its words sort as a dictionary does, and its clock is somewhere else.
# What first works here is taken.
LOCALES = (
    ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"),
    ("--locale=C.UTF-8",),
    ("--locale=C",),
)
SETTINGS = {
    "fsync": "off",  # nothing here outlives the run
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "jit": "off",  # compiles longer than these databases are searched
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "200",
    "timezone": "Pacific/Auckland",
    "listen_addresses": "",
}


class Unavailable(Exception):
    """No server can be had; the text says why."""


class BrokenSchema(Exception):
    """The program's schema cannot be made on PostgreSQL."""


@dataclass(frozen=True)
class Server:
    """A server that databases can be made on, by the URL of one it already has.

    All databases of a run begin with its `token`, so that two runs can share a server. `template` is what
    the database of a test is copied from.
    """

    url: str
    token: str
    template: str = EMPTY

    def url_of(self, database: str) -> str:
        """The URL of a database, as the program takes it."""
        query = urlsplit(self.url).query
        return f"postgresql+psycopg://{urlsplit(self.url).netloc}/{database}{'?' + query if query else ''}"

    @cached_property
    def administrator(self) -> "psycopg.Connection":
        """The connection that makes and drops databases: opening one takes as long as either."""
        import psycopg

        return psycopg.connect(plain(self.url), autocommit=True)

    def close(self) -> None:
        """Let go of the server; it is reached again when it is asked for something."""
        if "administrator" in self.__dict__:
            self.administrator.close()
            del self.__dict__["administrator"]

    def create(self, name: str, template: str = EMPTY) -> str:
        """Make a database and return its URL."""
        from psycopg import sql

        connection = self.administrator
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        if connection.info.server_version >= 150000:
            statement += sql.SQL(" STRATEGY file_copy")  # twice as quick as the log, for files this small
        connection.execute(statement)
        return self.url_of(name)

    def drop(self, name: str) -> None:
        """Throw a database away, with whoever is still connected to it."""
        from psycopg import sql

        self.administrator.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )

    def databases(self) -> list[str]:
        """The databases of this run that are still there."""
        rows = self.administrator.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [self.token]
        ).fetchall()
        return [name for (name,) in rows]

    def version(self) -> str:
        return self.administrator.info.parameter_status("server_version") or "of unknown version"


def plain(url: str) -> str:
    """The URL as PostgreSQL's own library reads it, without the name of a driver."""
    return "postgresql" + url[url.index("://") :]


@contextmanager
def serving(url: str | None) -> Iterator[Server]:
    """The server at a URL, else one started here from the system's binaries and removed at the end."""
    try:
        import psycopg
    except ImportError as missing:
        raise Unavailable("psycopg is not installed (the extra 'postgres')") from missing

    if url:
        try:
            psycopg.connect(plain(url)).close()
        except psycopg.Error as refused:
            words = " ".join(str(refused).split())
            raise Unavailable(f"the server of CRMCLI_TEST_PG_URL does not answer: {words}") from refused
        server = Server(url, token=_token())
        try:
            yield server
        finally:
            for name in server.databases():
                server.drop(name)
            server.close()
    else:
        with _started(_binaries()) as own:
            yield Server(own, token=_token())


def with_template(server: Server) -> Server:
    """The server with a template that has the schema.

    The schema is made by another process, because nobody may be connected to a database that is copied.
    """
    name = f"{server.token}_template"
    made = subprocess.run(
        [sys.executable, "-m", "crmcli", "--db", server.create(name), "init"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
    )
    if made.returncode != 0:
        server.drop(name)
    server.close()
    if made.returncode == 0:
        return replace(server, template=name)
    raise BrokenSchema(f"`crm init` failed on PostgreSQL:\n{made.stderr}")


def _token() -> str:
    return "crmcli_" + secrets.token_hex(4)


def _binaries() -> Path:
    """The folder of the newest PostgreSQL of this system."""
    found = [Path(path).resolve().parent for name in ("postgres",) if (path := shutil.which(name))]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Unavailable("no PostgreSQL is installed here, and CRMCLI_TEST_PG_URL is not set")


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdecimal() else 0


@contextmanager
def _started(binaries: Path) -> Iterator[str]:
    """A server in a folder of its own, reached through a socket in that folder only."""
    home = Path(tempfile.mkdtemp(prefix="crmcli-pg-", dir=roomy_memory()))
    account = _account()
    if account:
        shutil.chown(home, account, account)
    log = home / "log"
    process: subprocess.Popen[bytes] | None = None
    try:
        _initdb(binaries, home, account)
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [binaries / "postgres", "-D", home / "data", "-k", home, *settings],
                user=account,
                group=account,
                extra_groups=[] if account else None,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # a Ctrl-C is the tests' to handle
            )
        url = f"postgresql://crm@/postgres?host={home}"
        _wait(url, process, log)
        yield url
    finally:
        if process is not None:
            _stop(process)
        shutil.rmtree(home, ignore_errors=True)


def roomy_memory() -> Path | None:
    """Linux's folder in memory where it has room: databases are made many times faster there than on disk."""
    folder = Path("/dev/shm")
    if os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 2 * 1024**3:
        return folder
    return None


def _account() -> str | None:
    """Whom PostgreSQL runs as: it refuses to be root."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise Unavailable("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


def _initdb(binaries: Path, home: Path, account: str | None) -> None:
    for locale in LOCALES:
        done = subprocess.run(
            [
                *(binaries / "initdb", "-D", home / "data", "-U", "crm", "-A", "trust", "-E", "UTF8"),
                *("--no-sync", "--no-instructions", *locale),
            ],
            user=account,
            group=account,
            extra_groups=[] if account else None,
            cwd=home,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return
        shutil.rmtree(home / "data", ignore_errors=True)
    raise Unavailable(f"initdb failed: {' '.join(done.stderr.split())}")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return
    raise Unavailable(f"PostgreSQL did not start: {' '.join(log.read_text(errors='replace').split())[-400:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop at once: nothing that it holds is wanted any more."""
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
