import type { IncomingMessage } from 'node:http';
import { allows } from '../policy.ts';
import { permissionOf } from './actions.ts';
import { memoryWriter } from './blobs.ts';
import { type BodyRules, receiveBody } from './body.ts';
import type { Call, Fault } from './faults.ts';
import type { Authenticated } from './identity.ts';
import type { Exchange, Features, World } from './model.ts';
import { S3Error } from './s3-error.ts';
import { chunkSigning } from './sigv4.ts';

export interface Parts {
  readonly world: World;
  readonly request: IncomingMessage;
  readonly call: Call;
  readonly fault: Fault | undefined;
  readonly query: ReadonlyMap<string, string>;
  readonly authenticated: Authenticated;
  readonly deny: ReadonlySet<string>;
  /** Tells a client that waits for `100 Continue` to send its body. */
  readonly startBody: () => void;
  readonly onBytes: (count: number) => void;
}

// Small XML bodies; S3's largest is a list of 10,000 parts.
const MAX_TEXT = 4 * 1024 * 1024;

/** Joins what the handlers need of one request, and refuses what its signer may not do or the store does not offer. */
export function openExchange(parts: Parts): Exchange {
  const { world, request, call, fault, query, authenticated } = parts;
  const features = featuresFor(world, fault);
  const header = (name: string): string | undefined => {
    const value = request.headers[name];
    return Array.isArray(value) ? value.join(',') : value;
  };
  const rules = bodyRules(parts, features);
  const exchange: Exchange = {
    world,
    call,
    fault,
    query,
    features,
    identity: authenticated.identity,
    header,
    metadata: () => metadataOf(request),
    async receive({ kind, maxBytes, algorithm }) {
      parts.startBody();
      return receiveBody(request, await world.blobs.startBlob(kind), { ...rules, maxBytes, algorithm });
    },
    async text() {
      parts.startBody();
      // The checksum headers of a Complete are about the object, not about the body.
      const checksums = rules.checksums && call.action !== 'CompleteMultipartUpload';
      const textRules = { ...rules, maxBytes: MAX_TEXT, etags: 'opaque' as const, fallback: undefined, checksums };
      const { blob, size } = await receiveBody(request, memoryWriter(), textRules);
      return Buffer.concat([...(blob.read(0, size) as Iterable<Buffer>)]).toString();
    },
    may: (permission, key = call.key) => isAllowed(parts, permission, key),
  };
  const permission = permissionOf(call.action, query.has('versionId'));
  if (parts.deny.has(call.action) || (!isPerKey(call) && !exchange.may(permission)))
    throw new S3Error('AccessDenied', `Access Denied: ${permission}`);
  refuseMissingFeatures(request, features);
  return exchange;
}

/** A DeleteObjects is judged key by key. */
function isPerKey({ action }: Call): boolean {
  return action === 'DeleteObjects';
}

function isAllowed({ authenticated, deny, call, query }: Parts, permission: string, key: string | undefined): boolean {
  if (deny.has(permission)) return false;
  const arn = `arn:aws:s3:::${call.bucket ?? '*'}${key === undefined || key === '' ? '' : `/${key}`}`;
  const context = { 's3:prefix': query.get('prefix') };
  return authenticated.identity.policies.every((policy) => allows(policy, { permission, arn, context }));
}

function bodyRules(parts: Parts, features: Features): Omit<BodyRules, 'maxBytes'> {
  const {
    world,
    authenticated: { claim, secret },
  } = parts;
  const signed = claim.payloadHash.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD');
  if (claim.payloadHash === '')
    throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
  return {
    etags: world.etags,
    fallback: world.computeChecksum ? 'CRC64NVME' : undefined,
    checksums: features.checksums !== 'ignored',
    checkPayload: world.checkPayload,
    signing: signed ? chunkSigning(claim, secret) : undefined,
    payloadHash: claim.payloadHash,
    fault: parts.fault,
    onBytes: parts.onBytes,
  };
}

function featuresFor({ features }: World, fault: Fault | undefined): Features {
  if (fault?.kind === 'no-checksums') return { ...features, checksums: 'refused' };
  if (fault?.kind === 'ignore-conditions') return { ...features, conditions: 'ignored' };
  if (fault?.kind === 'no-conditions') return { ...features, conditions: 'refused' };
  return features;
}

function refuseMissingFeatures({ headers }: IncomingMessage, features: Features): void {
  const names = Object.keys(headers);
  const isChecksum = (name: string) =>
    name !== 'x-amz-checksum-mode' && /^x-amz-(checksum-|sdk-checksum-|trailer$)/.test(name);
  const refused = [
    ...(features.checksums === 'refused' ? names.filter(isChecksum) : []),
    ...(features.conditions === 'refused'
      ? names.filter((name) => name === 'if-match' || name === 'if-none-match')
      : []),
  ];
  if (refused.length === 0) return;
  throw new S3Error(
    'NotImplemented',
    `A header you provided implies functionality that is not implemented: ${refused[0]}`,
  );
}

function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-meta-')) metadata[name.slice('x-amz-meta-'.length)] = String(value);
  }
  return metadata;
}
