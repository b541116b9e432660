import type { BackupStatus, Level } from '../domain/backup.ts';
import { statusOfLevel } from '../domain/backup.ts';
import { Failure, type FailureCode, messageOf } from '../domain/failure.ts';
import type { Difference, TableFacts } from '../domain/inventory.ts';
import type { ParseReport } from '../engines/engine.ts';
import { dumpDifferences } from './compare.ts';
import { hashedPlain, originOf, type StoredPlain, storedPlain } from './decode.ts';
import { canDecrypt } from './encrypt.ts';
import type { Needs, TrustedManifest, VerifyOutcome, VerifyRequest } from './pipeline.ts';
import { throttledProgress } from './progress.ts';
import { differenceLine, writeReport } from './report.ts';
import { restoreToScratch } from './scratch-check.ts';
import { openManifest } from './seal.ts';
import { orCancelled } from './stop.ts';
import { damaged, storedBytes } from './stored-bytes.ts';

/** What one look at a backup found out so far. */
export interface Finding {
  readonly reached: Level;
  /** Set where something is wrong with the backup itself. */
  readonly wrong?: { readonly status: BackupStatus; readonly reason: string };
  /** Why it stopped below the level asked for, with nothing wrong. */
  readonly reason?: string;
  readonly parsed?: ParseReport;
  readonly plainSha256?: string | undefined;
  readonly tables?: Readonly<Record<string, TableFacts>>;
  readonly differences?: readonly Difference[];
  readonly notices?: readonly string[];
  readonly restoreSeconds?: number;
}

/**
 * Finds out how much of a backup can be relied on, and leaves a signed report beside it. Level 1 reads every stored byte
 * again; 2 decodes and parses them to the end; 3 restores them into a scratch server and compares. What is wrong with the
 * backup is the outcome, not a Failure; a Failure says that it could not be found out (store unreachable, cancelled).
 */
export function verify(needs: Needs, request: VerifyRequest): Promise<VerifyOutcome> {
  return orCancelled(needs.bench.signal, verifyTwice(needs, request));
}

async function verifyTwice(needs: Needs, request: VerifyRequest): Promise<VerifyOutcome> {
  const quiet = { ...needs, progress: throttledProgress((event) => needs.progress(event)) };
  const first = await find(quiet, request);
  // Bytes go wrong on their way too: only what is read wrong twice is said of the backup. Right bytes need no second look.
  const readWrong = first.wrong !== undefined && first.reached === 0;
  const finding = readWrong ? await find(quiet, request) : first;
  needs.bench.signal.throwIfAborted();
  const outcome = outcomeOf(request, finding);
  try {
    await writeReport(needs, request, { outcome, values: finding.parsed?.values ?? {} });
  } catch (error) {
    if (finding.wrong === undefined) throw error;
    return unreported(outcome, error);
  }
  return outcome;
}

/** Nothing is called good without its report, but bad news is told even where it cannot be written down. */
function unreported(outcome: VerifyOutcome, error: unknown): VerifyOutcome {
  const notice = `The store took no report of this and may list the backup as before: ${messageOf(error)}`;
  return { ...outcome, notices: [...outcome.notices, notice] };
}

async function find(needs: Needs, request: VerifyRequest): Promise<Finding> {
  try {
    await rereadManifest(needs, request.manifest);
    if (request.level === 1) return await reread(needs, request.manifest);
    const second = await decodeAndParse(needs, request);
    if (request.level === 2 || second.wrong !== undefined || second.parsed === undefined) return second;
    return await restoreToScratch(needs, request, { ...second, parsed: second.parsed });
  } catch (error) {
    return wrongWith(error);
  }
}

/** Without its manifest, as it was sealed, a backup is none: what is in memory proves nothing. */
async function rereadManifest({ storage, trusted }: Needs, { key, sha256, signed }: TrustedManifest): Promise<void> {
  const found = await storage.get(key);
  if (found === undefined) {
    throw new Failure('backup_lost', 'Its manifest is no longer in the store.', { remedy: 'Use another backup.' });
  }
  const text = Buffer.from(found.body).toString('utf8');
  const stored = openManifest(text, trusted, { key, acceptUnsigned: !signed });
  if (stored.sha256 !== sha256) throw damaged('its manifest', 'is not the one that was opened');
}

/** Level 1. Whoever holds no key can do this too. */
async function reread(needs: Needs, manifest: TrustedManifest): Promise<Finding> {
  const { storage, bench } = needs;
  const totalBytes = manifest.body.stored.bytes;
  const onBytes = (bytes: number) => needs.progress({ phase: 'fetch', storedBytes: bytes, totalBytes });
  for await (const _ of storedBytes({ storage, manifest, signal: bench.signal, onBytes }))
    bench.signal.throwIfAborted();
  return { reached: 1 };
}

/** Level 2. Bytes nobody here can decrypt count by what was parsed of them on their way, if their hash still holds. */
async function decodeAndParse(needs: Needs, request: VerifyRequest): Promise<Finding> {
  const { manifest } = request;
  const { body } = manifest;
  if (body.encryption !== undefined && !(await canDecrypt(body.encryption.recipients, needs.identities))) {
    const read = await reread(needs, manifest);
    const who = 'None of the identities given can decrypt it';
    if (!body.parsedInStream) return { ...read, reason: `${who}: only its stored bytes were checked.` };
    return {
      reached: 2,
      reason: `${who}: it was decoded and parsed before it was sealed, and its bytes are unchanged.`,
    };
  }
  const totalBytes = body.stored.bytes;
  const onBytes = (bytes: number) => needs.progress({ phase: 'decode', storedBytes: bytes, totalBytes });
  const plain = storedPlain(needs, manifest, { onBytes });
  const parsed = await parseHashed(needs, plain, request).catch(unlessToolMissing);
  if ('missing' in parsed) return { ...(await reread(needs, manifest)), reason: parsed.missing };
  const differences = dumpDifferences(body, parsed);
  const found = { parsed, tables: parsed.tables, notices: parsed.warnings, plainSha256: plain.sha256() };
  if (differences.length === 0) return { reached: 2, ...found };
  const reason = `The dump does not hold what its snapshot held: ${differences.slice(0, 3).map(differenceLine).join('; ')}.`;
  return { reached: 1, ...found, differences, wrong: { status: 'suspect', reason } };
}

/** Without the engine's own reader the level stays 1; that says nothing against the backup. */
function unlessToolMissing(error: unknown): { missing: string } {
  if (error instanceof Failure && TOOLS.includes(error.code)) return { missing: error.message };
  throw error;
}

const TOOLS: readonly FailureCode[] = ['tool_missing', 'tool_too_old'];

const WRONG: Partial<Record<FailureCode, BackupStatus>> = {
  backup_lost: 'lost',
  backup_archived: 'archived',
  backup_damaged: 'suspect',
  decryption_failed: 'suspect',
  dump_incomplete: 'suspect',
  dump_failed: 'suspect',
  schema_changed: 'suspect',
  manifest_invalid: 'suspect',
  manifest_version_unknown: 'suspect',
  signature_wrong: 'suspect',
  signer_unknown: 'suspect',
  restore_failed: 'suspect',
};

/** A Failure that speaks of the backup becomes a finding; any other says nothing about the backup, and stays. */
function wrongWith(error: unknown): Finding {
  const status = error instanceof Failure ? WRONG[error.code] : undefined;
  if (status === undefined) throw error;
  return { reached: 0, wrong: { status, reason: messageOf(error) } };
}

/** Parses the decoded dump; its bytes are hashed on their way, so that one pass tells both. */
async function parseHashed(needs: Needs, plain: StoredPlain, request: VerifyRequest): Promise<ParseReport> {
  const origin = { ...originOf(request.manifest), digests: needsDigests(request) };
  const parsed = await needs.engine.parse(needs.bench, hashedPlain(needs.bench, plain), origin);
  // A parser may be content before the end; a hash is not.
  if (plain.sha256() === undefined) for await (const _ of plain.bytes()) needs.bench.signal.throwIfAborted();
  return parsed;
}

/** Rows are digested one by one, which costs more than all the rest: only where a copy or the source is compared with them. */
function needsDigests({ level, manifest }: VerifyRequest): boolean {
  if (level === 3) return true;
  return Object.values(manifest.body.inventory.tables).some(({ digest }) => digest !== undefined);
}

function outcomeOf({ manifest }: VerifyRequest, finding: Finding): VerifyOutcome {
  const { reached, wrong, plainSha256 } = finding;
  return {
    status: wrong?.status ?? statusOfLevel(reached),
    reached,
    reason: wrong?.reason ?? finding.reason,
    plainBytes: plainSha256 === undefined ? undefined : manifest.body.plain.bytes,
    plainSha256,
    tables: finding.tables ?? {},
    differences: finding.differences ?? [],
    notices: finding.notices ?? [],
    restoreSeconds: finding.restoreSeconds,
  };
}
