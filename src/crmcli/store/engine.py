"""A URL or path to a connection; the only file that asks which database it is."""

import os
import sqlite3
import stat
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crmcli.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

APPLICATION_ID: Final = 0x43524D43  # "CRMC", in the header of every SQLite file of ours
SCHEMA_VERSION: Final = 4
BUSY_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Target:
    """A database that was named: a SQLite file, or a server by its SQLAlchemy URL."""

    path: Path | None  # of a SQLite file
    url: str

    @property
    def is_sqlite(self) -> bool:
        return self.path is not None

    @property
    def shown(self) -> str:
        """How the database is called in messages; never with a password."""
        if self.path is not None:
            return str(self.path)
        scheme, _, rest = self.url.partition("://")
        place, _, _options = rest.partition("?")  # which may hold a password, too
        credentials, at, host = place.rpartition("@")
        return f"{scheme}://{credentials.partition(':')[0]}{at}{host}"

    def exists(self) -> bool:
        """Whether there is something to read; a server is asked when it is opened."""
        if self.path is None:
            return True
        try:
            return self.path.stat().st_size > 0
        except OSError:
            return False


def target_of(database: str) -> Target:
    """What a path or a URL names. `sqlite:///relative`, `sqlite:////absolute` and plain paths are files."""
    if "://" not in database:
        path = Path(database).expanduser().absolute()
        return Target(path, f"sqlite:///{path}")
    scheme, _, rest = database.partition("://")
    if scheme.partition("+")[0] == "sqlite":
        if not rest.startswith("/") or rest == "/":
            raise InvalidValue(f"{database!r} names no file. Use sqlite:///PATH or just the path.")
        path = Path(rest[1:].partition("?")[0]).expanduser().absolute()
        return Target(path, f"sqlite:///{path}")
    if scheme in ("postgres", "postgresql"):
        scheme = "postgresql+psycopg"
    return Target(None, f"{scheme}://{rest}")


class NotSetUp(DatabaseError):
    """The database lacks tables, or has an older schema; a write brings it up to date."""

    def __init__(self, shown: str, version: int) -> None:
        state = (
            "is empty: nothing has been written to it yet"
            if version == 0
            else f"has the older schema {version}"
        )
        super().__init__(f"{shown} {state}.", hint="`crm init` sets it up.")
        self.version = version


def missing(target: Target) -> DatabaseError:
    return DatabaseError(
        f"There is no database at {target.shown}.", hint="`crm init` makes one; so does the first write."
    )


# --- SQLite -----------------------------------------------------------------------------------------


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read, in a directory of the same kind; keep what is there."""
    try:
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise DatabaseError(f"The database {path} cannot be made: {error.strerror}.") from error


def check_file(path: Path) -> None:
    """Refuse a path behind which is no file of the user's own. Raises DatabaseError."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise DatabaseError(f"The database {path} cannot be opened: {error.strerror}.") from error
    if stat.S_ISLNK(found.st_mode):
        if not path.exists():
            raise DatabaseError(f"{path} is a symbolic link to nothing. Nothing was made.")
        if hasattr(os, "geteuid") and path.stat().st_uid != os.geteuid():
            raise DatabaseError(f"{path} is a symbolic link to somebody else's file.")
    if path.is_dir():
        raise DatabaseError(f"{path} is a directory, not a database.")


def check_header(connection: sqlite3.Connection, path: Path) -> int:
    """The schema version of a file of ours; 0 for an empty file. Raises DatabaseError for anything else.

    Read in one transaction: another process may be setting the file up between two statements of ours.
    """
    try:
        connection.execute("BEGIN")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise explained(error, str(path)) from error
    if application == APPLICATION_ID:
        return version
    if tables or version or application:
        raise DatabaseError(
            f"{path} is a database of another program. Nothing was changed.",
            hint="Name another file with --db.",
        )
    return 0


def check_version(version: int, shown: str) -> None:
    """Refuse a database that a newer crmcli has written."""
    if version > SCHEMA_VERSION:
        raise DatabaseError(
            f"{shown} was written by a newer crmcli (its schema is {version}, this program knows {SCHEMA_VERSION}).",
            hint="Upgrade: pip install --upgrade crmcli",
        )


def refuse_newer(path: Path) -> None:
    """Refuse a file of a newer crmcli by its first bytes, before SQLite puts its side files beside it."""
    try:
        with path.open("rb") as file:
            head = file.read(72)
    except OSError:
        return  # opening it says why
    if head.startswith(b"SQLite format 3\0") and int.from_bytes(head[68:72], "big") == APPLICATION_ID:
        check_version(int.from_bytes(head[60:64], "big"), str(path))


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, holding one snapshot. Raises DatabaseError."""
    check_file(path)
    refuse_newer(path)
    uri = path.as_uri()
    try:
        connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_SECONDS)
        try:
            version = check_header(connection, path)
        except DatabaseError:
            # A WAL file in a directory that may not be written: readable as it stands if no one else has it open.
            if os.access(path, os.W_OK) or Path(f"{path}-wal").exists():
                raise
            connection.close()
            connection = sqlite3.connect(f"{uri}?immutable=1", uri=True, isolation_level=None)
            version = check_header(connection, path)
    except sqlite3.Error as error:
        raise explained(error, str(path)) from error
    check_version(version, str(path))
    if version < SCHEMA_VERSION:
        connection.close()
        raise NotSetUp(str(path), version)
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA query_only=ON")
    connection.execute("BEGIN")
    return connection


def prepare_to_write(connection: sqlite3.Connection) -> None:
    """Set what makes writes durable and safe, on a connection of our own."""
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def turn_on_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to write-ahead logging; waits for others who are doing the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] in ("wal", "memory", "delete"):
                return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


# --- any database, through SQLAlchemy -----------------------------------------------------------------


@lru_cache(maxsize=8)
def engine_of(target: Target) -> "Engine":
    """An engine whose transactions take the write lock when they begin, and wait for it.

    It is kept, without connections once it is disposed of: it knows the server, and what it has compiled.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    if target.path is None:
        try:
            # A connection that waited while somebody thought may be dead by now: it is asked first.
            options = {"use_native_hstore": False} if target.url.startswith("postgresql+psycopg") else {}
            return create_engine(target.url, hide_parameters=True, pool_pre_ping=True, **options)
        except ModuleNotFoundError as error:
            hint = "pip install 'crmcli[postgres]'" if error.name == "psycopg" else None
            raise DatabaseError(
                f"{target.shown} needs a driver that is not installed: {error.name}.", hint=hint
            ) from error
        except Exception as error:  # an unknown scheme: SQLAlchemy has several classes for it
            raise DatabaseError(f"{target.shown} cannot be used: {error}") from error
    path = target.path

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
        prepare_to_write(connection)
        if check_header(connection, path) == 0:
            turn_on_wal(connection)
        return connection

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "begin")
    def take_the_lock(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def explained(error: BaseException, shown: str) -> DatabaseError:
    """What a database's own error means to the user."""
    original = getattr(error, "orig", None) or error
    text = str(original).strip().splitlines()[0] if str(original).strip() else type(original).__name__
    low = text.lower()
    if "not a database" in low or "unsupported file format" in low:
        return DatabaseError(f"{shown} is not a crmcli database.", hint="Name another file with --db.")
    if "malformed" in low or "corrupt" in low:
        return DatabaseError(
            f"{shown} is damaged ({text}).",
            hint="`crm doctor` tells how far; keep a copy of the file before anything else.",
        )
    if "readonly" in low or "read-only" in low:
        return DatabaseError(f"{shown} is read-only; nothing was written.")
    if "locked" in low or "busy" in low:
        return DatabaseError(
            f"{shown} is locked: another program has been writing for {BUSY_SECONDS} seconds. Nothing was written."
        )
    if "full" in low or "disk i/o" in low:
        return DatabaseError(f"The disk is full, or failing ({text}); nothing was written to {shown}.")
    if "unable to open" in low:
        return DatabaseError(
            f"{shown} cannot be opened.", hint="Is the directory there, and may you read it?"
        )
    return DatabaseError(f"{shown}: {text}")
