import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
/** Makes a Node say that it is an old one; a program it starts is not told. */
const OLD = `--import=data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.1.0'}})`;
const PROGRAM = `
process.on('SIGTERM', () => process.exit(7));
console.log(JSON.stringify({ node: process.versions.node, args: process.argv.slice(2) }));
if (process.argv[2] === 'wait') setInterval(() => {}, 1_000);
else process.exitCode = 3;
`;

let folder = '';
let launcher = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'launcher-'));
  mkdirSync(join(folder, 'cli'));
  mkdirSync(join(folder, 'node_modules'));
  launcher = join(folder, 'cli/dbdump.js');
  cpSync(join(root, 'cli/dbdump.js'), launcher);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'cli/main.ts'), PROGRAM);
  symlinkSync(join(root, 'node_modules/node'), join(folder, 'node_modules/node'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const launch = (...args: string[]) => spawnSync(process.execPath, args, { encoding: 'utf8' });

describe('the launcher', () => {
  it('runs the sources of a checkout under a Node that is new enough', () => {
    const { status, stdout } = launch(launcher, 'a', '--b');

    expect(JSON.parse(stdout)).toEqual({ node: process.versions.node, args: ['a', '--b'] });
    expect(status).toBe(3);
  });

  it("starts the project's own Node from an older one, with the same arguments and exit code", () => {
    const { status, stdout } = launch(OLD, launcher, 'a', '--b=c d');

    const said = JSON.parse(stdout) as { node: string; args: string[] };
    expect(said.args).toEqual(['a', '--b=c d']);
    expect(Number(said.node.split('.')[0])).toBeGreaterThanOrEqual(24);
    expect(status).toBe(3);
  });

  it('hands a signal on to the Node it has started, and ends as that one ends', async () => {
    const child = spawn(process.execPath, [OLD, launcher, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));

    child.kill('SIGTERM');

    expect(await ended).toEqual({ code: 7, signal: null });
  });

  it('says what to do where an old Node finds no newer one', () => {
    rmSync(join(folder, 'node_modules/node'));

    const { status, stderr } = launch(OLD, launcher);

    expect(status).toBe(25);
    expect(stderr).toMatch(/Node 24\.12 or newer is needed and this is 20\.1\.0\.\nInstall it/);
    expect(stderr).not.toContain('    at ');
  });

  it('runs the bundle where there are no sources', () => {
    rmSync(join(folder, 'cli/main.ts'));
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'dist/dbdump.js'), 'console.log("bundle");');

    expect(launch(launcher).stdout).toBe('bundle\n');
  });
});
