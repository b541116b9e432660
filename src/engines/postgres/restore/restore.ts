import { pipeline } from 'node:stream/promises';
import { Failure, messageOf } from '../../../domain/failure.ts';
import type { Command } from '../../../process/child.ts';
import { describeExit, endedWell, requireGood, run } from '../../../process/run.ts';
import type { Tool } from '../../../process/tools.ts';
import type { Origin, Plain, RestoreReport, RestoreRequest, Workbench } from '../../engine.ts';
import { admin } from '../admin.ts';
import { readIndex, withEntries } from '../archive/read-contents.ts';
import type { TocEntry } from '../archive/toc.ts';
import { authorityFile } from '../authority-file.ts';
import { restoreCommand, scriptCommand, sqlCommand } from '../commands.ts';
import { explainLibpq } from '../connection-failure.ts';
import { quoted } from '../names.ts';
import { beside, clientFor, majorOf } from '../programs.ts';
import { applicationName, type Session, withSession } from '../session.ts';
import { decide } from './decide.ts';
import { linesToDrop, requireSqlClient, withoutLines } from './downgrade.ts';
import { EditList, type Edits } from './edits.ts';
import { entriesList } from './entries-list.ts';
import { applyFacts } from './facts.ts';
import { mentionedRoles, superuserOwners } from './role-edits.ts';
import { readTarget, type Target } from './target.ts';
import { sayVersions } from './versions.ts';

interface Job {
  readonly origin: Origin;
  readonly request: RestoreRequest;
}

/**
 * Restores an archive in one transaction that stops at the first error: the target is complete or as it was. Whatever
 * cannot be restored as it was is decided beforehand and said in the report.
 */
export async function restore(bench: Workbench, plain: Plain, { origin, request }: Job): Promise<RestoreReport> {
  refuseGlobals(origin);
  const { entries, head } = await readIndex(plain);
  const wish = { applicationName: applicationName(bench, ' restore'), signal: bench.signal };
  const { target, edits, serverOptions } = await withSession(request.target, wish, async (session) => {
    const first = await readTarget(session);
    requireNotOlder(majorOf(origin.serverVersion) || majorOf(head.serverVersion), first.major);
    const missing = first.scratch && first.superuser ? rolesToCreate(entries, origin, first) : [];
    await createRoles(session, missing, superuserOwners(entries));
    // A dozen questions: asked again only where the answers have changed.
    const now = missing.length === 0 ? first : await readTarget(session);
    const empty = await admin(bench).isEmpty(request.target, request.target.database);
    return {
      target: now,
      edits: decide(entries, request, { target: now, empty }),
      serverOptions: session.serverOptions,
    };
  });
  if (edits.blocked.length > 0) throw refused(edits.blocked);
  const tool = clientFor(bench.tools, 'pg_restore', Math.max(target.major, majorOf(head.toolVersion) || target.major));
  await write(bench, plain, { edits, entries, request, target, tool, serverOptions });
  const list = new EditList([]);
  await withSession(request.target, wish, (session) => finish(session, list, { origin, request, target }));
  const after = list.result();
  return {
    notices: [...edits.notices, ...after.notices],
    accounted: [...edits.accounted, ...after.accounted],
  };
}

function refuseGlobals({ type }: Origin): void {
  if (type !== 'globals') return;
  throw new Failure(
    'restore_refused',
    'Roles and globals belong to a whole server and are not restored into a database.',
    {
      remedy: 'Run: dbdump rescue restore --globals, which makes those that are missing; --plan shows them first.',
    },
  );
}

function requireNotOlder(source: number, target: number): void {
  if (!(source > target)) return;
  throw new Failure(
    'restore_refused',
    `The backup is of PostgreSQL ${source}, and the target is ${target}, which is older.`,
    {
      remedy: `Restore into PostgreSQL ${source} or newer.`,
    },
  );
}

function refused(reasons: readonly string[]): Failure {
  const more = reasons.length > 3 ? ` And ${reasons.length - 3} more.` : '';
  return new Failure('restore_refused', `${reasons.slice(0, 3).join(' ')}${more}`, {
    remedy: 'Restore as a superuser or into a server that has what is missing, or only the other tables (--only).',
  });
}

/** On a throwaway server the roles that the dump speaks of are made, so that owners and access compare. */
function rolesToCreate(entries: readonly TocEntry[], { inventory }: Origin, target: Target): string[] {
  const facts = inventory?.facts ?? {};
  const grantees = [...(facts.acl ?? '').matchAll(/\["((?:[^"\\]|\\.)*)", "/g)].map(
    ([, name]) => JSON.parse(`"${name}"`) as string,
  );
  const withSettings = Object.keys(facts).flatMap((fact) => /^role setting (.*) \S+$/s.exec(fact)?.[1] ?? []);
  const all = [
    ...mentionedRoles(entries),
    ...(facts.owner === undefined ? [] : [facts.owner]),
    ...grantees,
    ...withSettings,
  ];
  return [...new Set(all)].filter(
    (role) => !target.roles.has(role) && role !== 'PUBLIC' && role !== '<owner>' && !role.startsWith('pg_'),
  );
}

async function createRoles(session: Session, roles: readonly string[], superusers: ReadonlySet<string>): Promise<void> {
  for (const role of roles)
    await session.rows(`create role ${quoted(role)}${superusers.has(role) ? ' superuser' : ''}`);
}

interface Writing {
  readonly edits: Edits;
  readonly entries: readonly TocEntry[];
  readonly request: RestoreRequest;
  readonly target: Target;
  readonly tool: Tool;
  readonly serverOptions: string;
}

/** The short way hands the dump straight to pg_restore; a changed table of contents passes through here. */
async function write(bench: Workbench, plain: Plain, writing: Writing): Promise<void> {
  const { edits, entries, request, target, tool } = writing;
  const list = entriesList(edits, entries);
  const input = () => (edits.changed ? withEntries(plain, edits.entries) : plain.bytes());
  const drop = linesToDrop(tool.major, target.major);
  const wish = {
    applicationName: applicationName(bench, ' restore'),
    serverOptions: writing.serverOptions === '' ? '' : `${writing.serverOptions} -c default_transaction_read_only=off`,
    caFile: await authorityFile(bench, request.target),
  };
  if (drop.length > 0) {
    const script = scriptCommand(tool, { flags: edits.flags, entries: list });
    const psql = requireSqlClient(beside(bench.tools, 'psql', tool), tool);
    return await throughScript(bench, { input: input(), script, drop, sql: sqlCommand(psql, request.target, wish) });
  }
  const command = restoreCommand(tool, request.target, { ...wish, flags: edits.flags, entries: list });
  try {
    // Told what to restore, pg_restore stops reading behind the last of it; only a whole dump is poured straight in.
    if (!edits.changed && list === undefined && request.type !== 'schema') {
      await plain.into(command);
      return;
    }
    const exit = await run(bench.runner, command, { input: input(), signal: bench.signal });
    requireGood(exit, 'restore_failed');
  } catch (error) {
    throw explainRestore(error, request);
  }
}

interface Script {
  readonly input: AsyncIterable<Uint8Array>;
  readonly script: Command;
  readonly drop: readonly string[];
  readonly sql: Command;
}

/**
 * pg_restore writes SQL, known lines are left out, psql runs it in one transaction. psql sees the end of its input only
 * after pg_restore has ended well: a script cut short would else be committed (M2).
 */
async function throughScript(bench: Workbench, { input, script, drop, sql }: Script): Promise<void> {
  const psql = bench.runner.start(sql, { stdin: 'pipe', stdout: 'ignore' });
  const lines: AsyncIterable<Buffer>[] = [];
  const source = bench.runner.start(script, { stdin: 'pipe', stdout: 'pipe' });
  const stop = () => {
    psql.kill();
    source.kill();
  };
  bench.signal.addEventListener('abort', stop, { once: true });
  try {
    if (source.stdin === null || source.stdout === null || psql.stdin === null)
      throw new Failure('internal', 'no pipes');
    lines.push(withoutLines(source.stdout, drop));
    const fed = pipeline(input, source.stdin);
    const passed = pipeline(lines[0] ?? [], psql.stdin, { end: false });
    const [feeding, passing, exit] = await Promise.all([settled(fed), settled(passed), source.ended]);
    bench.signal.throwIfAborted();
    if (!endedWell(exit) || feeding !== undefined || passing !== undefined) {
      psql.kill();
      const last = await psql.ended;
      requireGood(exit, 'restore_failed');
      throw new Failure('restore_failed', describeExit(last), { cause: feeding ?? passing, remedy: REMEDY });
    }
    psql.stdin.end();
    requireGood(await psql.ended, 'restore_failed', REMEDY);
  } finally {
    bench.signal.removeEventListener('abort', stop);
    stop();
    await Promise.all([psql.ended, source.ended]);
  }
}

const REMEDY = 'Nothing was changed in the target; see what the tool says, and try as a superuser.';

async function settled(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}

function explainRestore(error: unknown, { target }: RestoreRequest): unknown {
  if (!(error instanceof Failure) || error.code !== 'restore_failed') return error;
  const connection = explainLibpq(error.message, target);
  if (connection !== undefined) return connection;
  return new Failure('restore_failed', error.message, { remedy: REMEDY, cause: error });
}

interface Finishing extends Job {
  readonly target: Target;
}

/** What pg_restore leaves to whoever made the database. */
async function finish(session: Session, list: EditList, { origin, request, target }: Finishing): Promise<void> {
  const { inventory } = origin;
  if (inventory === undefined || request.type === 'data' || request.only.length > 0) return;
  await sayVersions(session, list, { origin, target });
  await dropPublic(session, list, inventory.objects);
  if (Object.keys(inventory.facts).length === 0) return;
  const roles = (role: string) => {
    const to = request.roles[role] ?? role;
    return target.roles.has(to) ? to : undefined;
  };
  const facts = { ...inventory.facts };
  if (!request.owners) {
    delete facts.owner;
    list.note(`The database belongs to ${target.role}: owners were not asked for.`, ['fact owner']);
  }
  if (!request.acls) {
    delete facts.acl;
    list.note('Access to the database is as the server gives it: access lists were not asked for.', ['fact acl']);
  }
  await applyFacts(session, facts, { notes: list, roles });
}

/** Every new database has a schema `public`; where the original had none, the copy has none. */
async function dropPublic(session: Session, list: EditList, objects: Readonly<Record<string, string>>): Promise<void> {
  if (Object.keys(objects).length === 0 || Object.hasOwn(objects, 'schema public')) return;
  try {
    await session.rows('drop schema if exists public restrict');
  } catch (error) {
    list.note(`The schema public stays, which the original does not have: ${messageOf(error)}.`, ['schema public']);
  }
}
