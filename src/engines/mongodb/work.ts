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
import { scratch } from './scratch.ts';

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
