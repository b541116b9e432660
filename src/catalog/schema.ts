import type { ColumnType, Generated } from 'kysely';

type At = ColumnType<Date, Date | string, Date | string>;
type MadeAt = ColumnType<Date, Date | string | undefined, never>;
type MaybeAt = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>;
/** Written as text (pg would turn an array into a PostgreSQL array), read as a value. */
type Json<T> = ColumnType<T, string, string>;
type MaybeJson<T> = ColumnType<T | null, string | null | undefined, string | null>;
type Count = Generated<number>;
/** Made by the database from another column. */
type Derived<T> = ColumnType<T, never, never>;

interface Owned {
  tenant_id: string;
  id: string;
}

export interface CatalogTables {
  tenants: {
    tenant_id: string;
    name: string;
    external_id: string;
    limits: Json<Record<string, number>>;
    sealed_credentials: Generated<boolean>;
    removed_at: MaybeAt;
    created_at: MadeAt;
    version: Count;
  };
  members: Owned & {
    subject: string | null;
    email: string;
    name: string;
    role: string;
    created_at: MadeAt;
    last_seen_at: MaybeAt;
  };
  invitations: Owned & {
    email: string;
    role: string;
    token_hash: Buffer;
    invited_by: string;
    created_at: MadeAt;
    expires_at: At;
  };
  api_keys: Owned & {
    name: string;
    prefix: string;
    key_hash: Buffer;
    role: string;
    created_by: string;
    created_at: MadeAt;
    expires_at: MaybeAt;
    last_used_at: MaybeAt;
  };
  sessions: Owned & { member_id: string; token_hash: Buffer; created_at: MadeAt; expires_at: At };
  sign_in_links: Owned & {
    member_id: string;
    token_hash: Buffer;
    created_at: MadeAt;
    expires_at: At;
    used_at: MaybeAt;
  };
  destinations: Owned & {
    kind: string;
    name: string;
    labels: Json<Record<string, string>>;
    place: Json<Record<string, unknown>>;
    role_arns: Derived<string[]>;
    state: Generated<string>;
    error: string | null;
    probes: ColumnType<readonly unknown[], string | undefined, string>;
    capabilities: MaybeJson<Record<string, boolean>>;
    verified_at: MaybeAt;
    removed_at: MaybeAt;
    created_at: MadeAt;
    version: Count;
  };
  databases: Owned & {
    name: string;
    engine: string;
    settings: Json<Record<string, unknown>>;
    role_arns: Derived<string[]>;
    sealed_secret: Buffer | null;
    state: Generated<string>;
    error: string | null;
    probe: MaybeJson<Record<string, unknown>>;
    verified_at: MaybeAt;
    removed_at: MaybeAt;
    created_at: MadeAt;
    version: Count;
  };
  schedules: Owned & {
    database_id: string;
    destination_ids: string[];
    name: string;
    cron: string;
    zone: string;
    settings: Json<Record<string, unknown>>;
    enabled: Generated<boolean>;
    last_slot: MaybeAt;
    next_slot: MaybeAt;
    /** When that slot is due: later than the slot by its delay within the window. */
    next_due: MaybeAt;
    created_at: MadeAt;
    version: Count;
  };
  runs: Owned & {
    kind: string;
    trigger: string;
    state: Generated<string>;
    database_id: string | null;
    schedule_id: string | null;
    slot: MaybeAt;
    backup_id: string | null;
    request: ColumnType<Record<string, unknown>, string | undefined, string>;
    attempt: Count;
    /** Attempts that failed and said so. */
    failures: Count;
    lease_token: string | null;
    lease_until: MaybeAt;
    cancel_requested: Generated<boolean>;
    progress: MaybeJson<Record<string, unknown>>;
    outcomes: ColumnType<readonly unknown[], string | undefined, string>;
    code: string | null;
    cause: string | null;
    remedy: string | null;
    report: MaybeJson<Record<string, unknown>>;
    queued_at: MadeAt;
    started_at: MaybeAt;
    finished_at: MaybeAt;
    version: Count;
  };
  run_lines: { tenant_id: string; run_id: string; number: number; at: MadeAt; text: string };
  backups: Owned & {
    manifest_id: string;
    database_id: string | null;
    destination_id: string;
    run_id: string | null;
    key: string;
    name: string | null;
    tags: Generated<string[]>;
    state: string;
    /** The state that an undone deletion gives back. */
    state_before: string | null;
    level: Count;
    identity: string;
    plain_bytes: string;
    stored_bytes: string;
    /** What lists show, taken from the manifest once. */
    facts: Json<Record<string, unknown>>;
    /** By table, where anybody has counted them. */
    table_rows: Json<Record<string, number>>;
    manifest: Json<Record<string, unknown>>;
    manifest_sha256: string;
    snapshot_at: At;
    verified_at: MaybeAt;
    level3_at: MaybeAt;
    last_read_at: MaybeAt;
    pin: string | null;
    locked_until: MaybeAt;
    delete_after: MaybeAt;
    created_at: MadeAt;
    version: Count;
  };
  holds: { tenant_id: string; backup_id: string; run_id: string; until: At };
  reports: Owned & { backup_id: string; body: Json<Record<string, unknown>>; created_at: MadeAt };
  restores: Owned & {
    run_id: string;
    backup_id: string;
    database_id: string;
    request: Json<Record<string, unknown>>;
    result: MaybeJson<Record<string, unknown>>;
    created_at: MadeAt;
  };
  channels: Owned & {
    name: string;
    settings: Json<Record<string, unknown>>;
    sealed_secret: Buffer | null;
    /** The secret before it, which signs too until then. */
    sealed_previous: ColumnType<Buffer | null, Buffer | null | undefined, Buffer | null>;
    previous_until: MaybeAt;
    enabled: Generated<boolean>;
    created_at: MadeAt;
    version: Count;
  };
  outbox: Owned & {
    channel_id: string;
    event: string;
    severity: string;
    payload: Json<Record<string, unknown>>;
    state: Generated<string>;
    attempts: Count;
    next_try_at: MaybeAt;
    last_error: string | null;
    created_at: MadeAt;
    delivered_at: MaybeAt;
  };
  alarms: Owned & {
    event: string;
    /** `schedule <id>`: what it is about, with its event the name of the condition. */
    subject: string;
    /** One line for people. */
    about: string;
    severity: string;
    data: Json<Record<string, unknown>>;
    opened_at: At;
    closed_at: MaybeAt;
  };
  audit_events: {
    tenant_id: string;
    sequence: string;
    at: At;
    actor: string;
    origin: string | null;
    action: string;
    object: string;
    before: MaybeJson<unknown>;
    after: MaybeJson<unknown>;
    request_id: string;
    previous_hash: string;
    hash: string;
  };
  idempotency_keys: {
    tenant_id: string;
    key: string;
    route: string;
    request_hash: string;
    status: number | null;
    response: MaybeJson<unknown>;
    created_at: MadeAt;
  };
}
