import { describe, expect, it } from '@jest/globals';
import { FAILURES, Failure, messageOf, problemOf } from '../../src/domain/failure.ts';

describe('failures', () => {
  it('never answer a client fault with 5xx, and never exit with 0', () => {
    for (const [code, facts] of Object.entries(FAILURES)) {
      expect(facts.exit).toBeGreaterThan(0);
      expect(facts.exit).toBeLessThan(126);
      if (code !== 'internal' && code !== 'not_ready') expect(facts.http).toBeLessThan(500);
    }
  });

  it('give every code an exit code of its own', () => {
    const exits = Object.values(FAILURES).map((facts) => facts.exit);

    expect(new Set(exits).size).toBe(exits.length);
  });

  it('carry their code as name, so that a state machine can match it', () => {
    const cause = new Error('ECONNREFUSED');
    const failure = new Failure('database_unreachable', 'no answer', {
      remedy: 'start it',
      cause,
      details: { port: 1 },
    });

    expect(failure.name).toBe('database_unreachable');
    expect(failure.cause).toBe(cause);
    expect(problemOf(failure)).toEqual({
      type: 'urn:database-dump:problem:database_unreachable',
      title: 'database unreachable',
      status: 422,
      detail: 'no answer',
      code: 'database_unreachable',
      remedy: 'start it',
      details: { port: 1 },
    });
  });

  it('leave out what a failure does not have', () => {
    expect(Object.keys(problemOf(new Failure('usage', 'x')))).toEqual(['type', 'title', 'status', 'detail', 'code']);
  });

  it('turn anything unexpected into internal, without its stack', () => {
    const problem = problemOf(new TypeError('x is undefined'));

    expect(problem.code).toBe('internal');
    expect(problem.status).toBe(500);
    expect(JSON.stringify(problem)).not.toContain('at ');
    expect(messageOf('plain text')).toBe('plain text');
  });
});
