import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection, Workbench } from '../engine.ts';
import { applicationName, withSession } from './session.ts';

const LONGEST_MS = 60_000;

/** Rows of one statement of a user's, in a transaction that cannot write and ends soon. */
export async function query(
  bench: Workbench,
  source: Connection,
  statement: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const wish = { applicationName: applicationName(bench, ' look'), signal: bench.signal };
  return withSession(source, wish, async (session) => {
    await session.rows(`begin read only; set local statement_timeout = ${LONGEST_MS}; reset search_path`);
    try {
      return await session.table(statement);
    } catch (error) {
      throw new Failure('usage', `The query failed: ${messageOf(error)}.`, {
        remedy: 'Write it as one statement that only reads.',
        cause: error,
      });
    } finally {
      await session.rows('rollback').catch(() => []);
    }
  });
}
