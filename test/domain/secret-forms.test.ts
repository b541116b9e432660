import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { redactor } from '../../src/domain/redaction.ts';
import { Secret } from '../../src/domain/secret.ts';

describe('a secret that is printed', () => {
  it('F85 says that it is one, in every form', () => {
    const secret = new Secret('hunter2');

    expect(String(secret)).toBe('[secret]');
    expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
    expect(inspect({ secret })).toBe('{ secret: [secret] }');
  });
});

describe('redaction of forms', () => {
  it('F85 knows a secret with doubled quotes and doubled backslashes', () => {
    const redact = redactor([new Secret("it's a \\ secret")]);

    for (const form of ["it's a \\ secret", "it''s a \\ secret", "it's a \\\\ secret", "it's%20a%20%5C%20secret"]) {
      expect(redact(`before ${form} after`)).toBe('before [secret] after');
    }
  });

  it('knows the password of a URL whatever its scheme, and several', () => {
    const redact = redactor([]);

    expect(redact('p://u:one@h and a1+b.c-d://:two@h')).toBe('p://u:[secret]@h and a1+b.c-d://:[secret]@h');
    expect(redact('http://host:80/path and x@y')).toBe('http://host:80/path and x@y');
  });

  it.each([
    ['password = "two words", x', 'password = [secret], x'],
    ["passwd='two words';x", 'passwd=[secret];x'],
    ['TOKEN:abc,def', 'TOKEN:[secret],def'],
    ['secret  =  abc def', 'secret  =  [secret] def'],
    ['a mypassword=x', 'a mypassword=x'],
    ['password is missing', 'password is missing'],
    ['pwd=""', 'pwd=[secret]'],
  ])('of %s gives %s', (text, clean) => {
    expect(redactor([])(text)).toBe(clean);
  });

  it('does nothing to text where every secret is too short to be one', () => {
    expect(redactor([new Secret('ab')])('Stryker was here: ab')).toBe('Stryker was here: ab');
    expect(redactor([new Secret('abc')])('abcabc')).toBe('[secret][secret]');
  });
});
