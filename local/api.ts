import { handlers as apiKeys } from '../lambdas/api/api-keys.ts';
import { handlers as audit } from '../lambdas/api/audit.ts';
import { handlers as backups } from '../lambdas/api/backups.ts';
import { handlers as channels } from '../lambdas/api/channels.ts';
import { handlers as databases } from '../lambdas/api/databases.ts';
import { handlers as destinations } from '../lambdas/api/destinations.ts';
import { handlers as engines } from '../lambdas/api/engines.ts';
import { handlers as invitations } from '../lambdas/api/invitations.ts';
import { handlers as me } from '../lambdas/api/me.ts';
import { handlers as members } from '../lambdas/api/members.ts';
import { handlers as overview } from '../lambdas/api/overview.ts';
import { handlers as recoveryKit } from '../lambdas/api/recovery-kit.ts';
import { handlers as restores } from '../lambdas/api/restores.ts';
import { handlers as retention } from '../lambdas/api/retention.ts';
import { handlers as runs } from '../lambdas/api/runs.ts';
import { handlers as schedules } from '../lambdas/api/schedules.ts';
import { handlers as service } from '../lambdas/api/service.ts';
import { handlers as session } from '../lambdas/api/session.ts';
import { handlers as tenants } from '../lambdas/api/tenants.ts';
import type { Handlers } from '../lambdas/middleware/routing.ts';

/** Every route, for the one server of this machine. */
export const everyRoute = {
  ...apiKeys,
  ...audit,
  ...backups,
  ...channels,
  ...databases,
  ...destinations,
  ...engines,
  ...invitations,
  ...me,
  ...members,
  ...overview,
  ...recoveryKit,
  ...restores,
  ...retention,
  ...runs,
  ...schedules,
  ...service,
  ...session,
  ...tenants,
} as const satisfies Required<Handlers>;
