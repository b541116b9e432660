import { messageOf } from '../../../domain/failure.ts';
import type { GlobalsItem, GlobalsJob, Plain, Workbench } from '../../engine.ts';
import { quoted } from '../names.ts';
import { readVersion } from '../server-version.ts';
import { applicationName, type Session, withSession } from '../session.ts';
import { readGlobalsScript } from './parse.ts';
import { readObjects } from './read-objects.ts';
import type { GlobalsScript, ScriptMember, ScriptParameter, ScriptRole } from './script.ts';

/**
 * Makes the roles that a server lacks, with their settings, memberships and parameter rights. Everything happens in one
 * transaction, which a plan takes back: so a plan says exactly what would happen, refusals included. A role that was there
 * is neither changed nor given anything.
 */
export async function restoreGlobals(bench: Workbench, plain: Plain, job: GlobalsJob): Promise<readonly GlobalsItem[]> {
  const script = await readGlobalsScript(plain);
  const { target, apply } = job;
  const source = { ...target, database: target.database === '' ? 'postgres' : target.database };
  const wish = { applicationName: applicationName(bench, ' restore'), signal: bench.signal };
  return withSession(source, wish, async (session) => {
    await session.rows('begin read write');
    try {
      const items = await makeMissing(session, script, job);
      bench.signal.throwIfAborted();
      if (apply) await session.rows('commit');
      return apply
        ? items
        : items.map((item) => (item.outcome === 'restored' ? { ...item, outcome: 'missing' } : item));
    } finally {
      // After a commit there is nothing to take back.
      await session.rows('rollback').catch(() => []);
    }
  });
}

interface Work {
  readonly session: Session;
  /** Objects of the target as they were before. */
  readonly before: Readonly<Record<string, string>>;
  readonly job: GlobalsJob;
  readonly made: Set<string>;
}

async function makeMissing(session: Session, script: GlobalsScript, job: GlobalsJob): Promise<GlobalsItem[]> {
  const before = await readObjects(session);
  const work: Work = { session, before, job, made: new Set() };
  const items: GlobalsItem[] = [];
  for (const role of script.roles) items.push(...(await makeRole(work, role)));
  for (const member of script.members) items.push(await makeMember(work, member));
  for (const parameter of script.parameters) items.push(await grantParameter(work, parameter));
  for (const name of script.tablespaces) items.push(tablespaceItem(work, name));
  for (const head of script.unknown) items.push(refused(head, 'pg_dumpall writes no such statement; it was not run.'));
  return items;
}

async function makeRole(work: Work, { name, attributes, extras }: ScriptRole): Promise<GlobalsItem[]> {
  const item = `role ${name}`;
  if (Object.hasOwn(work.before, item)) return [existing(work, item)];
  const wishes = attributes === '' ? '' : ` WITH ${attributes}`;
  const error = await attempt(work.session, `CREATE ROLE ${quoted(name)}${wishes}`);
  if (error !== undefined) return [refused(item, error)];
  work.made.add(name);
  const made: GlobalsItem = { name: item, outcome: 'restored', detail: passwordDetail(name, attributes) };
  const failed: GlobalsItem[] = [];
  for (const extra of extras) {
    const problem = await attempt(work.session, extra);
    if (problem !== undefined) failed.push(refused(`${extra.slice(0, 60)}`, problem));
  }
  return [made, ...failed];
}

function passwordDetail(name: string, attributes: string): string {
  const logsIn = /(?:^| )LOGIN(?: |$)/.test(attributes);
  if (!logsIn || /(?:^| )PASSWORD '/.test(attributes)) return '';
  return `It has no password, since the backup has none: ALTER ROLE ${quoted(name)} PASSWORD '…'`;
}

function existing({ before, job }: Work, item: string): GlobalsItem {
  const then = job.origin.inventory?.objects[item];
  const same = then === undefined || then === before[item];
  return { name: item, outcome: 'exists', detail: same ? '' : 'It is not as in the backup, and stays as it is.' };
}

async function makeMember(work: Work, { role, member, options, grantor }: ScriptMember): Promise<GlobalsItem> {
  const item = `member ${member} of ${role}`;
  if (Object.hasOwn(work.before, item)) return existing(work, item);
  const statement = `GRANT ${quoted(role)} TO ${quoted(member)}${options === '' ? '' : ` WITH ${options}`}`;
  if (!work.made.has(member)) return refused(item, notGiven(work, member, statement));
  const error = await attempt(work.session, statement);
  if (error !== undefined) return refused(item, error);
  const given = grantor === undefined ? '' : `In the backup ${grantor} had granted it.`;
  return { name: item, outcome: 'restored', detail: grantor === work.job.target.user ? '' : given };
}

async function grantParameter(work: Work, { parameter, grantee, statement }: ScriptParameter): Promise<GlobalsItem> {
  const item = `parameter ${parameter} for ${grantee}`;
  if (!work.made.has(grantee)) {
    if (await holdsParameter(work.session, parameter, grantee)) return { name: item, outcome: 'exists', detail: '' };
    return refused(item, notGiven(work, grantee, statement));
  }
  const error = await attempt(work.session, statement);
  return error === undefined ? { name: item, outcome: 'restored', detail: '' } : refused(item, error);
}

/** Parameters can be granted since 15; the server spells a name in its own case. */
async function holdsParameter(session: Session, parameter: string, grantee: string): Promise<boolean> {
  if ((await readVersion(session)).major < 15) return false;
  const [row] = await session.rows(
    `select exists (select from pg_parameter_acl p, aclexplode(p.paracl) a
      where p.parname = lower($1) and a.grantee = (select oid from pg_roles where rolname = $2))::text as held`,
    [parameter, grantee],
  );
  return row?.held === 'true';
}

function notGiven({ before }: Work, name: string, statement: string): string {
  if (!Object.hasOwn(before, `role ${name}`) && !name.startsWith('pg_')) return `There is no role ${name} here.`;
  return `${name} was there before and gets nothing by itself. If it should: ${statement}`;
}

function tablespaceItem({ before }: Work, name: string): GlobalsItem {
  const item = `tablespace ${name}`;
  if (Object.hasOwn(before, item)) return { name: item, outcome: 'exists', detail: '' };
  return refused(item, `It needs an empty folder on the server: CREATE TABLESPACE ${quoted(name)} LOCATION '…'`);
}

function refused(name: string, detail: string): GlobalsItem {
  return { name, outcome: 'refused', detail };
}

/** Runs one statement so that its failure leaves the transaction alive; the server's words where it fails. */
async function attempt(session: Session, statement: string): Promise<string | undefined> {
  await session.rows('savepoint item');
  try {
    await session.rows(statement);
    await session.rows('release savepoint item');
    return undefined;
  } catch (error) {
    await session.rows('rollback to savepoint item');
    return `The server refuses it: ${messageOf(error)}.`;
  }
}
