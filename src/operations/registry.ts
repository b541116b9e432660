import { type RouteId, routes } from '../contract/routes.ts';
import { createKey, listKeys, revokeKey } from './api-keys.ts';
import { listEvents, verifyChain } from './audit.ts';
import { runScheduleNow, startBackup, startVerification } from './backup-start.ts';
import {
  deleteBackup,
  getOneBackup,
  listAllBackups,
  pinBackup,
  undeleteBackup,
  unpinBackup,
  updateBackup,
} from './backups.ts';
import {
  createChannel,
  deleteOneChannel,
  getOneChannel,
  listAllChannels,
  listDeliveries,
  rotateChannelSecret,
  testChannel,
  updateChannel,
} from './channels.ts';
import { dryRunDatabase, getCapabilities, verifyDatabase } from './database-checks.ts';
import { deleteDatabase, previewDatabaseLeaving } from './database-leaving.ts';
import { createDatabase, getOneDatabase, listAllDatabases, updateDatabase } from './databases.ts';
import {
  createDestination,
  deleteDestination,
  getOneDestination,
  getRoleTemplate,
  listAllDestinations,
  updateDestination,
  verifyDestination,
} from './destinations.ts';
import { grantDownload } from './downloads.ts';
import { createInvitation, listOpenInvitations, revokeInvitation } from './invitations.ts';
import { getMe } from './me.ts';
import { listAllMembers, removeMember, updateMember } from './members.ts';
import type { Operation } from './operation.ts';
import { getDatabaseOverview, getOverview, getUsage } from './overview.ts';
import { getRecoveryKit } from './recovery-kit.ts';
import { refuse } from './refusal.ts';
import { getOneRestore, listAllRestores, planRestore, startRestore } from './restores.ts';
import { previewRetention } from './retention.ts';
import { cancelRun, getOneRun, getRunLog, listAllRuns } from './runs.ts';
import {
  createSchedule,
  deleteOneSchedule,
  getOneSchedule,
  listAllSchedules,
  pauseSchedule,
  previewSchedule,
  resumeSchedule,
  updateSchedule,
} from './schedules.ts';
import { getHealth, getMetrics, getOpenApi, getReady, getSetupGuide, listEngines } from './service.ts';
import { endSession, startSession } from './sessions.ts';
import { deleteTenant } from './tenant-leaving.ts';
import { createTenant, exportTenant, getOwnTenant, updateTenant } from './tenants.ts';

/** What each route does. A route without one does not compile. */
export type Operations = { readonly [Id in RouteId]: Operation<Id> };

const all: Operations = {
  'me.get': getMe,
  'session.signIn': startSession,
  'session.signOut': endSession,
  'tenants.create': createTenant,
  'tenant.get': getOwnTenant,
  'tenant.update': updateTenant,
  'tenant.export': exportTenant,
  'tenant.delete': deleteTenant,
  'members.list': listAllMembers,
  'members.update': updateMember,
  'members.remove': removeMember,
  'invitations.list': listOpenInvitations,
  'invitations.create': createInvitation,
  'invitations.revoke': revokeInvitation,
  'apiKeys.list': listKeys,
  'apiKeys.create': createKey,
  'apiKeys.revoke': revokeKey,
  'audit.list': listEvents,
  'audit.verify': verifyChain,
  'engines.list': listEngines,
  'engines.guide': getSetupGuide,
  'destinations.list': listAllDestinations,
  'destinations.create': createDestination,
  'destinations.get': getOneDestination,
  'destinations.update': updateDestination,
  'destinations.delete': deleteDestination,
  'destinations.verify': verifyDestination,
  'destinations.roleTemplate': getRoleTemplate,
  'databases.list': listAllDatabases,
  'databases.create': createDatabase,
  'databases.dryRun': dryRunDatabase,
  'databases.get': getOneDatabase,
  'databases.update': updateDatabase,
  'databases.delete': deleteDatabase,
  'databases.leaving': previewDatabaseLeaving,
  'databases.verify': verifyDatabase,
  'databases.capabilities': getCapabilities,
  'databases.overview': getDatabaseOverview,
  'schedules.list': listAllSchedules,
  'schedules.create': createSchedule,
  'schedules.preview': previewSchedule,
  'schedules.get': getOneSchedule,
  'schedules.update': updateSchedule,
  'schedules.delete': deleteOneSchedule,
  'schedules.runNow': runScheduleNow,
  'schedules.pause': pauseSchedule,
  'schedules.resume': resumeSchedule,
  'runs.list': listAllRuns,
  'runs.get': getOneRun,
  'runs.log': getRunLog,
  'runs.cancel': cancelRun,
  'retention.preview': previewRetention,
  'backups.list': listAllBackups,
  'backups.start': startBackup,
  'backups.get': getOneBackup,
  'backups.update': updateBackup,
  'backups.pin': pinBackup,
  'backups.unpin': unpinBackup,
  'backups.delete': deleteBackup,
  'backups.undelete': undeleteBackup,
  'backups.download': grantDownload,
  'backups.verify': startVerification,
  'backups.restorePlan': planRestore,
  'restores.list': listAllRestores,
  'restores.start': startRestore,
  'restores.get': getOneRestore,
  'channels.list': listAllChannels,
  'channels.create': createChannel,
  'channels.get': getOneChannel,
  'channels.update': updateChannel,
  'channels.delete': deleteOneChannel,
  'channels.test': testChannel,
  'channels.rotateSecret': rotateChannelSecret,
  'channels.deliveries': listDeliveries,
  'overview.get': getOverview,
  'usage.get': getUsage,
  'recoveryKit.get': getRecoveryKit,
  'openapi.get': getOpenApi,
  'health.get': getHealth,
  'ready.get': getReady,
  'metrics.get': getMetrics,
};

/** Every operation, by its route; each refuses text that no database can keep before it does anything (F98). */
export const operations: Operations = Object.fromEntries(
  Object.keys(routes).map((id) => [id, guarded(all[id as RouteId] as Operation<'overview.get'>)]),
) as unknown as Operations;

function guarded(operation: Operation<'overview.get'>): Operation<'overview.get'> {
  return (runtime, asker, input) => {
    requireText(input);
    return operation(runtime, asker, input);
  };
}

/** A NUL or half a surrogate pair as JSON writes it. */
const UNKEPT = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i;

function requireText(input: unknown): void {
  if (UNKEPT.test(JSON.stringify(input) ?? ''))
    refuse('A text holds a NUL or half a character.', 'Send UTF-8 text without NUL.');
}
