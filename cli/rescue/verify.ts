import { z } from 'zod';
import { verify } from '../../src/pipeline/verify.ts';
import { readAssertions } from './assertions.ts';
import { CommonOptions } from './global-options.ts';
import { openBackup } from './reference.ts';
import { exitOf, shortfall, verifiedDocument, verifiedLines } from './report.ts';
import { runCommand } from './session.ts';

const VerifyOptions = CommonOptions.extend({
  from: z.string(),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  scratch: z.string().optional(),
  assert: z.record(z.string(), z.string()).default({}),
  assertFile: z.string().optional(),
});

/** `dbdump rescue verify`. */
export async function verifyCommand(reference: string, given: unknown): Promise<void> {
  const options = VerifyOptions.parse(given);
  await runCommand(options, async (session) => {
    const { needs, manifest, close } = await openBackup(session, { ...options, reference });
    try {
      const started = performance.now();
      const scratch = options.scratch === undefined ? undefined : (await session.connect(options.scratch)).connection;
      const assertions = await readAssertions(options);
      const outcome = await verify(needs, { manifest, level: options.level, scratch, assertions });
      const seconds = (performance.now() - started) / 1000;
      const { body } = manifest;
      return {
        document: verifiedDocument(manifest, outcome, seconds),
        lines: [
          `  ${body.database.name}, backup ${body.backup} of ${body.snapshotAt}`,
          ...verifiedLines(manifest, outcome, options.level),
        ],
        exit: exitOf(shortfall(outcome, options.level)),
      };
    } finally {
      await close();
    }
  });
}
