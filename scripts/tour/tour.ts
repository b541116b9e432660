import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describedBy } from '../../test/support/described.ts';
import type { Narrator } from './narrator.ts';
import { makeVisitor, type Visitor } from './visitor.ts';
import type { World } from './world.ts';

/** One sight of the tour: rejects on anything that is not as it must be. */
export interface Stop {
  readonly title: string;
  visit(tour: Tour): Promise<void>;
}

/** What a visit needs, and what earlier ones left to it. */
export interface Tour {
  readonly world: World;
  readonly narrator: Narrator;
  /** Asks with the key that the service wrote for its owner. */
  readonly owner: Visitor;
  /** Asks with the cookie of a browser, once signed in. */
  readonly browser: Visitor;
  remember(name: string, value: string): void;
  /** What was remembered under that name; throws where nothing was. */
  recall(name: string): string;
}

/** Reads the service's own description first: every later answer is held against it. */
export async function openTour(world: World, narrator: Narrator): Promise<Tour> {
  const { service, shop, library, journal } = world;
  const baseUrl = `http://127.0.0.1:${service.port}`;
  const document = await (await fetch(`${baseUrl}/v1/openapi.json`)).json();
  const undescribed = describedBy(document as Record<string, unknown>);
  const key = readFileSync(join(service.data, 'owner.key'), 'utf8').trim();
  for (const secret of [key, shop.password, library.password, journal.password]) narrator.hide(secret);
  const owner = makeVisitor({ baseUrl, narrator, undescribed });
  owner.carry({ authorization: `Bearer ${key}` });
  const browser = makeVisitor({ baseUrl, narrator, undescribed });
  const memory = new Map<string, string>();
  return {
    ...{ world, narrator, owner, browser },
    remember: (name, value) => void memory.set(name, value),
    recall: (name) => {
      const value = memory.get(name);
      if (value === undefined) throw new Error(`no stop before this one left ${name}`);
      return value;
    },
  };
}

/** Every database with the name under which its id is remembered. */
export function databasesOf({ shop, library, journal }: World) {
  return [shop, library, journal] as const;
}

const LIVE = ['queued', 'running'];

/** Waits for the end of a run, whatever it is. */
export function ended({ owner }: Tour, runId: string) {
  const ask = () => owner.call('runs.get', { params: { runId } });
  return owner.until(ask, ({ state }) => !LIVE.includes(state));
}
