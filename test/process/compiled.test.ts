import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { cacheFolders } from '../../src/process/cache-folders.ts';

const ROOM = join(import.meta.dirname, '..', '..', 'src', 'process', 'compiled.ts');
const SCRIPT = `const { keepCompiled } = await import(${JSON.stringify(ROOM)}); keepCompiled();
  console.log((await import('node:module')).getCompileCacheDir() ?? 'none');`;

describe('what Node compiled', () => {
  it('is kept in our own cache, never in a temporary folder that others may write to', () => {
    const home = mkdtempSync(join(tmpdir(), 'compiled-'));
    try {
      const { NODE_COMPILE_CACHE: _, ...env } = process.env;
      const said = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT], {
        encoding: 'utf8',
        env: { ...env, HOME: home, XDG_CACHE_HOME: '/elsewhere' },
      });
      const root = process.getuid?.() === 0;
      const question = { platform: process.platform, root, chosen: undefined, xdg: undefined };
      const [folder = ''] = cacheFolders({ ...question, home });
      expect(said.trim()).toMatch(new RegExp(`^${folder}/compiled/`));
      expect(root || folder.startsWith(home)).toBe(true);
      expect(homedir()).not.toBe(home);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});
