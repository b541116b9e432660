import { operations } from '../../src/operations/registry.ts';
import { pick } from '../middleware/routing.ts';

/** When backups are made. */
export const handlers = pick(operations, [
  'schedules.list',
  'schedules.create',
  'schedules.preview',
  'schedules.get',
  'schedules.update',
  'schedules.delete',
  'schedules.runNow',
  'schedules.pause',
  'schedules.resume',
]);
