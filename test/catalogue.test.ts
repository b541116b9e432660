import { describe, expect, it } from '@jest/globals';
import { FAULTS, MEASUREMENTS_AND_TARGETS, namesOfTests, tagsIn } from './support/fault-catalogue.ts';

describe('the fault catalogue', () => {
  it('has a test named after every fault, measurement and target of the engine', () => {
    const tags = tagsIn(namesOfTests());

    expect([...FAULTS, ...MEASUREMENTS_AND_TARGETS].filter((tag) => !tags.has(tag))).toEqual([]);
  });
});
