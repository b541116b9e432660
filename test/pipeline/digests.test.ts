import { describe, expect, it } from '@jest/globals';
import type { Connection, DumpRequest, Origin, Plain } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { realTools, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, StubEngine } from '../support/stub-engine.ts';

class Asked extends StubEngine {
  readonly origins: Origin[] = [];

  override parse(bench: unknown, plain: Plain, origin?: Origin) {
    if (origin !== undefined) this.origins.push(origin);
    return super.parse(bench, plain);
  }

  override async openDump(bench: { folder: string }, source: Connection, request?: DumpRequest) {
    const session = await super.openDump(bench, source);
    if (request?.sourceDigest !== true) return session;
    return { ...session, inventory: await this.inventory(bench, source, 'digests') };
  }
}

async function asked(level: 2 | 3, sourceDigest: boolean): Promise<boolean | undefined> {
  const engine = new Asked();
  const made = stubBench({ engine, tools: await realTools(), request: { sourceDigest } });
  try {
    const manifest = await backup(made.needs, made.request);
    const scratch = level === 3 ? connectionTo('scratch') : undefined;
    const outcome = await verify(made.needs, { manifest, level, scratch, assertions: {} });
    expect(outcome.reached).toBeGreaterThanOrEqual(2);
    return engine.origins[0]?.digests;
  } finally {
    made.close();
  }
}

describe('digests of rows in a verification', () => {
  it('are asked for where a copy is compared, and not at level 2, where they would cost more than all the rest', async () => {
    expect(await asked(2, false)).toBe(false);
    expect(await asked(3, false)).toBe(true);
  });

  it('are asked for at level 2 where the source was digested too', async () => {
    expect(await asked(2, true)).toBe(true);
  });
});
