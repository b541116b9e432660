import { describe, expect, it } from '@jest/globals';
import { Failure } from '../../../src/domain/failure.ts';
import { dumpCommand, literal, restoreCommand } from '../../../src/engines/mongodb/commands.ts';
import { type Deployment, deploymentOf, planConsistency } from '../../../src/engines/mongodb/consistency.ts';
import { choose } from '../../../src/engines/mongodb/selection.ts';
import { requireTool } from '../../../src/engines/mongodb/tools.ts';
import type { Tool, Toolbox } from '../../../src/process/tools.ts';
import { login, mongoConnection } from '../../support/mongo-bench.ts';

const SOURCE = mongoConnection({ host: 'db', port: 27017 }, { ...login('backup', 'canary-hunter2'), database: 'shop' });
const EVERYTHING = {
  rename: undefined,
  only: undefined,
  exclude: [],
  drop: false,
  dataOnly: false,
  oplogReplay: false,
};

describe('the commands of MongoDB', () => {
  it('F85 keeps address and password out of the arguments and of anything printed', () => {
    for (const command of [
      dumpCommand('/bin/mongodump', SOURCE, { exclude: [], oplog: false }),
      restoreCommand('/bin/mongorestore', SOURCE, EVERYTHING),
    ]) {
      expect(JSON.stringify(command)).not.toContain('canary-hunter2');
      expect(JSON.stringify(command.args)).not.toContain('mongodb://');
      expect(command.args[0]).toEqual({ file: 'mongo-tools.yaml', prefix: '--config=' });
      expect(command.files?.['mongo-tools.yaml']?.reveal()).toContain('password: "canary-hunter2"');
    }
  });

  it('F81 glues every name to its option, so that none can be an option itself', () => {
    const source = { ...SOURCE, database: '--help' };
    const dump = dumpCommand('/bin/mongodump', source, { exclude: ['--out=/etc/x', '-v'], oplog: false });
    const restore = restoreCommand('/bin/mongorestore', source, {
      ...EVERYTHING,
      only: ['-x'],
      exclude: ['--y'],
      rename: { from: '-f', to: '--drop' },
    });

    const names = [...dump.args, ...restore.args].filter(
      (argument) => typeof argument === 'string' && argument.includes('='),
    );
    expect(names).toEqual([
      '--db=--help',
      '--excludeCollection=--out=/etc/x',
      '--excludeCollection=-v',
      '--nsInclude=-x',
      '--nsExclude=--y',
      '--nsFrom=-f.*',
      '--nsTo=--drop.*',
    ]);
  });

  it('lets names stand for themselves in namespace patterns', () => {
    expect(literal('a*b\\c')).toBe('a\\*b\\\\c');
  });

  it('never restores the server’s own databases unasked', () => {
    const { args } = restoreCommand('/bin/mongorestore', SOURCE, EVERYTHING);

    expect(args).toContain('--nsExclude=admin.*');
    expect(args).toContain('--nsExclude=config.*');
    expect(args).not.toContain('--drop');
    expect(args).toContain('--stopOnError');
  });

  it.each([
    ['standalone', true, true, 'fuzzy', 'keeps no oplog'],
    ['standalone', false, false, 'fuzzy', 'keeps no oplog'],
    ['sharded cluster', true, true, 'fuzzy', 'no single oplog'],
    ['sharded cluster', false, false, 'fuzzy', 'no single oplog'],
    ['replica set', false, true, 'fuzzy', 'for a whole server only'],
    ['replica set', true, false, 'fuzzy', 'may not read local.oplog.rs'],
    ['replica set', true, true, 'snapshot', ''],
  ] as const)(
    'F19 labels a dump of a %s (whole: %s, oplog: %s) as %s',
    (deployment, whole, oplogReadable, consistency, because) => {
      const plan = planConsistency({ deployment, whole, oplogReadable });

      expect(plan.consistency).toBe(consistency);
      expect(plan.oplog).toBe(consistency === 'snapshot');
      expect(plan.warnings.join()).toContain(because);
      const { args } = dumpCommand('/bin/mongodump', SOURCE, { exclude: [], oplog: plan.oplog });
      expect(args.includes('--oplog')).toBe(plan.oplog);
    },
  );

  it.each([
    [{ msg: 'isdbgrid' }, 'sharded cluster'],
    [{ setName: 'rs0' }, 'replica set'],
    [{}, 'standalone'],
  ] as const)('F19 tells from hello %o a %s', (hello, expected: Deployment) => {
    expect(deploymentOf(hello)).toBe(expected);
  });

  it('F20 refuses tools that leave out names with a newline, and says which would do', () => {
    const old: Tool = {
      name: 'mongodump',
      path: '/bin/mongodump',
      version: '100.12.1',
      major: 100,
      flavour: 'MongoDB',
      floor: '100.12.2',
      ok: false,
      reason: 'older ones silently skip collections with a newline in their name',
      trial: false,
    };
    const toolbox = (tools: Tool[]): Toolbox => ({ all: () => tools });

    const tooOld = failureOf(() => requireTool(toolbox([old]), 'mongodump'));
    const missing = failureOf(() => requireTool(toolbox([]), 'mongorestore'));

    expect(tooOld).toMatchObject({ code: 'tool_too_old', remedy: expect.stringContaining('100.12.2') });
    expect(missing).toMatchObject({ code: 'tool_missing', remedy: expect.stringContaining('Install') });
  });

  it('chooses names literally first, then by pattern, and refuses what matches nothing', () => {
    const names = ['a', 'ab', 'a*', 'b.c', 'line\nbreak'];

    expect(choose(names, [], [])).toEqual(names);
    expect(choose(names, ['a*'], [])).toEqual(['a*']);
    expect(choose(names, ['a?'], [])).toEqual(['ab', 'a*']);
    expect(choose(names, ['line*'], [])).toEqual(['line\nbreak']);
    expect(choose(names, [], ['b.*'])).toEqual(['a', 'ab', 'a*', 'line\nbreak']);
    expect(choose(names, ['bxc', 'a'].slice(1), [])).toEqual(['a']);
    expect(() => choose(names, ['bxc'], [])).toThrow('No collection is named "bxc"');
  });
});

function failureOf(work: () => unknown): Failure {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('nothing was refused');
}
