import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { wordsOf } from '../../cli/completion/words.ts';
import { buildProgram } from '../../cli/program.ts';
import { localData, type Served, serve } from '../support/served.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', 'cli', 'dbdump.js');
const tree = wordsOf(buildProgram());

let served: Served;
let objects: TenantObjects;
let script = '';

beforeAll(async () => {
  served = await serve();
  objects = await makeObjects(served.service, served.tenant);
  localData(served, '.database-dump');
  script = (await served.run(['completion', 'bash'])).stdout;
  writeFileSync(join(served.home, 'complete.bash'), script);
  mkdirSync(join(served.home, 'bin'));
  writeFileSync(join(served.home, 'bin', 'dbdump'), `#!/bin/sh\nexec '${process.execPath}' '${LAUNCHER}' "$@"\n`);
  chmodSync(join(served.home, 'bin', 'dbdump'), 0o755);
});
afterAll(() => served.stop());

/** What bash would offer: its own complete -F function, called as bash calls it. The last word is the one being typed. */
function offered(...words: string[]): string[] {
  const quoted = ['dbdump', ...words].map((word) => `'${word}'`).join(' ');
  const program = `
    source complete.bash
    declare -f _dbdump >/dev/null && [[ $(complete -p dbdump) == *'-F _dbdump'* ]] || exit 9
    COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}
    _dbdump; printf '%s\\n' "\${COMPREPLY[@]}"`;
  // Not run while this process waits: the service answers from it.
  const env = { HOME: served.home, PATH: `${join(served.home, 'bin')}:${process.env.PATH}` };
  const { status, stdout, stderr } = spawnSync('bash', ['-c', program], { cwd: served.home, encoding: 'utf8', env });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion of bash', () => {
  it.each(tree.filter(({ commands }) => commands.length > 0))(
    'offers every command below "$path"',
    ({ path, commands }) => {
      const words = path === '' ? [] : path.split(' ');

      expect(offered(...words, '').sort()).toEqual(commands.map(({ name }) => name).sort());
    },
  );

  it('offers every option of every command', () => {
    const leaves = tree.filter(({ commands }) => commands.length === 0);
    expect(leaves.length).toBeGreaterThan(35);

    const wrong = leaves.filter(({ path, options }) => {
      const all = options.flatMap(({ flags }) => flags);
      return script.split('\n').every((line) => line.trim() !== `'${path}') words='${all.join(' ')}' ;;`);
    });

    expect(wrong.map(({ path }) => path)).toEqual([]);
    expect(offered('restore', 'run', '--no-')).toEqual(['--no-owner', '--no-acl', '--no-wait']);
    expect(offered('apply', '--dr')).toEqual(['--dry-run']);
  });

  it('offers the values of an option that has some', () => {
    expect(offered('backup', 'now', 'shop', '--level', '')).toEqual(['1', '2', '3']);
    expect(offered('schedule', 'add', 'x', '--every', 'm')).toEqual(['monthly']);
    expect(offered('database', 'add', '--environment', 'prod')).toEqual(['production']);
  });

  it('offers files where a file is wanted', () => {
    expect(offered('apply', '-f', 'comp')).toEqual(['complete.bash']);
  });

  it('offers nothing where nobody can know what comes', () => {
    expect(offered('database', 'add', '')).toEqual([]);
    expect(offered('backup', 'pin', 'x', '--reason', '')).toEqual([]);
  });
});

describe('names of the service', () => {
  const names = async (kind: string) => {
    const { code, stdout } = await served.run(['__names', kind], { cwd: served.home });
    return { code, names: stdout.split('\n').filter((line) => line !== '') };
  };

  it('are asked for by kind', async () => {
    const { items } = (await served.json(['database', 'list'])).document;

    expect(await names('database')).toEqual({ code: 0, names: [items[0].name] });
    expect((await names('destination')).names).toHaveLength(1);
    expect((await names('schedule')).names).toHaveLength(1);
    expect((await names('backup')).names).toEqual(['latest', objects.backupId]);
    expect((await names('run')).names).toEqual(['latest', objects.runId]);
  });

  it('are offered by bash where they may stand, quoted as a shell needs it', () => {
    // A stand-in for the program: a service that answers from this process cannot do so while bash is waited for.
    const asked = join(served.home, 'asked');
    const stub = `#!/bin/sh\necho "$@" >> '${asked}'\nprintf '%s\\n' 'shop' 'my shop' 'other'\n`;
    writeFileSync(join(served.home, 'bin', 'dbdump'), stub);

    expect(offered('database', 'verify', '')).toEqual(['shop', 'my\\ shop', 'other']);
    expect(offered('backup', 'now', 'shop', '--to', 'my')).toEqual(['my\\ shop']);
    expect(offered('schedule', 'run-now', 'o')).toEqual(['other']);
    expect(offered('restore', 'plan', 'latest', '--into', 'sh')).toEqual(['shop']);
    expect(offered('run', 'watch', '')).toHaveLength(3);
    expect(readFileSync(asked, 'utf8').trim().split('\n')).toEqual([
      '__names database',
      '__names destination',
      '__names schedule',
      '__names database',
      '__names run',
    ]);
  });

  it('are none, and no error, where no service is', async () => {
    const { code, stdout, stderr } = await served.run(['__names', 'database', '--server', 'http://127.0.0.1:9']);

    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: '' });
  });
});

describe('completion of other shells', () => {
  it('zsh runs the same function', async () => {
    const { stdout } = await served.run(['completion', 'zsh']);

    expect(stdout).toMatch(/^#compdef dbdump database-dump\nautoload -U \+X bashcompinit && bashcompinit\n/);
    expect(stdout.endsWith(script)).toBe(true);
  });

  it('fish has a line for every command and every option', async () => {
    const { stdout } = await served.run(['completion', 'fish']);

    const lines = stdout.split('\n');
    for (const { path, commands, options } of tree) {
      const at = `complete -c dbdump -n '__dbdump_at "${path}"'`;
      for (const { name } of commands) expect(lines.some((line) => line.startsWith(`${at} -a ${name} -d `))).toBe(true);
      const long = options.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('--')));
      const missing = long.filter(
        (flag) => !lines.some((line) => line.startsWith(at) && line.includes(`-l ${flag.slice(2)}`)),
      );
      expect({ path, missing }).toEqual({ path, missing: [] });
    }
  });
});

describe('the tree', () => {
  it('gives no option a value in one command and none in another: completion counts on it', () => {
    const valued = new Map<string, boolean>();
    const both: string[] = [];
    for (const { flags, takesValue } of tree.flatMap(({ options }) => options))
      for (const flag of flags) {
        if (valued.has(flag) && valued.get(flag) !== takesValue) both.push(flag);
        valued.set(flag, takesValue);
      }

    expect(both).toEqual([]);
  });
});
