import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DATABASE, newOwner, type Person, refusal, startWorld, type World } from '../support/operations-world.ts';

let world: World;
let first: Person;
let second: Person;

beforeAll(async () => {
  world = await startWorld('aws');
  first = await newOwner(world);
  second = await newOwner(world);
});

afterAll(() => world.stop());

const arn = (name: string) => `arn:aws:iam::111122223333:role/${name}`;

function bucket(s3: object) {
  return { body: { kind: 's3', name: 'bucket', s3: { bucket: 'backups', region: 'eu-west-1', ...s3 } } };
}

function database(credential: object, more: object = {}) {
  return { body: { ...DATABASE, credential, ...more } };
}

describe('a role of a client’s account', () => {
  it('F90 serves one tenant, whichever of its places names it', async () => {
    await first.ask('destinations.create', bucket({ writeRoleArn: arn('w1'), readRoleArn: arn('r1') }));
    await first.ask('databases.create', database({ kind: 'rds-iam', roleArn: arn('d1'), region: 'eu-west-1' }));

    const attempts = [
      bucket({ writeRoleArn: arn('w1') }),
      bucket({ writeRoleArn: arn('r1') }),
      bucket({ writeRoleArn: arn('mine'), deleteRoleArn: arn('d1') }),
    ].map((wish) => refusal(second.ask('destinations.create', wish)));
    const secret = { kind: 'secret', secretArn: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:x' };
    const databases = [arn('w1'), arn('d1')].map((roleArn) =>
      refusal(second.ask('databases.create', database({ ...secret, roleArn }))),
    );

    expect(await Promise.all([...attempts, ...databases])).toEqual(Array(5).fill('conflict'));
  });

  it('F90 is not come by through a change, a look, or a tunnel either', async () => {
    await first.ask('destinations.create', bucket({ writeRoleArn: arn('w2') }));
    const mine = await second.ask('destinations.create', bucket({ writeRoleArn: arn('own2') }));
    const db = await second.ask('databases.create', database({ kind: 'none' }, { engine: 'mysql', port: 3306 }));
    const roles = { writeRoleArn: arn('own2'), readRoleArn: arn('w2') };
    const tunnel = {
      host: 'bastion.example.org',
      user: 'tunnel',
      hostKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8rSd6n',
      privateKey: { kind: 'secret', secretArn: 'arn:aws:secretsmanager:x', roleArn: arn('w2') },
    };

    const update = second.with({ ifMatch: mine.version });
    const wanted = { params: { destinationId: mine.id }, body: { s3: roles } };
    expect(await refusal(update.ask('destinations.update', wanted))).toBe('conflict');
    const updateDb = second.with({ ifMatch: db.version });
    const moved = { params: { databaseId: db.id }, body: { tunnel, tls: { mode: 'require' } } };
    expect(await refusal(updateDb.ask('databases.update', moved))).toBe('conflict');
    const looked = database({ kind: 'rds-iam', roleArn: arn('w2'), region: 'eu-west-1' });
    expect(await refusal(second.ask('databases.dryRun', looked))).toBe('conflict');
    expect(world.outside.looks).toEqual([]);
  });

  it('serves several destinations of its own tenant', async () => {
    await first.ask('destinations.create', bucket({ writeRoleArn: arn('w3') }));

    const again = await first.ask('destinations.create', bucket({ writeRoleArn: arn('w3'), prefix: 'other' }));

    expect(again.s3.writeRoleArn).toBe(arn('w3'));
  });

  it('F90 is given to one of two tenants that name it at the same moment', async () => {
    for (let round = 0; round < 10; round += 1) {
      const wish = () => bucket({ writeRoleArn: arn(`race-${round}`), readRoleArn: arn(`race-${round}-read`) });
      const outcomes = await Promise.all(
        [first, second].map((person) => refusal(person.ask('destinations.create', wish()))),
      );

      expect(outcomes.filter((outcome) => outcome === 'conflict')).toHaveLength(1);
    }
  });

  it('is told to nobody else: the refusal names no tenant and no id', async () => {
    const made = await first.ask('destinations.create', bucket({ writeRoleArn: arn('w4') }));

    const error = await second.ask('destinations.create', bucket({ writeRoleArn: arn('w4') })).catch((e: Error) => e);

    expect(error.message).toBe(`The role ${arn('w4')} is used by another tenant.`);
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(
      new RegExp(`${first.tenantId}|${made.id}`),
    );
  });
});
