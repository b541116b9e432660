import { type Document, deserialize, EJSON } from 'bson';
import type { MongoClient } from 'mongodb';
import { Failure } from '../../domain/failure.ts';
import { differences } from '../../domain/inventory.ts';
import type { Connection, DumpRequest, DumpSession, Origin, ParseReport, Plain, Workbench } from '../engine.ts';
import { readArchive } from './archive.ts';
import { definitionDigest, quotedName } from './canonical.ts';
import { dumpCommand } from './commands.ts';
import { withClient } from './dial.ts';
import { explainTool } from './failures.ts';
import { readServer } from './probe.ts';
import { requireTool } from './tools.ts';

export const USERS = 'system.users';
export const ROLES = 'system.roles';

/**
 * Users and roles of the server: mongodump of the database `admin`. A user's document holds the password's hash, so users
 * are in it only where hashes were asked for.
 */
export async function openGlobals(bench: Workbench, server: Connection, request: DumpRequest): Promise<DumpSession> {
  const tool = requireTool(bench.tools, 'mongodump');
  const { facts, objects } = await withClient(bench, server, async (client) => ({
    facts: await readServer(client),
    objects: await readAccounts(client, request.passwordHashes),
  }));
  const exclude = request.passwordHashes ? [] : [USERS];
  let finish = (): void => undefined;
  const watch = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    command: dumpCommand(tool.path, { ...server, database: 'admin' }, { exclude, oplog: false }),
    flavour: 'MongoDB',
    serverVersion: facts.version,
    toolVersion: tool.version,
    consistency: 'fuzzy',
    warnings: request.passwordHashes
      ? []
      : ['Users are left out, because their documents hold password hashes; roles are in it.'],
    snapshotAt: facts.time,
    snapshotId: undefined,
    inventory: { objects, tables: {}, values: {}, facts: {} },
    uncounted: [],
    watch,
    explain: (stderr) => explainTool('mongodump', stderr),
    close: async () => finish(),
  };
}

async function readAccounts(client: MongoClient, withUsers: boolean): Promise<Record<string, string>> {
  const admin = client.db('admin');
  const { roles } = await admin.command({ rolesInfo: { forAllDBs: true } });
  const { users } = withUsers ? await admin.command({ usersInfo: { forAllDBs: true } }) : { users: [] };
  return Object.fromEntries([
    ...users.map((user: Document) => accountObject('user', user)),
    ...roles.map((role: Document) => accountObject('role', role)),
  ]);
}

/** By what it may do, not by how it logs in: hashes change without anyone changing anything. */
function accountObject(kind: 'user' | 'role', { _id, db, user, role, roles }: Document): [string, string] {
  const name = String(_id ?? `${db}.${user ?? role}`);
  const inherited: Document[] = Array.isArray(roles) ? roles : [];
  const granted = inherited.map((one) => EJSON.stringify([one.db, one.role])).sort();
  return [`${kind} ${quotedName(name)}`, definitionDigest(granted.join(' '))];
}

/** Level 2 of such a dump: every account that the server named must be in it, with the same roles. */
export async function parseGlobals(plain: Plain, origin: Origin): Promise<ParseReport> {
  const found: [string, string][] = [];
  await readArchive(plain.bytes(), {
    document: ({ collection }, raw) => {
      if (collection === USERS) found.push(accountObject('user', deserialize(raw)));
      if (collection === ROLES) found.push(accountObject('role', deserialize(raw)));
    },
  });
  const nothing = { tables: {}, values: {}, facts: {} };
  const expected = { ...nothing, objects: origin.inventory?.objects ?? {} };
  const lacking = differences(expected, { ...nothing, objects: Object.fromEntries(found) }).filter(
    ({ kind }) => kind !== 'extra',
  );
  if (lacking.length > 0) {
    const list = lacking.slice(0, 5).map(({ kind, what }) => `${what} ${kind}`);
    throw new Failure(
      'schema_changed',
      `The archive does not hold the accounts the server named: ${list.join(', ')}.`,
      {
        remedy: 'Users or roles changed during the dump, or the backup user may not read them: run it again.',
      },
    );
  }
  return { tables: {}, values: {}, warnings: [] };
}
