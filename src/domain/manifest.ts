import { z } from 'zod';
import { Failure } from './failure.ts';

export const MANIFEST_FORMAT = 'database-dump/manifest';
export const REPORT_FORMAT = 'database-dump/verification';
/** The newest manifest version we write; every earlier one stays readable (T27). */
export const MANIFEST_VERSION = 1;

const Count = z.int().nonnegative();
const Hex256 = z.string().regex(/^[0-9a-f]{64}$/);
const Instant = z.iso.datetime();
const Names = z.record(z.string(), z.string());

const InventorySchema = z.strictObject({
  objects: Names,
  tables: z.record(z.string(), z.strictObject({ rows: Count, digest: z.string().optional() })),
  values: Names,
  facts: Names,
});

const Volume = z.strictObject({
  /** Relative to the manifest's own folder. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/),
  bytes: Count,
  sha256: Hex256,
  /** Full-object CRC-32, base64. */
  crc32: z.string(),
  versionId: z.string().optional(),
});

export const ManifestBody = z.strictObject({
  format: z.literal(MANIFEST_FORMAT),
  version: z.literal(1),
  backup: z.string().regex(/^[0-9a-z-]{8,64}$/),
  run: z.string(),
  attempt: z.int().positive(),
  database: z.strictObject({
    id: z.string(),
    name: z.string(),
    engine: z.string(),
    host: z.string(),
    port: z.int(),
  }),
  type: z.enum(['full', 'schema', 'data', 'globals']),
  startedAt: Instant,
  snapshotAt: Instant,
  finishedAt: Instant,
  snapshotId: z.string().optional(),
  server: z.strictObject({ flavour: z.string(), version: z.string() }),
  tool: z.strictObject({ program: z.string(), version: z.string() }),
  /** Include, exclude and the like; never a secret. */
  options: Names,
  consistency: z.enum(['snapshot', 'partial', 'fuzzy']),
  warnings: z.array(z.string()),
  extension: z.string(),
  compression: z.strictObject({ algorithm: z.enum(['zstd', 'gzip', 'none']), level: z.int() }),
  encryption: z.strictObject({ scheme: z.literal('age'), recipients: z.array(z.string()) }).optional(),
  plain: z.strictObject({ bytes: Count, sha256: Hex256.optional() }),
  stored: z.strictObject({ bytes: Count, sha256: Hex256 }),
  volumes: z.array(Volume).min(1),
  inventory: InventorySchema,
  /** Tables whose rows were not counted in the snapshot. */
  uncounted: z.array(z.string()),
  /** True when the bytes were decoded and parsed to the end on their way, before sealing (client-only age recipients). */
  parsedInStream: z.boolean(),
});
export type ManifestBody = z.infer<typeof ManifestBody>;

/** What a verification found; kept beside the manifest it speaks of, under the same signature rules. */
export const ReportBody = z.strictObject({
  format: z.literal(REPORT_FORMAT),
  version: z.literal(1),
  backup: z.string(),
  /** SHA-256 of the manifest's canonical signed text: a report speaks of one manifest only. */
  manifestSha256: Hex256,
  at: Instant,
  asked: z.int().min(1).max(3),
  /** The level that was reached; 0 when even the hashes were wrong. */
  reached: z.int().min(0).max(3),
  status: z.enum(['stored', 'good', 'suspect', 'lost', 'archived']),
  /** Why it stopped below the level asked for, or what is wrong. */
  reason: z.string().optional(),
  plain: z.strictObject({ bytes: Count, sha256: Hex256 }).optional(),
  tables: z.record(z.string(), z.strictObject({ rows: Count, digest: z.string().optional() })),
  values: Names,
  differences: z.array(z.string()),
  /** Seconds the scratch restore took, where there was one. */
  restoreSeconds: z.number().optional(),
  notices: z.array(z.string()),
});
export type ReportBody = z.infer<typeof ReportBody>;

export const SignatureBlock = z.strictObject({
  algorithm: z.literal('ed25519'),
  /** First 16 hex digits of SHA-256 of the raw public key. Says which key to look for, never which key to trust. */
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  value: z.string(),
});
export type SignatureBlock = z.infer<typeof SignatureBlock>;

/** The text that is signed: JSON with keys sorted at every depth and no white space. Numbers must be safe integers or short decimals. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

/** Splits a stored document into the part that is signed and its signature; a Failure `manifest_invalid` when it is not one. */
export function splitSigned(text: string): { readonly body: unknown; readonly signature: SignatureBlock } {
  const parsed = parseJson(text);
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) {
    throw invalid('it is not a JSON object');
  }
  const { signature, ...body } = parsed as Record<string, unknown>;
  const checked = SignatureBlock.safeParse(signature);
  if (!checked.success) throw invalid('it carries no signature that can be read');
  return { body, signature: checked.data };
}

/** A signed body as a manifest. Unknown versions are refused by name. Call only after the signature was checked. */
export function parseManifest(body: unknown): ManifestBody {
  const version = versionOf(body, MANIFEST_FORMAT);
  if (version > MANIFEST_VERSION) {
    throw new Failure(
      'manifest_version_unknown',
      `The manifest has version ${version}; this program reads up to ${MANIFEST_VERSION}.`,
      {
        remedy: 'Use a newer release of database-dump.',
      },
    );
  }
  const checked = ManifestBody.safeParse(body);
  if (!checked.success) throw invalid(firstProblem(checked.error));
  return checked.data;
}

/** A signed body as a verification report. */
export function parseReport(body: unknown): ReportBody {
  versionOf(body, REPORT_FORMAT);
  const checked = ReportBody.safeParse(body);
  if (!checked.success) throw invalid(firstProblem(checked.error));
  return checked.data;
}

function firstProblem(error: z.ZodError): string {
  return z.prettifyError(error).replace(/\n[\s\S]*$/, '');
}

function versionOf(body: unknown, format: string): number {
  const head = z.object({ format: z.literal(format), version: z.int().positive() }).safeParse(body);
  if (!head.success) throw invalid(`it is not a ${format} document`);
  return head.data.version;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid('it is not JSON', error);
  }
}

function invalid(why: string, cause?: unknown): Failure {
  return new Failure('manifest_invalid', `The manifest cannot be used: ${why}.`, {
    remedy: 'Restore from another backup, or fetch the untouched manifest from an older object version.',
    ...(cause === undefined ? {} : { cause }),
  });
}
