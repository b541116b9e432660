import type { Stats } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import { compareVersions, judgeVersion, readVersion } from '../domain/tool-version.ts';
import { type ChildUser, makeRunner, type Runner } from './child.ts';
import { firstBarrier } from './reach.ts';
import { capture } from './run.ts';

/** One installed program, as found and asked for its version. */
export interface Tool {
  /** `pg_dump`, `mariadb-dump`, `mysqldump`, `mongodump`, `zstd` … as the program is called. */
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly major: number;
  /** `PostgreSQL`, `MariaDB`, `MySQL`, `MongoDB`, or the program's own name. */
  readonly flavour: string;
  /** The lowest version that is safe to use, where there is a floor (F8). */
  readonly floor: string | undefined;
  readonly ok: boolean;
  /** Why it is not ok. */
  readonly reason: string | undefined;
  /** Unpacked for a trial on the sample or for tests of old versions; never for anything else. */
  readonly trial: boolean;
}

/** The programs of this machine. */
export interface Toolbox {
  /** All installations of a program, best version first, those below their floor included (`ok: false`) but behind all others. */
  all(name: string): readonly Tool[];
}

const POSTGRES = ['PostgreSQL'];
const MYSQL_NAMED = ['MySQL', 'MariaDB'];

/** Programs looked for, and whose they may be: one that answers for another product is not the program of that name. */
const PRODUCTS: Readonly<Record<string, readonly string[]>> = {
  pg_dump: POSTGRES,
  pg_restore: POSTGRES,
  pg_dumpall: POSTGRES,
  psql: POSTGRES,
  postgres: POSTGRES,
  initdb: POSTGRES,
  'mariadb-dump': ['MariaDB'],
  mariadb: ['MariaDB'],
  mariadbd: ['MariaDB'],
  mysqldump: MYSQL_NAMED,
  mysql: MYSQL_NAMED,
  mysqld: MYSQL_NAMED,
  mongodump: ['MongoDB'],
  mongorestore: ['MongoDB'],
  mongod: ['mongod'],
  zstd: ['zstd'],
  age: ['age'],
  faketime: ['faketime'],
  stdbuf: ['stdbuf'],
  setpriv: ['setpriv'],
  versitygw: ['versitygw'],
};

/** Every program that is looked for. */
export const PROGRAMS: readonly string[] = Object.keys(PRODUCTS);

/** Folders of private caches that are looked through: single programs, versions of their own, and those for trials. */
const CACHE_FOLDERS = ['bin', 'tools/*/bin'] as const;
const TRIAL_FOLDERS = ['trial/*/bin'] as const;

/** Where packages put programs that are not on PATH; `*` stands for any one name. */
const SYSTEM_FOLDERS = [
  '/usr/lib/postgresql/*/bin',
  '/usr/pgsql-*/bin',
  '/opt/homebrew/opt/postgresql@*/bin',
  '/usr/local/opt/postgresql@*/bin',
  '/opt/homebrew/opt/mysql-client*/bin',
  '/usr/sbin',
  '/usr/local/sbin',
] as const;

const VERSION_DEADLINE_MS = 10_000;
const VERSION_MAX_BYTES = 65_536;

export interface ToolSearch {
  /** The PATH variable. */
  readonly path: string;
  /** Private caches, ours first. */
  readonly caches: readonly string[];
  /** The user that will run the tools; what that user cannot reach is not found. */
  readonly user?: ChildUser;
  /** Overrides where packages put programs; tests. */
  readonly systemFolders?: readonly string[];
}

interface Candidate {
  readonly path: string;
  readonly trial: boolean;
}

/** Looks for every program on PATH, in the system's usual folders and in the caches, and asks each for its version. */
export async function findTools(search: ToolSearch): Promise<Toolbox> {
  const memory = await recall(search.caches[0]);
  const runner = makeRunner({ folder: tmpdir(), user: undefined, setpriv: undefined, stdbuf: undefined });
  const found = await inBatches(await candidates(search), (candidate) => identify(candidate, runner, memory));
  await memory.save();
  const tools = found.filter((tool) => tool !== undefined);
  return { all: (name) => tools.filter((tool) => tool.name === name).sort(byMerit) };
}

/** Sound ones first, then the newest; equal ones stay in the order of the search. */
function byMerit(a: Tool, b: Tool): number {
  if (a.ok !== b.ok) return a.ok ? -1 : 1;
  if (a.trial !== b.trial) return a.trial ? 1 : -1;
  return compareVersions(b.version.split('.').map(Number), a.version.split('.').map(Number));
}

async function candidates(search: ToolSearch): Promise<Candidate[]> {
  const usual = [...search.path.split(delimiter), ...(search.systemFolders ?? SYSTEM_FOLDERS)];
  const cached = search.caches.flatMap((cache) => CACHE_FOLDERS.map((folder) => join(cache, folder)));
  const trial = search.caches.flatMap((cache) => TRIAL_FOLDERS.map((folder) => join(cache, folder)));
  const folders = await expandAll([...usual, ...cached]);
  const trialFolders = await expandAll(trial);
  const reach = reachOf(search.user);
  const result = new Map<string, Candidate>();
  for (const folder of [...folders, ...trialFolders]) {
    for (const name of await programsIn(folder)) {
      const path = await resolved(join(folder, name));
      if (path === undefined || result.has(path) || !(await isUsable(path, reach))) continue;
      result.set(path, { path, trial: trialFolders.includes(folder) });
    }
  }
  return [...result.values()];
}

/** One look at the folder costs less than asking it for each name; one that may not be listed is asked. */
async function programsIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => undefined);
  if (names === undefined) return PROGRAMS;
  const there = new Set(names);
  return PROGRAMS.filter((name) => there.has(name));
}

/** Relative folders of PATH are left out: what they mean would depend on where the tool is started. */
async function expandAll(patterns: readonly string[]): Promise<string[]> {
  const lists = await Promise.all(patterns.filter((pattern) => isAbsolute(pattern)).map(expand));
  const folders: string[] = [];
  for (const folder of lists.flat()) {
    const real = await realpath(folder).catch(() => undefined);
    if (real !== undefined && !folders.includes(real)) folders.push(real);
  }
  return folders;
}

async function expand(pattern: string): Promise<string[]> {
  const parts = pattern.split('/');
  const index = parts.findIndex((part) => part.includes('*'));
  if (index < 0) return [pattern];
  const parent = parts.slice(0, index).join('/');
  const [before = '', after = ''] = (parts[index] ?? '').split('*');
  const names = await readdir(parent).catch(() => []);
  const matching = names.filter((name) => name.startsWith(before) && name.endsWith(after)).sort();
  return matching.map((name) => [parent, name, ...parts.slice(index + 1)].join('/'));
}

/** The file itself where only its folder is linked; a program that goes by several names keeps the one asked for. */
async function resolved(path: string): Promise<string | undefined> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && basename(real) === basename(path) ? real : real && path;
}

type Reach = (path: string) => Promise<boolean>;

/** Whether the user may enter every folder on the way to a program; each folder is judged once. */
function reachOf(user: ChildUser | undefined): Reach {
  if (user === undefined) return async () => true;
  const judged = new Map<string, Promise<boolean>>();
  return (path) => {
    const folder = dirname(path);
    const known = judged.get(folder) ?? firstBarrier(path, user).then((barrier) => barrier === undefined);
    judged.set(folder, known);
    return known;
  };
}

async function isUsable(path: string, reach: Reach): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    const real = await realpath(path);
    // Debian's wrapper chooses a version by the cluster it is pointed at; the versions themselves are found beside it.
    if (basename(real) === 'pg_wrapper') return false;
    return await reach(real);
  } catch {
    return false;
  }
}

async function identify({ path, trial }: Candidate, runner: Runner, memory: Memory): Promise<Tool | undefined> {
  const said = await memory.ask(path, () => versionText(path, runner));
  const read = readVersion(said);
  if (read === undefined || !PRODUCTS[basename(path)]?.includes(read.flavour)) return undefined;
  const { ok, floor, reason } = judgeVersion(read);
  const { flavour, text, version } = read;
  return { name: basename(path), path, version: text, major: version[0] ?? 0, flavour, floor, ok, reason, trial };
}

/** What the program prints on `--version`; empty when it fails, hangs or floods. `age` and `zstd` use either stream. */
async function versionText(path: string, runner: Runner): Promise<string> {
  try {
    const command = { program: path, args: ['--version'] };
    const { exit, stdout } = await capture(runner, command, {
      deadlineMs: VERSION_DEADLINE_MS,
      maxBytes: VERSION_MAX_BYTES,
    });
    if (exit.code !== 0) return '';
    return stdout.trim() === '' ? exit.stderr : stdout;
  } catch {
    return '';
  }
}

interface Memory {
  ask(path: string, find: () => Promise<string>): Promise<string>;
  save(): Promise<void>;
}

/**
 * Remembers in the cache what programs said, by path, size and time of change, so that a second look starts none of them.
 * A cache that cannot be read or written only costs the time.
 */
async function recall(cache: string | undefined): Promise<Memory> {
  const file = cache === undefined ? undefined : join(cache, 'tool-versions.json');
  const known = file === undefined ? {} : await readKnown(file);
  let changed = false;
  return {
    async ask(path, find) {
      const key = keyOf(path, await stat(path));
      const remembered = known[key];
      if (remembered !== undefined) return remembered;
      const said = (await find()).slice(0, 400);
      if (said !== '') {
        known[key] = said;
        changed = true;
      }
      return said;
    },
    async save() {
      if (file === undefined || !changed) return;
      const draft = `${file}.${process.pid}`;
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(draft, JSON.stringify(known), { mode: 0o644 });
        await rename(draft, file);
      } catch {
        // Read-only for this user: asked again next time.
      }
    },
  };
}

function keyOf(path: string, { mtimeMs, size, ino }: Stats): string {
  return `${path} ${mtimeMs} ${size} ${ino}`;
}

async function readKnown(file: string): Promise<Record<string, string>> {
  try {
    const content: unknown = JSON.parse(await readFile(file, 'utf8'));
    const entries = typeof content === 'object' && content !== null ? Object.entries(content) : [];
    return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
  } catch {
    return {};
  }
}

/** Four programs at a time: enough to hide their start, few enough for a small machine. */
async function inBatches<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<Out[]> {
  const results: Out[] = [];
  for (let start = 0; start < items.length; start += 4) {
    results.push(...(await Promise.all(items.slice(start, start + 4).map(work))));
  }
  return results;
}
