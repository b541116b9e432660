import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { cacheFolders } from '../../src/process/cache-folders.ts';

export type PackageManager = 'apt' | 'dnf' | 'apk' | 'brew';

/** What set-up needs to know of this machine. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly architecture: string;
  readonly root: boolean;
  /** `debian`, `ubuntu`, …, or the platform's name. */
  readonly system: string;
  readonly manager: PackageManager | undefined;
  /** The writable cache first. */
  readonly caches: readonly string[];
  readonly cache: string;
  readonly inCi: boolean;
}

export function readMachine(): Machine {
  const root = process.getuid?.() === 0;
  const caches = cacheFolders({
    platform: process.platform,
    root,
    home: homedir(),
    chosen: process.env.DATABASE_DUMP_CACHE,
    xdg: process.env.XDG_CACHE_HOME,
  });
  return {
    platform: process.platform,
    architecture: process.arch,
    root,
    system: systemId(),
    manager: (['brew', 'dnf', 'apk'] as const).find(isOnPath) ?? (isOnPath('apt-get') ? 'apt' : undefined),
    caches,
    cache: caches[0] ?? '',
    inCi: ['true', '1'].includes(process.env.CI ?? ''),
  };
}

/** Whether the system's own packages may be installed: root on Debian or Ubuntu. */
export function mayInstall(machine: Machine): boolean {
  return machine.root && machine.manager === 'apt' && ['debian', 'ubuntu'].includes(machine.system);
}

export function isOnPath(program: string): boolean {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** Programs in these folders that run at this moment; replacing them could disturb somebody's database. */
export function runningFrom(folders: readonly string[]): readonly string[] {
  if (process.platform !== 'linux') return [];
  const programs = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const program = programOf(pid);
    // What runs in another container may have a path that this system has not.
    if (program === undefined || !existsSync(program)) continue;
    if (folders.some((folder) => program.startsWith(folder))) programs.add(program);
  }
  return [...programs];
}

function programOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '');
  } catch {
    return undefined;
  }
}

function systemId(): string {
  try {
    return /^ID="?([\w-]+)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
