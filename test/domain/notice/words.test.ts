import { describe, expect, it } from '@jest/globals';
import type { EventData, EventName, Severity } from '../../../src/domain/notice/events.ts';
import { severityOf, wordsOf } from '../../../src/domain/notice/words.ts';
import { WHOLE } from '../../support/notice-samples.ts';

const words = <Event extends EventName>(event: Event, change: Partial<EventData<Event>> = {}) => {
  const { title, text } = wordsOf(event, { ...WHOLE[event], ...change } as EventData<Event>);
  return [title, ...text.split('\n')];
};
const SINCE = '2026-11-24T10:00:00.000Z';

describe('a failed run, in words', () => {
  it('says what failed, why, what to do, where, and since when it goes on', () => {
    expect(words('run.failed')).toEqual([
      'Backup partly failed: shop, not in vault',
      'The store refuses to write.',
      'Give the role its permissions.',
      'Destination vault: Access denied.',
      'It is the 2nd failure in a row.',
      'Run r1.',
    ]);
  });

  it('leaves out what is not known', () => {
    expect(
      words('run.failed', { state: 'failed', databaseName: undefined, remedy: undefined, failing: [], inARow: 1 }),
    ).toEqual(['Backup failed: no database', 'The store refuses to write.', 'Run r1.']);
    expect(words('run.failed', { remedy: '', failing: [], inARow: 1 })).toHaveLength(3);
  });

  it('names each destination that has no copy', () => {
    const failing = [
      { destinationId: 'x1', name: 'vault' },
      { destinationId: 'x2', name: 'second', detail: 'It is full.' },
    ];

    expect(words('run.failed', { failing, inARow: 1 })).toEqual([
      'Backup partly failed: shop, not in vault, second',
      'The store refuses to write.',
      'Give the role its permissions.',
      'Destination vault: no copy of this backup.',
      'Destination second: It is full.',
      'Run r1.',
    ]);
  });

  it.each([
    ['interrupted', 'Verify was interrupted: shop'],
    ['cancelled', 'Verify was cancelled: shop'],
    ['failed', 'Verify failed: shop'],
  ] as const)('that was %s reads %p', (state, title) => {
    expect(words('run.failed', { kind: 'verify', state, failing: [] })[0]).toBe(title);
  });

  it.each([
    [2, '2nd'],
    [3, '3rd'],
    [4, '4th'],
    [9, '9th'],
    [10, '10th'],
    [11, '11th'],
    [12, '12th'],
    [13, '13th'],
    [20, '20th'],
    [21, '21st'],
    [22, '22nd'],
    [101, '101st'],
    [111, '111th'],
    [113, '113th'],
  ])('counts %i in a row as the %s', (inARow, ordinal) => {
    expect(words('run.failed', { inARow })).toContain(`It is the ${ordinal} failure in a row.`);
  });
});

describe('a run that did not take place, in words', () => {
  it('says which, why, and whether it is made up for', () => {
    expect(words('run.missed')).toEqual([
      'Backup did not run: shop (nightly)',
      `4 runs up to the one of ${SINCE} did not take place in time.`,
      'The service was not running, or did not come to it.',
      'Told by the clock.',
      'One run makes up for it now.',
    ]);
    expect(words('run.missed', { slots: 1, caughtUp: false, detail: undefined })).toEqual([
      'Backup did not run: shop (nightly)',
      `The run of ${SINCE} did not take place in time.`,
      'The service was not running, or did not come to it.',
      'Nothing makes up for it: start a backup by hand if you need one.',
    ]);
  });

  it.each([
    ['not-started', 'The run waits and has not begun.'],
    ['no-slot', 'The schedule had no next time.'],
    ['limit', "The tenant's limit of runs is reached."],
    ['refused', 'The schedule could not be run.'],
  ] as const)('because of %s says %p', (reason, text) => {
    expect(words('run.missed', { reason })[2]).toBe(text);
  });
});

describe('a bad backup, in words', () => {
  it('says what is wrong with it and what to do', () => {
    expect(words('verification.failed', { backups: 1 })).toEqual([
      'A backup of shop is suspect',
      'What is stored is not what was written: do not count on it.',
      'Backup b1. Make another backup now, and look at who may write to the destination.',
    ]);
    expect(words('verification.failed', { state: 'lost' }).slice(0, 2)).toEqual([
      '2 backups of shop are lost',
      'Its objects are not in the store any more.',
    ]);
    expect(words('verification.failed', { state: 'archived' })[1]).toBe(
      'Its objects were moved to an archive class: it cannot be restored until they are fetched from there.',
    );
  });

  it('that is much smaller says by how much', () => {
    expect(words('size.dropped')).toEqual([
      'The backup of shop is 90 % smaller than before',
      '100 kB after 1.0 MB.',
      'If nobody deleted that much, look at what the backup user may read. Backup b1.',
    ]);
  });

  it('that was not restored for long says since when', () => {
    expect(words('level3.overdue')).toEqual([
      'No restore test of shop for too long',
      `The last one that was restored and compared was of ${SINCE}.`,
      'It should be once in 7 days: verify a backup to level 3, and see why the schedule does not.',
    ]);
    expect(words('level3.overdue', { lastAt: undefined })[1]).toBe('No backup of it was ever restored and compared.');
  });
});

describe('every other event, in words', () => {
  it.each<readonly [EventName, readonly string[]]>([
    [
      'run.recovered',
      ['Backups of shop work again', `The backup succeeded after 3 failed runs, the first at ${SINCE}.`, 'Run r1.'],
    ],
    [
      'retention.blocked',
      [
        'Retention is blocked: shop',
        'A lock stands.',
        'Wait until it ends.',
        'Nothing was half done; it is tried again.',
        'Run r1.',
      ],
    ],
    [
      'destination.broken',
      [
        'The destination vault does not work',
        'It refuses the key.',
        'Backups to it fail until this is put right; verify it again afterwards.',
      ],
    ],
    [
      'database.broken',
      ['The database shop cannot be backed up', 'It does not answer.', 'Put this right and verify it again.'],
    ],
    [
      'restore.finished',
      [
        'Restore failed: shop',
        'It took 1 min 15 s.',
        'A table could not be made.',
        'Restore into an empty database.',
        'Run r1.',
      ],
    ],
    [
      'key.expiring',
      [
        'The API key deploy ends soon',
        `ddk_ab12… ends at ${SINCE}. Make another before then, and put it where this one is used.`,
      ],
    ],
    [
      'notice.undelivered',
      [
        'Notices do not get through the channel ops',
        '2 notices of the last 7 days were given up.',
        'The last answer: It answered 500.',
        'Put the channel right and send a test through it.',
      ],
    ],
    ['alarm.ended', ['Over: shop', `The alarm database.broken of ${SINCE} is over.`]],
    [
      'digest',
      [
        '2 of 3 databases restorable',
        `Day up to ${SINCE}: 5 good, 1 failed, 2 missed; 34.1 MB stored.`,
        `Open since ${SINCE}: shop`,
      ],
    ],
    ['test', ['A test of the channel ops', 'This is a test from Database Dump. Nothing has happened.']],
  ])('%s', (event, expected) => {
    expect(words(event)).toEqual(expected);
  });

  it('leave out what is not known', () => {
    expect(words('retention.blocked', { databaseName: undefined })[0]).toBe('Retention is blocked');
    expect(
      words('restore.finished', { state: 'succeeded', seconds: undefined, cause: undefined, remedy: undefined }),
    ).toEqual(['Restore succeeded: shop', 'Run r1.']);
    expect(words('notice.undelivered', { undelivered: 1 })[1]).toBe('1 notice of the last 7 days was given up.');
    expect(words('digest', { period: 'weekly', open: [] }).slice(1)).toEqual([
      `Week up to ${SINCE}: 5 good, 1 failed, 2 missed; 34.1 MB stored.`,
      'No alarm is open.',
    ]);
  });
});

const SEVERITIES: Readonly<Record<EventName, Severity>> = {
  'run.failed': 'critical',
  'run.recovered': 'info',
  'run.missed': 'critical',
  'verification.failed': 'critical',
  'level3.overdue': 'warning',
  'size.dropped': 'warning',
  'retention.blocked': 'warning',
  'destination.broken': 'critical',
  'database.broken': 'critical',
  'restore.finished': 'critical',
  'key.expiring': 'warning',
  'notice.undelivered': 'critical',
  'alarm.ended': 'info',
  digest: 'info',
  test: 'info',
};

describe('the severity', () => {
  it.each(Object.entries(SEVERITIES) as [EventName, Severity][])('of %s is %s', (event, severity) => {
    expect(severityOf(event, WHOLE[event])).toBe(severity);
  });

  it('is none to speak of where somebody wanted it so, and where it went well', () => {
    const state = <Event extends 'run.failed' | 'restore.finished' | 'verification.failed'>(
      event: Event,
      one: EventData<Event>['state'],
    ) => severityOf(event, { ...WHOLE[event], state: one } as EventData<Event>);

    expect((['failed', 'partly', 'interrupted', 'cancelled'] as const).map((one) => state('run.failed', one))).toEqual([
      'critical',
      'critical',
      'critical',
      'info',
    ]);
    expect(
      (['succeeded', 'failed', 'partly', 'interrupted', 'cancelled'] as const).map((one) =>
        state('restore.finished', one),
      ),
    ).toEqual(['info', 'critical', 'critical', 'critical', 'info']);
    expect((['suspect', 'lost', 'archived'] as const).map((one) => state('verification.failed', one))).toEqual([
      'critical',
      'critical',
      'warning',
    ]);
  });
});
