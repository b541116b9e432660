import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteId } from '../../src/contract/routes.ts';
import type { Failure } from '../../src/domain/failure.ts';
import { withIdempotency } from '../../src/operations/idempotency.ts';
import type { Asker } from '../../src/operations/operation.ts';
import { ask, DATABASE, newOwner, type Person, refusal, startWorld, type World } from '../support/operations-world.ts';

let world: World;
let owner: Person;

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

async function fresh(): Promise<Person> {
  owner = await newOwner(world);
  return owner;
}

interface Keyed {
  readonly key: string;
  readonly id: RouteId;
  readonly body: unknown;
  readonly hash?: string;
  readonly work?: (asker: Asker) => Promise<unknown>;
}

function keyed({ key, id, body, hash, work }: Keyed) {
  return withIdempotency(world.runtime, owner.asker, {
    key,
    route: id,
    status: 201,
    requestHash: hash ?? JSON.stringify(body),
    work: work ?? ((asker) => ask(world.runtime, asker, { id, body })),
  });
}

const database = (name: string) => ({ id: 'databases.create', body: { ...DATABASE, name } }) as const;
const count = async () => (await owner.ask('databases.list', { query: { limit: 200 } })).items.length;

describe('F59 an idempotency key', () => {
  it('makes one of ten requests at once, and gives every later one the same answer', async () => {
    await fresh();
    const all = await Promise.all(
      Array.from({ length: 10 }, () =>
        keyed({ key: 'a', ...database('one') }).then(
          ({ replayed }) => (replayed ? 'replayed' : 'made'),
          (error: Failure) => error.code,
        ),
      ),
    );

    expect(all.filter((answer) => answer === 'made')).toHaveLength(1);
    expect(all.every((answer) => ['made', 'replayed', 'already_running'].includes(answer))).toBe(true);
    const first = await keyed({ key: 'a', ...database('one') });
    const second = await keyed({ key: 'a', ...database('one') });
    expect(first).toEqual({ answer: second.answer, replayed: true });
    expect(await count()).toBe(1);
  });

  it('with another request is refused', async () => {
    await fresh();
    await keyed({ key: 'b', ...database('one') });

    expect(await refusal(keyed({ key: 'b', ...database('two') }))).toBe('key_reused');
    expect(
      await refusal(keyed({ key: 'b', id: 'channels.create', body: {}, hash: JSON.stringify(database('one').body) })),
    ).toBe('key_reused');
    expect(await count()).toBe(1);
  });

  it('keeps the answer of a change whose reply was lost after its commit', async () => {
    await fresh();
    const request = database('lost');
    const lost = keyed({
      key: 'c',
      ...request,
      work: async (asker) => {
        await ask(world.runtime, asker, request);
        throw new Error('the connection broke after COMMIT');
      },
    });
    await expect(lost).rejects.toThrow('after COMMIT');

    const again = await keyed({ key: 'c', ...request });

    expect(again).toMatchObject({ replayed: true, answer: { name: 'lost' } });
    expect(await count()).toBe(1);
  });

  it('is free again after a refusal, and after a question that changed nothing', async () => {
    await fresh();
    const refused = { id: 'databases.create', body: { ...DATABASE, engine: 'oracle' } } as const;
    expect(await refusal(keyed({ key: 'd', ...refused }))).toBe('usage');
    expect((await keyed({ key: 'd', ...database('now') })).replayed).toBe(false);

    const preview = { id: 'schedules.preview', body: { cron: '0 1 * * *', zone: 'UTC' } } as const;
    expect((await keyed({ key: 'e', ...preview })).replayed).toBe(false);
    expect((await keyed({ key: 'e', ...preview })).replayed).toBe(false);
  });

  it('keeps no secret that is shown once', async () => {
    await fresh();
    const request = { id: 'apiKeys.create', body: { name: 'k', role: 'viewer' } } as const;
    const { answer } = await keyed({ key: 'f', ...request });

    expect(await refusal(keyed({ key: 'f', ...request }))).toBe('conflict');
    const rows = await world.world.sql('SELECT string_agg(to_jsonb(i)::text, $$ $$) AS text FROM idempotency_keys i');
    expect(rows[0]?.text).not.toContain((answer as { key: string }).key.slice(8));
    expect((await owner.ask('apiKeys.list')).items.filter(({ name }: { name: string }) => name === 'k')).toHaveLength(
      1,
    );
  });

  it('of a request that died is taken over, and what the dead one still brings is rolled back', async () => {
    await fresh();
    const request = database('slow');
    const [began, asleep] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = keyed({
      key: 'g',
      ...request,
      work: async (asker) => {
        began.resolve();
        await asleep.promise;
        return ask(world.runtime, asker, request);
      },
    }).catch((error: Failure) => error.code);
    await began.promise;
    await expect(refusal(keyed({ key: 'g', ...request }))).resolves.toBe('already_running');
    await world.world.sql(`UPDATE idempotency_keys SET created_at = now() - interval '1 hour' WHERE key = 'g'`);

    const second = await keyed({ key: 'g', ...request });
    asleep.resolve();

    expect(second.replayed).toBe(false);
    expect(await slow).toBe('conflict');
    expect(await count()).toBe(1);
  });

  it('belongs to one tenant', async () => {
    await fresh();
    await keyed({ key: 'h', ...database('mine') });
    await fresh();

    expect((await keyed({ key: 'h', ...database('theirs') })).replayed).toBe(false);
  });
});
