/** What is backed up, where to, when, and what came of it. */
export const WORK = `
CREATE TABLE destinations (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  labels jsonb NOT NULL DEFAULT '{}',
  place jsonb NOT NULL,
  state text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'verifying', 'verified', 'error')),
  error text,
  probes jsonb NOT NULL DEFAULT '[]',
  capabilities jsonb,
  verified_at timestamptz(3),
  removed_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id)
);
CREATE TABLE databases (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  engine text NOT NULL,
  settings jsonb NOT NULL,
  sealed_secret bytea,
  state text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'verifying', 'verified', 'error')),
  error text,
  probe jsonb,
  verified_at timestamptz(3),
  removed_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id)
);
CREATE TABLE schedules (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  database_id uuid NOT NULL,
  destination_ids uuid[] NOT NULL,
  name text NOT NULL,
  cron text NOT NULL,
  zone text NOT NULL,
  settings jsonb NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  last_slot timestamptz(3),
  next_slot timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, database_id) REFERENCES databases ON DELETE CASCADE
);
CREATE INDEX schedules_due ON schedules (next_slot) WHERE enabled;
CREATE TABLE runs (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  kind text NOT NULL,
  trigger text NOT NULL CHECK (trigger IN ('manual', 'schedule', 'api', 'system')),
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'partly', 'failed', 'cancelled', 'interrupted', 'missed')),
  database_id uuid,
  schedule_id uuid,
  slot timestamptz(3),
  backup_id uuid,
  request jsonb NOT NULL DEFAULT '{}',
  attempt integer NOT NULL DEFAULT 0,
  lease_token uuid,
  lease_until timestamptz(3),
  cancel_requested boolean NOT NULL DEFAULT false,
  progress jsonb,
  outcomes jsonb NOT NULL DEFAULT '[]',
  code text,
  cause text,
  remedy text,
  report jsonb,
  queued_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, schedule_id, slot),
  FOREIGN KEY (tenant_id, database_id) REFERENCES databases
);
CREATE INDEX runs_newest ON runs (tenant_id, queued_at DESC, id DESC);
CREATE INDEX runs_in_state ON runs (tenant_id, state, queued_at DESC, id DESC);
CREATE INDEX runs_of_database ON runs (tenant_id, database_id, queued_at DESC, id DESC);
CREATE INDEX runs_live ON runs (state, lease_until) WHERE state IN ('queued', 'running');
CREATE UNIQUE INDEX runs_one_backup_at_a_time ON runs (tenant_id, database_id) WHERE state = 'running' AND kind IN ('backup', 'restore');
CREATE TABLE run_lines (
  tenant_id uuid NOT NULL,
  run_id uuid NOT NULL,
  number integer NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now(),
  text text NOT NULL,
  PRIMARY KEY (tenant_id, run_id, number),
  FOREIGN KEY (tenant_id, run_id) REFERENCES runs ON DELETE CASCADE
);
CREATE TABLE backups (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  manifest_id text NOT NULL,
  database_id uuid,
  destination_id uuid NOT NULL,
  run_id uuid,
  key text NOT NULL,
  name text,
  tags text[] NOT NULL DEFAULT '{}',
  state text NOT NULL CHECK (state IN ('sealed', 'stored', 'good', 'suspect', 'lost', 'archived', 'deleting', 'deleted')),
  state_before text CHECK (state_before IN ('sealed', 'stored', 'good', 'suspect', 'lost', 'archived')),
  level integer NOT NULL DEFAULT 0 CHECK (level BETWEEN 0 AND 3),
  identity text NOT NULL,
  plain_bytes bigint NOT NULL,
  stored_bytes bigint NOT NULL,
  facts jsonb NOT NULL DEFAULT '{}',
  manifest jsonb NOT NULL,
  manifest_sha256 text NOT NULL,
  snapshot_at timestamptz(3) NOT NULL,
  verified_at timestamptz(3),
  level3_at timestamptz(3),
  last_read_at timestamptz(3),
  pin text,
  locked_until timestamptz(3),
  delete_after timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, destination_id, key),
  FOREIGN KEY (tenant_id, database_id) REFERENCES databases,
  FOREIGN KEY (tenant_id, destination_id) REFERENCES destinations
);
CREATE INDEX backups_newest ON backups (tenant_id, created_at DESC, id DESC);
CREATE INDEX backups_of_database ON backups (tenant_id, database_id, created_at DESC, id DESC);
CREATE INDEX backups_of_destination ON backups (tenant_id, destination_id, created_at DESC, id DESC);
CREATE INDEX backups_in_state ON backups (tenant_id, state, created_at DESC, id DESC);
CREATE INDEX backups_good ON backups (tenant_id, database_id, snapshot_at) WHERE state = 'good';
CREATE INDEX backups_tagged ON backups USING gin (tags) WHERE tags <> '{}';
-- Sums of bytes are read from these alone.
CREATE INDEX backups_bytes_of_database ON backups (tenant_id, database_id) INCLUDE (stored_bytes) WHERE state <> 'deleted';
CREATE INDEX backups_bytes_of_destination ON backups (tenant_id, destination_id) INCLUDE (stored_bytes) WHERE state <> 'deleted';
CREATE INDEX backups_bytes_by_time ON backups (tenant_id, created_at) INCLUDE (stored_bytes, plain_bytes) WHERE state <> 'deleted';
CREATE INDEX backups_leaving ON backups (tenant_id, delete_after) WHERE state = 'deleting';
CREATE TABLE holds (
  tenant_id uuid NOT NULL,
  backup_id uuid NOT NULL,
  run_id uuid NOT NULL,
  until timestamptz(3) NOT NULL,
  PRIMARY KEY (tenant_id, backup_id, run_id),
  FOREIGN KEY (tenant_id, backup_id) REFERENCES backups ON DELETE CASCADE
);
CREATE TABLE reports (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  backup_id uuid NOT NULL,
  body jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, backup_id) REFERENCES backups ON DELETE CASCADE
);
CREATE TABLE restores (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  run_id uuid NOT NULL,
  backup_id uuid NOT NULL,
  database_id uuid NOT NULL,
  request jsonb NOT NULL,
  result jsonb,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, run_id) REFERENCES runs,
  FOREIGN KEY (tenant_id, backup_id) REFERENCES backups,
  FOREIGN KEY (tenant_id, database_id) REFERENCES databases
);
`;
