import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { crc32Base64 } from '../../src/storage/crc32.ts';
import { type S3Server, startS3Server } from '../support/s3-server/s3-server.ts';
import { sized } from '../support/size.ts';
import { type StsServer, startStsServer } from '../support/sts-server.ts';
import { openOn, SMALL_PART } from './stores.ts';
import { codeOf, digest, failureOf, severalParts, store } from './uploading.ts';

const ROLE = 'arn:aws:iam::111122223333:role/backup-write';
const EXTERNAL_ID = 'external-0123456789abcdef0123456789abcdef';

let sts: StsServer;
let server: S3Server;

function openRole(externalId: string | undefined = EXTERNAL_ID): ReturnType<typeof openOn> {
  const base = { endpoint: server.endpoint, region: server.region, credentials: sts.credentials };
  return openOn(base, { role: { arn: ROLE, externalId } }, { stsEndpoint: sts.endpoint });
}

/** Requests that reached the server under a session that had ended by then. */
function signedTooLate(stallMs = 0): number {
  return server.log.filter(({ accessKeyId, at, code }) => {
    const session = sts.sessions.find((candidate) => candidate.accessKeyId === accessKeyId);
    if (session === undefined) return code === 'ExpiredToken';
    return Number(at) - stallMs >= Number(session.expiresAt);
  }).length;
}

beforeEach(async () => {
  sts = await startStsServer({ roles: [{ arn: ROLE, externalIds: [EXTERNAL_ID] }] });
  server = await startS3Server({ sessions: sts, limits: { minPartBytes: 1 } });
});

afterEach(async () => {
  await server.close();
  await sts.close();
});

describe('sessions of an assumed role', () => {
  it('assumes the role with its external id, once', async () => {
    const storage = openRole();

    await store(storage, { key: 'role', body: severalParts(storage) });
    await storage.close();

    expect(sts.log.map(({ roleArn, externalId, status }) => [roleArn, externalId, status])).toEqual([
      [ROLE, EXTERNAL_ID, 200],
    ]);
    expect(server.log.every(({ accessKeyId }) => accessKeyId === sts.sessions[0]?.accessKeyId)).toBe(true);
  });

  it('F37 a role that does not trust us is named', async () => {
    const failure = await failureOf(openRole('another-external-id').put('role', Buffer.from('x')));

    expect(failure.code).toBe('storage_denied');
    expect(failure.message).toContain('sts:AssumeRole');
    expect(failure.message).toContain(ROLE);
    expect(`${failure.message} ${JSON.stringify(failure.details)}`).not.toContain('external-id');
  });

  it('T6 F32 lives through fifty renewals in one upload, and signs nothing with an expired session', async () => {
    sts.lifetimeSeconds = sized(1, 2);
    const storage = openRole();
    const parts: Buffer[] = [];
    const upload = await storage.upload('t6', { run: 't6' });
    // What arrives is stamped by a server in this very process: it may be late by as long as the process stood still.
    const stalls = monitorEventLoopDelay({ resolution: 5 });
    stalls.enable();

    while (sts.sessions.length <= 51 && parts.length < 9000) {
      const part = randomBytes(SMALL_PART);
      parts.push(part);
      await upload.part(parts.length, part);
      await sleep(10);
    }
    const body = Buffer.concat(parts);
    await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });
    await storage.close();

    expect(sts.sessions.length - 1).toBeGreaterThanOrEqual(50);
    stalls.disable();
    expect(signedTooLate(stalls.max / 1e6)).toBe(0);
    console.log(`T6: ${sts.sessions.length - 1} renewals, ${parts.length} parts, 0 requests signed too late`);
    expect(digest(await server.read('tenant/one/t6'))).toBe(digest(body));
  }, 240_000);

  it('F32 a session ended before its time is renewed once, and the part is replayed', async () => {
    const storage = openRole();
    const upload = await storage.upload('f32', {});
    await upload.part(1, Buffer.alloc(SMALL_PART));
    sts.expireAll();
    const body = Buffer.concat([Buffer.alloc(SMALL_PART), Buffer.from('rest')]);

    await upload.part(2, Buffer.from('rest'));
    await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });

    expect(sts.log).toHaveLength(2);
    expect(server.log.filter(({ code }) => code === 'ExpiredToken')).toHaveLength(1);
  });

  it('F32 parts in flight together share one renewal', async () => {
    const storage = openRole();
    const upload = await storage.upload('f32', {});
    await upload.part(1, Buffer.alloc(SMALL_PART));
    sts.expireAll();

    await Promise.all([2, 3, 4, 5].map((number) => upload.part(number, Buffer.alloc(SMALL_PART))));
    await upload.abort();

    expect(sts.log).toHaveLength(2);
  });

  it('F32 a HEAD, whose refusal has no words, is renewed as well', async () => {
    const storage = openRole();
    await storage.put('f32', Buffer.from('x'));
    sts.expireAll();

    expect((await storage.head('f32'))?.bytes).toBe(1);
  });

  it('F32 a store that calls every session expired ends by name, without a loop', async () => {
    const storage = openRole();
    server.script = [{ fault: 'expired-token', times: Infinity }];

    expect(await codeOf(storage.put('f32', Buffer.from('x')))).toBe('session_expired');
    expect(server.log).toHaveLength(2);
  });

  it.each(['unavailable', 'throttled', 'reset'] as const)(
    'F33 an STS that is %s for 90 percent of the remaining life harms nothing',
    async (outage) => {
      sts.lifetimeSeconds = 2;
      const storage = openRole();
      await storage.put('f33/0', Buffer.from('x'));
      const started = Date.now();
      sts.outage = () => (Date.now() - started < 1_700 ? outage : undefined);

      for (let i = 1; Date.now() - started < 2_600; i += 1) {
        await storage.put(`f33/${i}`, Buffer.from('x'));
        await sleep(20);
      }

      expect(signedTooLate()).toBe(0);
      expect(sts.sessions.length).toBeGreaterThanOrEqual(2);
      expect(sts.log.length).toBeLessThan(60);
    },
  );

  it('F33 an STS that stays down ends as session_expired only when the session really ended', async () => {
    sts.lifetimeSeconds = 1;
    const storage = openRole();
    await storage.put('f33', Buffer.from('x'));
    const started = Date.now();
    sts.outage = 'unavailable';

    let failure: { code: string } | undefined;
    while (failure === undefined && Date.now() - started < 10_000) {
      failure = await storage.put('f33', Buffer.from('x')).then(
        () => undefined,
        (error: { code: string }) => error,
      );
      await sleep(10);
    }

    expect(failure?.code).toBe('session_expired');
    expect(Date.now() - started).toBeGreaterThan(850);
    expect(signedTooLate()).toBe(0);
  });

  it('no secret of a session is in a Failure', async () => {
    const storage = openRole();
    await storage.put('secret', Buffer.from('x'));
    server.deny.add('s3:PutObject');

    const failure = await failureOf(storage.put('secret', Buffer.from('x')));

    const said = [
      failure.message,
      failure.remedy,
      failure.stack,
      JSON.stringify(failure.details),
      String(failure.cause),
    ].join('\n');
    for (const { secretAccessKey, sessionToken } of sts.sessions) {
      expect(said).not.toContain(secretAccessKey);
      expect(said).not.toContain(sessionToken);
    }
    expect(said).not.toMatch(/X-Amz-Signature|Authorization/i);
  });
});
