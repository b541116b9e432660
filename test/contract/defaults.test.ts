import { describe, expect, it } from '@jest/globals';
import { DatabaseCreate } from '../../src/contract/resources/places.ts';
import { ScheduleCreate } from '../../src/contract/resources/work.ts';

const ID = '018f2c6e-0000-4000-8000-000000000001';

describe('what is left out', () => {
  it('RU-08 of a schedule: everything, verified to level 2, kept for ever, a day at most, five minutes of silence', () => {
    const schedule = { name: 'n', databaseId: ID, destinationIds: [ID], cron: '0 3 * * *', zone: 'UTC' };

    expect(ScheduleCreate.parse(schedule)).toEqual({
      ...schedule,
      jitterMinutes: 0,
      type: 'full',
      retention: {},
      timeoutMinutes: 1440,
      inactivityMinutes: 5,
      retries: 2,
      level: 2,
      level3EveryDays: 7,
      recipients: [],
      enabled: true,
    });
  });

  it('RU-08 of a database: a proven host name, all of it, a day until it counts as stale', () => {
    const database = { name: 'n', engine: 'postgres', host: 'h', port: 1, environment: 'production' } as const;

    expect(DatabaseCreate.parse({ ...database, credential: { kind: 'one-off' } })).toMatchObject({
      tls: { mode: 'verify-full' },
      allDatabases: false,
      include: [],
      exclude: [],
      rpoHours: 24,
      lockWaitSeconds: 60,
    });
  });
});
