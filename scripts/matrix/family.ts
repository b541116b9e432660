import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import type { Host, HostServer } from '../../test/support/hosts/host.ts';
import { backUp, lineOf, type Trial } from '../../test/support/trial.ts';
import { type Expectation, failedRow, type Row } from './row.ts';
import { crossingRow, type Place, provingRow } from './steps.ts';

const DATABASE = 'matrix';
/** What may cross: no object that only some builds of a server have. */
const TRAVELLER = 'traveller';

interface Started {
  readonly host: Host;
  readonly place: Place;
  readonly server: HostServer;
  readonly manifest: TrustedManifest | undefined;
}

/** All rows of one engine: each server by itself, then every backup on every other server. */
export async function familyRows(trial: Trial, hosts: readonly Host[], say: (row: Row) => void): Promise<void> {
  const started: Started[] = [];
  try {
    for (const host of hosts) {
      const found = await startAndProve(trial, host, say);
      if (found !== undefined) started.push(found);
    }
    for (const [from, to] of pairs(started)) say(await cross(trial, from, to));
  } finally {
    for (const { server } of started) await server.stop();
  }
}

function pairs(started: readonly Started[]): (readonly [Started, Started])[] {
  return started.flatMap((from) => started.filter((to) => to !== from).map((to) => [from, to] as const));
}

async function startAndProve(trial: Trial, host: Host, say: (row: Row) => void): Promise<Started | undefined> {
  const label = `${host.product} ${host.series}`;
  const server = await host.start().catch((error: unknown) => {
    say(failedRow(label, `it does not start: ${lineOf(error)}`));
    return undefined;
  });
  if (server === undefined) return undefined;
  const place: Place = { ...server, label };
  try {
    await server.fill(DATABASE, { portable: false });
    const { row } = await provingRow(trial, place, { database: DATABASE, copy: 'copy' });
    say(row);
    return { host, place, server, manifest: await traveller(trial, server) };
  } catch (error) {
    say(failedRow(label, lineOf(error)));
    return { host, place, server, manifest: undefined };
  }
}

async function traveller(trial: Trial, server: HostServer): Promise<TrustedManifest> {
  await server.fill(TRAVELLER, { portable: true });
  return backUp(trial, server.engine, server.at(TRAVELLER));
}

async function cross(trial: Trial, from: Started, to: Started): Promise<Row> {
  const { manifest } = from;
  if (manifest === undefined)
    return failedRow(`${from.place.label} → ${to.place.label}`, 'there is no backup to restore');
  const crossing = { from: from.place, to: to.place, manifest, database: TRAVELLER };
  return crossingRow(trial, { ...crossing, expected: expectation(from.host, to.host) });
}

/** Upwards must work. Downwards PostgreSQL promises nothing; the others, and the two families, only must not lose in silence. */
function expectation(from: Host, to: Host): Expectation {
  if (from.product !== to.product) return 'refused';
  if (Number(from.series) < Number(to.series)) return 'works';
  return from.product === 'PostgreSQL' ? 'refused' : 'honest';
}
