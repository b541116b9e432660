import type { TenantTransaction } from '../catalog/catalog.ts';
import { found } from '../catalog/repositories/changing.ts';
import { type DatabaseRow, lockDatabase } from '../catalog/repositories/databases.ts';
import { type Credential, DatabaseSettings } from '../contract/resources/places.ts';
import { Failure } from '../domain/failure.ts';
import { canonicalJson } from '../domain/manifest.ts';
import type { Engine } from '../engines/engine.ts';
import type { Installation, Runtime } from '../runtime/runtime.ts';
import { refuse } from './refusal.ts';

/** The engine of that id; the runtime's list is the only one. */
export function engineOf({ engines }: Pick<Runtime, 'engines'>, id: string): Engine {
  const engine = engines.find((candidate) => candidate.id === id);
  if (engine !== undefined) return engine;
  return refuse(
    `There is no engine ${JSON.stringify(id)}.`,
    `Engines are: ${engines.map((one) => one.id).join(', ')}.`,
  );
}

export interface Rules {
  readonly engine: Engine;
  readonly installation: Pick<Installation, 'kind'>;
  /** Whether the tenant turned sealed credentials on. */
  readonly sealedAllowed: boolean;
}

/** What must hold before anybody dials: RU-01 to RU-06, F83, and what a shared installation must not be made to read. */
export function checkDatabase(settings: DatabaseSettings, rules: Rules): void {
  checkName(settings);
  checkLogin(settings, rules.engine);
  checkTls(settings, rules.engine);
  checkOptions(settings, rules.engine);
  checkSource(settings.credential, rules);
  if (settings.tunnel !== undefined) checkKeySource(settings.tunnel.privateKey.kind, rules.installation);
}

function checkName({ allDatabases, databaseName, assertions }: DatabaseSettings): void {
  if (allDatabases && databaseName !== undefined)
    refuse('Both a database and all databases are asked for.', 'Leave out databaseName, or set allDatabases to false.');
  if (!allDatabases && databaseName === undefined)
    refuse('No database is named.', 'Give databaseName, or set allDatabases to true.');
  if (allDatabases && Object.keys(assertions).length > 0)
    refuse('Assertions are about one database.', 'Register that database by its name, with its assertions.');
}

function checkLogin({ user, credential }: DatabaseSettings, { label, registration }: Engine): void {
  const password = credential.kind !== 'none';
  if (registration.login === 'both-or-neither') {
    if ((user !== '') !== password)
      refuse(`${label} takes a user and a password, or neither.`, 'Give both, or leave both out.');
    return;
  }
  if (user === '') refuse(`${label} needs a user.`, 'Give user; the set-up guide makes one with the least rights.');
  if (registration.login === 'user-and-password' && !password)
    refuse(`${label} needs a password.`, 'Say with credential where it comes from.');
}

function checkTls({ tls, environment, credential, tunnel }: DatabaseSettings, { label, registration }: Engine): void {
  if (!registration.tls.includes(tls.mode))
    refuse(`${label} cannot keep the TLS mode ${tls.mode}.`, `Use one of: ${registration.tls.join(', ')}.`);
  const { tunnelTls = registration.tls } = registration;
  if (tunnel !== undefined && !tunnelTls.includes(tls.mode)) {
    refuse(
      `The programs of ${label} cannot keep the TLS mode ${tls.mode} through a tunnel.`,
      `Use one of: ${tunnelTls.join(', ')}; the bastion’s pinned key proves the way up to it.`,
    );
  }
  if (tls.mode !== 'disable') return;
  if (environment === 'production') {
    throw new Failure('tls_refused', 'A production database is not read without TLS.', {
      remedy: 'Use verify-full, or say that it is not production.',
    });
  }
  if (credential.kind === 'rds-iam') refuse('An IAM token is not sent without TLS.', 'Use verify-full.');
}

function checkOptions({ options }: DatabaseSettings, engine: Engine): void {
  const unknown = Object.keys(options).find((name) => !engine.options.includes(name));
  if (unknown === undefined) return;
  refuse(
    `${engine.label} takes no option ${JSON.stringify(unknown)}.`,
    engine.options.length === 0 ? 'Leave options out.' : `Options taken: ${engine.options.join(', ')}.`,
  );
}

function checkSource({ kind }: Credential, { installation, sealedAllowed }: Rules): void {
  if (kind === 'sealed' && !sealedAllowed) {
    throw new Failure('forbidden', 'This tenant does not let us keep credentials.', {
      remedy: 'Give a reference to the password, or let an owner turn sealed credentials on.',
    });
  }
  checkKeySource(kind, installation);
}

function checkKeySource(kind: string, installation: Pick<Installation, 'kind'>): void {
  if (installation.kind === 'one-machine' || !['file', 'env', 'command'].includes(kind)) return;
  refuse(
    `Credentials of kind ${kind} are there only where the service runs on one machine.`,
    'Use secret, rds-iam or one-off.',
  );
}

/** What decides whom we talk to and as whom. */
const IDENTITY = [
  'host',
  'port',
  'databaseName',
  'allDatabases',
  'user',
  'credential',
  'tls',
  'tunnel',
  'options',
] as const;
/** What decides where a password is sent. */
const ADDRESS = ['host', 'port', 'tls', 'tunnel', 'user', 'options'] as const;

/** Whether a verified database must be looked at again (RU-07). */
export function isAnother(before: DatabaseSettings, after: DatabaseSettings): boolean {
  return differs(before, after, IDENTITY);
}

/** A sealed password goes to the server it was given for: another address needs it typed again (S-03). */
export function isElsewhere(before: DatabaseSettings, after: DatabaseSettings): boolean {
  return differs(before, after, ADDRESS);
}

function differs(a: DatabaseSettings, b: DatabaseSettings, fields: readonly (keyof DatabaseSettings)[]): boolean {
  return fields.some((field) => canonicalJson(a[field] ?? null) !== canonicalJson(b[field] ?? null));
}

/** The settings of a row; one of an earlier release gets today's defaults. */
export function settingsOf(row: Pick<DatabaseRow, 'settings'>): DatabaseSettings {
  return DatabaseSettings.parse(row.settings);
}

/**
 * A database that may be backed up, restored into or scheduled, locked: registered, managed and verified (RU-07). One whose
 * password comes with each run cannot be looked at before: that run is the first to look.
 */
export async function requireVerified(trx: TenantTransaction, id: string): Promise<DatabaseRow> {
  const row = found(await lockDatabase(trx, id), 'database');
  if (row.state === 'verified' || settingsOf(row).credential.kind === 'one-off') return row;
  throw new Failure('not_verified', `The database ${row.name} is not verified.`, {
    remedy: `Verify it: POST /v1/databases/${row.id}:verify.`,
  });
}
