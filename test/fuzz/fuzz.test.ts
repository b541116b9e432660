import { describe, expect, it } from '@jest/globals';
import { seed, sized } from '../support/size.ts';
import { fuzz } from './fuzz.ts';
import { TARGETS } from './targets.ts';

describe('what others wrote', () => {
  for (const target of TARGETS) {
    it(`T26 is read or refused, never believed and never fatal: ${target.name}`, async () => {
      const inputs = sized(1_000, 100_000);

      const result = await fuzz(target, { seed, inputs, ms: sized(20_000, 600_000) });

      expect([seed, result.finding?.error, result.finding?.input.toString('base64')]).toEqual([
        seed,
        undefined,
        undefined,
      ]);
      expect(result.inputs).toBeGreaterThan(0);
    }, 700_000);
  }

  // Each once showed a fault: a store in the folder '' and a public key of 31 bytes.
  const FOUND: readonly (readonly [string, string])[] = [
    ['store URL', 'file://///'],
    ['trusted keys', `ssh-ed25519 AAAAC3NzS=aC1lZDI1NTE5AAAAI${'A'.repeat(42)} x`],
  ];

  it.each(FOUND)('stays right for what fuzzing found: %s', async (name, input) => {
    const target = TARGETS.find((candidate) => candidate.name === name);

    expect(target).toBeDefined();
    await target?.run(Buffer.from(input));
  });
});
