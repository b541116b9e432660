import { problemOf } from '../../src/domain/failure.ts';
import { counted, formatBytes, formatSeconds } from '../../src/domain/figures.ts';
import type { Check } from './doctor.ts';
import type { Session } from './session.ts';

/** The database as a backup would meet it: reachable, readable, and with a dump tool that fits. */
export async function checkDatabase(session: Session, argument: string): Promise<Check[]> {
  try {
    const { engine, connection } = await session.connect(argument);
    const bench = session.rescue.bench();
    const probe = await engine.probe(bench, connection);
    const size = probe.bytes === undefined ? '' : `, ${formatBytes(probe.bytes)}`;
    const tls = connection.tls.mode === 'disable' ? 'no TLS' : `TLS ${connection.tls.mode}`;
    const checks: Check[] = [
      {
        name: 'database',
        verdict: 'ok',
        detail: `${probe.flavour} ${probe.version} at ${connection.host}:${connection.port}, ${counted(probe.tables.length, 'table')}${size}, ${tls}`,
      },
      ...probe.privileges.map(
        ({ name, granted, remedy }): Check =>
          granted
            ? { name: 'privilege', verdict: 'ok', detail: name }
            : { name: 'privilege', verdict: 'fail', detail: `${name} is missing`, remedy, code: 'privilege_missing' },
      ),
      ...probe.obstacles.map(
        (detail): Check => ({ name: 'obstacle', verdict: 'fail', detail, code: 'server_unsupported' }),
      ),
      ...probe.warnings.map((detail): Check => ({ name: 'consistency', verdict: 'warn', detail })),
    ];
    return probe.obstacles.length > 0 ? checks : [...checks, await rehearse(session, { engine, connection })];
  } catch (error) {
    return [failed('database', error)];
  }
}

type Connected = Awaited<ReturnType<Session['connect']>>;

/** Opens a dump of the schema and closes it again: the same choice of tool, the same snapshot, no byte dumped. */
async function rehearse({ rescue }: Session, { engine, connection }: Connected): Promise<Check> {
  try {
    const opened = await engine.openDump(rescue.bench(), connection, {
      type: engine.types.includes('schema') ? 'schema' : 'full',
      include: [],
      exclude: [],
      lockWaitMs: 10_000,
      blockLimitMs: 10_000,
      sourceDigest: false,
      passwordHashes: false,
    });
    opened.watch.catch(() => undefined);
    await opened.close();
    const program = opened.command.program.slice(opened.command.program.lastIndexOf('/') + 1);
    return {
      name: 'dump',
      verdict: 'ok',
      detail: `${program} ${opened.toolVersion}, consistency: ${opened.consistency}`,
    };
  } catch (error) {
    return failed('dump', error);
  }
}

/** The store as a backup would meet it: writes, lists, reads back and removes. */
export async function checkStore(session: Session, url: string): Promise<Check[]> {
  try {
    const storage = session.rescue.openStore(url, 'brisk');
    try {
      const { conditionalWrites, checksums, versioned } = await storage.probe();
      return [
        { name: 'store', verdict: 'ok', detail: `${storage.url}: written, listed, read back and removed` },
        capability(
          'overwriting',
          conditionalWrites,
          'Another run could overwrite a backup here: give each writer its own prefix.',
        ),
        capability('checksums', checksums, 'Damage on the way is found by reading back only: use --level 2 or 3.'),
        { name: 'versions', verdict: 'ok', detail: versioned ? 'kept by the store' : 'not kept by the store' },
        clock(storage.clockOffsetMs()),
      ];
    } finally {
      await storage.close();
    }
  } catch (error) {
    return [failed('store', error)];
  }
}

function capability(name: string, there: boolean, remedy: string): Check {
  if (there) return { name, verdict: 'ok', detail: 'refused by the store, as it should' };
  return { name, verdict: 'warn', detail: 'not refused by the store', remedy };
}

function failed(name: string, error: unknown): Check {
  const { detail, remedy, code } = problemOf(error);
  return { name, verdict: 'fail', detail, code, ...(remedy === undefined ? {} : { remedy }) };
}

const LARGEST_OFFSET_MS = 5 * 60_000;

/** Nothing is deleted from a store whose clock is further away (F34). */
function clock(offsetMs: number): Check {
  const apart = formatSeconds(Math.abs(offsetMs) / 1000);
  if (Math.abs(offsetMs) <= LARGEST_OFFSET_MS)
    return { name: 'clock', verdict: 'ok', detail: `${apart} from the store's` };
  return {
    name: 'clock',
    verdict: 'fail',
    detail: `this machine's clock is ${apart} ${offsetMs > 0 ? 'behind' : 'ahead of'} the store's`,
    remedy: 'Set the clock, and keep it right with NTP.',
    code: 'clock_skew',
  };
}
