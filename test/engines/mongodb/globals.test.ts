import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { serialize } from 'bson';
import type { GlobalsItem } from '../../../src/engines/engine.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import {
  dumpAll,
  FULL,
  login,
  type MongoBench,
  mongoConnection,
  openMongoBench,
  plainOf,
} from '../../support/mongo-bench.ts';
import { type MongoServer, startMongoServer } from '../../support/mongo-server/mongo-server.ts';
import { describeWithMongoTools } from '../../support/mongo-tools.ts';

const SHOP = [{ resource: { db: 'shop', collection: '' }, actions: ['find'] }];
const ROLES = [
  { _id: 'shop.boss', role: 'boss', db: 'shop', privileges: [], roles: [{ role: 'clerk', db: 'shop' }] },
  { _id: 'shop.clerk', role: 'clerk', db: 'shop', privileges: SHOP, roles: [{ role: 'read', db: 'shop' }] },
];

describeWithMongoTools('roles and users of MongoDB', () => {
  const open: MongoServer[] = [];
  let bench: MongoBench;

  beforeAll(async () => {
    bench = await openMongoBench();
  });
  afterAll(() => bench?.close());
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  async function start(): Promise<MongoServer> {
    const server = await startMongoServer({ users: [{ name: 'app', password: 'x' }] });
    open.push(server);
    return server;
  }

  const at = (server: MongoServer) => mongoConnection(server, { database: '', ...login('app', 'x') });

  async function bring(to: MongoServer, apply: boolean): Promise<readonly GlobalsItem[]> {
    const source = await start();
    source.put('admin', 'system.users', [
      Buffer.from(serialize({ _id: 'admin.app', user: 'app', db: 'admin', roles: [] })),
      Buffer.from(serialize({ _id: 'shop.li"da', user: 'li"da', db: 'shop', roles: [{ role: 'clerk', db: 'shop' }] })),
    ]);
    source.put(
      'admin',
      'system.roles',
      ROLES.map((role) => Buffer.from(serialize(role))),
    );
    const { bytes, origin } = await dumpAll(bench, at(source), { ...FULL, type: 'globals', passwordHashes: true });
    return mongodb.restoreGlobals(bench, plainOf(bench, bytes), { origin, target: at(to), apply });
  }

  const outcomes = (items: readonly GlobalsItem[]) => items.map(({ name, outcome }) => [name, outcome]);
  const rolesOf = (server: MongoServer) => [
    ...(server.databases.get('admin')?.get('system.roles')?.documents.values() ?? []),
  ];

  it('makes roles that are missing, those first that others inherit from, and names users with the way to make them', async () => {
    const target = await start();

    const plan = await bring(target, false);
    const before = rolesOf(target);
    const done = await bring(target, true);
    const again = await bring(target, true);

    expect(before).toEqual([]);
    const users = [
      ['user admin.app', 'exists'],
      [expect.stringContaining('li'), 'refused'],
    ];
    expect(outcomes(plan)).toEqual([['role shop.clerk', 'missing'], ['role shop.boss', 'missing'], ...users]);
    expect(outcomes(done)).toEqual([['role shop.clerk', 'restored'], ['role shop.boss', 'restored'], ...users]);
    expect(outcomes(again)).toEqual([['role shop.clerk', 'exists'], ['role shop.boss', 'exists'], ...users]);
    const made = ROLES.toReversed().map((role) => Buffer.from(serialize(role)));
    expect(rolesOf(target).map((document) => document.toString('latin1'))).toEqual(
      made.map((d) => d.toString('latin1')),
    );
    expect(done.at(-1)?.detail).toContain('db.getSiblingDB("shop").createUser({ user: "li\\"da"');
  });

  it('leaves a role that is there as it is, and reports a server that refuses one', async () => {
    const target = await start();
    const mine = Buffer.from(serialize({ _id: 'shop.clerk', role: 'clerk', db: 'shop', privileges: [], roles: [] }));
    target.put('admin', 'system.roles', [mine]);
    target.misbehave([{ on: 'createRole', action: { code: 13, codeName: 'Unauthorized', message: 'not authorized' } }]);

    const items = await bring(target, true);

    expect(outcomes(items).slice(0, 2)).toEqual([
      ['role shop.clerk', 'exists'],
      ['role shop.boss', 'refused'],
    ]);
    expect(rolesOf(target)).toEqual([mine]);
  });
});
