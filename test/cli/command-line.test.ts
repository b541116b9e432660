import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { main } from '../../cli/program.ts';
import { cliFolder } from '../support/cli.ts';

const PASSWORD = 'canary-Pa55word';

describe('a command line that cannot be', () => {
  const folder = cliFolder();
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** In this process: no tool is started, no server asked. */
  async function run(args: readonly string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      jest.spyOn(process[name], 'write').mockImplementation((text) => {
        written[name] += String(text);
        return true;
      });
    }
    process.exitCode = undefined;
    await main(['node', 'dbdump', ...args]);
    const code = process.exitCode;
    process.exitCode = undefined;
    return { code, ...written };
  }

  const backup = (database: string, ...rest: string[]) => ['rescue', 'backup', database, '--to', 'file:///x', ...rest];
  const data = folder.data;

  it.each<[string[], RegExp]>([
    [backup(`mongodb+srv://u:${PASSWORD}@h/d`, ...data), /\+srv/],
    [backup(`postgres://u:${PASSWORD}@h1,h2/d`, ...data), /several hosts/],
    [backup(`postgres://u:${PASSWORD}@h/d?service=x`, ...data), /"service"/],
    [backup(`postgres://u:${PASSWORD}/x@h/d`, ...data), /@ or \//],
    [backup('env:NOT_SET_HERE', ...data), /NOT_SET_HERE/],
    [backup('file:/does/not/exist', ...data), /does\/not\/exist/],
    [['rescue', 'backup', 'postgres://u@h/d', '--to', 'ftp://x', ...data], /store address/],
    [['rescue', 'backup', 'postgres://u@h/d', '--to', 's3://b-b/?region=x&secret=y', ...data], /"secret"/],
    [['rescue', 'backup', 'postgres://u@h/d'], /--to/],
    [backup('postgres://u@h/d', '--level', '9'), /level/],
    [backup('postgres://u@h/d', '--rate-limit', 'fast'), /bytes/],
    [backup('postgres://u@h/d', '--compression', 'lzma'), /compression/],
    [backup('postgres://u@h/d', '--leve', '2'), /--leve/],
    [['rescue', 'verify', '--from', 'file:///x', '--trust', 'nonsense', ...data], /public key/],
    [['rescue', 'verify', '--from', 'file:///x', '--identity', '/does/not/exist', ...data], /identity file/],
    [['rescue', 'restore', '--into', 'postgres://u@h/d', ...data], /store nor a dump/],
    [
      ['rescue', 'restore', '--into', 'postgres://u@h/d', '--from', 'file:///x', '--swap', '--in-place'],
      /--in-place|--swap/,
    ],
    [['rescue', 'download', '--from', 'file:///x', '--output', '-', ...data], /standard output/],
    [['resque'], /resque/],
  ])('%j', async (args, cause) => {
    const { code, stdout, stderr } = await run([...args, '--json']);

    const problem = JSON.parse(stdout) as Record<string, unknown>;
    expect({ code, refusals: stderr.includes('✘') }).toEqual({ code: 2, refusals: false });
    expect(problem).toMatchObject({ code: 'usage', detail: expect.stringMatching(cause), remedy: expect.any(String) });
    expect(stdout + stderr).not.toContain(PASSWORD);
    expect(stdout).not.toMatch(/^\s+at /m);
  });

  it('says the same to people in two lines', async () => {
    const { code, stdout, stderr } = await run([
      'rescue',
      'backup',
      'postgres://u@h/d',
      '--to',
      'file:///x',
      '--level',
      '9',
    ]);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^✘ .*level.*\n {2}→ .*\n$/);
  });

  it('shows help where it is asked for, and where nothing is', async () => {
    const asked = await run(['rescue', 'restore', '--help']);
    const nothing = await run(['rescue']);

    expect(asked).toMatchObject({ code: 0, stdout: expect.stringContaining('--swap') });
    expect(nothing.code).toBe(2);
    expect(nothing.stdout + nothing.stderr).toContain('Commands:');
  });
});
