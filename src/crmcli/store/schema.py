"""Making a database, and bringing an older one up to date: each in one transaction."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.engine import Connection

from crmcli.errors import DatabaseError
from crmcli.fields import FieldSpec
from crmcli.model import ENTITIES, Stage, declared_fields
from crmcli.model.picklists import STAGES
from crmcli.store import search
from crmcli.store.engine import APPLICATION_ID, SCHEMA_VERSION, check_version
from crmcli.store.identity import uuid7
from crmcli.store.migrations import MIGRATIONS
from crmcli.store.tables import FIELD, INDEXES, METADATA, SEQUENCE, SETTING
from crmcli.values.keys import name_key

DEFAULT_SETTINGS = {"currency": "USD", "fiscal_year_start": "1", "date_order": "", "timezone": ""}


def version_of(connection: Connection) -> int:
    """The schema version of the database; 0 where nothing has been made yet."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if connection.execute(text("SELECT to_regclass('setting')")).scalar_one() is None:
        return 0
    found = connection.execute(
        text("SELECT value FROM setting WHERE name = 'schema_version'")
    ).scalar_one_or_none()
    if found is None:
        raise DatabaseError("The database holds tables of another program. Nothing was changed.")
    return int(found)


def set_version(connection: Connection, version: int) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={version}")
    else:
        connection.execute(text("DELETE FROM setting WHERE name = 'schema_version'"))
        connection.execute(insert(SETTING).values(name="schema_version", value=str(version)))


def is_current(connection: Connection, shown: str) -> bool:
    """Whether the schema is the one this program knows. Raises DatabaseError where it is newer."""
    version = version_of(connection)
    check_version(version, shown)
    return version == SCHEMA_VERSION


def bring_up_to_date(connection: Connection, now: datetime) -> None:
    """Make everything in an empty database, or run the migrations an older one lacks; the caller commits."""
    if connection.dialect.name != "sqlite":
        # Two who start at once: the second waits here, and then finds the work done.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPLICATION_ID})
    version = version_of(connection)
    if version == 0:
        create_all(connection, now)
    for number, migrate in MIGRATIONS:
        if 0 < version < number:
            migrate(connection)
    if version < SCHEMA_VERSION:
        describe(connection)
        set_version(connection, SCHEMA_VERSION)


def create_all(connection: Connection, now: datetime) -> None:
    """Every table and index, the standard stages, and the settings."""
    METADATA.create_all(connection, checkfirst=False)
    for statement in INDEXES:
        connection.exec_driver_sql(statement)
    search.create(connection)
    stages = [
        {
            "id": number,
            "uid": uuid7(),
            "name": name,
            "name_key": name_key(name),
            "position": number,
            "probability": probability,
            "category": category,
            "is_closed": closed,
            "is_won": won,
            "active": True,
            "created_at": now,
            "updated_at": now,
            "custom": {},
        }
        for number, (name, probability, category, closed, won) in enumerate(STAGES, 1)
    ]
    connection.execute(insert(Stage), stages)
    search.index(connection, "stage", 1, len(stages))
    first = {"stage": len(stages) + 1}
    connection.execute(
        insert(SEQUENCE),
        [{"entity": entity, "next_id": first.get(entity, 1)} for entity in ("entry", *ENTITIES)],
    )
    connection.execute(
        insert(SETTING), [{"name": name, "value": value} for name, value in DEFAULT_SETTINGS.items()]
    )


def field_row(spec: FieldSpec) -> dict[str, Any]:
    """A field as a row of the `field` table."""
    return {
        "entity": spec.entity,
        "name": spec.name,
        "column_name": spec.column,
        "kind": spec.kind,
        "label": spec.label,
        "help": spec.help,
        "position": spec.position,
        "required": int(spec.required),
        "listed": int(spec.listed),
        "owned": int(spec.owned),
        "custom": int(spec.custom),
        "choices": json.dumps(spec.choices, ensure_ascii=False),
        "open": int(spec.open),
        "target": spec.target,
        "aliases": json.dumps(spec.aliases, ensure_ascii=False),
        "default_value": spec.default,
        "max_length": spec.max_length,
        "low": spec.low,
        "high": spec.high,
    }


def describe(connection: Connection) -> None:
    """Write the declarations into the `field` table; what users changed or added there stays."""
    known = {(row.entity, row.name) for row in connection.execute(text("SELECT entity, name FROM field"))}
    rows = [
        field_row(spec)
        for model in ENTITIES.values()
        for spec in declared_fields(model)
        if (spec.entity, spec.name) not in known
    ]
    if rows:
        connection.execute(insert(FIELD), rows)
