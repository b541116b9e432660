import { z } from 'zod';
import { Id, Instant, Name } from './basics.ts';

/** From most to least: each may do everything the next one may. */
export const Role = z.enum(['owner', 'admin', 'operator', 'viewer']).meta({ id: 'Role' });
export type Role = z.infer<typeof Role>;

export const Limits = z.strictObject({
  databases: z.int().min(1).max(100_000),
  concurrentRuns: z.int().min(1).max(1000),
  runsPerDay: z.int().min(1).max(1_000_000),
});

/** What a tenant may do until somebody changes it. */
export const DEFAULT_LIMITS: z.infer<typeof Limits> = { databases: 1000, concurrentRuns: 4, runsPerDay: 10_000 };

export const Tenant = z
  .strictObject({
    id: Id,
    name: Name,
    /** For the trust policy of the client's roles: ours, random, unique. */
    externalId: z.string(),
    limits: Limits,
    /** Whether databases may keep a sealed credential with us; off until an owner turns it on. */
    sealedCredentials: z.boolean(),
    createdAt: Instant,
    version: z.int(),
  })
  .meta({ id: 'Tenant' });
export const TenantCreate = z.strictObject({ name: Name });
export const TenantUpdate = z.strictObject({
  name: Name.optional(),
  limits: Limits.partial().optional(),
  sealedCredentials: z.boolean().optional(),
});

export const Member = z
  .strictObject({
    id: Id,
    email: z.email(),
    name: Name,
    role: Role,
    createdAt: Instant,
    lastSeenAt: Instant.optional(),
  })
  .meta({ id: 'Member' });
export const MemberUpdate = z.strictObject({ role: Role });

export const Invitation = z
  .strictObject({ id: Id, email: z.email(), role: Role, invitedBy: z.string(), createdAt: Instant, expiresAt: Instant })
  .meta({ id: 'Invitation' });
export const InvitationCreate = z.strictObject({ email: z.email().max(254), role: Role });
/** The link is shown once, to the inviter, and mailed where mail is configured. */
export const InvitationCreated = Invitation.extend({ link: z.string() }).meta({ id: 'InvitationCreated' });

export const ApiKey = z
  .strictObject({
    id: Id,
    name: Name,
    prefix: z.string(),
    role: Role,
    createdAt: Instant,
    expiresAt: Instant.optional(),
    lastUsedAt: Instant.optional(),
  })
  .meta({ id: 'ApiKey' });
export const ApiKeyCreate = z.strictObject({
  name: Name,
  role: Role,
  expiresInDays: z.int().min(1).max(3650).optional(),
});
export const ApiKeyCreated = ApiKey.extend({ key: z.string() }).meta({
  id: 'ApiKeyCreated',
  description: 'The key itself is shown this once.',
});

export const Me = z
  .strictObject({
    member: z.strictObject({ id: Id, email: z.string(), name: z.string(), role: Role }),
    tenant: z.strictObject({ id: Id, name: Name }),
    tenants: z.array(z.strictObject({ id: Id, name: Name, role: Role })),
    via: z.enum(['session', 'token', 'api-key']),
  })
  .meta({ id: 'Me' });

export const AuditEvent = z
  .strictObject({
    sequence: z.int(),
    at: Instant,
    actor: z.string(),
    from: z.string().optional(),
    action: z.string(),
    object: z.string(),
    before: z.unknown().optional(),
    after: z.unknown().optional(),
    requestId: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditEvent' });
export const AuditVerdict = z
  .strictObject({ intact: z.boolean(), events: z.int(), head: z.string(), brokenAt: z.int().optional() })
  .meta({ id: 'AuditVerdict' });
