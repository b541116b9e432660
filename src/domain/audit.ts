import { createHash } from 'node:crypto';
import { canonicalJson } from './manifest.ts';

/** What is recorded about one change; digests and names, never a secret. */
export interface AuditFacts {
  readonly sequence: number;
  readonly at: string;
  readonly actor: string;
  readonly origin: string | null;
  readonly action: string;
  readonly object: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly requestId: string;
}

export interface ChainedEvent extends AuditFacts {
  readonly previousHash: string;
  readonly hash: string;
}

/** What the first event of a tenant follows on. */
export const CHAIN_START = '0'.repeat(64);

/** SHA-256 over the hash before and the event's canonical text: one changed letter anywhere breaks every hash after it. */
export function chainHash(previousHash: string, facts: AuditFacts): string {
  return createHash('sha256')
    .update(`${previousHash}\n${canonicalJson(facts)}`)
    .digest('hex');
}

/** Sequence of the first event that does not follow from the one before; undefined for an intact chain (F101). */
export function firstBreak(events: readonly ChainedEvent[]): number | undefined {
  let previous = CHAIN_START;
  for (const [index, { previousHash, hash, ...facts }] of events.entries()) {
    const follows = facts.sequence === index + 1 && previousHash === previous && hash === chainHash(previous, facts);
    if (!follows) return index + 1;
    previous = hash;
  }
  return undefined;
}
