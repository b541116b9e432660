import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Failure } from '../../src/domain/failure.ts';
import { prepareDataFolder, writeSecret } from '../../src/process/data-folder.ts';
import { firstBarrier } from '../../src/process/reach.ts';
import { findTools } from '../../src/process/tools.ts';

const STRANGER = { uid: 61_234, gid: 61_234 };
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
if (process.getuid?.() !== 0) console.error('data folder: the tests of other users are skipped; run them as root');

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-folder-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** Whether the other user can do it in truth, asked of the kernel. */
function strangerCan(...command: readonly [string, ...string[]]): boolean {
  const { uid, gid } = STRANGER;
  return spawnSync('setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...command]).status === 0;
}

describe('the data folder', () => {
  it('has its modes, also when they were wrong before, and also under a careless umask', async () => {
    const path = join(folder, 'data');
    mkdirSync(join(path, 'secrets'), { recursive: true, mode: 0o777 });
    writeFileSync(join(path, 'secrets/key'), 'x', { mode: 0o644 });
    const before = process.umask(0o000);

    const rooms = await prepareDataFolder({ path, catalogUser: undefined });
    await writeSecret(join(rooms.secrets, 'signing-key'), 'secret');
    process.umask(before);

    expect(mode(rooms.path)).toBe('711');
    expect(mode(rooms.catalog)).toBe('700');
    expect(mode(rooms.secrets)).toBe('700');
    expect(mode(join(rooms.secrets, 'key'))).toBe('600');
    expect(mode(join(rooms.secrets, 'signing-key'))).toBe('600');
  });

  it('is not written through a link that somebody put where a room belongs', async () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    mkdirSync(join(folder, 'data'));
    symlinkSync(elsewhere, join(folder, 'data/secrets'));

    const failure = await prepareDataFolder({ path: join(folder, 'data'), catalogUser: undefined }).catch(String);

    expect(failure).toMatch(/data\/secrets is a symbolic link/);
    expect(lstatSync(join(folder, 'data/secrets')).isSymbolicLink()).toBe(true);
  });
});

asRoot('the data folder of root', () => {
  it("gives the catalog to its server's user alone", async () => {
    const rooms = await prepareDataFolder({ path: join(folder, 'data'), catalogUser: STRANGER });

    expect(statSync(rooms.catalog)).toMatchObject({ uid: STRANGER.uid, gid: STRANGER.gid });
    expect(strangerCan('touch', join(rooms.catalog, 'file'))).toBe(true);
    expect(strangerCan('ls', rooms.path)).toBe(false);
    expect(strangerCan('ls', rooms.secrets)).toBe(false);
  });

  it('inside a 0700 folder is refused, and the folder in the way is named with the remedy', async () => {
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const path = join(closed, 'deeper', 'data');

    const failure = (await prepareDataFolder({ path, catalogUser: STRANGER }).catch(
      (error: unknown) => error,
    )) as Failure;

    expect(failure.message).toContain(`cannot enter ${closed}, which`);
    expect(failure.remedy).toContain(`chmod o+x ${closed}`);
    expect(failure.details).toMatchObject({ barrier: closed });

    chmodSync(closed, 0o711);
    const rooms = await prepareDataFolder({ path, catalogUser: STRANGER });
    expect(strangerCan('touch', join(rooms.catalog, 'file'))).toBe(true);
  });

  it("tools in a clone under root's home are not given to a user who cannot reach them", async () => {
    const home = join(folder, 'home-of-root');
    const bin = join(home, 'clone', 'bin');
    mkdirSync(bin, { recursive: true });
    chmodSync(home, 0o700);
    writeFileSync(join(bin, 'pg_dump'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 15.20"\n', { mode: 0o755 });
    const search = { path: bin, caches: [], systemFolders: [] };

    const forRoot = await findTools(search);
    const forStranger = await findTools({ ...search, user: STRANGER });

    expect(forRoot.all('pg_dump')).toHaveLength(1);
    expect(forStranger.all('pg_dump')).toEqual([]);
    expect(await firstBarrier(join(bin, 'pg_dump'), STRANGER)).toBe(home);
    expect(strangerCan(join(bin, 'pg_dump'))).toBe(false);
  });

  it.each([
    [0o700, false],
    [0o701, true],
    [0o710, false],
    [0o070, false],
    [0o755, true],
  ])('a folder of mode %i lets the other user through just when the kernel does: %s', async (bits, free) => {
    const gate = join(folder, 'gate');
    mkdirSync(gate);
    writeFileSync(join(gate, 'file'), 'x', { mode: 0o644 });
    chmodSync(gate, bits);

    expect((await firstBarrier(join(gate, 'file'), STRANGER)) === undefined).toBe(free);
    expect(strangerCan('cat', join(gate, 'file'))).toBe(free);
  });
});
