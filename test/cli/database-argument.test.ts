import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { hideTypedPasswords, holdsPassword, resolveDatabaseUrl } from '../../cli/database-argument.ts';

const folder = mkdtempSync(join(tmpdir(), 'dd-argument-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function sources(variables: Record<string, string> = {}) {
  const warnings: string[] = [];
  return {
    variable: (name: string) => variables[name],
    warn: (sentence: string) => void warnings.push(sentence),
    warnings,
  };
}

describe('database argument', () => {
  it('is a URL, a variable, a file, or $DATABASE_URL', async () => {
    const file = join(folder, 'my url');
    writeFileSync(file, 'postgres://u:p@h/file\nsecond line\n', { mode: 0o600 });
    const given = sources({ DATABASE_URL: 'postgres://h/default', OTHER: 'postgres://h/other\n' });

    expect(await resolveDatabaseUrl('postgres://h/typed', given)).toBe('postgres://h/typed');
    expect(await resolveDatabaseUrl('env:OTHER', given)).toBe('postgres://h/other');
    expect(await resolveDatabaseUrl(undefined, given)).toBe('postgres://h/default');
    expect(await resolveDatabaseUrl(`file:${file}`, given)).toBe('postgres://u:p@h/file');
    expect(await resolveDatabaseUrl(`file://${file.replace(' ', '%20')}`, given)).toBe('postgres://u:p@h/file');
    expect(given.warnings).toEqual([]);
  });

  it('warns of a file that others may read, naming the command that mends it', async () => {
    const file = join(folder, 'open');
    writeFileSync(file, 'postgres://h/d');
    chmodSync(file, 0o644);
    const given = sources();

    await resolveDatabaseUrl(`file:${file}`, given);

    expect(given.warnings).toEqual([`Other users may read ${file}; run: chmod 600 ${file}`]);
  });

  it.each([undefined, 'env:NOT_SET', 'file:/does/not/exist', 'file:///%2F', 'file:/'])(
    'refuses %s by name',
    async (argument) => {
      await expect(resolveDatabaseUrl(argument, sources())).rejects.toMatchObject({
        code: 'usage',
        remedy: expect.any(String),
      });
    },
  );

  it('F85 takes a typed password out of the title, and only where there is one', () => {
    let title = '';
    const set = (text: string) => {
      title = text;
    };

    expect(hideTypedPasswords(['rescue', 'backup', 'postgres://u:hunter2@h/d', '--to', 'file:///b'], set)).toBe(true);
    expect(title).toBe('dbdump rescue backup postgres://…@h/d --to file:///b');
    expect(hideTypedPasswords(['rescue', 'backup', 'postgres://u@h/d', 'env:X'], set)).toBe(false);
  });

  it('F85 sees a password in any URL, also one with an unencoded @ or /', () => {
    expect(holdsPassword('mysql://u:a@b/c@h/d')).toBe(true);
    expect(holdsPassword('--into=postgres://u:p@h/d')).toBe(true);
    expect(holdsPassword('s3://bucket/prefix?region=x')).toBe(false);
    expect(holdsPassword('postgres://u@h:5432/d')).toBe(false);
  });
});
