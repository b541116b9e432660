import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { S3Place } from '../../src/contract/resources/places.ts';
import { bucketPolicy, rolePolicies, trustPolicy } from '../../src/operations/role-permissions.ts';
import { roleTemplate } from '../../src/operations/role-template.ts';

const PLACE = S3Place.parse({
  bucket: 'a-bucket',
  region: 'eu-west-1',
  prefix: "du'mps/x!",
  kmsKeyArn: 'arn:aws:kms:eu-west-1:1:key/k',
});
const FACTS = { s3: PLACE, externalId: 'e'.repeat(43), principalArn: 'arn:aws:iam::111122223333:role/broker' };

function text(format: 'cloudformation' | 'terraform' | 'cli', s3 = PLACE): string {
  return roleTemplate(format, { ...FACTS, s3 }).text;
}

/** What the commands would have said to AWS: the real script, run by a shell, with a notebook for `aws`. */
function commandsOf(script: string, ...args: string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'role-template-'));
  try {
    writeFileSync(
      join(folder, 'aws'),
      `#!/bin/sh\nfor a in "$@"; do printf '%s\\0' "$a" >> ${folder}/said; done; printf '\\n\\0' >> ${folder}/said\n`,
      { mode: 0o755 },
    );
    writeFileSync(join(folder, 'script'), script);
    execFileSync('/bin/sh', [join(folder, 'script'), ...args], { env: { PATH: `${folder}:/usr/bin:/bin` } });
    const said = readFileSync(join(folder, 'said'), 'utf8').split('\0').slice(0, -1);
    const calls: string[][] = [[]];
    for (const word of said) word === '\n' ? calls.push([]) : calls.at(-1)?.push(word);
    return calls.slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const flag = (call: readonly string[], name: string): string => call[call.indexOf(name) + 1] ?? '';

describe('the role templates', () => {
  it('F90 make every role trust our principal with this tenant’s external id alone, in each form', () => {
    const trust = trustPolicy(FACTS.principalArn, FACTS.externalId);
    const { Resources } = JSON.parse(text('cloudformation'));
    const made = commandsOf(text('cli')).filter((call) => call[1] === 'create-role');
    const inTerraform = text('terraform').split(JSON.stringify(JSON.stringify(trust))).length - 1;

    expect(
      ['BackupWrite', 'BackupRead', 'BackupDelete'].map((name) => Resources[name].Properties.AssumeRolePolicyDocument),
    ).toEqual([trust, trust, trust]);
    expect(made.map((call) => JSON.parse(flag(call, '--assume-role-policy-document')))).toEqual([trust, trust, trust]);
    expect(inTerraform).toBe(3);
  });

  it('F97 give each role the same statements in each form, for the prefix alone', () => {
    const wanted = rolePolicies(PLACE).map(({ statements }) => statements);
    const { Resources } = JSON.parse(text('cloudformation'));
    const fromCloud = ['BackupWrite', 'BackupRead', 'BackupDelete'].map(
      (name) => Resources[name].Properties.Policies[0].PolicyDocument.Statement,
    );
    const fromShell = commandsOf(text('cli'))
      .filter((call) => call[1] === 'put-role-policy')
      .map((call) => JSON.parse(flag(call, '--policy-document')).Statement);

    expect(fromCloud).toEqual(wanted);
    expect(fromShell).toEqual(wanted);
    for (const statements of wanted) {
      const document = JSON.stringify(JSON.stringify({ Version: '2012-10-17', Statement: statements }));
      expect(text('terraform')).toContain(document);
      for (const { Resource } of statements)
        expect(Resource).toMatch(/^arn:aws:s3:::a-bucket(\/du'mps\/x!\/\*)?$|^arn:aws:kms:/);
    }
  });

  it('let the writing role read one secret only where one is named', () => {
    const arn = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf';
    const withSecret = commandsOf(text('cli'), arn).filter((call) => flag(call, '--policy-name') === 'secret');
    const { Resources, Conditions, Parameters } = JSON.parse(text('cloudformation'));

    expect(commandsOf(text('cli')).filter((call) => flag(call, '--policy-name') === 'secret')).toEqual([]);
    expect(withSecret.map((call) => JSON.parse(flag(call, '--policy-document')).Statement)).toEqual([
      [{ Effect: 'Allow', Action: ['secretsmanager:GetSecretValue'], Resource: arn }],
    ]);
    expect(Resources.BackupSecret.Condition).toBe('HasSecret');
    expect(Conditions.HasSecret).toBeDefined();
    expect(Parameters.SecretArn.Default).toBe('');
    expect(text('terraform')).toContain('count  = var.secret_arn == "" ? 0 : 1');
  });

  it('set the bucket up: versions, no public access, unfinished uploads gone after two days, TLS, never overwritten', () => {
    const calls = new Map(commandsOf(text('cli')).map((call) => [call[1], call]));
    const policy = JSON.parse(flag(calls.get('put-bucket-policy') ?? [], '--policy'));
    const rules = JSON.parse(flag(calls.get('put-bucket-lifecycle-configuration') ?? [], '--lifecycle-configuration'));

    expect(policy).toEqual(bucketPolicy(PLACE));
    expect(rules.Rules[0].AbortIncompleteMultipartUpload).toEqual({ DaysAfterInitiation: 2 });
    expect(calls.get('put-bucket-versioning')).toContain('Status=Enabled');
    expect(flag(calls.get('put-public-access-block') ?? [], '--public-access-block-configuration')).not.toContain(
      'false',
    );
    expect(policy.Statement.map(({ Sid, Effect }: { Sid: string; Effect: string }) => [Sid, Effect])).toEqual([
      ['OnlyTls', 'Deny'],
      ['NeverOverwrite', 'Deny'],
    ]);
  });

  it('name roles by bucket and prefix, within what AWS takes, and by the account’s part of the world', () => {
    const names = (s3: S3Place) =>
      commandsOf(text('cli', s3)).flatMap((call) => (call[1] === 'create-role' ? [flag(call, '--role-name')] : []));
    const long = { ...PLACE, bucket: 'b'.repeat(63) };
    const all = [...names(PLACE), ...names({ ...PLACE, prefix: 'other' }), ...names(long)];

    expect(new Set(all).size).toBe(9);
    for (const name of all) expect(name).toMatch(/^[\w+=,.@-]{1,64}$/);
    const china = { ...PLACE, writeRoleArn: 'arn:aws-cn:iam::111122223333:role/w' };
    expect(JSON.stringify([rolePolicies(china), bucketPolicy(china)])).not.toContain('arn:aws:s3');
  });
});
