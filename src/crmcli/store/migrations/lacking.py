"""Schema 4: indexes of the few deals that lacked an amount, or a close date, at any time."""

from typing import Final

from sqlalchemy.engine import Connection

INDEXES: Final = (
    "CREATE INDEX ix_opportunity_version_no_amount ON opportunity_version"
    " (amount, is_closed, valid_to, valid_from, opportunity_id, owner_id, close_date, recorded_to)"
    " WHERE is_closed = 0 AND amount IS NULL AND recorded_to IS NULL",
    "CREATE INDEX ix_opportunity_version_no_close_date ON opportunity_version"
    " (close_date, is_closed, valid_to, valid_from, opportunity_id, owner_id, recorded_to)"
    " WHERE is_closed = 0 AND close_date IS NULL AND recorded_to IS NULL",
)


def add_lacking(connection: Connection) -> None:
    """Make the indexes."""
    for statement in INDEXES:
        connection.exec_driver_sql(statement)
