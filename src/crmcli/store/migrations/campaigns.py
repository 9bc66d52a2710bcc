"""Schema 3: campaigns, and which of them leads and deals came from."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import Connection

from crmcli.store.migrations.figures import ENTITY, IN_POSTGRESQL, IN_SQLITE, KEYS

CAMPAIGN: Final = """
    name VARCHAR(255){c} NOT NULL,
    type VARCHAR(120){c},
    status VARCHAR(120){c} NOT NULL,
    start_date VARCHAR(10),
    end_date VARCHAR(10),
    budgeted_cost BIGINT,
    actual_cost BIGINT,
    currency VARCHAR(3){c},
    name_key VARCHAR,
"""
PLACE: Final = 11  # of the field among those of a lead, and of a deal: after the source
INDEXES: Final = (
    "CREATE UNIQUE INDEX ux_campaign_external_id ON campaign (external_id)"
    " WHERE external_id IS NOT NULL AND deleted_at IS NULL",
    "CREATE INDEX ix_campaign_name_key ON campaign (name_key)",
    "CREATE INDEX ix_lead_campaign ON lead (campaign_id) WHERE campaign_id IS NOT NULL",
    "CREATE INDEX ix_opportunity_campaign ON opportunity (campaign_id) WHERE campaign_id IS NOT NULL",
)


def add_campaigns(connection: Connection) -> None:
    """Make their table, begin to count their ids, and let leads, deals and versions of deals name one."""
    words = IN_SQLITE if connection.dialect.name == "sqlite" else IN_POSTGRESQL
    connection.exec_driver_sql(f"CREATE TABLE campaign ({(ENTITY + CAMPAIGN).format(**words)}{KEYS})")
    connection.execute(text("INSERT INTO sequence (entity, next_id) VALUES ('campaign', 1)"))
    for table in ("lead", "opportunity"):
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ADD COLUMN campaign_id INTEGER REFERENCES campaign (id)"
        )
        connection.execute(
            text("UPDATE field SET position = position + 1 WHERE entity = :entity AND position >= :place"),
            {"entity": table, "place": PLACE},
        )
    connection.exec_driver_sql("ALTER TABLE opportunity_version ADD COLUMN campaign_id INTEGER")
    for statement in INDEXES:
        connection.exec_driver_sql(statement)
