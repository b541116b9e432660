import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** What runs left behind. */
export const handlers = pick(operations, [
  'backups.list',
  'backups.start',
  'backups.get',
  'backups.update',
  'backups.pin',
  'backups.unpin',
  'backups.delete',
  'backups.undelete',
  'backups.download',
  'backups.verify',
  'backups.restorePlan',
]);
