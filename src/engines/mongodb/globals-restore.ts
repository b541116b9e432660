import { type Document, deserialize } from 'bson';
import { type MongoClient, MongoServerError } from 'mongodb';
import { messageOf } from '../../domain/failure.ts';
import type { GlobalsItem, GlobalsJob, Plain, Workbench } from '../engine.ts';
import { readArchive } from './archive.ts';
import { quotedName } from './canonical.ts';
import { withClient } from './dial.ts';
import { ROLES, USERS } from './globals.ts';

/**
 * Makes the roles that a server lacks. Users are never made: only their password's hash is in a backup, and a server takes
 * a hash from its own restore tool alone, which would replace what is there; each is named with the way to make it.
 */
export async function restoreGlobals(bench: Workbench, plain: Plain, job: GlobalsJob): Promise<readonly GlobalsItem[]> {
  const { roles, users } = await readAccounts(plain);
  return withClient(bench, job.target, async (client) => {
    const there = await existing(client);
    const items: GlobalsItem[] = [];
    for (const role of inOrder(roles)) items.push(await roleItem(client, role, { there, apply: job.apply }));
    for (const user of users) items.push(userItem(user, there));
    return items;
  });
}

async function readAccounts(plain: Plain): Promise<{ roles: Document[]; users: Document[] }> {
  const found: { roles: Document[]; users: Document[] } = { roles: [], users: [] };
  await readArchive(plain.bytes(), {
    document: ({ collection }, raw) => {
      if (collection === ROLES) found.roles.push(deserialize(raw));
      if (collection === USERS) found.users.push(deserialize(raw));
    },
  });
  return found;
}

async function existing(client: MongoClient): Promise<ReadonlySet<string>> {
  const admin = client.db('admin');
  const { roles } = await admin.command({ rolesInfo: { forAllDBs: true } });
  const { users } = await admin.command({ usersInfo: { forAllDBs: true } });
  return new Set([
    ...roles.map(({ db, role }: Document) => `role ${db}.${role}`),
    ...users.map(({ db, user }: Document) => `user ${db}.${user}`),
  ]);
}

/** A role comes after those of the backup that it inherits from. */
function inOrder(roles: readonly Document[]): Document[] {
  const byName = new Map(roles.map((role) => [`${role.db}.${role.role}`, role]));
  const ordered = new Set<Document>();
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const role = byName.get(name);
    if (role === undefined || seen.has(name)) return;
    seen.add(name);
    for (const one of role.roles ?? []) visit(`${one.db}.${one.role}`);
    ordered.add(role);
  };
  for (const name of byName.keys()) visit(name);
  return [...ordered];
}

async function roleItem(
  client: MongoClient,
  document: Document,
  { there, apply }: { there: ReadonlySet<string>; apply: boolean },
): Promise<GlobalsItem> {
  const { db, role, privileges = [], roles = [], authenticationRestrictions } = document;
  const name = `role ${quotedName(`${db}.${role}`)}`;
  if (there.has(`role ${db}.${role}`)) return { name, outcome: 'exists', detail: '' };
  if (!apply) return { name, outcome: 'missing', detail: '' };
  const limits = authenticationRestrictions === undefined ? {} : { authenticationRestrictions };
  try {
    await client.db(String(db)).command({ createRole: role, privileges, roles, ...limits });
    return { name, outcome: 'restored', detail: '' };
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw error;
    return { name, outcome: 'refused', detail: `The server refuses it: ${messageOf(error)}.` };
  }
}

function userItem({ db, user, roles = [] }: Document, there: ReadonlySet<string>): GlobalsItem {
  const name = `user ${quotedName(`${db}.${user}`)}`;
  if (there.has(`user ${db}.${user}`)) return { name, outcome: 'exists', detail: '' };
  const wish = `{ user: ${JSON.stringify(user)}, pwd: passwordPrompt(), roles: ${JSON.stringify(roles)} }`;
  return {
    name,
    outcome: 'refused',
    detail: `Make it with a new password: db.getSiblingDB("${db}").createUser(${wish})`,
  };
}
