"""The writing door: one unit of work a command, one entry in the journal, all or nothing.

Validation, the journal, versions, match keys and the search index hang on the session's flush, so that no
command can forget them.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Any, Final, TypeVar
from zlib import crc32

from pydantic import ValidationError
from sqlalchemy import event, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlmodel import Session

from crmcli.changes import Add, Changes, Edit
from crmcli.errors import Conflict, CrmError, InvalidValue, NotFound, suggestion
from crmcli.fields import FieldSpec, reference
from crmcli.model import ENTITIES, Entity, Opportunity
from crmcli.store import search, versions
from crmcli.store.backup import back_up
from crmcli.store.deals import TRACKED
from crmcli.store.engine import Target, engine_of, explained
from crmcli.store.find import acting, find
from crmcli.store.identity import uuid7
from crmcli.store.keys import key_phones_again, set_keys
from crmcli.store.reader import SqlReader
from crmcli.store.schema import DEFAULT_SETTINGS, bring_up_to_date, is_current, version_of
from crmcli.store.tables import CHANGE, ENTRY, SEQUENCE, SETTING
from crmcli.values.dates import iso_instant

Model = TypeVar("Model", bound=Entity)
# What can be configured. A setting's place here is its number in the journal: never change the order.
SETTINGS: Final = ("currency", "fiscal_year_start", "date_order", "timezone", "country")


def setting_number(name: str) -> int:
    """What a setting is called in the journal: its place, or, for those that users name, a number of its name."""
    return SETTINGS.index(name) + 1 if name in SETTINGS else crc32(name.encode()) % 2**30 + 2**30


class Ids:
    """Reserves ids, so that records can name one another before they are stored."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def take(self, entity: str, count: int = 1) -> int:
        """The first of `count` ids in a row, which nobody else will get."""
        self.connection.execute(
            SEQUENCE.update().where(SEQUENCE.c.entity == entity).values(next_id=SEQUENCE.c.next_id + count)
        )
        following: int = self.connection.execute(
            SEQUENCE.select().with_only_columns(SEQUENCE.c.next_id).where(SEQUENCE.c.entity == entity)
        ).scalar_one()
        return following - count

    def __call__(self, entity: str) -> int:
        return self.take(entity)


class UnitOfWork:
    """The records of one act, read and written in one transaction.

    `now` is the moment of writing; `at` the moment from which the act is true (they differ for `--at`).
    """

    def __init__(
        self,
        session: Session,
        shown: str,
        *,
        command: str,
        actor: str,
        named: bool = False,
        source: str,
        now: datetime,
        at: datetime | None,
        zone: tzinfo,
    ) -> None:
        self.session = session
        self.connection = session.connection()
        self.reader = SqlReader(self.connection, shown, own=False)
        self.ids = Ids(self.connection)
        self.now = now
        self.at = at or now
        self.zone = zone
        self.touched: dict[tuple[str, int], None] = {}  # in the order they were touched
        self.wrote = False  # whether there is anything to commit
        self.committed = False
        self.made_database = False
        self._specs: dict[str, list[FieldSpec]] = {}
        self._country: str | None = None
        self.entry = self.ids("entry")  # waits, on PostgreSQL, for whoever is writing: read nothing before
        self.me, self.actor = acting(self.reader, actor, named=named)
        self.connection.execute(
            ENTRY.insert().values(id=self.entry, at=now, actor=self.actor, source=source, command=command)
        )
        event.listen(session, "before_flush", self._record)

    # --- reading ---------------------------------------------------------------------------------

    def get(self, model: type[Model], id: int) -> Model:
        """The live record of an id. Raises NotFound."""
        found = self.session.get(model, id)
        if found is None or found.deleted_at is not None:
            raise NotFound(f"{reference(str(model.__tablename__), id)} does not exist.")
        return found

    def one(self, model: type[Model], text: str) -> Model:
        """The one live record that a reference, name, e-mail or external id means. Raises as `find` does."""
        return self.get(model, find(self.reader, str(model.__tablename__), text))

    @property
    def country(self) -> str:
        """The country of phone numbers without +; empty where that was not said."""
        if self._country is None:
            self._country = self.reader.settings().get("country", "")
        return self._country

    def fields(self, entity: str) -> list[FieldSpec]:
        if entity not in self._specs:
            self._specs[entity] = self.reader.fields(entity)
        return self._specs[entity]

    # --- writing ---------------------------------------------------------------------------------

    def apply(self, changes: Changes) -> None:
        """Carry out a plan. Raises InvalidValue where a value may not be stored, NotFound, Conflict."""
        for step in changes:
            if isinstance(step, Add):
                self._add(step)
            elif isinstance(step, Edit):
                self._edit(step)
            else:
                record = self.get(ENTITIES[step.entity], step.id)
                record.deleted_at = record.updated_at = self.now
            self._flush()

    def set_setting(self, name: str, value: str) -> None:
        """Configure something; journalled like an edit of a record."""
        old = self.reader.settings().get(name, "")
        if old != value:
            self.write_setting(name, value)
            self._journal("setting", setting_number(name), "edit", {name: old}, {name: value})

    def write_setting(self, name: str, value: str) -> None:
        """Keep a setting without journalling it."""
        stored = SETTING.update().where(SETTING.c.name == name).values(value=value)
        if value == "" and name not in DEFAULT_SETTINGS:  # nothing is left of it, so that exports do not tell
            self.connection.execute(SETTING.delete().where(SETTING.c.name == name))
        elif not self.connection.execute(stored).rowcount:
            self.connection.execute(SETTING.insert().values(name=name, value=value))
        if name == "country":  # also where that is undone: keys follow from it, and are no change of a record
            self._country = value
            key_phones_again(self.connection, value)

    def _add(self, step: Add) -> None:
        model = ENTITIES[step.entity]
        values = {"created_at": self.now, "updated_at": self.now, "custom": {}, **step.values}
        self.session.add(self._validated(model, {**values, "id": step.id, "uid": uuid7()}))

    def _edit(self, step: Edit) -> None:
        record = self.get(ENTITIES[step.entity], step.id)
        current = {name: getattr(record, name) for name in type(record).model_fields}
        checked = self._validated(type(record), {**current, **step.values})
        for name in step.values:
            if getattr(record, name) != getattr(checked, name):
                setattr(record, name, getattr(checked, name))
                record.updated_at = self.now

    def _validated(self, model: type[Model], values: Mapping[str, Any]) -> Model:
        """A record whose values may be stored: types by the declaration, picklists by the database."""
        entity = str(model.__tablename__)
        try:
            record = model.model_validate(dict(values))
        except ValidationError as error:
            raise refused_value(entity, error) from error
        for spec in self.fields(entity):
            value = None if spec.custom else getattr(record, spec.column)
            if spec.kind == "select" and not spec.open and value is not None and value not in spec.choices:
                raise InvalidValue(
                    f"{spec.name}: {value!r} is not one of {', '.join(spec.choices)}.",
                    field=spec.name,
                    hint=suggestion(str(value), spec.choices),
                )
        return record

    def _flush(self) -> None:
        try:
            self.session.flush()
        except IntegrityError as error:
            raise clash(error) from error

    # --- what hangs on the flush -----------------------------------------------------------------

    def _record(self, session: Session, _context: object, _instances: object) -> None:
        for record in [*session.new, *session.dirty]:
            if not isinstance(record, Entity):
                continue
            entity = str(type(record).__tablename__)
            set_keys(record, self.country)
            if record in session.new:
                self._journal(entity, record.id, "add", None, None)
                if isinstance(record, Opportunity):
                    versions.begin(self.connection, record, self.entry, self.now, self.zone)
                continue
            before, after = changed_columns(record)
            if not after:
                continue
            op = (
                "edit"
                if "deleted_at" not in after
                else "restore"
                if after["deleted_at"] is None
                else "remove"
            )
            self._journal(entity, record.id, op, before, after)
            if isinstance(record, Opportunity):
                if op == "remove":
                    versions.end(self.connection, record.id, self.at, self.entry, self.now, self.zone)
                elif any(name in after for name in TRACKED):
                    versions.change(self.connection, record, self.at, self.entry, self.now, self.zone)

    def _journal(
        self, entity: str, id: int, op: str, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> None:
        self.touched[entity, id] = None
        self.wrote = True
        self.connection.execute(
            CHANGE.insert().values(
                entry_id=self.entry,
                entity=entity,
                first_id=id,
                last_id=id,
                op=op,
                before=None if before is None else as_json(before),
                after=None if after is None else as_json(after),
            )
        )

    def finish(self) -> bool:
        """Index what was touched, and key its phones; whether anything was written."""
        self._flush()
        if self.wrote and self.country:  # bulk writers know nothing of countries
            key_phones_again(self.connection, self.country, self.entry)
        for entity, id in self.touched:
            search.index(self.connection, entity, id, id)
        return self.wrote


def changed_columns(record: Entity) -> tuple[dict[str, Any], dict[str, Any]]:
    """The columns of a record that differ from what is stored: their old and their new values."""
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for attribute in inspect(record).attrs:
        history = attribute.history
        if history.has_changes() and history.deleted and history.added[0] != history.deleted[0]:
            before[attribute.key] = history.deleted[0]
            after[attribute.key] = history.added[0]
    return before, after


def as_json(values: Mapping[str, Any]) -> str:
    """Values as the journal keeps them: as they stand in the database."""
    return json.dumps({name: stored(value) for name, value in values.items()}, ensure_ascii=False)


def stored(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso_instant(value)
    if isinstance(value, bool):
        return int(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


def refused_value(entity: str, error: ValidationError) -> InvalidValue:
    """pydantic's first complaint, in a sentence about the field."""
    first = error.errors(include_url=False, include_context=False, include_input=True)[0]
    name = str(first["loc"][0]).removesuffix("_id") if first["loc"] else entity
    text = first["msg"][0].lower() + first["msg"][1:]
    if (first["type"] in ("missing", "string_type") and first.get("input") is None) or first[
        "type"
    ] == "missing":
        return InvalidValue(f"{name} is missing.", field=name)
    return InvalidValue(f"{name}: {text}.", field=name)


def clash(error: IntegrityError) -> CrmError:
    """A broken constraint, in a sentence."""
    text = str(error.orig)
    if "UNIQUE" in text or "unique" in text:
        what = next((word for word in ("external_id", "name_key") if word in text), "value")
        return Conflict(f"There is already a record with this {what.removesuffix('_key').replace('_', ' ')}.")
    return Conflict(f"The database refuses it: {text.splitlines()[0]}")


def set_up(connection: Connection, target: Target, now: datetime) -> None:
    """Make an empty database's tables, or bring an older one up to date after a backup, in a transaction."""
    with connection.begin():
        if not is_current(connection, target.shown):
            if target.path is not None and version_of(connection) > 0:
                back_up(target.path)
            bring_up_to_date(connection, now)


def is_empty(connection: Connection) -> bool:
    """Whether nothing has been written to a database yet."""
    with connection.begin():
        return version_of(connection) == 0


def make_ready(target: Target, now: datetime) -> None:
    """Set a database up without writing anything else to it. Raises DatabaseError."""
    engine = engine_of(target)
    try:
        with engine.connect() as connection:
            set_up(connection, target, now)
    except SQLAlchemyError as error:
        raise explained(error, target.shown) from error
    finally:
        engine.dispose()


@contextmanager
def unit_of_work(
    target: Target,
    *,
    command: str,
    actor: str,
    named: bool = False,
    source: str,
    now: datetime,
    at: datetime | None,
    zone: tzinfo,
    dry_run: bool = False,
) -> Iterator[UnitOfWork]:
    """One transaction that is committed on a clean exit and rolled back on any other, Ctrl-C included.

    A database that lacks tables gets them first; an empty file in the same transaction, so that what is
    refused leaves it empty. Raises DatabaseError.
    """
    engine = engine_of(target)
    try:
        with engine.connect() as connection:
            empty = target.path is not None and is_empty(connection)
            if not empty:
                set_up(connection, target, now)
        with (
            engine.connect() as connection,
            connection.begin() as transaction,
            Session(bind=connection, autoflush=False, expire_on_commit=False) as session,
        ):
            made = empty and not is_current(connection, target.shown)
            if made:
                bring_up_to_date(connection, now)
            work = UnitOfWork(
                session,
                target.shown,
                command=command,
                actor=actor,
                named=named,
                source=source,
                now=now,
                at=at,
                zone=zone,
            )
            try:
                yield work
            except KeyboardInterrupt:
                if (
                    target.path is None
                ):  # it may have met the middle of a message: the server takes all back itself
                    connection.invalidate()
                raise
            changed = work.finish()
            if dry_run or not changed:
                transaction.rollback()
            else:
                transaction.commit()
                work.committed, work.made_database = True, made
    except SQLAlchemyError as error:
        if "user-defined function raised exception" in str(error):  # ours do not: it was Ctrl-C in one
            raise KeyboardInterrupt from error
        raise explained(error, target.shown) from error
    finally:
        engine.dispose()
