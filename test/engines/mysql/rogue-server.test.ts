import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import type { Connection } from '../../../src/engines/engine.ts';
import { dumpCommand, restoreCommand } from '../../../src/engines/mysql/commands.ts';
import { chooseProgram } from '../../../src/engines/mysql/programs.ts';
import { openServer } from '../../../src/engines/mysql/server.ts';
import { capture } from '../../../src/process/run.ts';
import { makeCertificate } from '../../support/certificate.ts';
import { PARTS } from '../../support/mysql-dump-parts.ts';
import { describeWithMysql, login } from '../../support/mysql-server.ts';
import { type RogueOptions, startRogueMysql } from '../../support/rogue-mysql.ts';

describeWithMysql('a rogue server', (family) => {
  async function meet(options: RogueOptions, changes: Partial<Connection> = {}) {
    const rogue = await startRogueMysql(options);
    const server = await import('../../support/mysql-server.ts');
    const bench = await server.openMysqlBench();
    try {
      const source: Connection = {
        engine: 'mysql',
        host: '127.0.0.1',
        port: rogue.port,
        database: 'x',
        tls: { mode: 'disable' },
        options: {},
        ...login('someone', 'canary-password'),
        ...changes,
      };
      const codes: (string | undefined)[] = [
        await openServer(source).then(
          (session) => session.close().then(() => 'in'),
          (error) => error.code,
        ),
      ];
      for (const role of ['dump', 'client'] as const) {
        const tool = chooseProgram(bench.tools, role, { family, version: '8.0' });
        const command = role === 'dump' ? dumpCommand(tool, source, PARTS) : restoreCommand(tool, source);
        const input = (async function* () {
          yield Buffer.from('SELECT 1;\n');
        })();
        const { exit } = await capture(bench.runner, command, {
          deadlineMs: 10_000,
          ...(role === 'client' ? { input } : {}),
        });
        codes.push(String(exit.code));
      }
      return {
        codes,
        received: rogue.received().toString('latin1'),
        answers: rogue.answers,
        statements: rogue.statements,
      };
    } finally {
      bench.close();
      await rogue.stop();
    }
  }

  it('M14 F104 that asks for a file gets not one byte of it', async () => {
    const { answers, received, codes } = await meet({ wantsFile: '/etc/passwd' });

    expect(answers.length).toBeGreaterThanOrEqual(3);
    expect(answers.filter((bytes) => bytes > 0)).toEqual([]);
    expect(received).not.toContain('root:');
    expect(codes).not.toContain('0');
  }, 60_000);

  it('F103 that asks for the password in clear does not get it', async () => {
    for (const plugin of ['mysql_clear_password', 'dialog']) {
      const { received, codes } = await meet({ plugin });

      expect(received).toContain('someone');
      expect(received).not.toContain('canary-password');
      expect(codes).not.toContain('0');
    }
  }, 60_000);

  it('M14 F104 without a certificate that is trusted gets no login at all', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rogue-'));
    try {
      const certificate = await makeCertificate(folder, ['DNS:elsewhere.example']);
      const other = await makeCertificate(folder, ['DNS:localhost']);
      for (const offered of [{}, { certificate }]) {
        const { received, codes, statements } = await meet(offered, {
          host: 'localhost',
          tls: { mode: 'verify-full', caFile: other.file },
        });

        expect(received).not.toContain('someone');
        expect(statements).toEqual([]);
        expect(codes[0]).toBe('tls_refused');
        expect(codes).not.toContain('0');
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
