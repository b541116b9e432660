import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from './run.ts';

/** Debian's public keys: what any archive's index must be signed with. */
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface PrivateWish {
  readonly packages: readonly string[];
  /** `own` for this machine's release, or the name of another one, which then brings its own C library along. */
  readonly release: 'own' | 'sid';
  /** The folder that will hold the unpacked files and `bin/`; its last part is the tool's name. */
  readonly folder: string;
  /** Programs that get a starter in `bin/`: where the packages hold them, and arguments put before the caller's. */
  readonly programs: Readonly<Record<string, PrivateProgram>>;
}

export interface PrivateProgram {
  readonly path: string;
  /** `@here@` stands for the folder. */
  readonly args?: readonly string[];
}

/**
 * Downloads Debian packages with apt (which checks their signatures), unpacks them into a private folder and writes a
 * starter for each program. Installs nothing, runs no package script, needs no root. Replaces `folder` when complete.
 */
export async function unpackPackages(wish: PrivateWish, cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, '.packages-'));
  try {
    const env = { APT_CONFIG: await writeAptConfiguration(workshop, wish.release) };
    await must('apt-get', ['update'], { env });
    // Also what this system has already: it is wanted a second time, elsewhere.
    const install = ['install', '--download-only', '--reinstall', '-y', '--no-install-recommends', ...wish.packages];
    await must('apt-get', install, { env });
    const draft = join(workshop, 'draft');
    await unpackAll(join(workshop, 'cache', 'archives'), draft, wish.release);
    await writeStarters(draft, wish);
    await mkdir(join(wish.folder, '..'), { recursive: true });
    await rm(wish.folder, { recursive: true, force: true });
    await chmod(draft, 0o755);
    await rename(draft, wish.folder);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** apt's own folders, lists and settings in the workshop, so that neither the system's nor root's rights are needed. */
async function writeAptConfiguration(workshop: string, release: PrivateWish['release']): Promise<string> {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'etc/preferences.d', 'etc/trusted.gpg.d']) {
    await mkdir(join(workshop, folder), { recursive: true });
  }
  await writeFile(join(workshop, 'status'), '');
  const own = release === 'own';
  if (!own) await writeFile(join(workshop, 'etc', 'sources.list'), await sourceOf(release));
  const file = join(workshop, 'apt.conf');
  const lines = [
    `Dir::State::lists "${workshop}/lists";`,
    `Dir::Cache "${workshop}/cache";`,
    `Debug::NoLocking "true";`,
    `APT::Sandbox::User "";`,
    `Acquire::Languages "none";`,
    `#clear APT::Update::Post-Invoke;`,
    `#clear APT::Update::Post-Invoke-Success;`,
    `#clear DPkg::Post-Invoke;`,
    ...(own ? [] : [`Dir::State::status "${workshop}/status";`, `Dir::Etc "${workshop}/etc";`, ...STALE_IS_FINE]),
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return file;
}

/** A mirror's copy of another release may be some days old: its signature still counts, its date does not. */
const STALE_IS_FINE = ['Acquire::Check-Valid-Until "false";', 'Acquire::Check-Date "false";'];

/** The other release, from the mirror that this machine already uses for its own. */
async function sourceOf(release: string): Promise<string> {
  if (!existsSync(KEYRING)) throw new Error(`${KEYRING} is missing (package debian-archive-keyring)`);
  const targets = await must('apt-get', ['indextargets', '--format', '$(REPO_URI) $(ORIGIN)', 'Created-By: Packages']);
  const uris = targets.split('\n').flatMap((line) => (line.endsWith(' Debian') ? [line.split(' ')[0] ?? ''] : []));
  const mirror = uris.find((uri) => !uri.includes('security'));
  if (mirror === undefined) throw new Error('apt knows no mirror of Debian on this machine');
  return `deb [signed-by=${KEYRING}] ${mirror} ${release} main\n`;
}

/** This machine's own C library stays out of its own release's folder: a second one beside its loader would not fit it. */
async function unpackAll(archives: string, into: string, release: PrivateWish['release']): Promise<void> {
  const files = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  const wanted = files.filter((name) => release !== 'own' || !/^libc(6|-bin)_/.test(name));
  if (wanted.length === 0) throw new Error('apt downloaded nothing');
  await mkdir(into, { recursive: true });
  for (const name of wanted) await must('dpkg-deb', ['-x', join(archives, name), into]);
}

async function writeStarters(draft: string, wish: PrivateWish): Promise<void> {
  await mkdir(join(draft, 'bin'), { recursive: true });
  for (const [name, program] of Object.entries(wish.programs)) {
    const file = join(draft, program.path);
    if (!existsSync(file)) throw new Error(`the packages hold no ${program.path}`);
    const ownLoader = wish.release !== 'own' && (await readFile(file)).subarray(0, 2).toString() !== '#!';
    await writeFile(join(draft, 'bin', name), starter(program, ownLoader), { mode: 0o755 });
  }
}

/**
 * Finds its folder at run time, so that the cache may be moved. Another release's program is started by that release's
 * loader and libraries; arguments of ours follow a leading `--no-defaults`, which must stay first.
 */
function starter({ path, args = [] }: PrivateProgram, ownLoader: boolean): string {
  const ours = args.map((argument) => `"${argument.replaceAll('@here@', '$here')}" `).join('');
  const loader = ownLoader ? '"$here"/usr/lib/$triple/ld-linux-*.so.* --library-path "$libraries" ' : '';
  const lines = [
    '#!/bin/sh',
    `here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)`,
    'triple=$(uname -m)-linux-gnu',
    'libraries=$here/usr/lib/$triple:$here/lib/$triple',
    ownLoader ? '' : 'export LD_LIBRARY_PATH="$libraries"',
    'first=',
    'case "$*" in --no-defaults* | --defaults-file=*) first=$1; shift ;; esac',
    `exec ${loader}"$here/${path}" \${first:+"$first"} ${ours}"$@"`,
  ];
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}
