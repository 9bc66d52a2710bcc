"""The outside world of one run: settings, clock, streams, and the two doors to the database."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TextIO

from crmcli.errors import InvalidValue
from crmcli.settings import Settings
from crmcli.store.engine import NotSetUp, Target, missing, target_of
from crmcli.store.reader import Reader, open_reader

if TYPE_CHECKING:
    from crmcli.store.work import UnitOfWork


class App:
    """What a command may reach; a test builds another one."""

    def __init__(
        self,
        settings: Settings,
        *,
        environ: Mapping[str, str],
        stdin: TextIO,
        stdout: TextIO,
        stderr: TextIO,
        command: str = "",
    ) -> None:
        self.settings = settings
        self.environ = environ
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.command = command
        self.target: Target = target_of(settings.database)
        self.output: Any = None  # how the result was asked for
        self.fields_applied = False  # whether the command itself kept to --fields
        self.committed = False  # whether anything has been written
        self._closing = ExitStack()
        self._reader: Reader | None = None
        self._configured: dict[str, str] | None = None
        self._zone: tzinfo | None = None
        self._now: datetime | None = None

    # --- the terminal ----------------------------------------------------------------------------

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to be asked."""
        return self.settings.prompts and self.stdin.isatty() and self.stdout.isatty()

    @property
    def stdin_bytes(self) -> BinaryIO:
        return self.stdin.buffer if hasattr(self.stdin, "buffer") else sys.stdin.buffer

    # --- the clock -------------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        """The user's time zone: the database's setting, else TZ, else the system's."""
        if self._zone is None:
            configured = self.configured.get("timezone", "")
            try:
                self._zone = zone_named(configured) if configured else zone_of(self.environ)
            except InvalidValue as error:  # set on another machine, which knows more zones
                self.stderr.write(
                    f"{error.message} Using this machine's; crm config set timezone mends it.\n"
                )
                self._zone = zone_of(self.environ)
        return self._zone

    @property
    def zone_is_utc(self) -> bool:
        return self.zone is UTC

    @property
    def now(self) -> datetime:
        """This moment, to the second; with CRMCLI_TODAY, this time of that day."""
        if self._now is None:
            moment = datetime.now(UTC).replace(microsecond=0)
            pretended = self.environ.get("CRMCLI_TODAY")
            if pretended:
                try:
                    given = datetime.fromisoformat(pretended)
                except ValueError as error:
                    raise InvalidValue(
                        f"CRMCLI_TODAY is {pretended!r}; it takes a date such as 2026-03-02."
                    ) from error
                if len(pretended) <= 10:
                    given = datetime.combine(given.date(), moment.astimezone(self.zone).time(), self.zone)
                elif given.tzinfo is None:
                    given = given.replace(tzinfo=self.zone)
                moment = given.astimezone(UTC).replace(microsecond=0)
            self._now = moment
        return self._now

    @property
    def today(self) -> date:
        """The date it is for the user."""
        return self.now.astimezone(self.zone).date()

    # --- what was configured ---------------------------------------------------------------------

    @property
    def configured(self) -> dict[str, str]:
        """The settings kept in the database; empty where there is none yet."""
        if self._configured is None:
            try:
                self._configured = self.read().settings() if self.target.exists() else {}
            except NotSetUp:
                self._configured = {}
        return self._configured

    @property
    def currency(self) -> str:
        """The home currency."""
        return self.configured.get("currency") or "USD"

    @property
    def fiscal_start(self) -> int:
        """The first month of the fiscal year."""
        return int(self.configured.get("fiscal_year_start") or 1)

    @property
    def date_order(self) -> str | None:
        """How dates such as 3/4/2026 are read; None where that was not said."""
        return self.configured.get("date_order") or None

    @property
    def country(self) -> str:
        """The country of phone numbers without +; empty where that was not said."""
        return self.configured.get("country", "")

    @property
    def actor(self) -> str:
        """Who is acting: --as, CRMCLI_USER, or the name of the login."""
        if self.settings.actor:
            return self.settings.actor
        for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
            if self.environ.get(name):
                return self.environ[name]
        try:
            import pwd

            return pwd.getpwuid(os.geteuid()).pw_name
        except (ImportError, KeyError):
            return "me"

    def me(self, reader: Reader) -> int | None:
        """The user who is acting; None while nobody is called so."""
        from crmcli.store.find import acting

        return acting(reader, self.actor, named=self.settings.actor_named)[0]

    # --- the two doors ---------------------------------------------------------------------------

    def read(self) -> Reader:
        """The reading door, open until the command ends or writes. Raises DatabaseError."""
        if self._reader is None:
            if not self.target.exists():
                if self.settings.named:
                    raise missing(self.target)
                self._reader = open_reader(self._empty_database())
            else:
                try:
                    self._reader = open_reader(self.target)
                except NotSetUp as older:
                    if older.version == 0:
                        raise
                    self.set_up()
                    self._reader = open_reader(self.target)
            self._closing.callback(self._reader.close)
        return self._reader

    @contextmanager
    def work(
        self, *, source: str = "cli", at: datetime | None = None, dry_run: bool = False, makes: bool = False
    ) -> Iterator["UnitOfWork"]:
        """The writing door: one transaction, one entry in the journal. Raises DatabaseError.

        Only an act that `makes` something may begin a database; any other needs one that is there.
        """
        from crmcli.store.work import unit_of_work

        target = self.target
        if target.path is not None:
            from crmcli.store.engine import check_file, make_file

            check_file(target.path)
            if not makes and not target.exists():
                raise missing(target)
            if target.exists() or not dry_run:
                make_file(target.path)
            else:
                target = self._empty_database()
        zone, now = self.zone, self.now
        self.release()
        written = None
        try:
            with unit_of_work(
                target,
                command=self.command,
                actor=self.actor,
                named=self.settings.actor_named,
                source=source,
                now=now,
                at=at,
                zone=zone,
                dry_run=dry_run,
            ) as written:
                self._configured = written.reader.settings()
                yield written
        finally:
            self.committed = self.committed or (written is not None and written.committed)
        if written.made_database and not self.settings.quiet:
            self.stderr.write(f"Made the database {target.shown}.\n")

    def set_up(self) -> None:
        """Make the database, or bring an older one up to date (after a backup). Raises DatabaseError."""
        from crmcli.store.engine import check_file, make_file
        from crmcli.store.work import make_ready

        if self.target.path is not None:
            check_file(self.target.path)
            make_file(self.target.path)
        make_ready(self.target, datetime.now(UTC).replace(microsecond=0))

    def close(self) -> None:
        """Let go of everything that is open."""
        self.release()
        self._closing.close()

    def keep_open(self, file: IO[bytes]) -> IO[bytes]:
        """A file that is closed when the command ends."""
        return self._closing.enter_context(file)

    def release(self) -> None:
        """Let go of the snapshot, so that nothing is held while somebody thinks."""
        if self._reader is not None:
            self._reader.release()
            self._reader = None

    def _empty_database(self) -> Target:
        """A new database that is gone when the command ends: what there is to read before anything was written."""
        from crmcli.store.engine import engine_of, make_file
        from crmcli.store.schema import bring_up_to_date

        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="crmcli-"))
        target = target_of(str(Path(folder) / "empty.db"))
        assert target.path is not None
        make_file(target.path)
        engine = engine_of(target)
        moment = datetime.now(UTC).replace(microsecond=0)
        with engine.begin() as connection:
            bring_up_to_date(connection, moment)
        engine.dispose()
        return target


def zone_of(environ: Mapping[str, str]) -> tzinfo:
    """The zone that TZ names, in any of the forms it may have, else the machine's."""
    name = environ.get("TZ", "").lstrip(":")
    try:
        return zone_named(name.rpartition("zoneinfo/")[2]) if name else system_zone()
    except InvalidValue:  # a rule such as CET-1CEST, which the C library has understood
        return local_zone()


def local_zone() -> tzinfo:
    """The offset that the C library gives for now."""
    local = datetime.now().astimezone().tzinfo
    assert local is not None
    return local


def system_zone() -> tzinfo:
    """The zone of the machine, with its rules for summer time where they can be found."""
    try:
        link = str(Path("/etc/localtime").readlink())
    except OSError:
        link = ""
    _, found, name = link.partition("zoneinfo/")
    if found and name not in ("UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu"):
        return zone_named(name)
    if found:
        return UTC
    return local_zone()


def zone_named(name: str) -> tzinfo:
    """A time zone by its name, such as Europe/Berlin. Raises InvalidValue."""
    if name in ("UTC", "Etc/UTC", "GMT", "UTC0"):
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise InvalidValue(
            f"{name!r} is not a time zone.", hint="Names look like Europe/Berlin or Asia/Shanghai."
        ) from error
