import type { z } from 'zod';
import type { RoleTemplate, RoleTemplateQuery, S3Place } from '../contract/resources/places.ts';
import { refuse } from './refusal.ts';
import { bucketPolicy, type RolePolicy, rolePolicies, trustPolicy } from './role-permissions.ts';

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
    Resources: {
      ...Object.fromEntries(roles),
      BucketRules: {
        Type: 'AWS::S3::BucketPolicy',
        Properties: { Bucket: s3.bucket, PolicyDocument: bucketPolicy(s3) },
      },
    },
    Outputs: Object.fromEntries(outputs),
  };
}

/** Names of roles end at 64 letters. */
function roleName({ purpose }: RolePolicy, { bucket }: S3Place): string {
  return `database-dump-${purpose}-${bucket}`.slice(0, 64);
}

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
  return `${[
    ...roles,
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
  ].join('\n')}\n`;
}

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
