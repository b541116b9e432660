import {
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientFor, outcome } from './s3-check.ts';
import { FAULT_KINDS, type FaultKind } from './s3-server/faults.ts';
import { type S3Server, startS3Server } from './s3-server/s3-server.ts';
import { begin } from './s3-uploads.ts';

const LATER = Buffer.alloc(300_000, 'later');

let server: S3Server;
let client: S3Client;

beforeEach(async () => {
  server = await startS3Server({ limits: { minPartBytes: 1 } });
  client = clientFor(server);
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

function put(more: Partial<PutObjectCommandInput> = {}, using = client) {
  return outcome(using.send(new PutObjectCommand({ Bucket: 'backups', Key: 'k', Body: LATER, ...more })));
}

function patient(config: S3ClientConfig = {}): S3Client {
  return clientFor(server, { maxAttempts: 3, ...config });
}

async function read(using = client): Promise<Buffer> {
  const { Body } = await using.send(new GetObjectCommand({ Bucket: 'backups', Key: 'k' }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

function unchecked(): S3Client {
  return clientFor(server, { responseChecksumValidation: 'WHEN_REQUIRED' });
}

function stage() {
  return { ...server, client, plain: 'backups', versioned: '', locked: '' };
}

describe('a fault script', () => {
  it.each([
    ['internal-error', 'InternalError 500'],
    ['slow-down', 'SlowDown 503'],
    ['request-timeout', 'RequestTimeout 400'],
    ['expired-token', 'ExpiredToken 400'],
    ['access-denied', 'AccessDenied 403'],
    ['no-such-upload', 'NoSuchUpload 404'],
    ['conditional-conflict', 'ConditionalRequestConflict 409'],
    ['no-checksums', 'NotImplemented 501'],
  ] as const)('F25 answers %s and applies nothing', async (fault, expected) => {
    server.script = [{ action: 'PutObject', fault }];

    expect(await put()).toBe(expected);
    expect(server.objects()).toEqual([]);
    expect(server.log).toMatchObject([{ action: 'PutObject', key: 'k', fault, code: expected.split(' ')[0] }]);
    expect(await put()).toBe('ok');
  });

  it.each([
    'internal-error',
    'slow-down',
    'request-timeout',
    'reset-before-body',
    'reset-mid-body',
    'drop-reply',
  ] as const)('F25 lets the SDK’s own retry get over %s', async (fault) => {
    server.script = [{ at: 0, fault }];
    const retrying = patient();

    expect(await put({}, retrying)).toBe('ok');
    expect(server.log.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect((await server.read('k')).equals(LATER)).toBe(true);
    retrying.destroy();
  });

  it('F25 resets the connection before and in the middle of a body, and keeps nothing of it', async () => {
    server.script = [{ fault: 'reset-before-body' }, { fault: { kind: 'reset-mid-body', afterBytes: 100_000 } }];

    expect(await put()).toMatch(/no answer$/);
    expect(server.log[0]).toMatchObject({ status: 0, bytesIn: 0 });
    expect(await put()).toMatch(/no answer$/);
    expect(server.log[1]?.bytesIn).toBeGreaterThanOrEqual(100_000);
    expect(server.objects()).toEqual([]);
  });

  it('F28 applies a completion and drops the reply', async () => {
    const upload = await begin(stage(), 'k');
    const part = await upload.part(1, LATER);
    server.script = [{ action: 'CompleteMultipartUpload', fault: 'drop-reply' }];

    expect(await upload.complete([part])).toMatch(/no answer$/);
    expect(server.objects()).toMatchObject([{ key: 'k', size: LATER.length }]);
    expect(await upload.complete([part])).toBe('NoSuchUpload 404');
  });

  it.each([
    [false, 0],
    [true, 1],
  ])('F27 answers a completion with 200 and an error inside (applied: %s)', async (applied, objects) => {
    const upload = await begin(stage(), 'k');
    const part = await upload.part(1, LATER);
    server.script = [{ action: 'CompleteMultipartUpload', fault: { kind: 'error-in-200', applied } }];

    expect(await upload.complete([part])).toMatch(/^InternalError/);
    expect(server.log.at(-1)).toMatchObject({ status: 200, code: 'InternalError' });
    expect(server.objects()).toHaveLength(objects);
  });

  it('F29 answers 409 on Complete, and the upload is gone', async () => {
    const upload = await begin(stage(), 'k');
    const part = await upload.part(1, LATER);
    server.script = [{ action: 'CompleteMultipartUpload', fault: 'conditional-conflict' }];

    expect(await upload.complete([part], { IfNoneMatch: '*' })).toBe('ConditionalRequestConflict 409');
    expect(server.uploads()).toEqual([]);
  });

  it('F45 never answers a stalled request', async () => {
    server.script = [{ fault: 'stall' }];
    const impatient = clientFor(server);
    const abort = AbortSignal.timeout(300);
    const call = impatient.send(new PutObjectCommand({ Bucket: 'backups', Key: 'k', Body: LATER }), {
      abortSignal: abort,
    });

    expect(await outcome(call)).toBe('AbortError no answer');
    expect(server.objects()).toEqual([]);
    impatient.destroy();
  });

  it('F23 takes and gives bytes slowly', async () => {
    server.script = [{ fault: { kind: 'slow', bytesPerSecond: 1_000_000 }, times: 2 }];

    for (const step of [() => put(), () => read()]) {
      const started = performance.now();
      await step();
      expect(performance.now() - started).toBeGreaterThan(250);
    }
  });

  it('F40 cuts a reply in the middle', async () => {
    await put();
    server.script = [{ action: 'GetObject', fault: { kind: 'truncated-body', bytes: 1000 } }];

    await expect(read()).rejects.toThrow();
    expect(server.log.at(-1)).toMatchObject({ bytesOut: 1000 });
  });

  it('F45 stops in the middle of a reply and keeps the connection open', async () => {
    await put();
    server.script = [{ action: 'GetObject', fault: { kind: 'stalled-body', bytes: 1000 } }];
    const command = new GetObjectCommand({ Bucket: 'backups', Key: 'k' });
    const { Body } = await client.send(command, { abortSignal: AbortSignal.timeout(5000) });
    let seen = 0;
    const ended = (async () => {
      for await (const piece of Body as AsyncIterable<Buffer>) seen += piece.length;
    })();

    const first = await Promise.race([
      ended.then(() => 'ended'),
      new Promise((resolve) => setTimeout(resolve, 300, 'waiting')),
    ]);

    expect([first, seen]).toEqual(['waiting', 1000]);
    await server.close();
    await expect(ended).rejects.toThrow();
    server = await startS3Server();
  });

  it('F40 gives a well-formed reply that is one byte short', async () => {
    await put();
    server.script = [{ action: 'GetObject', fault: 'short-body' }];
    const trusting = unchecked();

    expect((await read(trusting)).equals(LATER.subarray(0, -1))).toBe(true);
    trusting.destroy();
  });

  it('F39 flips a bit on the way, which the checksum shows', async () => {
    await put();
    server.script = [{ action: 'GetObject', fault: { kind: 'corrupt-body', bit: 2_000_003 }, times: 2 }];
    const trusting = unchecked();

    const spoilt = await read(trusting);

    expect(spoilt[250_000]).toBe((LATER[250_000] ?? 0) ^ 8);
    await expect(read()).rejects.toThrow('Checksum mismatch');
    trusting.destroy();
  });

  it('tells a wrong ETag', async () => {
    server.script = [{ fault: 'wrong-etag' }];
    const upload = await begin(stage(), 'k');
    server.script = [{ action: 'UploadPart', fault: 'wrong-etag' }];
    const part = await upload.part(1, LATER);

    expect(await upload.complete([part])).toBe('InvalidPart 400');
    expect(await upload.complete([{ ...part, ETag: `"${server.uploads()[0]?.parts[0]?.etag}"` }])).toBe('ok');
  });

  it('F34 shows a wrong Date', async () => {
    server.script = [{ fault: { kind: 'clock-skew', seconds: -7200 } }];
    const response = await fetch(server.endpoint);
    await response.arrayBuffer();

    expect(Date.parse(response.headers.get('date') ?? '') - Date.now()).toBeLessThan(-7_190_000);
  });

  it('F44 ignores conditions for one request, or refuses them', async () => {
    await put();
    server.script = [{ fault: 'ignore-conditions' }, { fault: 'no-conditions' }];

    expect(await put({ IfNoneMatch: '*', Body: 'overwritten' })).toBe('ok');
    expect(await put({ IfNoneMatch: '*' })).toBe('NotImplemented 501');
    expect(await put({ IfNoneMatch: '*' })).toBe('PreconditionFailed 412');
  });

  it('F30 lets one of two writers win that both found the key free before their bodies came', async () => {
    server.script = [{ action: 'PutObject', fault: { kind: 'slow', bytesPerSecond: 3_000_000 }, times: 2 }];
    const writers = [put({ IfNoneMatch: '*' }), put({ IfNoneMatch: '*' })];

    expect((await Promise.all(writers)).sort()).toEqual(['PreconditionFailed 412', 'ok']);
    expect(server.objects()).toHaveLength(1);
  });

  it('chooses by index, action, key and part number, and counts its strikes', async () => {
    const upload = await begin(stage(), 'dir/k');
    server.script = [
      { action: 'UploadPart', partNumber: 2, key: /^dir\//, fault: 'slow-down', times: 2 },
      { at: [4, 5], fault: 'internal-error' },
    ];
    const outcomes = [];
    for (const number of [1, 2, 2, 2, 1, 1]) outcomes.push(await outcome(upload.part(number, LATER)));

    expect(outcomes).toEqual(['ok', 'SlowDown 503', 'SlowDown 503', 'InternalError 500', 'InternalError 500', 'ok']);
    expect(server.log.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('can be a function of the call', async () => {
    server.script = ({ action, attempt }) => (action === 'PutObject' && attempt < 3 ? 'slow-down' : undefined);
    const outcomes = [await put(), await put(), await put()];

    expect(outcomes).toEqual(['SlowDown 503', 'SlowDown 503', 'ok']);
  });

  it('starts its index anew with the log', async () => {
    await put();
    server.clearLog();
    server.script = [{ at: 0, fault: 'slow-down' }];

    expect(await put()).toBe('SlowDown 503');
    expect(server.log).toHaveLength(1);
  });

  it('T2 leaves the store whole after every kind of fault', async () => {
    expect(FAULT_KINDS.length).toBeGreaterThanOrEqual(12);
    const impatient = clientFor(server, { requestHandler: { socketTimeout: 200 } });
    for (const fault of FAULT_KINDS satisfies readonly FaultKind[]) {
      server.script = [{ fault, times: 3 }];
      const ids = { Bucket: 'backups', Key: `all/${fault}` };
      await put({ ...ids }, impatient);
      await outcome(impatient.send(new HeadObjectCommand(ids)));
      await outcome(impatient.send(new GetObjectCommand(ids)));
      server.script = [];

      expect(await put({ Key: `after/${fault}` })).toBe('ok');
    }
    impatient.destroy();
    expect(server.log.filter(({ crash }) => crash !== undefined)).toEqual([]);
  });
});
