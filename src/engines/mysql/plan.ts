import { compareVersions } from '../../domain/tool-version.ts';
import type { Origin, PlanItem, RestoreRequest, Workbench } from '../engine.ts';
import { mappedDefiner } from './definers.ts';
import { readGrants } from './grants.ts';
import { familyOfOrigin } from './parse.ts';
import { chooseProgram } from './programs.ts';
import { readEntries } from './schema.ts';
import { type Server, withServer } from './server.ts';
import { quoteAccount } from './sql-text.ts';

/** Free checks before a restore: family, versions, rights, definers, and whether there is something to restore into. */
export async function planRestore(
  bench: Workbench,
  origin: Origin,
  request: RestoreRequest,
): Promise<readonly PlanItem[]> {
  const { target } = request;
  return withServer({ ...target, database: '' }, async (server) => [
    familyItem(origin, server),
    versionItem(origin, server),
    clientItem(bench, server),
    ...(await rightsItems(server, request)),
    ...(await definerItems(server, origin, request)),
    ...(await dataItems(server, request)),
  ]);
}

/** Each family's dump holds what the other stops at, often after its first tables: refused before anything is written. */
function familyItem(origin: Origin, { flavour }: Server): PlanItem {
  if (origin.flavour === '') {
    const detail = `The dump does not say whose it is; what ${flavour} does not know ends the restore.`;
    return { name: 'family', ok: false, detail, blocks: false };
  }
  const ok = familyOfOrigin(origin) === flavour;
  const detail = ok
    ? `${flavour} to ${flavour}`
    : `The dump is ${origin.flavour}'s and the target is ${flavour}, which does not take all of it: restore into ${origin.flavour}.`;
  return { name: 'family', ok, detail, blocks: !ok };
}

function versionItem(origin: Origin, { flavour, version }: Server): PlanItem {
  const older = compareVersions(seriesOf(version), seriesOf(origin.serverVersion)) < 0;
  const ok = !older || familyOfOrigin(origin) !== flavour;
  const detail = ok
    ? `${origin.serverVersion} to ${version}`
    : `The target (${version}) is older than the source (${origin.serverVersion}) and may not know all of it: restore into ${origin.serverVersion} or newer.`;
  return { name: 'version', ok, detail, blocks: !ok };
}

function seriesOf(version: string): number[] {
  return version.split('.').slice(0, 2).map(Number);
}

function clientItem({ tools }: Workbench, { flavour, version }: Server): PlanItem {
  try {
    const tool = chooseProgram(tools, 'client', { family: flavour, version });
    return { name: 'client', ok: true, detail: `${tool.name} ${tool.version}`, blocks: false };
  } catch (error) {
    return { name: 'client', ok: false, detail: String(error), blocks: true };
  }
}

const SCHEMA_RIGHTS = [
  'CREATE',
  'DROP',
  'ALTER',
  'INDEX',
  'CREATE VIEW',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'TRIGGER',
  'EVENT',
  'REFERENCES',
];
const ROW_RIGHTS = ['SELECT', 'INSERT'];

async function rightsItems(server: Server, { target, type }: RestoreRequest): Promise<PlanItem[]> {
  const grants = await readGrants(server, target.database);
  const wanted = [...(type === 'data' ? [] : SCHEMA_RIGHTS), ...(type === 'schema' ? [] : ROW_RIGHTS)];
  const missing = wanted.filter((right) => !grants.has(right));
  if (missing.length === 0) return [{ name: 'privileges', ok: true, detail: 'all that are needed', blocks: false }];
  const detail = `Missing on the target: GRANT ${missing.join(', ')} ON ${target.database}.* TO ${quoteAccount(grants.account)};`;
  return [{ name: 'privileges', ok: false, detail, blocks: true }];
}

/** Rights that let an account make objects that run as somebody else, by server. */
const DEFINER_RIGHTS = ['SUPER', 'SET USER', 'SET_USER_ID', 'SET_ANY_DEFINER'];

/** F18: an object whose account is absent either cannot be made or cannot be run; both are told before. */
async function definerItems(server: Server, origin: Origin, request: RestoreRequest): Promise<PlanItem[]> {
  if (request.type === 'data' || !request.owners) return [];
  const grants = await readGrants(server, request.target.database);
  const maySet = DEFINER_RIGHTS.some((right) => grants.hasOnServer(right));
  const known = await knownAccounts(server);
  const items: PlanItem[] = [];
  for (const definer of definersOf(origin)) {
    const account = mappedDefiner(definer, request.roles);
    if (account === grants.account) continue;
    const exists = known === undefined || known.has(account);
    if (exists && maySet) continue;
    items.push({
      name: `definer ${account}`,
      ok: false,
      detail: definerDetail(account, { exists, maySet }),
      blocks: !maySet,
    });
  }
  return items;
}

function definerDetail(account: string, { exists, maySet }: { exists: boolean; maySet: boolean }): string {
  const map = `--role-map '${account}=NEW@HOST', or --no-owner`;
  if (!maySet) return `This account may not make objects that run as ${account}: use ${map}.`;
  if (exists) return `Objects run as ${account}.`;
  return `${account} is no account of the target, so what runs as it fails: CREATE USER ${quoteAccount(account)}; or use ${map}.`;
}

function definersOf({ inventory }: Origin): readonly string[] {
  const text = inventory?.facts.definers;
  if (text === undefined) return [];
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.map(String) : [];
}

/** Undefined where the list of accounts may not be read. */
async function knownAccounts(server: Server): Promise<ReadonlySet<string> | undefined> {
  try {
    const rows = await server.rows('SELECT User AS user, Host AS host FROM mysql.user');
    return new Set(rows.flatMap(({ user, host }) => (host === '' ? [`${user}`] : [`${user}@${host}`])));
  } catch {
    return undefined;
  }
}

async function dataItems(server: Server, { target, type, only }: RestoreRequest): Promise<PlanItem[]> {
  if (type !== 'data') return [];
  const tables = (await readEntries(server, target.database)).filter(({ kind }) => kind === 'table');
  const ok = tables.length > 0;
  const detail = ok
    ? `${only.length === 0 ? 'all' : only.length} tables take rows`
    : 'Rows alone need tables: restore the schema into this database first.';
  return [{ name: 'tables', ok, detail, blocks: !ok }];
}
