import type { EngineWork } from '../on-demand.ts';
import { admin } from './admin.ts';
import { parse } from './archive/parse.ts';
import { openDump } from './dump.ts';
import { restoreGlobals } from './globals/restore.ts';
import { readInventory } from './inventory/inventory.ts';
import { probe } from './probe.ts';
import { query } from './query.ts';
import { plan } from './restore/plan.ts';
import { restore } from './restore/restore.ts';
import { scratch } from './scratch.ts';
import { applicationName, withSession } from './session.ts';

export const work: EngineWork = {
  probe,
  openDump,
  parse,
  plan,
  restore,
  // There is one flavour; its reader checks the rest.
  recognise: async () => '',
  restoreGlobals,
  inventory: (bench, source, content) => {
    const wish = { applicationName: applicationName(bench, ' look'), signal: bench.signal };
    return withSession(source, wish, (session) => readInventory(session, content));
  },
  query,
  admin,
  scratch,
};
