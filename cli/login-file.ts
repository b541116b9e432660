import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../src/domain/failure.ts';
import { Secret } from '../src/domain/secret.ts';

const Kept = z.object({ server: z.string(), key: z.string().min(1) });

/** Where somebody is signed in, and with what. */
export interface Login {
  readonly server: string;
  readonly key: Secret;
}

export function loginFile(configFolder: string): string {
  return join(configFolder, 'login.json');
}

/** Undefined: nobody is signed in. */
export async function readLogin(configFolder: string): Promise<Login | undefined> {
  const path = loginFile(configFolder);
  try {
    const { server, key } = Kept.parse(JSON.parse(await readFile(path, 'utf8')));
    return { server, key: new Secret(key) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new Failure('usage', `The sign-in kept in ${path} cannot be read.`, {
      remedy: 'Sign in again: dbdump login',
      cause: error,
    });
  }
}

/** For its owner's eyes from its first byte, and whole or not there at all. Returns its path. */
export async function keepLogin(configFolder: string, { server, key }: Login): Promise<string> {
  await mkdir(configFolder, { recursive: true, mode: 0o700 });
  const path = loginFile(configFolder);
  const draft = `${path}.${process.pid}`;
  const file = await open(draft, 'w', 0o600);
  try {
    await chmod(draft, 0o600);
    await file.writeFile(`${JSON.stringify({ server, key: key.reveal() })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  return path;
}

/** True where there was one. */
export async function forgetLogin(configFolder: string): Promise<boolean> {
  const there = await readFile(loginFile(configFolder)).then(
    () => true,
    () => false,
  );
  await rm(loginFile(configFolder), { force: true });
  return there;
}
