import { describe, expect, it } from '@jest/globals';
import type { Machine } from '../../scripts/setup/machine.ts';
import type { Need, Way } from '../../scripts/setup/needs.ts';
import { type Hands, provide } from '../../scripts/setup/provide.ts';
import type { Tool } from '../../src/process/tools.ts';

const DEBIAN_ROOT: Machine = {
  platform: 'linux',
  architecture: 'x64',
  root: true,
  system: 'debian',
  manager: 'apt',
  caches: ['/cache'],
  cache: '/cache',
  inCi: false,
};

function dumpTool(version: string, facts: Partial<Tool> = {}): Tool {
  return {
    name: 'pg_dump',
    path: `/found/${version}/pg_dump`,
    version,
    major: Number(version.split('.')[0]),
    flavour: 'PostgreSQL',
    floor: '15.20',
    ok: true,
    reason: undefined,
    trial: false,
    ...facts,
  };
}

const OLD = dumpTool('15.18', { ok: false, reason: 'older ones are unsafe' });

/** A machine that has `installed`, on which apt and the private ways bring what they are told to. */
function world(installed: Tool[], brings: { apt?: Tool[]; way?: Tool[] } = {}, hands: Partial<Hands> = {}) {
  const said: string[] = [];
  const installs: (readonly string[])[] = [];
  const way: Way = {
    did: 'unpacked into the private cache',
    possible: () => brings.way !== undefined,
    get: async () => {
      installed.push(...(brings.way ?? []));
    },
  };
  const need: Need = {
    label: 'PostgreSQL client',
    modes: ['start'],
    programs: ['pg_dump'],
    accepts: (tool) => tool.ok || tool.trial,
    packages: async () => ['postgresql-client-15'],
    programFolders: ['/usr/lib/postgresql/'],
    ways: [way],
    commands: {
      apt: 'sudo apt-get install postgresql-client',
      dnf: 'sudo dnf install postgresql',
      apk: 'sudo apk add postgresql-client',
      brew: 'brew install postgresql@18',
      other: 'Install the PostgreSQL client programs.',
    },
  };
  const all: Hands = {
    search: async () => {
      const found = [...installed];
      return { all: (name) => found.filter((tool) => tool.name === name) };
    },
    running: () => [],
    servicesMayStart: async () => false,
    wouldRemove: async () => false,
    refreshLists: async () => undefined,
    install: async (packages) => {
      installs.push(packages);
      installed.push(...(brings.apt ?? []));
    },
    say: (line) => said.push(line),
    ...hands,
  };
  const start = (machine: Partial<Machine> = {}) => provide([need], { ...DEBIAN_ROOT, ...machine }, all);
  return { start, said, installs };
}

describe('set-up', () => {
  it('changes nothing where everything is there', async () => {
    const { start, said, installs } = world([dumpTool('15.20')], { apt: [], way: [] });

    expect(await start()).toEqual([]);

    expect(installs).toEqual([]);
    expect(said).toEqual(['✔ PostgreSQL client  pg_dump 15.20 in /found/15.20']);
  });

  it('T29 as root on Debian upgrades a tool below its floor, naming only that package, and says why', async () => {
    const { start, said, installs } = world([OLD], { apt: [dumpTool('15.20')], way: [] });

    expect(await start()).toEqual([]);

    expect(installs).toEqual([['postgresql-client-15']]);
    expect(said).toEqual([
      '✔ PostgreSQL client  pg_dump 15.20 in /found/15.20 · /found/15.18/pg_dump 15.18 is below the floor 15.20, ' +
        'and older ones are unsafe; installed postgresql-client-15 with apt',
    ]);
  });

  it.each([
    [
      'a database runs from the folder that apt would change',
      { running: () => ['/usr/lib/postgresql/15/bin/postgres'] },
    ],
    ['this system lets packages start services', { servicesMayStart: async () => true }],
    ['apt would remove other packages', { wouldRemove: async () => true }],
  ])('leaves the system alone where %s, and uses the private cache instead', async (_, hands) => {
    const { start, said, installs } = world([OLD], { apt: [dumpTool('15.20')], way: [dumpTool('15.20')] }, hands);

    expect(await start()).toEqual([]);

    expect(installs).toEqual([]);
    expect(said.at(-1)).toMatch(/^✔ .*not (up|inst).* with apt: .*; unpacked into the private cache$/);
  });

  it('goes on with the private cache when apt fails', async () => {
    const install = async () => {
      throw new Error('no network');
    };
    const { start, said } = world([], { way: [dumpTool('15.20')] }, { install });

    expect(await start()).toEqual([]);

    expect(said.at(-1)).toContain('apt failed: no network; unpacked into the private cache');
  });

  it('without root asks apt for nothing, and says of a trial what it is good for', async () => {
    const trial = dumpTool('18.6', { ok: false, trial: true, floor: '18.7' });
    const { start, said, installs } = world([], { apt: [dumpTool('15.20')], way: [trial] });

    expect(await start({ root: false })).toEqual([]);

    expect(installs).toEqual([]);
    expect(said.at(-1)).toContain('18.6 in /found/18.6 (below the floor 18.7: only for a trial on the sample)');
  });

  it.each([
    ['apt', 'Run: sudo apt-get install postgresql-client'],
    ['dnf', 'Run: sudo dnf install postgresql'],
    ['apk', 'Run: sudo apk add postgresql-client'],
    ['brew', 'Run: brew install postgresql@18'],
    [undefined, 'Install the PostgreSQL client programs.'],
  ] as const)('where nothing helps, one line names the command of %s', async (manager, command) => {
    const { start, said } = world([]);

    const missing = await start({ root: false, manager });

    expect(missing.map((need) => need.label)).toEqual(['PostgreSQL client']);
    expect(said).toEqual([`✘ PostgreSQL client  pg_dump not found. ${command}`]);
  });
});
