import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fuzz } from '../../test/fuzz/fuzz.ts';
import { TARGETS } from '../../test/fuzz/targets.ts';
import type { SoakResult } from './jest-run.ts';

export interface FuzzLine extends SoakResult {
  readonly name: string;
}

/** Every reader of what others wrote, each for its share of the time. A finding is kept as a file. */
export async function runFuzz(limits: { seed: number; ms: number; folder: string }): Promise<FuzzLine[]> {
  const lines: FuzzLine[] = [];
  for (const target of TARGETS) {
    const started = performance.now();
    const ms = limits.ms / TARGETS.length;
    const { inputs, slowestMs, finding } = await fuzz(target, {
      seed: limits.seed,
      inputs: Number.POSITIVE_INFINITY,
      ms,
    });
    const failures =
      finding === undefined ? [] : [`${String(finding.error)}: ${keep(limits.folder, target.name, finding.input)}`];
    lines.push({
      name: target.name,
      passed: finding === undefined ? 1 : 0,
      failed: failures.length,
      seconds: (performance.now() - started) / 1000,
      counts: [`${inputs} inputs, slowest ${slowestMs.toFixed(1)} ms`],
      failures,
    });
  }
  return lines;
}

function keep(folder: string, name: string, input: Buffer): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `fuzz-${name.toLowerCase().replaceAll(' ', '-')}.input`);
  writeFileSync(file, input);
  return file;
}
