import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CHAIN_START, type ChainedEvent, chainHash, firstBreak } from '../../src/domain/audit.ts';

function chain(length: number): ChainedEvent[] {
  const events: ChainedEvent[] = [];
  for (let sequence = 1; sequence <= length; sequence += 1) {
    const previousHash = events.at(-1)?.hash ?? CHAIN_START;
    const facts = {
      sequence,
      at: `2026-11-24T10:00:${String(sequence).padStart(2, '0')}.000Z`,
      actor: 'a',
      origin: null,
      action: 'x',
      object: `o${sequence}`,
      before: null,
      after: { n: sequence },
      requestId: 'r',
    };
    events.push({ ...facts, previousHash, hash: chainHash(previousHash, facts) });
  }
  return events;
}

describe('the audit chain', () => {
  it('is intact as it was written, also when nothing was', () => {
    expect(firstBreak([])).toBeUndefined();
    expect(firstBreak(chain(20))).toBeUndefined();
  });

  it('T25 F101 shows every insertion, removal, change, reordering and replacement inside it', () => {
    const original = chain(12);
    const at = fc.nat(11);
    const tampering = fc.oneof(
      at.map((n) => original.filter((_, index) => index !== n || index === 11)).filter((list) => list.length < 12),
      fc
        .tuple(at, at)
        .map(([a, b]) =>
          original.map((event, index) =>
            index === a ? (original[b] ?? event) : index === b ? (original[a] ?? event) : event,
          ),
        ),
      fc
        .tuple(at, fc.constantFrom('actor', 'action', 'object', 'requestId', 'at', 'hash', 'previousHash'), fc.string())
        .map(([n, field, value]) =>
          original.map((event, index) => (index === n ? { ...event, [field]: value } : event)),
        ),
      fc
        .tuple(at, fc.jsonValue())
        .map(([n, value]) => original.map((event, index) => (index === n ? { ...event, after: value } : event))),
      at.map((n) => [...original.slice(0, n), original[n] as ChainedEvent, ...original.slice(n)]),
    );
    let tried = 0;
    fc.assert(
      fc.property(tampering, (events) => {
        if (JSON.stringify(events) === JSON.stringify(original)) return;
        tried += 1;
        if (firstBreak(events) === undefined) throw new Error('not noticed');
      }),
      { numRuns: 11_500, seed: 25 },
    );
    expect(tried).toBeGreaterThanOrEqual(10_000);
  });

  it('T25 F101 begins with nothing before it, and every link of it stands where it says', () => {
    const [first, second, third] = chain(3);
    if (first === undefined || second === undefined || third === undefined) throw new Error('no chain');
    const relinked = ({ hash: _, ...event }: ChainedEvent, change: Partial<ChainedEvent>): ChainedEvent => {
      const { previousHash, ...facts } = { ...event, ...change };
      return { ...facts, previousHash, hash: chainHash(previousHash, facts) };
    };

    expect(CHAIN_START).toBe('0'.repeat(64));
    expect(first.previousHash).toBe(CHAIN_START);
    // Each is right but for one thing.
    expect(firstBreak([relinked(first, { previousHash: '1'.repeat(64) }), second])).toBe(1);
    expect(firstBreak([relinked(first, { sequence: 2 })])).toBe(1);
    expect(firstBreak([first, relinked(second, { sequence: 3 })])).toBe(2);
    expect(firstBreak([first, { ...second, previousHash: CHAIN_START }, third])).toBe(2);
    expect(firstBreak([first, second, { ...third, hash: second.hash }])).toBe(3);
  });

  it('hashes what was before and the event, in a way that anybody can do again', () => {
    const facts = {
      sequence: 1,
      at: '2026-11-24T10:00:00.000Z',
      actor: 'a',
      origin: null,
      action: 'x',
      object: 'o',
      before: null,
      after: { b: 1, a: 2 },
      requestId: 'r',
    };
    const text =
      '{"action":"x","actor":"a","after":{"a":2,"b":1},"at":"2026-11-24T10:00:00.000Z","before":null,"object":"o","origin":null,"requestId":"r","sequence":1}';

    expect(chainHash(CHAIN_START, facts)).toBe(
      createHash('sha256')
        .update(`${'0'.repeat(64)}\n${text}`)
        .digest('hex'),
    );
  });

  it('a rewritten tail is seen by whoever kept the old head', () => {
    const original = chain(5);
    const rewritten = chain(4);

    expect(firstBreak(rewritten)).toBeUndefined();
    expect(rewritten.at(-1)?.hash).not.toBe(original.at(-1)?.hash);
  });
});
