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
});
