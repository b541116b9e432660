import { z } from 'zod';
import { Bytes, changesOf, Id, Instant, Labels, Name, ProbeResult, VerificationState } from './basics.ts';

const ARN = /^arn:aws(-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]{1,128}$/;
export const RoleArn = z.string().max(2048).regex(ARN, 'must be the ARN of an IAM role').meta({ id: 'RoleArn' });

export const S3Place = z
  .strictObject({
    bucket: z
      .string()
      .min(3)
      .max(63)
      .regex(/^[a-z0-9][a-z0-9.-]+[a-z0-9]$/),
    region: z
      .string()
      .min(1)
      .max(32)
      .regex(/^[a-z0-9-]+$/),
    prefix: z
      .string()
      .max(512)
      .regex(/^[A-Za-z0-9!_.*'()/-]*$/)
      .default(''),
    endpoint: z.url().optional(),
    pathStyle: z.boolean().default(false),
    /** May write and nothing else. Left out: the machine's own AWS credentials (one machine only). */
    writeRoleArn: RoleArn.optional(),
    readRoleArn: RoleArn.optional(),
    deleteRoleArn: RoleArn.optional(),
    expectedOwner: z
      .string()
      .regex(/^\d{12}$/)
      .optional(),
    kmsKeyArn: z.string().max(2048).optional(),
    storageClass: z.enum(['STANDARD', 'STANDARD_IA', 'ONEZONE_IA', 'INTELLIGENT_TIERING', 'GLACIER_IR']).optional(),
    objectLock: z.enum(['none', 'governance', 'compliance']).default('none'),
  })
  .meta({ id: 'S3Place' });

export const FilesystemPlace = z
  .strictObject({ path: z.string().min(1).max(1024).startsWith('/') })
  .meta({ id: 'FilesystemPlace' });

const destinationFields = { name: Name, labels: Labels.default({}) };

export const DestinationCreate = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('s3'), ...destinationFields, s3: S3Place }),
  z.strictObject({ kind: z.literal('filesystem'), ...destinationFields, filesystem: FilesystemPlace }),
]);
export type S3Place = z.infer<typeof S3Place>;
export type FilesystemPlace = z.infer<typeof FilesystemPlace>;
export const DestinationUpdate = z.strictObject({
  name: Name.optional(),
  labels: Labels.optional(),
  s3: changesOf(S3Place.shape).optional(),
  filesystem: FilesystemPlace.optional(),
});

export const Destination = z
  .strictObject({
    id: Id,
    kind: z.string(),
    name: Name,
    labels: Labels,
    s3: S3Place.optional(),
    filesystem: FilesystemPlace.optional(),
    state: VerificationState,
    error: z.string().optional(),
    probes: z.array(ProbeResult),
    capabilities: z
      .strictObject({ conditionalWrites: z.boolean(), checksums: z.boolean(), versioned: z.boolean() })
      .optional(),
    verifiedAt: Instant.optional(),
    storedBytes: Bytes,
    createdAt: Instant,
    version: z.int(),
  })
  .meta({ id: 'Destination' });

export const RoleTemplateQuery = z.strictObject({
  format: z.enum(['cloudformation', 'terraform', 'cli']).default('cloudformation'),
});
export const RoleTemplate = z
  .strictObject({ format: z.string(), fileName: z.string(), text: z.string() })
  .meta({ id: 'RoleTemplate' });

/** Where a database's password comes from, at the moment of a run. Only the reference is kept. */
export const Credential = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('none') }),
    /** A secret in the client's own Secrets Manager, read through the destination's or its own role. */
    z.strictObject({
      kind: z.literal('secret'),
      secretArn: z.string().startsWith('arn:').max(2048),
      roleArn: RoleArn,
      field: z.string().max(64).optional(),
    }),
    z.strictObject({ kind: z.literal('rds-iam'), roleArn: RoleArn, region: z.string().max(32) }),
    z.strictObject({ kind: z.literal('file'), path: z.string().startsWith('/').max(1024) }),
    z.strictObject({ kind: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
    z.strictObject({
      kind: z.literal('command'),
      program: z.string().startsWith('/').max(1024),
      args: z.array(z.string().max(1024)).max(32),
    }),
    /** Given with each run, gone after it. */
    z.strictObject({ kind: z.literal('one-off') }),
    /** Kept with us, sealed; only where an owner turned it on. Never shown again. */
    z.strictObject({ kind: z.literal('sealed'), password: z.string().min(1).max(1024).optional() }),
  ])
  .meta({ id: 'Credential' });

export type Credential = z.infer<typeof Credential>;

export const Tunnel = z
  .strictObject({
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535).default(22),
    user: z.string().min(1).max(64),
    /** `ssh-ed25519 AAAA…`: the bastion must show exactly this key. */
    hostKey: z.string().min(16).max(4096),
    privateKey: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('file'), path: z.string().startsWith('/').max(1024) }),
      z.strictObject({ kind: z.literal('env'), name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/) }),
      z.strictObject({
        kind: z.literal('secret'),
        secretArn: z.string().startsWith('arn:').max(2048),
        roleArn: RoleArn,
      }),
    ]),
  })
  .meta({ id: 'Tunnel' });

const databaseFields = {
  name: Name,
  engine: z.string().min(1).max(32),
  host: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[^\s/@?#\\]+$/, 'must be a host name or an address'),
  port: z.int().min(1).max(65_535),
  /** Left out with `allDatabases`. */
  databaseName: z.string().min(1).max(63).optional(),
  allDatabases: z.boolean().default(false),
  user: z.string().max(128).default(''),
  credential: Credential,
  tls: z
    .strictObject({
      mode: z.enum(['disable', 'require', 'verify-ca', 'verify-full']).default('verify-full'),
      ca: z.string().max(200_000).optional(),
    })
    .prefault({}),
  options: z.record(z.string().max(64), z.string().max(256)).default({}),
  environment: z.enum(['production', 'staging', 'development']),
  labels: Labels.default({}),
  include: z.array(z.string().min(1).max(300)).max(500).default([]),
  exclude: z.array(z.string().min(1).max(300)).max(500).default([]),
  tunnel: Tunnel.optional(),
  lockWaitSeconds: z.int().min(1).max(3600).default(60),
  /** 0: never end our dump for somebody who waits for it. */
  blockLimitSeconds: z.int().min(0).max(86_400).default(30),
  rateLimitBytesPerSecond: z.int().min(100_000).optional(),
  /** Hours: how old the newest verified backup may be. */
  rpoHours: z.number().min(0.25).max(8760).default(24),
  /** Minutes a restore may take. */
  rtoMinutes: z.number().min(1).max(10_080).optional(),
  /** Name → statement whose first value must be true; checked at level 3. */
  assertions: z.record(z.string().min(1).max(64), z.string().min(1).max(10_000)).default({}),
};

export const DatabaseCreate = z.strictObject(databaseFields).meta({ id: 'DatabaseCreate' });
/** What the catalog keeps of a database beside its name and engine; a sealed password never stands here. */
export const DatabaseSettings = z.strictObject(databaseFields).omit({ name: true, engine: true });
export type DatabaseSettings = z.infer<typeof DatabaseSettings>;
export const DatabaseUpdate = changesOf(databaseFields).meta({ id: 'DatabaseUpdate' });
export const Database = z
  .strictObject({
    ...databaseFields,
    /** Never the password of a sealed credential. */
    credential: Credential,
    id: Id,
    state: VerificationState,
    error: z.string().optional(),
    probe: z
      .strictObject({
        flavour: z.string(),
        version: z.string(),
        bytes: Bytes.optional(),
        tables: z.int(),
        privileges: z.array(z.strictObject({ name: z.string(), granted: z.boolean(), remedy: z.string() })),
        warnings: z.array(z.string()),
      })
      .optional(),
    verifiedAt: Instant.optional(),
    lastGoodBackupAt: Instant.optional(),
    lastRunState: z.string().optional(),
    storedBytes: Bytes,
    managed: z.boolean(),
    createdAt: Instant,
    version: z.int(),
  })
  .meta({ id: 'Database' });
/** A look at a database that is not kept. It never combines a kept secret with a new host. */
export const DatabaseDryRun = DatabaseCreate.extend({ password: z.string().max(1024).optional() }).meta({
  id: 'DatabaseDryRun',
});
export const DatabaseProbe = z
  .strictObject({
    ok: z.boolean(),
    problem: z.string().optional(),
    remedy: z.string().optional(),
    probe: Database.shape.probe,
  })
  .meta({ id: 'DatabaseProbe' });
export const LeavingQuery = z.strictObject({
  backups: z.enum(['keep', 'delete']).default('keep'),
  confirm: z.string().max(64).optional(),
});
export const Leaving = z
  .strictObject({ backups: z.int(), bytes: Bytes, runsLive: z.int(), held: z.int(), willKeep: z.boolean() })
  .meta({ id: 'Leaving' });
export const SetupGuide = z
  .strictObject({ engine: z.string(), statements: z.string() })
  .meta({ id: 'SetupGuide', description: 'Statements that create a backup user with the least privilege.' });
