import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import type { Connection } from '../engines/engine.ts';
import type { Needs, Progress } from '../pipeline/pipeline.ts';
import { type EmbeddedServer, randomPassword, startEmbedded } from '../platform/local/embedded-postgres.ts';
import { type FoundServer, findServer, toolsForSample } from '../platform/local/server-programs.ts';
import { prepareDataFolder, writeSecret } from '../process/data-folder.ts';
import { firstBarrier } from '../process/reach.ts';
import { openRescue, type Rescue } from './rescue.ts';
import { childUser, type NamedUser } from './workshop.ts';

export interface LocalOptions {
  /** What the user asked for; undefined: `.database-dump` in the checkout. */
  readonly dataDir: string | undefined;
  readonly checkout: string;
  readonly signal: AbortSignal;
  note(sentence: string): void;
  progress(event: Progress): void;
}

/** The assembly of `npm start`: an embedded PostgreSQL, a folder as destination, a key of its own. */
export interface Local {
  readonly rescue: Rescue;
  /** Where everything of it lies, and why not in the checkout where it does not. */
  readonly dataFolder: string;
  readonly moved: string | undefined;
  readonly server: FoundServer;
  readonly backups: string;
  startServer(): Promise<EmbeddedServer>;
  /** A random secret that stays the same from start to start. */
  secret(name: string): Promise<Secret>;
  /** Where a secret of that name lies, or will lie (0600). */
  secretFile(name: string): string;
  /** The sample's owner: may log in and make databases, no more. */
  samplePassword(): Promise<Secret>;
  sample(server: EmbeddedServer, password: Secret): Connection;
  /** The sample's URL in a file of our own (0600), to be given as `file:PATH`. */
  writeSampleUrl(connection: Connection): Promise<string>;
  needs(): Promise<Needs>;
  close(): void;
}

/** Users that the server may run as when we are root, best first: not the one that dump tools run as, if there is another. */
const SERVER_USERS = ['postgres', 'database-dump', 'nobody'] as const;
const DATA_FOLDER = '.database-dump';
const SHARED_DATA = '/var/lib/database-dump';
export const SAMPLE = { user: 'shop', database: 'shop' } as const;

export async function openLocal(options: LocalOptions): Promise<Local> {
  const root = process.getuid?.() === 0;
  const user = root ? childUser(SERVER_USERS) : undefined;
  const place = await chooseDataFolder(options, user);
  const rooms = await prepareDataFolder({ path: place.path, catalogUser: user });
  const { signal, note, progress } = options;
  const rescue = await openRescue({ dataDir: rooms.path, trust: [], identities: [], signal, note, progress });
  const backups = join(rooms.path, 'backups');
  const server = await findServer({ tools: rescue.workshop.tools, user, cache: rescue.config.caches[0] ?? rooms.path });
  const secret = (name: string) => keptSecret(join(rooms.secrets, name));
  return {
    rescue,
    dataFolder: rooms.path,
    moved: place.moved,
    server,
    backups,
    startServer: async () => {
      const portFile = join(rooms.secrets, 'port');
      const running = await startEmbedded({
        folder: rooms.catalog,
        programs: server.programs,
        user,
        place: rescue.workshop.runner.place,
        password: await secret('catalog-password'),
        lastPort: readNumber(portFile),
      });
      await writeSecret(portFile, String(running.port));
      return running;
    },
    secret,
    secretFile: (name) => join(rooms.secrets, name),
    samplePassword: () => secret('sample-password'),
    sample: ({ port }, password) => ({
      engine: 'postgres',
      host: '127.0.0.1',
      port,
      user: SAMPLE.user,
      password,
      database: SAMPLE.database,
      tls: { mode: 'disable' },
      options: {},
    }),
    writeSampleUrl: async ({ user: name, password, port, database }) => {
      const file = join(rooms.secrets, 'sample.url');
      await writeSecret(file, `postgres://${name}:${password?.reveal()}@127.0.0.1:${port}/${database}\n`);
      return file;
    },
    needs: async () => {
      const needs = await rescue.needs(rescue.engine('postgres'), rescue.openStore(folderUrl(backups)));
      return { ...needs, bench: { ...needs.bench, tools: toolsForSample(needs.bench.tools) } };
    },
    close: rescue.close,
  };
}

interface ChosenFolder {
  readonly path: string;
  readonly moved: string | undefined;
}

/** A checkout in a home that the server's user cannot enter gets a folder of its own elsewhere; one that was asked for is kept or refused. */
async function chooseDataFolder(
  { dataDir, checkout }: LocalOptions,
  user: NamedUser | undefined,
): Promise<ChosenFolder> {
  if (dataDir !== undefined) return { path: resolve(dataDir), moved: undefined };
  const usual = join(realpathSync(checkout), DATA_FOLDER);
  const barrier = user === undefined ? undefined : await firstBarrier(usual, user);
  if (barrier === undefined || existsSync(join(usual, 'catalog', 'PG_VERSION')))
    return { path: usual, moved: undefined };
  const name = createHash('sha256').update(usual).digest('hex').slice(0, 8);
  return {
    path: join(SHARED_DATA, `npm-start-${name}`),
    moved: `user ${user?.name}, who runs the server, cannot enter ${barrier}`,
  };
}

/** A random secret that stays the same from start to start. */
async function keptSecret(file: string): Promise<Secret> {
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (kept !== '') return new Secret(kept);
  const secret = randomPassword();
  await writeSecret(file, `${secret.reveal()}\n`);
  return secret;
}

function readNumber(file: string): number | undefined {
  const number = existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

function folderUrl(folder: string): string {
  if (!folder.startsWith('/'))
    throw new Failure('usage', `${folder} is not an absolute path.`, { remedy: 'Give --data-dir an absolute path.' });
  return `file://${folder.split('/').map(encodeURIComponent).join('/')}`;
}
