import { statfs } from 'node:fs/promises';
import { slug } from '../domain/backup.ts';
import { Failure, type FailureCode, messageOf } from '../domain/failure.ts';
import type { Difference, Inventory } from '../domain/inventory.ts';
import type { Connection, ParseReport, RestoreRequest, Scratch } from '../engines/engine.ts';
import { copyDifferences, expectedCopy } from './compare.ts';
import { originOf, storedPlain } from './decode.ts';
import type { Needs, VerifyRequest } from './pipeline.ts';
import { differenceLine } from './report.ts';
import { dropOurs } from './restore-target.ts';
import type { Finding } from './verify.ts';

type Parsed = Finding & { readonly parsed: ParseReport };

/** Failures that speak of this machine or the scratch server, not of the backup. */
const ENVIRONMENT: readonly FailureCode[] = [
  'tool_missing',
  'tool_too_old',
  'disk_full',
  'database_unreachable',
  'authentication_failed',
  'tls_refused',
  'privilege_missing',
  'server_unsupported',
  'restore_refused',
];

/** Level 3: restores into a database made for this alone, compares it with what must be there, and removes it again. */
export async function restoreToScratch(needs: Needs, request: VerifyRequest, second: Parsed): Promise<Finding> {
  const impossible = notRestorable(request);
  if (impossible !== undefined) return { ...second, reason: impossible };
  try {
    return await withScratch(needs, request, (target) => restoreAndCompare(needs, { request, second, target }));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (ENVIRONMENT.includes(error.code)) return { ...second, reason: `Level 3 was not reached: ${error.message}` };
    if (error.code !== 'restore_failed') throw error;
    return { ...second, wrong: { status: 'suspect', reason: `It does not restore: ${messageOf(error)}` } };
  }
}

function notRestorable({ manifest }: VerifyRequest): string | undefined {
  const { type } = manifest.body;
  if (type === 'globals') return 'Level 3 is not reached: roles and globals belong to a whole server.';
  if (type === 'data') return 'Level 3 is not reached: data alone cannot be restored into an empty database.';
  return undefined;
}

async function withScratch(
  needs: Needs,
  request: VerifyRequest,
  work: (target: Connection) => Promise<Finding>,
): Promise<Finding> {
  const { bench, engine } = needs;
  const { body } = request.manifest;
  const scratch = await openScratch(needs, request);
  try {
    const admin = engine.admin(bench);
    const name = await freeName(needs, scratch, request);
    await admin.create(scratch.connection, name, body.inventory.facts);
    try {
      return await work({ ...scratch.connection, database: name });
    } finally {
      await dropOurs(needs, scratch.connection, name);
    }
  } finally {
    await scratch.stop();
  }
}

/** The server named by the caller; else a private one, once there is room for it. */
async function openScratch(needs: Needs, { manifest, scratch }: VerifyRequest): Promise<Scratch & { own: boolean }> {
  if (scratch !== undefined) return { connection: scratch, stop: async () => undefined, own: false };
  const { bavail, bsize } = await statfs(needs.bench.folder);
  const needed = manifest.body.plain.bytes;
  if (bavail * bsize < needed) {
    throw new Failure('disk_full', `${needed} bytes are needed for a scratch server, ${bavail * bsize} are free.`, {
      remedy: 'Free some space, or name a scratch server.',
    });
  }
  const own = await needs.engine.scratch(needs.bench, originOf(manifest));
  return { connection: own.connection, stop: () => own.stop(), own: true };
}

/** On a private server the original name, so that names inside the dump hold; elsewhere one that cannot be anyone's. */
async function freeName(
  { engine, bench }: Needs,
  scratch: Scratch & { own: boolean },
  { manifest }: VerifyRequest,
): Promise<string> {
  const { name } = manifest.body.database;
  const other = `${slug(name)}_verify_${manifest.body.backup.slice(-10)}`;
  if (!scratch.own || name === '') return other;
  return (await engine.admin(bench).exists(scratch.connection, name)) ? other : name;
}

interface Trial {
  readonly request: VerifyRequest;
  readonly second: Parsed;
  readonly target: Connection;
}

async function restoreAndCompare(needs: Needs, { request, second, target }: Trial): Promise<Finding> {
  const { bench, engine } = needs;
  const { manifest } = request;
  const job = restoreRequest(manifest.body.type, target);
  await refuseBlocked(needs, request, job);
  const started = performance.now();
  needs.progress({ phase: 'restore', plainBytes: 0, totalBytes: manifest.body.plain.bytes });
  const origin = originOf(manifest);
  const report = await engine.restore(bench, storedPlain(needs, manifest), { origin, request: job });
  const restoreSeconds = Math.round(performance.now() - started) / 1000;
  needs.progress({ phase: 'compare' });
  const found = await engine.inventory(bench, target, 'digests');
  const scope = { type: manifest.body.type, accounted: report.accounted };
  const differences = [
    ...copyDifferences(expectedCopy(manifest.body, second.parsed), found, scope),
    ...(await failedAssertions(needs, request, target)),
  ];
  return finding(second, { found, differences, notices: report.notices, restoreSeconds });
}

interface Compared {
  readonly found: Inventory;
  readonly differences: readonly Difference[];
  readonly notices: readonly string[];
  readonly restoreSeconds: number;
}

function finding(second: Parsed, { found, differences, notices, restoreSeconds }: Compared): Finding {
  const all = { ...second, tables: found.tables, notices: [...second.parsed.warnings, ...notices], restoreSeconds };
  if (differences.length === 0) return { ...all, reached: 3 };
  const lines = differences.slice(0, 3).map(differenceLine).join('; ');
  const more = differences.length > 3 ? `, and ${differences.length - 3} more` : '';
  const reason = `The restored copy differs: ${lines}${more}.`;
  return { ...all, differences, wrong: { status: 'suspect', reason } };
}

function restoreRequest(type: string, target: Connection): RestoreRequest {
  return {
    target,
    type: type === 'schema' ? 'schema' : 'full',
    inPlace: false,
    only: [],
    owners: true,
    acls: true,
    roles: {},
  };
}

async function refuseBlocked({ bench, engine }: Needs, { manifest }: VerifyRequest, job: RestoreRequest) {
  const blocking = (await engine.plan(bench, originOf(manifest), job)).filter(({ ok, blocks }) => !ok && blocks);
  if (blocking.length === 0) return;
  throw new Failure('restore_refused', blocking.map(({ name, detail }) => `${name}: ${detail}`).join(' '), {
    remedy: 'Name a scratch server that has what is missing.',
  });
}

/** Each statement must return one row whose first column says true. */
async function failedAssertions({ bench, engine }: Needs, request: VerifyRequest, target: Connection) {
  const failed: Difference[] = [];
  for (const [name, statement] of Object.entries(request.assertions)) {
    const rows = await engine.query(bench, target, statement);
    const value = rows.length === 1 ? rows[0]?.[0] : undefined;
    if (['true', 't', '1'].includes(String(value))) continue;
    const found = rows.length === 1 ? String(value) : `${rows.length} rows`;
    failed.push({ kind: 'changed', what: `assertion ${name}`, expected: 'true', found });
  }
  return failed;
}
