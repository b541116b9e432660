import type { S3Place } from '../contract/resources/places.ts';

/** A statement of a policy, in the words of IAM. */
export interface Statement {
  readonly Effect: 'Allow';
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface RolePolicy {
  /** `write`, `read`, `delete`. */
  readonly purpose: 'write' | 'read' | 'delete';
  readonly statements: readonly Statement[];
}

/**
 * Three roles, each for one thing: whoever steals a session that writes can neither read nor delete a backup, and the
 * retention that deletes can read none. The client may leave the last two out.
 */
export function rolePolicies({ bucket, prefix, kmsKeyArn, writeRoleArn }: S3Place): readonly RolePolicy[] {
  const clean = prefix.replace(/^\/+|\/+$/g, '');
  const whole = `arn:${partitionOf(writeRoleArn)}:s3:::${bucket}`;
  const objects = `${whole}/${clean === '' ? '' : `${clean}/`}*`;
  const inside = clean === '' ? {} : { Condition: { StringLike: { 's3:prefix': `${clean}/*` } } };
  const on = (Resource: string, ...Action: string[]): Statement => ({ Effect: 'Allow', Action, Resource });
  const key = (...actions: string[]): Statement[] => {
    if (kmsKeyArn === undefined) return [];
    return [{ ...on(kmsKeyArn, ...actions), Condition: { StringLike: { 'kms:ViaService': 's3.*.amazonaws.com' } } }];
  };
  return [
    {
      purpose: 'write',
      statements: [
        on(objects, 's3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'),
        on(whole, 's3:ListBucketMultipartUploads', 's3:GetBucketLocation'),
        ...key('kms:GenerateDataKey', 'kms:Decrypt'),
      ],
    },
    {
      purpose: 'read',
      statements: [
        on(objects, 's3:GetObject', 's3:GetObjectVersion', 's3:GetObjectAttributes'),
        { ...on(whole, 's3:ListBucket', 's3:ListBucketVersions'), ...inside },
        ...key('kms:Decrypt'),
      ],
    },
    {
      purpose: 'delete',
      statements: [
        on(objects, 's3:DeleteObject', 's3:DeleteObjectVersion'),
        { ...on(whole, 's3:ListBucketVersions'), ...inside },
      ],
    },
  ];
}

/** The account's part of the world: `aws`, `aws-cn`, `aws-us-gov`. */
function partitionOf(roleArn: string | undefined): string {
  return /^arn:(aws[a-z-]*):/.exec(roleArn ?? '')?.[1] ?? 'aws';
}

/** For a database whose password is a secret in the client's own account: the writing role may read that one. */
export function secretPolicy(secretArn: string | { readonly Ref: string }) {
  return {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: ['secretsmanager:GetSecretValue'], Resource: secretArn }],
  };
}

/** Who may assume the roles: our principal, and only with this tenant's external id (F90). */
export function trustPolicy(principalArn: string, externalId: string) {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Allow',
        Principal: { AWS: principalArn },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:ExternalId': externalId } },
      },
    ],
  };
}

/** Statements for the bucket itself: no plain HTTP, and nothing that is there is ever overwritten. */
export function bucketPolicy({ bucket, prefix, writeRoleArn }: S3Place) {
  const clean = prefix.replace(/^\/+|\/+$/g, '');
  const whole = `arn:${partitionOf(writeRoleArn)}:s3:::${bucket}`;
  const deny = (Sid: string, rest: object) => ({ Sid, Effect: 'Deny', Principal: '*', ...rest });
  return {
    Version: '2012-10-17',
    Statement: [
      deny('OnlyTls', {
        Action: 's3:*',
        Resource: [whole, `${whole}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      deny('NeverOverwrite', {
        Action: 's3:PutObject',
        Resource: `${whole}/${clean === '' ? '' : `${clean}/`}*`,
        // Parts carry no If-None-Match; the request that completes them does.
        Condition: { Null: { 's3:if-none-match': 'true' }, Bool: { 's3:ObjectCreationOperation': 'true' } },
      }),
    ],
  };
}
