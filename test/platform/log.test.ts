import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { logFile, openLog } from '../../src/platform/local/log.ts';

function written(fields: Record<string, unknown>): Record<string, unknown> {
  const lines: string[] = [];
  openLog({ write: (line) => lines.push(line) })('warn', fields, 'something happened');
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0] ?? '');
}

describe('the log', () => {
  it('is one JSON object a line, with level, time and sentence', () => {
    expect(written({ runId: 'r' })).toMatchObject({
      level: 'warn',
      runId: 'r',
      msg: 'something happened',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
  });

  it('F85 holds no secret, whatever it is called or wherever it stands', () => {
    const error = new Error('cannot reach postgres://u:hunter2@db/x', { cause: new Error('password=hunter2') });
    const line = JSON.stringify(
      written({
        password: 'hunter2',
        nested: { token: 'hunter2', authorization: 'hunter2', text: 'secret: hunter2' },
        list: ['mysql://u:hunter2@h/'],
        error,
        deep: { a: { b: { c: { d: 'hunter2' } } } },
      }),
    );

    expect(line).not.toContain('hunter2');
    expect(line).toContain('cannot reach postgres://u:[secret]@db/x');
  });

  it('stays one line, whatever a client called itself', () => {
    expect(written({ name: 'a\n{"level":"error"}\u2028\u0000' }).name).toBe('a\n{"level":"error"}\u2028\u0000');
  });

  it('is a file of ours alone that is put aside when it is full', () => {
    const folder = mkdtempSync(join(tmpdir(), 'log-'));
    const file = logFile(join(folder, 'service.log'), 100);

    for (let n = 0; n < 60; n++) file.write(`${String(n).padStart(30, '0')}\n`);
    file.close();

    expect(statSync(join(folder, 'service.log')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).sort()).toEqual(['service.log', ...[1, 2, 3, 4].map((n) => `service.log.${n}`)]);
    const all = [4, 3, 2, 1].map((n) => readFileSync(join(folder, `service.log.${n}`), 'utf8')).join('');
    expect(all + readFileSync(join(folder, 'service.log'), 'utf8')).toMatch(/59\n$/);
    rmSync(folder, { recursive: true });
  });
});
