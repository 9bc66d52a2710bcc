"""Schema 3: the indexes from which reports over a million deals are answered."""

from typing import Final

from sqlalchemy.engine import Connection

OPEN: Final = "is_closed = 0 AND deleted_at IS NULL"
FACTS: Final = "amount, probability, stage, account_id, source"
# By name: an index that is there already is made anew.
MADE: Final = {
    "ix_opportunity_open": "opportunity (stage, currency, substr(created_at, 1, 10), amount, probability,"
    f" close_date, owner_id, created_at, is_closed, deleted_at) WHERE {OPEN}",
    "ix_opportunity_open_owner": "opportunity (owner_id, currency, category, close_date, amount, probability,"
    f" is_closed, deleted_at) WHERE {OPEN}",
    "ix_opportunity_open_close_date": "opportunity (close_date, currency, category, owner_id,"
    f" {FACTS}, is_closed, deleted_at) WHERE {OPEN}",
    "ix_opportunity_close_date": "opportunity (close_date, is_won, currency, category, owner_id,"
    f" {FACTS}, is_closed, deleted_at) WHERE is_closed = 1 AND deleted_at IS NULL",
    "ix_opportunity_deleted": "opportunity (deleted_at) WHERE deleted_at IS NOT NULL",
    "ix_opportunity_version_valid": "opportunity_version (valid_to, is_closed, valid_from, opportunity_id,"
    f" is_won, owner_id, currency, category, close_date, {FACTS}, recorded_to) WHERE recorded_to IS NULL",
    "ix_opportunity_version_close_date": "opportunity_version (close_date, is_won, valid_from, valid_to,"
    f" currency, category, owner_id, {FACTS}, opportunity_id, is_closed, recorded_to)"
    " WHERE is_closed = 1 AND recorded_to IS NULL",
}


def add_analytics(connection: Connection) -> None:
    """Make the new indexes, and those that have other columns now."""
    for name, columns in MADE.items():
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
        connection.exec_driver_sql(f"CREATE INDEX {name} ON {columns}")
