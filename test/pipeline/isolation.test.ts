import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { makeSigningKey } from '../../src/pipeline/keys.ts';
import { makeRunner } from '../../src/process/child.ts';
import { capture } from '../../src/process/run.ts';
import { childUser } from '../../src/runtime/workshop.ts';

const user = process.getuid?.() === 0 ? childUser() : undefined;
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
const possible = user !== undefined && setpriv !== undefined;
if (!possible && process.env.CI === 'true') throw new Error('Isolation needs root, a user nobody, and setpriv.');
if (!possible) console.log('Skipped: isolation of children needs root and setpriv (util-linux).');

/** Arbitrary code as the child's user: what of ours can it reach? */
(possible ? describe : describe.skip)('the user that children run as', () => {
  const folder = mkdtempSync(join(tmpdir(), 'isolation-'));
  chmodSync(folder, 0o711);
  const secrets = mkdtempSync(join(folder, 'catalog-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const run = async (script: string) => {
    const place = { folder, user, setpriv, stdbuf: undefined };
    const { stdout } = await capture(makeRunner(place), {
      program: '/bin/sh',
      args: ['-c', `{ ${script}; } 2>&1; true`],
    });
    return stdout;
  };

  it("T24 M25 cannot read our environment, memory or descriptors, nor its parents'", async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'canary-of-the-worker';
    const pid = process.pid;

    const said = await run(
      `cat /proc/${pid}/environ /proc/${pid}/mem /proc/${pid}/maps; ls -l /proc/${pid}/fd; cat /proc/1/environ; env`,
    );

    delete process.env.AWS_SECRET_ACCESS_KEY;
    expect(said).not.toContain('canary');
    expect(said).not.toMatch(/AWS_|-> /);
    expect(said.match(/denied/g)?.length).toBeGreaterThanOrEqual(4);
  });

  it('T24 cannot read the signing key, credentials or the store, nor trace or signal us', async () => {
    await makeSigningKey(join(secrets, 'signing-key.pem'));
    writeFileSync(join(folder, 'credentials'), 'canary-of-the-file', { mode: 0o600 });

    const said = await run(
      `cat ${secrets}/signing-key.pem ${folder}/credentials; ls ${secrets}; kill -0 ${process.pid} && echo SIGNALLED; ` +
        `cat /etc/shadow; touch ${folder}/mine && echo WROTE`,
    );

    expect(said).not.toMatch(/PRIVATE KEY|canary|SIGNALLED|WROTE|root:\$/);
    expect(readdirSync(folder)).not.toContain('mine');
  });

  it('T24 has no capability and cannot get one: no_new_privs', async () => {
    const said = await run('grep -E "^(Cap(Eff|Prm|Inh|Amb)|NoNewPrivs|Uid|Groups)" /proc/self/status');

    expect(said).toMatch(/NoNewPrivs:\s*1/);
    expect([...said.matchAll(/Cap\w+:\s*([0-9a-f]+)/g)].map((match) => match[1])).toEqual(
      Array(4).fill('0'.repeat(16)),
    );
    expect(said).toMatch(new RegExp(`Uid:\\s*${user?.uid}`));
    expect(said).toMatch(/Groups:\s*$/m);
    expect(readFileSync('/proc/self/status', 'utf8')).toMatch(/Uid:\s*0/);
  });
});
