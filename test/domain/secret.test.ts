import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { redactor } from '../../src/domain/redaction.ts';
import { Secret } from '../../src/domain/secret.ts';

describe('a secret', () => {
  it('F85 shows itself in no printed form', () => {
    const secret = new Secret('hunter2-canary');

    const forms = [
      String(secret),
      `${secret}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: [secret] }),
    ];

    for (const form of forms) expect(form).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2-canary');
  });
});

describe('redaction', () => {
  it('F85 removes a secret in each form a tool may repeat it', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 3, maxLength: 40, unit: 'binary' }),
        fc.string(),
        fc.string(),
        (value, before, after) => {
          const redact = redactor([new Secret(value)]);
          const forms = [value, encodeURIComponent(value.toWellFormed()), JSON.stringify(value).slice(1, -1)];

          for (const form of forms) expect(redact(`${before}\n${form}\n${after}`)).toContain('[secret]');
        },
      ),
      { numRuns: 500, seed: 20261124 },
    );
  });

  it('removes what looks like a password though nobody named it', () => {
    const redact = redactor([]);

    expect(redact('postgres://bob:s3cret@db/x')).toBe('postgres://bob:[secret]@db/x');
    expect(redact('password=s3cret host=db')).toBe('password=[secret] host=db');
    expect(redact("PWD: 's3 cret'")).toBe('PWD: [secret]');
  });

  it('leaves text without secrets as it is, and is not fooled by short ones', () => {
    const redact = redactor([new Secret('a'), new Secret('')]);

    expect(redact('pg_dump: error: a table is missing')).toBe('pg_dump: error: a table is missing');
  });

  it('removes the longer of two secrets where one contains the other', () => {
    const redact = redactor([new Secret('abc'), new Secret('abcdef')]);

    expect(redact('x abcdef y')).toBe('x [secret] y');
  });
});
