import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { Failure } from '../domain/failure.ts';
import {
  canonicalJson,
  type ManifestBody,
  parseManifest,
  parseReport,
  type ReportBody,
  type SignatureBlock,
  splitSigned,
} from '../domain/manifest.ts';
import type { Signer, TrustedKeys, TrustedManifest } from './pipeline.ts';

/** What precedes the 32 raw bytes in the DER form of an Ed25519 public key. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const RAW_KEY_BYTES = 32;
const KEY_ID_DIGITS = 16;

/** SHA-256 of the raw public key, hex. What a person compares. */
export function fingerprint(publicKey: string): string {
  return sha256(Buffer.from(publicKey, 'base64'));
}

/** Which key made a signature: the fingerprint's first 16 digits. */
export function keyId(publicKey: string): string {
  return fingerprint(publicKey).slice(0, KEY_ID_DIGITS);
}

/** A signer over a private key that this process holds. */
export function signerOf(privateKey: KeyObject): Signer {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const publicKey = der.subarray(der.length - RAW_KEY_BYTES).toString('base64');
  return {
    publicKey,
    sign: async (canonical) => ({
      algorithm: 'ed25519',
      keyId: keyId(publicKey),
      value: sign(null, Buffer.from(canonical), privateKey).toString('base64'),
    }),
  };
}

/** The text to store for a body, its signature inside, one field per line for people. */
export async function seal(signer: Signer, body: ManifestBody | ReportBody): Promise<string> {
  const signature = await signer.sign(canonicalJson(body));
  return `${JSON.stringify({ ...body, signature }, null, 1)}\n`;
}

/** SHA-256 of a body's signed text, hex: the name of exactly this manifest. */
export function sealedSha256(body: unknown): string {
  return sha256(Buffer.from(canonicalJson(body)));
}

export interface OpenOptions {
  /** Store key it was read from. */
  readonly key: string;
  /** Accept a document without a signature, or of an unknown signer. A wrong signature is never accepted. */
  readonly acceptUnsigned?: boolean;
}

/**
 * A stored manifest whose signer is trusted. Failures: `signer_unknown` (also when its key travels with it),
 * `signature_wrong`, `manifest_invalid`, `manifest_version_unknown`.
 */
export function openManifest(text: string, trusted: TrustedKeys, options: OpenOptions): TrustedManifest {
  const { body, signed } = openSigned(text, trusted, options.acceptUnsigned === true);
  return { body: parseManifest(body), key: options.key, sha256: sealedSha256(body), signed };
}

/** A stored verification report whose signer is trusted; same failures. */
export function openReport(text: string, trusted: TrustedKeys): ReportBody {
  return parseReport(openSigned(text, trusted, false).body);
}

function openSigned(text: string, trusted: TrustedKeys, acceptUnsigned: boolean): { body: unknown; signed: boolean } {
  const split = splitOrUnsigned(text, acceptUnsigned);
  if (split.signature === undefined) return { body: split.body, signed: false };
  const keys = trusted.filter((key) => keyId(key) === split.signature.keyId);
  if (keys.length === 0) {
    if (acceptUnsigned) return { body: split.body, signed: false };
    throw signerUnknown(split.signature);
  }
  const canonical = Buffer.from(canonicalJson(split.body));
  const value = Buffer.from(split.signature.value, 'base64');
  if (!keys.some((key) => verify(null, canonical, publicKeyObject(key), value))) throw signatureWrong();
  return { body: split.body, signed: true };
}

type Split = ReturnType<typeof splitSigned> | { readonly body: unknown; readonly signature: undefined };

function splitOrUnsigned(text: string, acceptUnsigned: boolean): Split {
  try {
    return splitSigned(text);
  } catch (error) {
    const body = acceptUnsigned ? unsignedBody(text) : undefined;
    if (body === undefined) throw error;
    return { body, signature: undefined };
  }
}

/** Only a document without any signature: one that carries an unreadable signature was tampered with. */
function unsignedBody(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed !== null && typeof parsed === 'object' && !('signature' in parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The PEM form, which other tools read too. */
export function publicKeyPem(publicKey: string): string {
  return publicKeyObject(publicKey).export({ format: 'pem', type: 'spki' }).toString().trim();
}

function publicKeyObject(raw: string): KeyObject {
  const key = Buffer.concat([SPKI_PREFIX, Buffer.from(raw, 'base64')]);
  return createPublicKey({ key, format: 'der', type: 'spki' });
}

function signerUnknown({ keyId }: SignatureBlock): Failure {
  return new Failure(
    'signer_unknown',
    `The manifest was signed by key ${keyId}, which is not among the trusted keys.`,
    {
      remedy: "Give the public key from that database's recovery kit with --trust.",
      details: { keyId },
    },
  );
}

function signatureWrong(): Failure {
  return new Failure('signature_wrong', 'The manifest was changed after it was signed.', {
    remedy:
      'Do not use this backup; fetch the untouched manifest from an older object version, or take another backup.',
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
