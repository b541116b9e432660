import { counted } from '../../src/domain/figures.ts';
import type { Needs, TrustedManifest } from '../../src/pipeline/pipeline.ts';
import { type GlobalsRequest, restoreGlobals } from '../../src/pipeline/restore-globals.ts';
import type { Outcome } from '../screen.ts';

export interface GlobalsWork extends GlobalsRequest {
  readonly needs: Needs;
  readonly manifest: TrustedManifest;
}

type GlobalsItem = Awaited<ReturnType<typeof restoreGlobals>>[number];

/** Of restore_refused: something of the backup is not on the server, and the lines say what. */
const REFUSED_EXIT = 80;
const SIGNS = { missing: '+', restored: '✔', exists: '=', refused: '✘' } as const;

/** `dbdump rescue restore --globals`: what is missing is made, one line for each thing. */
export async function globalsOutcome({ needs, manifest, target, apply }: GlobalsWork): Promise<Outcome> {
  const items = await restoreGlobals(needs, manifest, { target, apply });
  const count = (outcome: GlobalsItem['outcome']) => items.filter((item) => item.outcome === outcome).length;
  const made = apply ? `${count('restored')} restored` : `${count('missing')} would be restored`;
  const last = `${counted(items.length, 'thing')}: ${made}, ${count('exists')} there before, ${count('refused')} refused`;
  return {
    document: { plan: !apply, items, restored: count('restored'), exists: count('exists'), refused: count('refused') },
    lines: items.map(lineOf),
    summary: [apply ? last : `${last}. Nothing was changed.`],
    exit: count('refused') > 0 ? REFUSED_EXIT : 0,
  };
}

function lineOf({ name, outcome, detail }: GlobalsItem): string {
  return `${SIGNS[outcome]} ${name}: ${outcome}${detail === '' ? '' : `. ${detail}`}`;
}
