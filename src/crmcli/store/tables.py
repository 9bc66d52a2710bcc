"""The tables that are not nouns: the journal, versions, and what the database knows about itself."""

from typing import Final

from sqlalchemy import Column, Integer, Table, Text
from sqlmodel import SQLModel

from crmcli.model.entity import Instant, text

METADATA: Final = SQLModel.metadata

# One row for each act: who did what, when; `undoes` names the act it takes back, `undone_by` the act that
# took it back. An act counts as long as it neither undoes another nor is undone.
ENTRY: Final = Table(
    "entry",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", text(255), nullable=False),
    Column("source", text(20), nullable=False),
    Column("command", Text, nullable=False),
    Column("undoes", Integer),
    Column("undone_by", Integer),
)

# What an act did: to one record (first_id = last_id), or to a whole range of new ones.
# `before` and `after` are JSON objects of the columns that changed; a record that was added needs neither.
CHANGE: Final = Table(
    "change",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("entry_id", Integer, nullable=False),
    Column("entity", text(20), nullable=False),
    Column("first_id", Integer, nullable=False),
    Column("last_id", Integer, nullable=False),
    Column("op", text(10), nullable=False),  # add, edit, remove, restore
    Column("before", Text),
    Column("after", Text),
)

# What a deal was, from when to when (valid), as we knew it from when to when (recorded).
# Nothing is ever overwritten: what turns out to be otherwise is closed by `recorded_to` and recorded anew.
OPPORTUNITY_VERSION: Final = Table(
    "opportunity_version",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("opportunity_id", Integer, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_to", Instant),
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_to", Instant),
    Column("entry_id", Integer, nullable=False),
    Column("closed_entry_id", Integer),
    Column("owner_id", Integer),
    Column("account_id", Integer),
    Column("amount", SQLModel.metadata.tables["opportunity"].c.amount.type),
    Column("currency", text(3), nullable=False),
    Column("stage", text(255), nullable=False),
    Column("probability", Integer, nullable=False),
    Column("category", text(120), nullable=False),
    Column("close_date", text(10)),
    Column("source", text(120)),
    Column("campaign_id", Integer),
    Column("is_closed", Integer, nullable=False),
    Column("is_won", Integer, nullable=False),
)

# The fields of every noun, as every command reads them.
FIELD: Final = Table(
    "field",
    METADATA,
    Column("entity", text(20), primary_key=True),
    Column("name", text(63), primary_key=True),
    Column("column_name", text(63), nullable=False),
    Column("kind", text(20), nullable=False),
    Column("label", text(255), nullable=False),
    Column("help", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("required", Integer, nullable=False),
    Column("listed", Integer, nullable=False),
    Column("owned", Integer, nullable=False),
    Column("custom", Integer, nullable=False),
    Column("choices", Text, nullable=False),  # JSON array
    Column("open", Integer, nullable=False),
    Column("target", text(20)),
    Column("aliases", Text, nullable=False),  # JSON array
    Column("default_value", Text),
    Column("max_length", Integer),
    Column("low", Integer),
    Column("high", Integer),
)

SETTING: Final = Table(
    "setting",
    METADATA,
    Column("name", text(63), primary_key=True),
    Column("value", Text, nullable=False),
)

# The next id of each kind of record, and of entries; ids are never used twice.
SEQUENCE: Final = Table(
    "sequence",
    METADATA,
    Column("entity", text(20), primary_key=True),
    Column("next_id", Integer, nullable=False),
)

# Each index serves the query named beside it.
INDEXES: Final = (
    # a record by its external id, at import and on the command line
    *(
        f"CREATE UNIQUE INDEX ux_{entity}_external_id ON {entity} (external_id)"
        " WHERE external_id IS NOT NULL AND deleted_at IS NULL"
        for entity in ("lead", "account", "contact", "opportunity", "task", "activity", "campaign")
    ),
    # a record by its name
    'CREATE UNIQUE INDEX ux_user_name_key ON "user" (name_key) WHERE deleted_at IS NULL',
    "CREATE UNIQUE INDEX ux_stage_name_key ON stage (name_key) WHERE deleted_at IS NULL",
    *(
        f"CREATE INDEX ix_{entity}_name_key ON {entity} (name_key)"
        for entity in ("lead", "account", "contact", "opportunity", "campaign")
    ),
    # a person by e-mail, an account by domain
    "CREATE INDEX ix_lead_email_key ON lead (email_key) WHERE email_key IS NOT NULL",
    "CREATE INDEX ix_contact_email_key ON contact (email_key) WHERE email_key IS NOT NULL",
    "CREATE INDEX ix_account_domain ON account (domain) WHERE domain IS NOT NULL",
    # account show: its people, deals and subsidiaries
    "CREATE INDEX ix_contact_account ON contact (account_id)",
    "CREATE INDEX ix_opportunity_account ON opportunity (account_id)",
    "CREATE INDEX ix_account_parent ON account (parent_id) WHERE parent_id IS NOT NULL",
    # campaign show: the leads and deals that came from it
    "CREATE INDEX ix_lead_campaign ON lead (campaign_id) WHERE campaign_id IS NOT NULL",
    "CREATE INDEX ix_opportunity_campaign ON opportunity (campaign_id) WHERE campaign_id IS NOT NULL",
    # what is to do, and what has happened, about a record
    "CREATE INDEX ix_task_due ON task (due_date) WHERE completed_at IS NULL AND deleted_at IS NULL",
    "CREATE INDEX ix_task_related ON task (related_to_entity, related_to_id)",
    "CREATE INDEX ix_task_contact ON task (contact_id) WHERE contact_id IS NOT NULL",
    "CREATE INDEX ix_activity_related ON activity (related_to_entity, related_to_id, happened_at)",
    "CREATE INDEX ix_activity_contact ON activity (contact_id) WHERE contact_id IS NOT NULL",
    # opp list by owner and stage
    "CREATE INDEX ix_opportunity_owner_stage ON opportunity (owner_id, stage, close_date)",
    # pipeline; the columns of the condition are in each index, or SQLite would look into the table for them
    "CREATE INDEX ix_opportunity_open ON opportunity"
    " (stage, currency, substr(created_at, 1, 10), amount, probability, close_date, owner_id, created_at,"
    " is_closed, deleted_at) WHERE is_closed = 0 AND deleted_at IS NULL",
    # forecast by owner: what is open, in the order of its groups, so that nothing is sorted
    "CREATE INDEX ix_opportunity_open_owner ON opportunity"
    " (owner_id, currency, category, close_date, amount, probability, is_closed, deleted_at)"
    " WHERE is_closed = 0 AND deleted_at IS NULL",
    # forecast: what is open and closes in a period, and what was closed in it; by month in this order too
    "CREATE INDEX ix_opportunity_open_close_date ON opportunity"
    " (close_date, currency, category, owner_id, amount, probability, stage, account_id, source,"
    " is_closed, deleted_at) WHERE is_closed = 0 AND deleted_at IS NULL",
    "CREATE INDEX ix_opportunity_close_date ON opportunity"
    " (close_date, is_won, currency, category, owner_id, amount, probability, stage, account_id, source,"
    " is_closed, deleted_at) WHERE is_closed = 1 AND deleted_at IS NULL",
    # pipeline diff: deals that are deleted by now
    "CREATE INDEX ix_opportunity_deleted ON opportunity (deleted_at) WHERE deleted_at IS NOT NULL",
    # the life of one deal
    "CREATE INDEX ix_opportunity_version_life ON opportunity_version (opportunity_id, valid_from)",
    # forecast and pipeline as of a day, and what changed since: what still holds, and what has ended since
    "CREATE INDEX ix_opportunity_version_valid ON opportunity_version"
    " (valid_to, is_closed, valid_from, opportunity_id, is_won, owner_id, currency, category, close_date,"
    " amount, probability, stage, account_id, source, recorded_to) WHERE recorded_to IS NULL",
    # pipeline as of a day: the few deals that lacked an amount, or a close date
    "CREATE INDEX ix_opportunity_version_no_amount ON opportunity_version"
    " (amount, is_closed, valid_to, valid_from, opportunity_id, owner_id, close_date, recorded_to)"
    " WHERE is_closed = 0 AND amount IS NULL AND recorded_to IS NULL",
    "CREATE INDEX ix_opportunity_version_no_close_date ON opportunity_version"
    " (close_date, is_closed, valid_to, valid_from, opportunity_id, owner_id, recorded_to)"
    " WHERE is_closed = 0 AND close_date IS NULL AND recorded_to IS NULL",
    # what had been closed in a period as of a day
    "CREATE INDEX ix_opportunity_version_close_date ON opportunity_version"
    " (close_date, is_won, valid_from, valid_to, currency, category, owner_id, amount, probability, stage,"
    " account_id, source, opportunity_id, is_closed, recorded_to) WHERE is_closed = 1 AND recorded_to IS NULL",
    # what an entry recorded, and what it closed
    "CREATE INDEX ix_opportunity_version_entry ON opportunity_version (entry_id)",
    "CREATE INDEX ix_opportunity_version_closed ON opportunity_version (closed_entry_id)"
    " WHERE closed_entry_id IS NOT NULL",
    # history of a record, and what an entry did
    "CREATE INDEX ix_change_record ON change (entity, first_id)",
    "CREATE INDEX ix_change_entry ON change (entry_id)",
)
