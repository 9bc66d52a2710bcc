CREATE TABLE "user" (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  email VARCHAR(254) COLLATE "C",
  role VARCHAR(255) COLLATE "C",
  manager_id INTEGER,
  team VARCHAR(255) COLLATE "C",
  active INTEGER,
  name_key VARCHAR,
  email_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(manager_id) REFERENCES "user" (id)
);
CREATE TABLE entry (
  id INTEGER NOT NULL,
  at VARCHAR(20) NOT NULL,
  actor VARCHAR(255) COLLATE "C" NOT NULL,
  source VARCHAR(20) COLLATE "C" NOT NULL,
  command TEXT NOT NULL,
  undoes INTEGER,
  undone_by INTEGER,
  PRIMARY KEY (id)
);
CREATE TABLE change (
  id SERIAL NOT NULL,
  entry_id INTEGER NOT NULL,
  entity VARCHAR(20) COLLATE "C" NOT NULL,
  first_id INTEGER NOT NULL,
  last_id INTEGER NOT NULL,
  op VARCHAR(10) COLLATE "C" NOT NULL,
  before TEXT,
  after TEXT,
  PRIMARY KEY (id)
);
CREATE TABLE opportunity_version (
  id SERIAL NOT NULL,
  opportunity_id INTEGER NOT NULL,
  valid_from VARCHAR(20) NOT NULL,
  valid_to VARCHAR(20),
  recorded_at VARCHAR(20) NOT NULL,
  recorded_to VARCHAR(20),
  entry_id INTEGER NOT NULL,
  closed_entry_id INTEGER,
  owner_id INTEGER,
  account_id INTEGER,
  amount BIGINT,
  currency VARCHAR(3) COLLATE "C" NOT NULL,
  stage VARCHAR(255) COLLATE "C" NOT NULL,
  probability INTEGER NOT NULL,
  category VARCHAR(120) COLLATE "C" NOT NULL,
  close_date VARCHAR(10) COLLATE "C",
  source VARCHAR(120) COLLATE "C",
  is_closed INTEGER NOT NULL,
  is_won INTEGER NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE field (
  entity VARCHAR(20) COLLATE "C" NOT NULL,
  name VARCHAR(63) COLLATE "C" NOT NULL,
  column_name VARCHAR(63) COLLATE "C" NOT NULL,
  kind VARCHAR(20) COLLATE "C" NOT NULL,
  label VARCHAR(255) COLLATE "C" NOT NULL,
  help TEXT NOT NULL,
  position INTEGER NOT NULL,
  required INTEGER NOT NULL,
  listed INTEGER NOT NULL,
  owned INTEGER NOT NULL,
  custom INTEGER NOT NULL,
  choices TEXT NOT NULL,
  open INTEGER NOT NULL,
  target VARCHAR(20) COLLATE "C",
  aliases TEXT NOT NULL,
  default_value TEXT,
  max_length INTEGER,
  low INTEGER,
  high INTEGER,
  PRIMARY KEY (entity, name)
);
CREATE TABLE setting (
  name VARCHAR(63) COLLATE "C" NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (name)
);
CREATE TABLE sequence (
  entity VARCHAR(20) COLLATE "C" NOT NULL,
  next_id INTEGER NOT NULL,
  PRIMARY KEY (entity)
);
CREATE TABLE account (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  type VARCHAR(120) COLLATE "C",
  industry VARCHAR(120) COLLATE "C",
  website VARCHAR(2048) COLLATE "C",
  phone VARCHAR(64) COLLATE "C",
  parent_id INTEGER,
  employees INTEGER,
  annual_revenue BIGINT,
  currency VARCHAR(3) COLLATE "C",
  street VARCHAR(1000) COLLATE "C",
  city VARCHAR(255) COLLATE "C",
  state VARCHAR(255) COLLATE "C",
  postal_code VARCHAR(255) COLLATE "C",
  country VARCHAR(255) COLLATE "C",
  name_key VARCHAR,
  domain VARCHAR,
  phone_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(parent_id) REFERENCES account (id)
);
CREATE TABLE stage (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  position INTEGER NOT NULL,
  probability INTEGER NOT NULL,
  category VARCHAR(120) COLLATE "C" NOT NULL,
  is_closed INTEGER,
  is_won INTEGER,
  limit_days INTEGER,
  active INTEGER,
  label VARCHAR(255) COLLATE "C",
  name_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id)
);
CREATE TABLE contact (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  first_name VARCHAR(255) COLLATE "C",
  last_name VARCHAR(255) COLLATE "C",
  account_id INTEGER,
  title VARCHAR(255) COLLATE "C",
  department VARCHAR(255) COLLATE "C",
  email VARCHAR(254) COLLATE "C",
  phone VARCHAR(64) COLLATE "C",
  mobile VARCHAR(64) COLLATE "C",
  source VARCHAR(120) COLLATE "C",
  reports_to_id INTEGER,
  street VARCHAR(1000) COLLATE "C",
  city VARCHAR(255) COLLATE "C",
  state VARCHAR(255) COLLATE "C",
  postal_code VARCHAR(255) COLLATE "C",
  country VARCHAR(255) COLLATE "C",
  name_key VARCHAR,
  email_key VARCHAR,
  phone_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(account_id) REFERENCES account (id),
  FOREIGN KEY(reports_to_id) REFERENCES contact (id)
);
CREATE TABLE opportunity (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  account_id INTEGER,
  amount BIGINT,
  currency VARCHAR(3) COLLATE "C" NOT NULL,
  stage VARCHAR(255) COLLATE "C" NOT NULL,
  probability INTEGER NOT NULL,
  category VARCHAR(120) COLLATE "C" NOT NULL,
  close_date VARCHAR(10),
  type VARCHAR(120) COLLATE "C",
  source VARCHAR(120) COLLATE "C",
  next_step VARCHAR(255) COLLATE "C",
  lost_reason VARCHAR(120) COLLATE "C",
  is_closed INTEGER NOT NULL,
  is_won INTEGER NOT NULL,
  closed_at VARCHAR(10),
  stage_since VARCHAR(20) NOT NULL,
  stage_probability INTEGER NOT NULL,
  stage_category VARCHAR NOT NULL,
  own_probability INTEGER,
  own_category VARCHAR,
  name_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(account_id) REFERENCES account (id)
);
CREATE TABLE activity (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  type VARCHAR(120) COLLATE "C" NOT NULL,
  subject VARCHAR(255) COLLATE "C" NOT NULL,
  direction VARCHAR(120) COLLATE "C",
  outcome VARCHAR(255) COLLATE "C",
  duration_minutes INTEGER,
  happened_at VARCHAR(20) NOT NULL,
  related_to_id INTEGER,
  contact_id INTEGER,
  related_to_entity VARCHAR(20) COLLATE "C",
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(contact_id) REFERENCES contact (id)
);
CREATE TABLE contact_role (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  opportunity_id INTEGER NOT NULL,
  contact_id INTEGER NOT NULL,
  role VARCHAR(120) COLLATE "C",
  is_primary INTEGER,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(opportunity_id) REFERENCES opportunity (id),
  FOREIGN KEY(contact_id) REFERENCES contact (id)
);
CREATE INDEX ix_contact_role_contact_id ON contact_role (contact_id);
CREATE INDEX ix_contact_role_opportunity_id ON contact_role (opportunity_id);
CREATE TABLE lead (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  name VARCHAR(255) COLLATE "C" NOT NULL,
  first_name VARCHAR(255) COLLATE "C",
  last_name VARCHAR(255) COLLATE "C",
  company VARCHAR(255) COLLATE "C",
  title VARCHAR(255) COLLATE "C",
  email VARCHAR(254) COLLATE "C",
  phone VARCHAR(64) COLLATE "C",
  mobile VARCHAR(64) COLLATE "C",
  website VARCHAR(2048) COLLATE "C",
  source VARCHAR(120) COLLATE "C",
  status VARCHAR(120) COLLATE "C" NOT NULL,
  rating VARCHAR(120) COLLATE "C",
  industry VARCHAR(120) COLLATE "C",
  employees INTEGER,
  annual_revenue BIGINT,
  currency VARCHAR(3) COLLATE "C",
  street VARCHAR(1000) COLLATE "C",
  city VARCHAR(255) COLLATE "C",
  state VARCHAR(255) COLLATE "C",
  postal_code VARCHAR(255) COLLATE "C",
  country VARCHAR(255) COLLATE "C",
  converted_at VARCHAR(20),
  converted_account_id INTEGER,
  converted_contact_id INTEGER,
  converted_opp_id INTEGER,
  name_key VARCHAR,
  email_key VARCHAR,
  phone_key VARCHAR,
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(converted_account_id) REFERENCES account (id),
  FOREIGN KEY(converted_contact_id) REFERENCES contact (id),
  FOREIGN KEY(converted_opp_id) REFERENCES opportunity (id)
);
CREATE TABLE task (
  id SERIAL NOT NULL,
  uid VARCHAR(36) COLLATE "C" NOT NULL,
  external_id VARCHAR(255) COLLATE "C",
  owner_id INTEGER,
  description VARCHAR(32000) COLLATE "C",
  created_at VARCHAR(20) NOT NULL,
  updated_at VARCHAR(20) NOT NULL,
  deleted_at VARCHAR(20),
  custom JSONB NOT NULL,
  subject VARCHAR(255) COLLATE "C" NOT NULL,
  due_date VARCHAR(10),
  status VARCHAR(120) COLLATE "C" NOT NULL,
  priority VARCHAR(120) COLLATE "C" NOT NULL,
  related_to_id INTEGER,
  contact_id INTEGER,
  completed_at VARCHAR(20),
  related_to_entity VARCHAR(20) COLLATE "C",
  PRIMARY KEY (id),
  FOREIGN KEY(owner_id) REFERENCES "user" (id),
  FOREIGN KEY(contact_id) REFERENCES contact (id)
);
CREATE UNIQUE INDEX ux_lead_external_id ON lead (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_account_external_id ON account (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_contact_external_id ON contact (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_opportunity_external_id ON opportunity (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_task_external_id ON task (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_activity_external_id ON activity (external_id) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX ux_user_name_key ON "user" (name_key) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX ux_stage_name_key ON stage (name_key) WHERE deleted_at IS NULL;
CREATE INDEX ix_lead_name_key ON lead (name_key);
CREATE INDEX ix_account_name_key ON account (name_key);
CREATE INDEX ix_contact_name_key ON contact (name_key);
CREATE INDEX ix_opportunity_name_key ON opportunity (name_key);
CREATE INDEX ix_lead_email_key ON lead (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX ix_contact_email_key ON contact (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX ix_account_domain ON account (domain) WHERE domain IS NOT NULL;
CREATE INDEX ix_contact_account ON contact (account_id);
CREATE INDEX ix_opportunity_account ON opportunity (account_id);
CREATE INDEX ix_account_parent ON account (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX ix_task_due ON task (due_date) WHERE completed_at IS NULL AND deleted_at IS NULL;
CREATE INDEX ix_task_related ON task (related_to_entity, related_to_id);
CREATE INDEX ix_task_contact ON task (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX ix_activity_related ON activity (related_to_entity, related_to_id, happened_at);
CREATE INDEX ix_activity_contact ON activity (contact_id) WHERE contact_id IS NOT NULL;
CREATE INDEX ix_opportunity_owner_stage ON opportunity (owner_id, stage, close_date);
CREATE INDEX ix_opportunity_open ON opportunity (stage, currency, created_at, amount, probability, close_date, owner_id, is_closed, deleted_at) WHERE is_closed = 0 AND deleted_at IS NULL;
CREATE INDEX ix_opportunity_open_close_date ON opportunity (close_date, owner_id, currency, category, amount, probability, stage, account_id, source, is_closed, deleted_at) WHERE is_closed = 0 AND deleted_at IS NULL;
CREATE INDEX ix_opportunity_close_date ON opportunity (close_date, is_won, owner_id, currency, category, amount, probability, stage, account_id, source, is_closed, deleted_at) WHERE is_closed = 1 AND deleted_at IS NULL;
CREATE INDEX ix_opportunity_version_life ON opportunity_version (opportunity_id, valid_from);
CREATE INDEX ix_opportunity_version_close_date ON opportunity_version (is_closed, close_date, valid_from, valid_to, is_won, owner_id, currency, category, amount, probability, stage, account_id, source, recorded_to, opportunity_id) WHERE recorded_to IS NULL;
CREATE INDEX ix_opportunity_version_entry ON opportunity_version (entry_id);
CREATE INDEX ix_opportunity_version_closed ON opportunity_version (closed_entry_id) WHERE closed_entry_id IS NOT NULL;
CREATE INDEX ix_change_record ON change (entity, first_id);
CREATE INDEX ix_change_entry ON change (entry_id);
CREATE TABLE search (id bigint PRIMARY KEY, document tsvector NOT NULL);
CREATE INDEX ix_search_document ON search USING gin (document);
