import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { Failure } from '../../src/domain/failure.ts';
import { counted, formatBytes, formatSeconds } from '../../src/domain/figures.ts';
import { foreignPlain } from '../../src/pipeline/foreign.ts';
import type { RestoreJob, RestoreMode, RestoreOutcome, RestorePlan } from '../../src/pipeline/pipeline.ts';
import { differenceLine } from '../../src/pipeline/report.ts';
import { planRestore, planRestorePlain, restore, restorePlain } from '../../src/pipeline/restore.ts';
import { derivedName } from '../../src/pipeline/restore-target.ts';
import type { Outcome } from '../screen.ts';
import { CommonOptions } from './global-options.ts';
import { openBackup } from './reference.ts';
import { tableRows, tablesSentence } from './report.ts';
import { globalsOutcome } from './restore-globals.ts';
import { runCommand, type Session } from './session.ts';

const RestoreOptions = CommonOptions.extend({
  from: z.string().optional(),
  into: z.string(),
  file: z.string().optional(),
  engine: z.string().optional(),
  newName: z.string().optional(),
  swap: z.boolean().default(false),
  inPlace: z.boolean().default(false),
  disconnect: z.boolean().default(false),
  type: z.enum(['full', 'schema', 'data']),
  only: z.array(z.string()).default([]),
  owner: z.boolean().default(true),
  acl: z.boolean().default(true),
  roleMap: z.record(z.string(), z.string()).default({}),
  plan: z.boolean().default(false),
  globals: z.boolean().default(false),
});
type RestoreOptions = z.infer<typeof RestoreOptions>;

/** `dbdump rescue restore`. */
export async function restoreCommand(reference: string, given: unknown): Promise<void> {
  const options = RestoreOptions.parse(given);
  await runCommand(options, async (session) => {
    if (options.file !== undefined) return restoreFile(session, options, options.file);
    if (options.from === undefined) {
      throw new Failure('usage', 'Neither a store nor a dump file was given.', {
        remedy: 'Give --from STORE, or --file DUMP.',
      });
    }
    return restoreStored(session, { ...options, from: options.from, reference });
  });
}

type StoredOptions = RestoreOptions & { readonly from: string; readonly reference: string };

async function restoreStored(session: Session, options: StoredOptions): Promise<Outcome> {
  const { connection, engine } = await session.connect(options.into);
  const { needs, manifest, close } = await openBackup(session, options);
  try {
    if (needs.engine.id !== engine.id) {
      throw new Failure('restore_refused', `The backup is of ${needs.engine.label}, the target is ${engine.label}.`, {
        remedy: `Give a ${needs.engine.label} target with --into.`,
      });
    }
    if (options.globals) return await globalsOutcome({ needs, manifest, target: connection, apply: !options.plan });
    refuseGlobals(manifest.body);
    const job = jobOf(options, connection, manifest.body.database.name);
    if (options.plan) return planOutcome(await planRestore(needs, manifest, job));
    return restoredOutcome(await restore(needs, manifest, job));
  } finally {
    await close();
  }
}

/** Roles belong to a whole server: nobody gets them into a database by mistake. */
function refuseGlobals({ type, backup }: { readonly type: string; readonly backup: string }): void {
  if (type !== 'globals') return;
  throw new Failure('usage', `Backup ${backup} holds the roles and globals of a whole server, not a database.`, {
    remedy: 'Add --globals to make those that the target lacks; --plan shows them first.',
  });
}

/** A dump that is not ours has no store: its marker and the safety backup live in the data folder. */
async function restoreFile(session: Session, options: RestoreOptions, file: string): Promise<Outcome> {
  const { connection, engine } = await session.connect(options.into);
  if (options.engine !== undefined && session.rescue.engine(options.engine).id !== engine.id) {
    throw new Failure('restore_refused', `The dump is of ${options.engine}, the target is ${engine.label}.`, {
      remedy: 'Give a target of the same engine with --into.',
    });
  }
  const storage = session.rescue.openStore(pathToFileURL(join(session.rescue.dataFolder, 'safety-backups')).href);
  try {
    const needs = await session.rescue.needs(engine, storage);
    const plain = await foreignPlain(needs, file);
    const dump = { plain, origin: foreignOrigin(connection.database) };
    const job = jobOf(options, connection, connection.database);
    if (options.plan) return planOutcome(await planRestorePlain(needs, dump, job));
    return restoredOutcome(await restorePlain(needs, dump, job));
  } finally {
    await storage.close();
  }
}

type Origin = Parameters<typeof restorePlain>[1]['origin'];

/** Nothing is known of it but what its own bytes will say. */
function foreignOrigin(database: string): Origin {
  return { type: 'full', flavour: '', serverVersion: '', toolVersion: '', database, inventory: undefined };
}

function jobOf(options: RestoreOptions, target: RestoreJob['target'], sourceName: string): RestoreJob {
  return {
    target: target.database === '' ? { ...target, database: sourceName } : target,
    mode: modeOf(options, target.database === '' ? sourceName : target.database),
    type: options.type,
    only: options.only,
    owners: options.owner,
    acls: options.acl,
    roles: options.roleMap,
  };
}

function modeOf({ swap, inPlace, newName, confirm, disconnect }: RestoreOptions, name: string): RestoreMode {
  const typed = confirm.find((given) => given === name) ?? confirm[0] ?? '';
  if (inPlace) return { kind: 'in-place', confirm: typed };
  if (swap) return { kind: 'swap', confirm: typed, disconnect };
  return { kind: 'new', name: newName ?? derivedName(name, 'restored', new Date()) };
}

function planOutcome(plan: RestorePlan): Outcome {
  const blocked = plan.items.some(({ ok, blocks }) => !ok && blocks);
  return {
    document: { ...plan, possible: !blocked },
    lines: planLines(plan, blocked),
    exit: blocked ? REFUSED_EXIT : 0,
  };
}

const REFUSED_EXIT = 80;

function planLines(plan: RestorePlan, blocked: boolean): string[] {
  const size = plan.plainBytes === undefined ? '' : ` (${formatBytes(plan.plainBytes)} plain)`;
  return [
    `Plan: ${plan.sourceDatabase}${size} → ${plan.targetDatabase}${plan.finalDatabase === plan.targetDatabase ? '' : `, which then becomes ${plan.finalDatabase}`}`,
    ...plan.replaces.map((sentence) => `! ${sentence}`),
    ...plan.items.map(
      ({ name, ok, detail, blocks }) => `${ok ? '✔' : blocks ? '✘' : '!'} ${name}${detail === '' ? '' : `: ${detail}`}`,
    ),
    blocked ? 'It would be refused.' : 'Nothing was changed.',
  ];
}

function restoredOutcome(outcome: RestoreOutcome): Outcome {
  const { database, kept, tables, differences, notices, seconds } = outcome;
  const summary = [
    `✔ restored   ${database}: ${tablesSentence(tables)}, ${counted(differences.length, 'difference')} in ${formatSeconds(seconds)}`,
    ...(kept === undefined ? [] : [`  What was there before is kept as ${kept}; drop it when you no longer need it.`]),
    ...differences.map((difference) => `! ${differenceLine(difference)}`),
    ...notices.map((notice) => `  ${notice}`),
  ];
  return {
    document: {
      database,
      kept: kept ?? null,
      tables: tableRows(tables),
      differences: differences.map(differenceLine),
      notices,
      seconds,
    },
    summary,
  };
}
