import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { serialize } from 'bson';
import type { Connection } from '../../src/engines/engine.ts';
import { withServer } from '../../src/engines/mysql/server.ts';
import { mysqlHosts } from '../../test/support/hosts/mysql-host.ts';
import { startMongoServer } from '../../test/support/mongo-server/mongo-server.ts';
import { startPostgres, testTools } from '../../test/support/postgres-server.ts';

/** A database of the client's, on a server of its own. */
export interface TourDatabase {
  readonly engine: string;
  readonly name: string;
  /** `PostgreSQL 15`, for people. */
  readonly product: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly rows: number;
  /** Where the service reads the password. */
  readonly passwordFile: string;
  stop(): Promise<void>;
}

export interface PostgresDatabase extends TourDatabase {
  sql(statement: string): Promise<Record<string, string | null>[]>;
}

type Started = Omit<TourDatabase, 'passwordFile'>;

const ORDERS = 1000;
const BOOKS = 400;
const NOTES = 250;

/** A shop with a superuser: only one may give a restored database its name. */
export async function startShop(passwordFile: string): Promise<PostgresDatabase> {
  const server = await startPostgres();
  await server.sql('postgres', 'create database shop');
  await server.sql(
    'shop',
    `create table orders (id int primary key, what text not null);
     insert into orders select n, 'order ' || n from generate_series(1, ${ORDERS}) n`,
  );
  const { user, password } = server.connection('shop');
  const product = `PostgreSQL ${server.major}`;
  const { port, stop } = server;
  const started = { engine: 'postgres', name: 'shop', product, port, user, rows: ORDERS, stop };
  const kept = keepPassword({ ...started, password: password?.reveal() ?? '' }, passwordFile);
  return { ...kept, sql: (statement) => server.sql('shop', statement) };
}

/** A library whose user may read it and nothing else. */
export async function startLibrary(passwordFile: string): Promise<TourDatabase> {
  const host = mysqlHosts(await testTools()).find(({ product }) => product === 'MariaDB');
  if (host === undefined) throw new Error('There is no MariaDB server on this machine. Run: sh scripts/bootstrap test');
  const server = await host.start();
  const password = randomBytes(12).toString('hex');
  const statements = [
    'CREATE DATABASE library',
    'USE library',
    'CREATE TABLE books (id INT PRIMARY KEY, title VARCHAR(80) NOT NULL)',
    `INSERT INTO books SELECT seq, CONCAT('book ', seq) FROM seq_1_to_${BOOKS}`,
    `CREATE USER 'backup'@'127.0.0.1' IDENTIFIED BY '${password}'`,
    "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON library.* TO 'backup'@'127.0.0.1'",
    "GRANT PROCESS ON *.* TO 'backup'@'127.0.0.1'",
    "GRANT SELECT ON mysql.proc TO 'backup'@'127.0.0.1'",
  ];
  await run(server.at(''), statements).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  const { port } = server.at('');
  const product = `${server.product} ${server.version}`;
  const { stop } = server;
  return keepPassword(
    { engine: 'mysql', name: 'library', product, port, user: 'backup', password, rows: BOOKS, stop },
    passwordFile,
  );
}

async function run(to: Connection, statements: readonly string[]): Promise<void> {
  await withServer(to, async (session) => {
    for (const statement of statements) await session.run(statement);
  });
}

/** A journal behind a login, on the wire server: it speaks MongoDB's protocol to the real tools. */
export async function startJournal(passwordFile: string): Promise<TourDatabase> {
  const password = randomBytes(12).toString('hex');
  const roles = [{ role: 'read', db: 'journal' }];
  const server = await startMongoServer({ users: [{ name: 'backup', password, roles }] });
  const notes = Array.from({ length: NOTES }, (_, n) => Buffer.from(serialize({ _id: n, text: `note ${n}` })));
  server.put('journal', 'notes', notes);
  const { port, close } = server;
  const product = 'MongoDB 7.0 (wire server)';
  return keepPassword(
    { engine: 'mongodb', name: 'journal', product, port, user: 'backup', password, rows: NOTES, stop: close },
    passwordFile,
  );
}

function keepPassword<Kind extends Started>(started: Kind, passwordFile: string): Kind & TourDatabase {
  givePassword(passwordFile, started.password);
  return { ...started, passwordFile };
}

export function givePassword(file: string, password: string): void {
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
}
