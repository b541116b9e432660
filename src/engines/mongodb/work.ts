import { Failure } from '../../domain/failure.ts';
import type { Origin, Scratch, Workbench } from '../engine.ts';
import type { EngineWork } from '../on-demand.ts';
import { admin } from './admin.ts';
import { openDump } from './dump.ts';
import { restoreGlobals } from './globals-restore.ts';
import { inventory } from './inventory.ts';
import { parse } from './parse.ts';
import { plan } from './plan.ts';
import { probe } from './probe.ts';
import { query } from './query.ts';
import { restore } from './restore.ts';

export const work: EngineWork = {
  probe,
  openDump,
  parse,
  plan,
  restore,
  // There is one flavour; its reader checks the rest.
  recognise: async () => '',
  restoreGlobals,
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
