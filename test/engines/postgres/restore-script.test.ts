import { describe, expect, it } from '@jest/globals';
import { linesToDrop, withoutLines } from '../../../src/engines/postgres/restore/downgrade.ts';
import {
  policyRoles,
  rewritePolicy,
  rewriteRoles,
  rolesOf,
} from '../../../src/engines/postgres/restore/roles-in-sql.ts';

describe('the script of a restore into PostgreSQL', () => {
  it('drops exactly its known settings for an older server, in the head of a script and nowhere else', async () => {
    const script =
      '--\n-- PostgreSQL database dump\n--\nSET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET row_security = off;\n\n--\n-- Name: t; Type: TABLE\n--\nSET transaction_timeout = 0;\n';
    const passed: Buffer[] = [];
    async function* pieces() {
      for (let at = 0; at < script.length; at += 11) yield Buffer.from(script.slice(at, at + 11));
    }
    for await (const piece of withoutLines(pieces(), linesToDrop(18, 15))) passed.push(piece);

    expect(linesToDrop(18, 17)).toEqual([]);
    expect(linesToDrop(16, 15)).toEqual([]);
    expect(Buffer.concat(passed).toString()).toBe(script.replace('SET transaction_timeout = 0;\n', ''));
  });

  it('finds and renames roles in definitions, quoted ones too, and never in expressions', () => {
    const acl =
      'REVOKE ALL ON TABLE app."to x" FROM PUBLIC;\nGRANT SELECT("from") ON TABLE app."to x" TO "Odd;Role";\nSET SESSION AUTHORIZATION bob;\nGRANT ALL ON TABLE t TO ann WITH GRANT OPTION;\nRESET SESSION AUTHORIZATION;\n\n';
    const policy =
      'CREATE POLICY p ON t FOR SELECT TO a, "b c" USING ((x IN ( SELECT to_char(now(), \'TO a\') FROM a)));\n';

    expect(rolesOf(acl)).toEqual(['Odd;Role', 'bob', 'ann']);
    expect(rewriteRoles(acl, (role) => role)).toEqual({ text: acl, lost: [] });
    expect(rewriteRoles(acl, (role) => (role === 'ann' ? undefined : role === 'bob' ? 'b"x' : role))).toEqual({
      text: acl.replace(/\nGRANT ALL.*?;/, '').replace('AUTHORIZATION bob', 'AUTHORIZATION "b""x"'),
      lost: ['ann'],
    });
    expect(policyRoles(policy)).toEqual(['a', 'b c']);
    expect(rewritePolicy(policy, (role) => (role === 'a' ? undefined : 'z')).text).toBe(
      policy.replace('a, "b c" ', '"z" ').replace('TO "z"', 'TO "z"'),
    );
    expect(rewritePolicy(policy, () => undefined)).toEqual({ text: undefined, lost: ['a', 'b c'] });
  });
});
