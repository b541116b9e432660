import { Failure } from '../../../domain/failure.ts';
import type { Origin, PlanItem, RestoreRequest, Workbench } from '../../engine.ts';
import { clientFor, majorOf } from '../programs.ts';
import { applicationName, type Session, withSession } from '../session.ts';
import { readTarget, type Target } from './target.ts';

/** Free checks before a restore: nothing is read of the dump and nothing written. */
export async function plan(bench: Workbench, origin: Origin, request: RestoreRequest): Promise<readonly PlanItem[]> {
  const wish = { applicationName: applicationName(bench, ' look'), signal: bench.signal };
  // The database to restore into may not be there yet: then its server is looked at from another one.
  return withSession(request.target, wish, (session) => items(bench, session, { origin, request })).catch((error) => {
    if (!(error instanceof Failure) || error.code !== 'not_found') throw error;
    const standpoint = { ...request.target, database: 'postgres' };
    return withSession(standpoint, wish, (session) => items(bench, session, { origin, request }));
  });
}

interface Context {
  readonly origin: Origin;
  readonly request: RestoreRequest;
}

async function items(bench: Workbench, session: Session, { origin, request }: Context): Promise<PlanItem[]> {
  const target = await readTarget(session);
  return [
    versionItem(origin, target),
    toolItem(bench, origin, target),
    await createItem(session, target),
    ...roleItems(origin, request, target),
    ...extensionItems(origin, target),
    superuserItem(origin, target),
    ...mappingItems(request, target),
  ];
}

function versionItem(origin: Origin, { major }: Target): PlanItem {
  const source = majorOf(origin.serverVersion);
  const older = source > major;
  const detail = older
    ? `The backup is of PostgreSQL ${source}, the target is ${major}: restore into ${source} or newer.`
    : `PostgreSQL ${Number.isNaN(source) ? 'of unknown version' : source} into ${major}`;
  return { name: 'server version', ok: !older, detail, blocks: true };
}

function toolItem(bench: Workbench, origin: Origin, { major }: Target): PlanItem {
  try {
    const tool = clientFor(bench.tools, 'pg_restore', Math.max(major, majorOf(origin.toolVersion) || major));
    return { name: 'pg_restore', ok: true, detail: tool.version, blocks: true };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { name: 'pg_restore', ok: false, detail: `${error.message} ${error.remedy ?? ''}`.trim(), blocks: true };
  }
}

async function createItem(session: Session, { role }: Target): Promise<PlanItem> {
  const [row] = await session.rows(
    "select has_database_privilege(current_database(), 'create') as may, current_database() as name",
  );
  const ok = row?.may === 't' || row?.name === 'postgres';
  return {
    name: 'privilege to create',
    ok,
    detail: ok ? role : `Run: GRANT CREATE ON DATABASE ${row?.name} TO ${role}`,
    blocks: true,
  };
}

function roleItems({ inventory }: Origin, request: RestoreRequest, target: Target): PlanItem[] {
  const owner = inventory?.facts.owner;
  if (owner === undefined || !request.owners || target.scratch) return [];
  const to = request.roles[owner] ?? owner;
  if (target.roles.has(to)) return [];
  const detail = `There is no role ${to} here: what it owned will belong to ${target.role}. Create it, or give --role-map ${owner}=OTHER.`;
  return [{ name: `role ${to}`, ok: false, detail, blocks: false }];
}

function extensionItems({ inventory }: Origin, target: Target): PlanItem[] {
  const names = Object.keys(inventory?.objects ?? {}).flatMap(
    (entry) => /^extension "?(.+?)"?$/s.exec(entry)?.[1] ?? [],
  );
  return names.map((name) => {
    const installable = target.extensions.get(name);
    const strong = target.superuser || target.managedAdmin;
    const ok = target.installed.has(name) || installable === 'anyone' || (installable === 'superuser' && strong);
    const detail =
      installable === undefined && !ok
        ? `It is not available on the server: install its package there.`
        : `Only a superuser may install it: let one run CREATE EXTENSION ${name} in the target first.`;
    // What hangs on it decides, and only the archive knows: the restore itself refuses to lose a table.
    return { name: `extension ${name}`, ok, detail: ok ? 'available' : detail, blocks: false };
  });
}

const SUPERUSERS =
  /^(?:event trigger|subscription|access method|foreign data wrapper|operator class|operator family|language|base type|text search (?:parser|template)) /;

function superuserItem({ inventory }: Origin, target: Target): PlanItem {
  const affected = Object.keys(inventory?.objects ?? {}).filter((entry) => SUPERUSERS.test(entry));
  const ok = target.superuser || affected.length === 0;
  const detail = ok
    ? 'nothing needs more than this role has'
    : `Only a superuser may restore: ${affected.slice(0, 5).join(', ')}${affected.length > 5 ? ` and ${affected.length - 5} more` : ''}. They are left out and reported.`;
  return { name: 'objects for superusers', ok, detail, blocks: false };
}

function mappingItems({ roles }: RestoreRequest, target: Target): PlanItem[] {
  return Object.entries(roles).map(([from, to]) => ({
    name: `role map ${from}`,
    ok: target.roles.has(to),
    detail: target.roles.has(to) ? to : `There is no role ${to} here: create it or map to another.`,
    blocks: true,
  }));
}
