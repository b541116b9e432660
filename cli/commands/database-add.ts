import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type DatabaseAddress, parseDatabaseUrl } from '../../src/domain/database-url.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { Secret } from '../../src/domain/secret.ts';
import type { Outcome } from '../screen.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService, type ServiceSession } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { credentialOf } from './credential.ts';
import { probeLines, verifiedDatabase } from './database.ts';

const AddOptions = ServiceOptions.extend({
  environment: z.enum(['production', 'staging', 'development']),
  credential: z.string(),
  password: z.string().optional(),
  role: z.string().optional(),
  region: z.string().optional(),
  allDatabases: z.boolean().optional(),
  include: z.array(z.string()).optional(),
  exclude: z.array(z.string()).optional(),
  assert: z.record(z.string(), z.string()).optional(),
  rpo: z.number().optional(),
  rto: z.number().optional(),
  rateLimit: z.number().optional(),
  lockWait: z.number().optional(),
  blockLimit: z.number().optional(),
  label: z.record(z.string(), z.string()).optional(),
  dryRun: z.boolean().default(false),
  wait: z.boolean().default(true),
});
type AddOptions = z.infer<typeof AddOptions>;

/** `dbdump database add NAME URL` */
export const databaseAdd: Work = ([name = '', url = ''], given) => {
  const options = AddOptions.parse(given);
  return askService(options, async (session) => {
    const { client } = session;
    const password = options.password === undefined ? undefined : await session.secret(options.password, 'password');
    const body = await bodyOf(session, { name, url, options, password });
    if (options.dryRun) return lookedAt(session, { ...body, password });
    const added = await client.call('databases.create', { body });
    session.screen.note(`Added ${added.name} (${added.id}).`);
    // Nobody can look at it before a run brings the password.
    if (added.credential.kind === 'one-off') return { document: added, lines: [added.id] };
    return verifiedDatabase(session, added, options.wait);
  });
};

interface Wanted {
  readonly name: string;
  readonly url: string;
  readonly options: AddOptions;
  readonly password: Secret | undefined;
}

async function bodyOf({ client }: ServiceSession, { name, url, options, password }: Wanted) {
  const { items: engines } = await client.call('engines.list');
  const address = parseDatabaseUrl(
    url,
    engines.map((engine) => ({ ...engine, anonymous: true })),
  );
  requireNoPassword(address);
  return {
    name,
    engine: address.engine,
    host: address.host,
    port: address.port,
    databaseName: address.database === '' ? undefined : address.database,
    allDatabases: options.allDatabases,
    user: address.user,
    credential: credentialOf(options.credential, { ...options, password }),
    tls: await tlsOf(address),
    options: address.options,
    environment: options.environment,
    include: options.include,
    exclude: options.exclude,
    labels: options.label,
    assertions: options.assert,
    ...spansOf(options),
  };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

function spansOf({ rpo, rto, lockWait, blockLimit, rateLimit }: AddOptions) {
  const inUnits = (span: number | undefined, unit: number) => (span === undefined ? undefined : span / unit);
  return {
    rpoHours: inUnits(rpo, HOUR),
    rtoMinutes: inUnits(rto, MINUTE),
    lockWaitSeconds: inUnits(lockWait, SECOND),
    blockLimitSeconds: inUnits(blockLimit, SECOND),
    rateLimitBytesPerSecond: rateLimit,
  };
}

function requireNoPassword({ password }: DatabaseAddress): void {
  if (password === undefined) return;
  throw new Failure('usage', 'The URL holds a password, which the service does not take that way.', {
    remedy:
      'Leave it out of the URL, and say with --credential where it is kept: env:NAME, file:/PATH, or a secret of AWS by its ARN',
  });
}

/** A certificate authority is read here and kept by the service. */
async function tlsOf({ tls }: DatabaseAddress) {
  if (tls.caFile === undefined) return { mode: tls.mode };
  const file = tls.caFile;
  const ca = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Failure('usage', `The certificate authority ${file} cannot be read.`, {
      remedy: 'Give sslrootcert the path of a PEM file on this machine.',
      cause,
    });
  });
  return { mode: tls.mode, ca };
}

type DryRun = Awaited<ReturnType<typeof bodyOf>> & { readonly password: Secret | undefined };

async function lookedAt({ client }: ServiceSession, body: DryRun): Promise<Outcome> {
  const look = await client.call('databases.dryRun', { body });
  if (look.ok) return { document: look, lines: probeLines(look) };
  throw new Failure('database_unreachable', look.problem ?? 'The database cannot be backed up as it is.', {
    remedy: look.remedy ?? 'See: dbdump doctor',
  });
}
