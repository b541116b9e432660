import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { engineById } from '../../../src/engines/registry.ts';
import type { Tool, Toolbox } from '../../../src/process/tools.ts';
import { FIXTURE_ROLES, fixtureSql } from '../postgres-fixture.ts';
import { installedMajors, type PostgresServer, startPostgres } from '../postgres-server.ts';
import type { Filling, Host, HostServer } from './host.ts';

/** Every major whose server and client programs are here. */
export function postgresHosts(tools: Toolbox): readonly Host[] {
  return installedMajors(tools).map((major) => ({
    engine: 'postgres',
    product: 'PostgreSQL',
    series: String(major),
    start: () => start(major, tools),
  }));
}

async function start(major: number, tools: Toolbox): Promise<HostServer> {
  const program = tools.all('postgres').find((tool) => tool.major === major);
  if (program === undefined) throw new Error(`no postgres ${major} on this machine: run scripts/bootstrap matrix`);
  const server = await startPostgres({ major });
  await server.sql('postgres', FIXTURE_ROLES);
  return {
    engine: engineById('postgres'),
    product: 'PostgreSQL',
    version: program.version,
    at: (database) => server.connection(database === '' ? 'postgres' : database),
    fill: (database, filling) => fill(server, { program, database, filling }),
    stop: server.stop,
  };
}

interface Fill {
  readonly program: Tool;
  readonly database: string;
  readonly filling: Filling;
}

/** Servers from trials lack ICU and XML, and each has other extensions. */
async function fill(server: PostgresServer, { program, database, filling }: Fill): Promise<void> {
  await server.sql('postgres', `create database "${database}"`);
  const extension = anExtension(program);
  await server.sql(database, fixtureSql(extension, { trial: filling.portable || program.trial }));
  if (filling.portable) await server.sql(database, `drop extension ${extension} cascade`);
}

const WANTED = ['citext', 'vector', 'hstore'];

function anExtension(program: Tool): string {
  const top = join(dirname(program.path), '..');
  const folders = [join(top, 'share', 'extension'), join(top, 'share', 'postgresql', 'extension')];
  const debian = join('/usr/share/postgresql', String(program.major), 'extension');
  const names = [...(program.trial ? folders : [debian, ...folders])].flatMap(namesIn);
  const found = WANTED.find((name) => names.includes(`${name}.control`));
  if (found === undefined) throw new Error(`${program.path} has none of the extensions ${WANTED.join(', ')}`);
  return found;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
