import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { RoleTemplate, RoleTemplateQuery, S3Place } from '../contract/resources/places.ts';
import { refuse } from './refusal.ts';
import { bucketPolicy, type RolePolicy, rolePolicies, secretPolicy, trustPolicy } from './role-permissions.ts';

export interface TemplateFacts {
  readonly s3: S3Place;
  readonly externalId: string;
  /** Undefined where this installation has no identity at AWS. */
  readonly principalArn: string | undefined;
}

type Format = z.infer<typeof RoleTemplateQuery>['format'];
type Facts = TemplateFacts & { readonly principalArn: string };

/** The client's side of a bucket, ready to run: roles, their trust, and the bucket's settings. All formats say the same. */
export function roleTemplate(format: Format, facts: TemplateFacts): z.infer<typeof RoleTemplate> {
  const { principalArn } = facts;
  if (principalArn === undefined)
    return refuse('This installation has no principal at AWS that a role could trust.', 'Set it in its configuration.');
  const known = { ...facts, principalArn };
  if (format === 'terraform') return { format, fileName: 'database-dump.tf', text: terraform(known) };
  if (format === 'cli') return { format, fileName: 'database-dump.sh', text: commands(known) };
  return { format, fileName: 'database-dump.json', text: `${JSON.stringify(cloudFormation(known), undefined, 2)}\n` };
}

/** Seconds a session lives. */
const SESSION_SECONDS = 3600;
/** Days after which what an interrupted upload left goes. */
const UNFINISHED_DAYS = 2;

function titled({ purpose }: RolePolicy): string {
  return `Backup${purpose[0]?.toUpperCase()}${purpose.slice(1)}`;
}

function document(policy: RolePolicy) {
  return { Version: '2012-10-17', Statement: policy.statements };
}

/** JSON, which CloudFormation takes like YAML. The bucket exists already: a stack must not be able to delete backups. */
function cloudFormation({ s3, externalId, principalArn }: Facts) {
  const roles = rolePolicies(s3).map((policy) => [
    titled(policy),
    {
      Type: 'AWS::IAM::Role',
      Properties: {
        RoleName: roleName(policy, s3),
        MaxSessionDuration: SESSION_SECONDS,
        AssumeRolePolicyDocument: trustPolicy(principalArn, externalId),
        Policies: [{ PolicyName: policy.purpose, PolicyDocument: document(policy) }],
      },
    },
  ]);
  const outputs = rolePolicies(s3).map((policy) => [
    `${titled(policy)}Arn`,
    { Value: { 'Fn::GetAtt': [titled(policy), 'Arn'] } },
  ]);
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description: `Roles by which backups are written to, read from and removed from ${s3.bucket}`,
    Parameters: { SecretArn: { Type: 'String', Default: '', Description: SECRET_TEXT } },
    Conditions: { HasSecret: { 'Fn::Not': [{ 'Fn::Equals': [{ Ref: 'SecretArn' }, ''] }] } },
    Resources: {
      ...Object.fromEntries(roles),
      BackupSecret: {
        Type: 'AWS::IAM::RolePolicy',
        Condition: 'HasSecret',
        Properties: {
          PolicyName: 'secret',
          RoleName: { Ref: 'BackupWrite' },
          PolicyDocument: secretPolicy({ Ref: 'SecretArn' }),
        },
      },
      BucketRules: {
        Type: 'AWS::S3::BucketPolicy',
        Properties: { Bucket: s3.bucket, PolicyDocument: bucketPolicy(s3) },
      },
    },
    Outputs: Object.fromEntries(outputs),
  };
}

/** Two places of one bucket have roles of their own; names of roles end at 64 letters. */
function roleName({ purpose }: RolePolicy, { bucket, prefix }: S3Place): string {
  const place = createHash('sha256').update(`${bucket}/${prefix}`).digest('hex').slice(0, PLACE_LETTERS);
  return `${`database-dump-${purpose}-${bucket}`.slice(0, LONGEST_NAME - PLACE_LETTERS - 1)}-${place}`;
}

const LONGEST_NAME = 64;
const PLACE_LETTERS = 8;
const SECRET_TEXT = 'ARN of a secret in Secrets Manager that holds a database password; empty for none';

function terraform({ s3, externalId, principalArn }: Facts): string {
  const roles = rolePolicies(s3).flatMap((policy) => {
    const { purpose } = policy;
    return [
      `resource "aws_iam_role" "backup_${purpose}" {`,
      `  name                 = ${hcl(roleName(policy, s3))}`,
      `  max_session_duration = ${SESSION_SECONDS}`,
      `  assume_role_policy   = ${hcl(JSON.stringify(trustPolicy(principalArn, externalId)))}`,
      '}',
      `resource "aws_iam_role_policy" "backup_${purpose}" {`,
      `  name   = ${hcl(purpose)}`,
      `  role   = aws_iam_role.backup_${purpose}.id`,
      `  policy = ${hcl(JSON.stringify(document(policy)))}`,
      '}',
      `output "backup_${purpose}_arn" { value = aws_iam_role.backup_${purpose}.arn }`,
      '',
    ];
  });
  return `${[...roles, ...secretInTerraform(), ...bucketInTerraform(s3)].join('\n')}\n`;
}

function secretInTerraform(): string[] {
  return [
    'variable "secret_arn" {',
    '  type        = string',
    '  default     = ""',
    `  description = ${hcl(SECRET_TEXT)}`,
    '}',
    'resource "aws_iam_role_policy" "backup_secret" {',
    '  count  = var.secret_arn == "" ? 0 : 1',
    '  name   = "secret"',
    '  role   = aws_iam_role.backup_write.id',
    `  policy = replace(${hcl(JSON.stringify(secretPolicy(SECRET_PLACE)))}, ${hcl(SECRET_PLACE)}, var.secret_arn)`,
    '}',
    '',
  ];
}

function bucketInTerraform(s3: S3Place): string[] {
  return [
    '# The rules and the policy below replace those that the bucket has: merge them first if it has any.',
    'resource "aws_s3_bucket_versioning" "backup" {',
    `  bucket = ${hcl(s3.bucket)}`,
    '  versioning_configuration { status = "Enabled" }',
    '}',
    'resource "aws_s3_bucket_public_access_block" "backup" {',
    `  bucket                  = ${hcl(s3.bucket)}`,
    '  block_public_acls       = true',
    '  block_public_policy     = true',
    '  ignore_public_acls      = true',
    '  restrict_public_buckets = true',
    '}',
    'resource "aws_s3_bucket_lifecycle_configuration" "backup" {',
    `  bucket = ${hcl(s3.bucket)}`,
    '  rule {',
    '    id     = "unfinished-uploads"',
    '    status = "Enabled"',
    '    filter {}',
    `    abort_incomplete_multipart_upload { days_after_initiation = ${UNFINISHED_DAYS} }`,
    '  }',
    '}',
    'resource "aws_s3_bucket_policy" "backup" {',
    `  bucket = ${hcl(s3.bucket)}`,
    `  policy = ${hcl(JSON.stringify(bucketPolicy(s3)))}`,
    '}',
  ];
}

const SECRET_PLACE = 'SECRET_ARN';

/** A quoted string in which nothing is interpolated. */
function hcl(text: string): string {
  return JSON.stringify(text).replaceAll('${', '$${').replaceAll('%{', '%%{');
}

function commands({ s3, externalId, principalArn }: Facts): string {
  const bucket = `--bucket ${shell(s3.bucket)}`;
  const unfinished = {
    ID: 'unfinished-uploads',
    Status: 'Enabled',
    Filter: {},
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: UNFINISHED_DAYS },
  };
  const roles = rolePolicies(s3).flatMap((policy) => {
    const name = shell(roleName(policy, s3));
    return [
      `aws iam create-role --role-name ${name} --max-session-duration ${SESSION_SECONDS} \\`,
      `  --assume-role-policy-document ${shell(JSON.stringify(trustPolicy(principalArn, externalId)))}`,
      `aws iam put-role-policy --role-name ${name} --policy-name ${policy.purpose} \\`,
      `  --policy-document ${shell(JSON.stringify(document(policy)))}`,
    ];
  });
  return `${[
    '#!/bin/sh',
    'set -eu',
    ...roles,
    `# The first argument: ${SECRET_TEXT}.`,
    'if [ $# -gt 0 ]; then',
    `  aws iam put-role-policy --role-name ${shell(roleName({ purpose: 'write', statements: [] }, s3))} --policy-name secret \\`,
    `    --policy-document "$(printf '%s' ${shell(JSON.stringify(secretPolicy(SECRET_PLACE)))} | sed "s|${SECRET_PLACE}|$1|")"`,
    'fi',
    `aws s3api put-bucket-versioning ${bucket} --versioning-configuration Status=Enabled`,
    `aws s3api put-public-access-block ${bucket} \\`,
    '  --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true',
    '# These replace the rules and the policy that the bucket has: merge them first if it has any.',
    `aws s3api put-bucket-lifecycle-configuration ${bucket} \\`,
    `  --lifecycle-configuration ${shell(JSON.stringify({ Rules: [unfinished] }))}`,
    `aws s3api put-bucket-policy ${bucket} --policy ${shell(JSON.stringify(bucketPolicy(s3)))}`,
  ].join('\n')}\n`;
}

function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
