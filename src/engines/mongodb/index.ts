import { Failure } from '../../domain/failure.ts';
import type { Engine, Origin, Scratch, Workbench } from '../engine.ts';
import { MONGODB_OPTIONS } from './address.ts';
import { admin } from './admin.ts';
import { openDump } from './dump.ts';
import { inventory } from './inventory.ts';
import { parse } from './parse.ts';
import { plan } from './plan.ts';
import { probe } from './probe.ts';
import { query } from './query.ts';
import { restore } from './restore.ts';

/** MongoDB, by mongodump and mongorestore. A server without access control is asked without a user. */
export const mongodb: Engine & { readonly anonymous: true } = {
  id: 'mongodb',
  label: 'MongoDB',
  schemes: ['mongodb:'],
  defaultPort: 27_017,
  options: MONGODB_OPTIONS,
  anonymous: true,
  types: ['full', 'data', 'globals'],
  extension: 'archive',
  probe,
  openDump,
  parse,
  plan,
  restore,
  inventory,
  query,
  admin,
  scratch,
};

/** A server is not started by us: no licence lets us hand one out, and none was at hand to test against. */
async function scratch(_bench: Workbench, origin: Origin): Promise<Scratch> {
  const major = origin.serverVersion.split('.')[0];
  throw new Failure('tool_missing', 'There is no throwaway MongoDB server on this machine.', {
    remedy: `Name an empty MongoDB ${major} server or database of yours: --scratch mongodb://HOST/DATABASE`,
  });
}
