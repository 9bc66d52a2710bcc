"""The reading door: SQL text and :named parameters in, rows out."""

import json
import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from crmcli.fields import FieldSpec
from crmcli.store.engine import (
    SCHEMA_VERSION,
    NotSetUp,
    Target,
    check_version,
    connect_to_read,
    engine_of,
    explained,
)

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, CursorResult


class Reader:
    """One snapshot of a database, asked in portable SQL; close it before anything is waited for."""

    is_sqlite = True

    def rows(self, sql: str, **params: Any) -> Iterator[tuple[Any, ...]]:
        """The rows of a query, as they come. Raises DatabaseError."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of the database."""

    def release(self) -> None:
        """Let go of the snapshot; a connection to a server stays for what is written next."""
        self.close()

    def row(self, sql: str, **params: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        return next(iter(self.rows(sql, **params)), None)

    def value(self, sql: str, **params: Any) -> Any:
        """The first value of the first row, or None."""
        row = self.row(sql, **params)
        return row[0] if row else None

    def folded(self, sql: str) -> str:
        """The SQL of a text without its case, beyond ASCII too."""
        return f"fold({sql})" if self.is_sqlite else f'lower({sql} COLLATE "default")'

    def fields(self, entity: str) -> list[FieldSpec]:
        """The fields of an entity as the database describes them, in order."""
        found = self.rows(
            "SELECT entity, name, column_name, kind, label, help, position, required, listed, owned, custom, choices,"
            " open, target, aliases, default_value, max_length, low, high"
            " FROM field WHERE entity = :entity ORDER BY position, name",
            entity=entity,
        )
        return [field_spec(row) for row in found]

    def settings(self) -> dict[str, str]:
        """What was configured in this database."""
        return {row[0]: row[1] for row in self.rows("SELECT name, value FROM setting")}


def field_spec(row: tuple[Any, ...]) -> FieldSpec:
    """A row of the `field` table as the field it describes."""
    required, listed, owned, custom = (bool(flag) for flag in row[7:11])
    return FieldSpec(
        entity=row[0],
        name=row[1],
        column=row[2],
        kind=row[3],
        label=row[4],
        help=row[5],
        position=row[6],
        required=required,
        listed=listed,
        owned=owned,
        custom=custom,
        choices=tuple(json.loads(row[11])),
        open=bool(row[12]),
        target=row[13],
        aliases=tuple(json.loads(row[14])),
        default=row[15],
        max_length=row[16],
        low=row[17],
        high=row[18],
    )


class SqliteReader(Reader):
    """Reads a SQLite file through the standard library."""

    def __init__(self, connection: sqlite3.Connection, shown: str) -> None:
        self.connection = connection
        self.shown = shown
        connection.create_function("fold", 1, _fold, deterministic=True)

    def rows(self, sql: str, **params: Any) -> Iterator[tuple[Any, ...]]:
        try:
            return self._each(self.connection.execute(sql, params))
        except sqlite3.Error as error:
            raise explained(error, self.shown) from error

    def _each(self, cursor: sqlite3.Cursor) -> Iterator[tuple[Any, ...]]:
        try:
            for row in cursor:  # noqa: UP028 - `yield from` would close the cursor of a closed connection
                yield row
        except sqlite3.Error as error:  # damage is met where it lies, which may be in the last row
            raise explained(error, self.shown) from error

    def close(self) -> None:
        self.connection.close()


class SqlReader(Reader):
    """Reads any database through SQLAlchemy; also the inside of a unit of work."""

    def __init__(self, connection: "Connection", shown: str, *, own: bool = True) -> None:
        self.connection = connection
        self.shown = shown
        self.own = own
        self.is_sqlite = connection.dialect.name == "sqlite"
        if self.is_sqlite:
            raw: Any = connection.connection.dbapi_connection
            raw.create_function("fold", 1, _fold, deterministic=True)

    def rows(self, sql: str, **params: Any) -> Iterator[tuple[Any, ...]]:
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return self._each(self.connection.execute(text(sql), params))
        except SQLAlchemyError as error:
            raise explained(error, self.shown) from error

    def _each(self, result: "CursorResult[Any]") -> Iterator[tuple[Any, ...]]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            for row in result:
                yield tuple(row)
        except SQLAlchemyError as error:
            raise explained(error, self.shown) from error

    def close(self) -> None:
        if self.own:
            engine = self.connection.engine
            self.connection.close()
            engine.dispose()

    def release(self) -> None:
        if self.own:
            self.connection.close()


def _fold(text: str | int | float | bytes | None) -> str | int | float | bytes | None:
    return text.casefold() if isinstance(text, str) else text


def open_reader(target: Target) -> Reader:
    """A reader of a database that is there and up to date. Raises DatabaseError."""
    if target.path is not None:
        return SqliteReader(connect_to_read(target.path), target.shown)
    from sqlalchemy.exc import SQLAlchemyError

    from crmcli.store.schema import version_of

    engine = engine_of(target)
    try:
        connection = engine.connect()
    except SQLAlchemyError as error:
        raise explained(error, target.shown) from error
    reader = SqlReader(connection, target.shown)
    try:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        version = version_of(connection)
        if version < SCHEMA_VERSION:
            raise NotSetUp(target.shown, version)
        check_version(version, target.shown)
    except BaseException as error:
        reader.close()
        if isinstance(error, SQLAlchemyError):
            raise explained(error, target.shown) from error
        raise
    return reader
