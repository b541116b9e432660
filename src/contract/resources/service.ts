import { z } from 'zod';
import { EVENT_NAMES, SEVERITIES } from '../../domain/notice/events.ts';
import { Bytes, changesOf, Id, Instant, Name } from './basics.ts';

export const EventName = z.enum(EVENT_NAMES).meta({ id: 'EventName' });
export type EventName = z.infer<typeof EventName>;
export const Severity = z.enum(SEVERITIES).meta({ id: 'Severity' });

const channelFields = {
  name: Name,
  events: z.array(EventName).default([]),
  minimumSeverity: Severity.default('warning'),
  digest: z.enum(['none', 'daily', 'weekly']).default('none'),
  enabled: z.boolean().default(true),
};
const target = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('email'), to: z.array(z.email()).min(1).max(20) }),
  z.strictObject({ kind: z.literal('webhook'), url: z.url().max(2048) }),
  z.strictObject({ kind: z.literal('slack'), url: z.url().max(2048) }),
]);
export const ChannelCreate = z.strictObject({ ...channelFields, target }).meta({ id: 'ChannelCreate' });
export const ChannelUpdate = changesOf({ ...channelFields, target }).meta({ id: 'ChannelUpdate' });
export const Channel = z
  .strictObject({ ...channelFields, target, id: Id, createdAt: Instant, version: z.int() })
  .meta({ id: 'Channel' });
/** The signing secret (Standard Webhooks, `whsec_…`) is shown this once. */
export const ChannelCreated = Channel.extend({ signingSecret: z.string().optional() }).meta({ id: 'ChannelCreated' });
export const Delivery = z
  .strictObject({
    id: Id,
    event: EventName,
    severity: Severity,
    state: z.enum(['pending', 'delivered', 'failed']),
    attempts: z.int(),
    lastError: z.string().optional(),
    createdAt: Instant,
    deliveredAt: Instant.optional(),
  })
  .meta({ id: 'Delivery' });

export const EngineInfo = z
  .strictObject({
    id: z.string(),
    label: z.string(),
    schemes: z.array(z.string()),
    defaultPort: z.int(),
    types: z.array(z.string()),
    options: z.array(z.string()),
    tools: z.array(
      z.strictObject({ name: z.string(), version: z.string(), ok: z.boolean(), reason: z.string().optional() }),
    ),
  })
  .meta({ id: 'EngineInfo' });

export const Overview = z
  .strictObject({
    databases: z.int(),
    restorable: z.int(),
    attention: z.array(
      z.strictObject({ databaseId: Id.optional(), name: z.string(), problem: z.string(), remedy: z.string() }),
    ),
    rpo: z.array(
      z.strictObject({
        databaseId: Id,
        name: z.string(),
        lastVerifiedAt: Instant.optional(),
        hours: z.number().optional(),
        rpoHours: z.number(),
        ok: z.boolean(),
      }),
    ),
    days: z.array(z.strictObject({ day: z.iso.date(), succeeded: z.int(), failed: z.int(), missed: z.int() })),
    storedBytes: z.array(z.strictObject({ day: z.iso.date(), bytes: Bytes })),
  })
  .meta({ id: 'Overview' });

export const Usage = z
  .strictObject({
    from: z.iso.date(),
    to: z.iso.date(),
    runs: z.int(),
    storedBytes: Bytes,
    plainBytes: Bytes,
    estimatedCost: z.strictObject({ currency: z.literal('USD'), service: z.number(), storage: z.number() }),
  })
  .meta({ id: 'Usage' });

export const Health = z
  .strictObject({
    status: z.enum(['ok', 'degraded']),
    version: z.string(),
    tools: z.array(
      z.strictObject({ name: z.string(), version: z.string(), ok: z.boolean(), reason: z.string().optional() }),
    ),
  })
  .meta({ id: 'Health' });
export const Ready = z
  .strictObject({ ready: z.boolean(), checks: z.record(z.string(), z.boolean()) })
  .meta({ id: 'Ready' });
export const RecoveryKit = z.strictObject({ text: z.string() }).meta({ id: 'RecoveryKit' });
export const SignInLink = z.strictObject({ token: z.string().min(20).max(200) });

export const Capabilities = z
  .strictObject({
    engine: z.string(),
    types: z.array(z.string()),
    compression: z.array(z.string()),
    consistency: z.string(),
    formats: z.array(z.string()),
  })
  .meta({ id: 'Capabilities' });

export const DatabaseOverview = z
  .strictObject({
    databaseId: Id,
    lastVerifiedAt: Instant.optional(),
    rpoHours: z.number(),
    rpoOk: z.boolean(),
    backups: z.int(),
    storedBytes: Bytes,
    lastRun: z
      .strictObject({
        id: Id,
        state: z.string(),
        finishedAt: Instant.optional(),
        cause: z.string().optional(),
        remedy: z.string().optional(),
      })
      .optional(),
    nextRunAt: Instant.optional(),
    lastRestoreSeconds: z.number().optional(),
    rtoMinutes: z.number().optional(),
  })
  .meta({ id: 'DatabaseOverview' });

export const UsageQuery = z.strictObject({ from: z.iso.date().optional(), to: z.iso.date().optional() });
export const TenantExport = z
  .strictObject({
    exportedAt: Instant,
    tables: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))),
    recoveryKit: z.string(),
  })
  .meta({ id: 'TenantExport' });
export const OpenApiDocument = z.looseObject({ openapi: z.string() }).meta({ id: 'OpenApiDocument' });
