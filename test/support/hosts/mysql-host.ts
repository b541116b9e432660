import { createConnection } from 'mysql2/promise';
import type { Connection, Workbench } from '../../../src/engines/engine.ts';
import { chooseProgram } from '../../../src/engines/mysql/programs.ts';
import { startPrivateServer } from '../../../src/engines/mysql/scratch.ts';
import { engineById } from '../../../src/engines/registry.ts';
import type { Tool, Toolbox } from '../../../src/process/tools.ts';
import { readConfig } from '../../../src/runtime/config.ts';
import { openWorkshop } from '../../../src/runtime/workshop.ts';
import { type FixtureFamily, hostileFixture } from '../mysql-fixture.ts';
import type { Host, HostServer } from './host.ts';

/** Every series of MariaDB and MySQL whose server is here. */
export function mysqlHosts(tools: Toolbox): readonly Host[] {
  const servers = [...tools.all('mariadbd'), ...tools.all('mysqld')];
  const hosts = new Map<string, Host>();
  for (const tool of servers) {
    const family = familyOf(tool);
    const series = tool.version.split('.').slice(0, 2).join('.');
    const name = `${family} ${series}`;
    if (family === undefined || hosts.has(name)) continue;
    hosts.set(name, { engine: 'mysql', product: family, series, start: () => start(family, series) });
  }
  return [...hosts.values()];
}

function familyOf({ flavour }: Tool): FixtureFamily | undefined {
  return flavour === 'MariaDB' || flavour === 'MySQL' ? flavour : undefined;
}

/** As a real source is set up: with a binary log and, where there are any, GTIDs. */
const SETTINGS: Readonly<Record<FixtureFamily, readonly string[]>> = {
  MariaDB: [],
  MySQL: ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
};

async function start(family: FixtureFamily, series: string): Promise<HostServer> {
  const { bench, close } = await openBench();
  const tool = chooseProgram(bench.tools, 'server', { family, version: series });
  const log = ['--log-bin=binlog', '--server-id=1', '--log-bin-trust-function-creators=1'];
  const server = await startPrivateServer(bench, tool, [...log, ...SETTINGS[family]]).catch((error: unknown) => {
    close();
    throw error;
  });
  const at = (database: string): Connection => ({ ...server.connection, database });
  return {
    engine: engineById('mysql'),
    product: family,
    version: tool.version,
    at,
    fill: async (database) => {
      await run(at(''), [`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`]);
      await run(at(database), hostileFixture(family));
    },
    stop: async () => {
      await server.stop();
      close();
    },
  };
}

async function openBench(): Promise<{ bench: Workbench; close(): void }> {
  const workshop = await openWorkshop(readConfig());
  const { tools, runner, close } = workshop;
  const runId = 'host';
  const signal = new AbortController().signal;
  return { bench: { tools, runner, folder: workshop.folder(runId), signal, runId, note: () => undefined }, close };
}

async function run(to: Connection, statements: readonly string[]): Promise<void> {
  const { host, port, user, password, database } = to;
  const login = { host, port, user, ...(password === undefined ? {} : { password: password.reveal() }) };
  const session = await createConnection({ ...login, ...(database === '' ? {} : { database }), charset: 'utf8mb4' });
  try {
    for (const statement of statements) {
      await session.query(statement).catch((error: Error) => {
        throw new Error(`${error.message}\nin ${statement.slice(0, 300)}`);
      });
    }
  } finally {
    await session.end();
  }
}
