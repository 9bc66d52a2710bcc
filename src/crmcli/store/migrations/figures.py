"""Schema 2: quotas, exchange rates and adjustments of forecasts."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

# What every record has; {c} and {json} differ between databases.
ENTITY: Final = """
    id {id} NOT NULL,
    uid VARCHAR(36){c} NOT NULL,
    external_id VARCHAR(255){c},
    owner_id INTEGER,
    description VARCHAR(32000){c},
    created_at VARCHAR(20) NOT NULL,
    updated_at VARCHAR(20) NOT NULL,
    deleted_at VARCHAR(20),
    custom {json} NOT NULL,
"""
TABLES: Final = {
    "quota": """
    period_start VARCHAR(10) NOT NULL,
    period_end VARCHAR(10) NOT NULL,
    team INTEGER,
    amount BIGINT,
    deals INTEGER,
    currency VARCHAR(3){c} NOT NULL,
""",
    "rate": """
    currency VARCHAR(3){c} NOT NULL,
    home VARCHAR(3){c} NOT NULL,
    valid_from VARCHAR(10) NOT NULL,
    rate VARCHAR(40){c},
""",
    "adjustment": """
    period_start VARCHAR(10) NOT NULL,
    period_end VARCHAR(10) NOT NULL,
    category VARCHAR(120){c} NOT NULL,
    layer VARCHAR(120){c} NOT NULL,
    amount BIGINT,
    currency VARCHAR(3){c} NOT NULL,
    raw BIGINT NOT NULL,
    note VARCHAR(255){c} NOT NULL,
    adjusted_by VARCHAR(255){c} NOT NULL,
""",
}
KEYS: Final = '    PRIMARY KEY (id),\n    FOREIGN KEY (owner_id) REFERENCES "user" (id)\n'
IN_SQLITE: Final = {"id": "INTEGER", "c": "", "json": "JSON"}
IN_POSTGRESQL: Final = {"id": "SERIAL", "c": ' COLLATE "C"', "json": "JSONB"}


def add_figures(connection: Connection) -> None:
    """Make their tables, and begin to count their ids."""
    words = IN_SQLITE if connection.dialect.name == "sqlite" else IN_POSTGRESQL
    for table, columns in TABLES.items():
        connection.exec_driver_sql(f"CREATE TABLE {table} ({(ENTITY + columns).format(**words)}{KEYS})")
        connection.execute(
            text("INSERT INTO sequence (entity, next_id) VALUES (:entity, 1)"), {"entity": table}
        )
