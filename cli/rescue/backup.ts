import { z } from 'zod';
import { Failure, problemOf } from '../../src/domain/failure.ts';
import type { BackupRequest, Needs } from '../../src/pipeline/pipeline.ts';
import { type Protected, protect } from '../../src/pipeline/protect.ts';
import { fingerprint } from '../../src/pipeline/seal.ts';
import type { Outcome } from '../screen.ts';
import { readAssertions } from './assertions.ts';
import { CommonOptions } from './global-options.ts';
import { keepRecoveryKit } from './recovery-kit-file.ts';
import { backupLine, exitOf, shortfall, verifiedDocument, verifiedLines } from './report.ts';
import { runCommand, type Session } from './session.ts';

const BackupOptions = CommonOptions.extend({
  to: z.string(),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  scratch: z.string().optional(),
  assert: z.record(z.string(), z.string()).default({}),
  assertFile: z.string().optional(),
  type: z.enum(['full', 'schema', 'data']),
  allDatabases: z.boolean().default(false),
  passwordHashes: z.boolean().default(false),
  include: z.array(z.string()).default([]),
  exclude: z.array(z.string()).default([]),
  compression: z.object({ algorithm: z.enum(['zstd', 'gzip', 'none']), level: z.number() }),
  encryptTo: z.array(z.string()).default([]),
  rateLimit: z.number().optional(),
  sizeCap: z.number().optional(),
  inactivity: z.number(),
  lockWait: z.number(),
  blockLimit: z.number(),
  plainHash: z.boolean().default(false),
  sourceDigest: z.boolean().default(false),
});
type BackupOptions = z.infer<typeof BackupOptions>;

/** `dbdump rescue backup`. */
export async function backupCommand(database: string | undefined, given: unknown): Promise<void> {
  const options = BackupOptions.parse(given);
  await runCommand(options, async (session) => {
    const { engine, connection } = await session.connect(database);
    const storage = session.rescue.openStore(options.to);
    try {
      await introduceKey(session);
      const job = { session, options, engine, storage };
      return options.allDatabases ? await backUpAll(job, connection) : await backUpOne(job, connection);
    } finally {
      await storage.close();
    }
  });
}

type Source = BackupRequest['source'];

interface Job {
  readonly session: Session;
  readonly options: BackupOptions;
  readonly engine: Needs['engine'];
  readonly storage: Needs['storage'];
}

interface Done extends Protected {
  readonly seconds: number;
}

async function backUpOne(job: Job, source: Source): Promise<Outcome> {
  const done = await run(job, source, job.options.type);
  const failed = shortfall(done.outcome, job.options.level);
  return {
    document: verifiedDocument(done.manifest, done.outcome, done.seconds),
    summary: linesOf(job, done),
    exit: exitOf(failed),
  };
}

async function run(job: Job, source: Source, type: BackupOptions['type'] | 'globals'): Promise<Done> {
  const { session, options, engine, storage } = job;
  const started = performance.now();
  const needs = await session.rescue.needs(engine, storage);
  const scratch = options.scratch === undefined ? undefined : (await session.connect(options.scratch)).connection;
  const result = await protect(needs, {
    source,
    type,
    include: options.include,
    exclude: options.exclude,
    compression: options.compression,
    recipients: options.encryptTo,
    rateLimit: options.rateLimit,
    sizeCap: options.sizeCap,
    plainHash: options.plainHash,
    sourceDigest: options.sourceDigest,
    passwordHashes: options.passwordHashes,
    inactivityMs: options.inactivity,
    lockWaitMs: options.lockWait,
    blockLimitMs: options.blockLimit,
    level: options.level,
    scratch,
    assertions: await readAssertions(options),
  });
  const seconds = (performance.now() - started) / 1000;
  await keepRecoveryKit(session, { needs, source, recipients: options.encryptTo });
  return { ...result, seconds };
}

function linesOf({ options, storage }: Job, { manifest, outcome }: Done): string[] {
  const warnings = manifest.body.warnings.map((warning) => `! ${warning}`);
  const named = `  name       ${manifest.body.backup}`;
  return [...warnings, backupLine(manifest, storage.url), ...verifiedLines(manifest, outcome, options.level), named];
}

/** Every database by itself, so that one that fails costs only itself; roles and settings last. */
async function backUpAll(job: Job, server: Source): Promise<Outcome> {
  const { session, engine } = job;
  const names = await engine.admin(session.rescue.bench()).list(server);
  if (names.length === 0)
    throw new Failure('not_found', 'The server has no database to back up.', {
      remedy: 'Check the user and server in the URL.',
    });
  const results: Piece[] = [];
  for (const name of names) {
    results.push(await attempt(job, { ...server, database: name }, job.options.type));
  }
  if (engine.types.includes('globals')) results.push(await attempt(job, server, 'globals'));
  return summarize(results);
}

interface Piece {
  readonly document: object;
  readonly lines: readonly string[];
  readonly exit: number;
}

async function attempt(job: Job, source: Source, type: BackupOptions['type'] | 'globals'): Promise<Piece> {
  const name = type === 'globals' ? 'roles and settings' : source.database;
  try {
    const done = await run(job, source, type);
    return {
      document: verifiedDocument(done.manifest, done.outcome, done.seconds),
      lines: linesOf(job, done),
      exit: exitOf(shortfall(done.outcome, job.options.level)),
    };
  } catch (error) {
    job.session.signal.throwIfAborted();
    const problem = problemOf(error);
    const remedy = problem.remedy === undefined ? [] : [`  → ${problem.remedy}`];
    return {
      document: { database: name, status: 'failed', problem },
      lines: [`✘ ${name}: ${problem.detail}`, ...remedy],
      exit: exitOf(problem.code),
    };
  }
}

function summarize(pieces: readonly Piece[]): Outcome {
  const exit = pieces.find((piece) => piece.exit !== 0)?.exit ?? 0;
  return {
    document: { status: exit === 0 ? 'good' : 'failed', backups: pieces.map((piece) => piece.document) },
    summary: pieces.flatMap((piece) => piece.lines),
    exit,
  };
}

/** The first backup makes the key; its fingerprint is what a person compares later. */
async function introduceKey({ rescue, screen }: Session): Promise<void> {
  const { signer, made } = await rescue.signer();
  if (!made) return;
  screen.note(
    `Made a signing key in ${rescue.dataFolder}; its fingerprint is ${grouped(fingerprint(signer.publicKey))}.`,
  );
}

/** In fours, as in the recovery kit. */
function grouped(hex: string): string {
  return hex.match(/.{1,4}/g)?.join(' ') ?? hex;
}
