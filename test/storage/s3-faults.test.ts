import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { crc32Base64, toBase64 } from '../../src/storage/crc32.ts';
import { type S3Server, startS3Server } from '../support/s3-server/s3-server.ts';
import { openOn, SMALL_PART, withServer } from './stores.ts';
import { bytesOf, codeOf, collect, digest, failureOf, partsOf, sendParts, severalParts, store } from './uploading.ts';

const COMPLETE = 'CompleteMultipartUpload';

function actions(server: S3Server, action: string): number {
  return server.log.filter((entry) => entry.action === action).length;
}

describe('what goes wrong between us and a bucket', () => {
  it.each([
    'internal-error',
    'slow-down',
    'request-timeout',
    'reset-before-body',
    'reset-mid-body',
    'drop-reply',
    'error-in-200',
  ] as const)('F25 a part is replayed whole after %s, nine times if need be', async (fault) => {
    await withServer({ script: [{ fault, action: 'UploadPart', partNumber: 2, times: 9 }] }, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);

      await store(storage, { key: 'f25', body });

      expect(digest(await server.read('tenant/one/f25'))).toBe(digest(body));
      expect(server.log.filter(({ action, partNumber }) => action === 'UploadPart' && partNumber === 2)).toHaveLength(
        10,
      );
      expect(server.uploads()).toEqual([]);
    });
  });

  it('F25 a store that stays down ends the upload by name, after a bounded number of requests', async () => {
    await withServer({ script: [{ fault: 'slow-down', action: 'UploadPart', times: Infinity }] }, async (server) => {
      const storage = openOn(server);

      const failure = await failureOf(store(storage, { key: 'f25', body: severalParts(storage) }));

      expect(failure.code).toBe('storage_unreachable');
      expect(actions(server, 'UploadPart')).toBe(12);
      expect(server.uploads()).toEqual([]);
    });
  });

  it('F27 an error inside a 200 of Complete is no success', async () => {
    await withServer({ script: [{ fault: 'error-in-200', action: COMPLETE, times: 2 }] }, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);

      const stat = await store(storage, { key: 'f27', body });

      expect(stat).toMatchObject({ bytes: body.length, crc32: crc32Base64(body) });
      expect(actions(server, COMPLETE)).toBe(3);
      expect(digest(await server.read('tenant/one/f27'))).toBe(digest(body));
    });
  });

  it('F27 an error inside a 200 for ever is a failure, and nothing is visible', async () => {
    await withServer({ script: [{ fault: 'error-in-200', action: COMPLETE, times: Infinity }] }, async (server) => {
      const storage = openOn(server);

      expect(await codeOf(store(storage, { key: 'f27', body: severalParts(storage) }))).toBe('storage_unreachable');
      expect([server.objects(), server.uploads()]).toEqual([[], []]);
    });
  });

  it.each(['drop-reply', 'error-in-200'] as const)(
    'F28 a Complete that was applied and answered by %s is adopted',
    async (kind) => {
      const fault = kind === 'error-in-200' ? ({ kind, applied: true } as const) : kind;
      await withServer({ script: [{ fault, action: COMPLETE }] }, async (server) => {
        const storage = openOn(server);
        const body = severalParts(storage);

        const stat = await store(storage, { key: 'f28', body, metadata: { run: 'mine' } });

        expect(stat).toMatchObject({ bytes: body.length, metadata: { run: 'mine' } });
        expect(server.objects()).toHaveLength(1);
        expect(server.uploads()).toEqual([]);
      });
    },
  );

  it('F28 an object of another run is not adopted', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      const upload = await storage.upload('f28', { run: 'mine' });
      await sendParts(upload, partsOf(storage, body));
      await store(openOn(server), { key: 'f28', body, metadata: { run: 'theirs' } });
      server.script = [{ fault: 'internal-error', action: COMPLETE }];

      const code = await codeOf(upload.complete({ bytes: body.length, crc32: crc32Base64(body) }));
      await upload.abort();

      expect(code).toBe('storage_conflict');
      expect(server.objects()[0]?.metadata).toEqual({ run: 'theirs' });
      expect(server.uploads()).toEqual([]);
    });
  });

  it('F28 a small object whose reply was lost is adopted too', async () => {
    await withServer({ script: [{ fault: 'drop-reply', action: 'PutObject' }] }, async (server) => {
      const storage = openOn(server);

      const stat = await storage.put('f28', Buffer.from('manifest'), { ifAbsent: true, metadata: { run: 'mine' } });

      expect(stat.bytes).toBe(8);
      expect(server.objects()).toHaveLength(1);
    });
  });

  it('F29 a conditional conflict on Complete is a conflict to be retried as a whole, not a loop', async () => {
    await withServer(
      { script: [{ fault: 'conditional-conflict', action: COMPLETE, times: Infinity }] },
      async (server) => {
        const storage = openOn(server);

        expect(await codeOf(store(storage, { key: 'f29', body: severalParts(storage) }))).toBe('storage_conflict');
        expect(actions(server, COMPLETE)).toBe(1);
        expect(server.uploads()).toEqual([]);
      },
    );
  });

  it('F30 an existing key is refused at Complete, and the object stays as it was', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      await storage.put('f30', Buffer.from('the good one'));

      expect(await codeOf(store(storage, { key: 'f30', body: severalParts(storage) }))).toBe('storage_conflict');
      expect(String(await server.read('tenant/one/f30'))).toBe('the good one');
      expect(server.versions()).toHaveLength(1);
    });
  });

  it('F31 a store with fewer parts is not asked for more', async () => {
    await withServer({ limits: { maxParts: 20, equalParts: true } }, async (server) => {
      const storage = openOn(server, { partsPerObject: 20 });
      const body = randomBytes(SMALL_PART * 20);
      await store(storage, { key: 'f31/full', body });
      const upload = await storage.upload('f31/over', {});

      const code = await codeOf(upload.part(21, Buffer.from('x')));
      await upload.abort();

      expect(code).toBe('storage_unsupported');
      expect(server.log.filter(({ partNumber }) => partNumber === 21)).toEqual([]);
      expect(server.objects().map(({ size }) => size)).toEqual([body.length]);
    });
  });

  it.each([-31_536_000, -86_400, -1000, 0, 1000, 86_400, 31_536_000])(
    'F34 works with a clock %i seconds away, but deletes nothing beyond five minutes',
    async (seconds) => {
      await withServer({}, async (server) => {
        server.clockOffsetMs = seconds * 1000;
        const storage = openOn(server);
        const body = severalParts(storage);

        await store(storage, { key: 'f34', body });
        const removal = storage.remove('f34').then(
          () => 'removed',
          ({ code, message }: { code: string; message: string }) => [code, /(-?\d+) seconds/.exec(message)?.[1]],
        );

        expect(Math.abs(storage.clockOffsetMs() - seconds * 1000)).toBeLessThan(2_000);
        const said = await removal;
        if (Math.abs(seconds) < 300) expect(said).toBe('removed');
        else {
          expect(said[0]).toBe('clock_skew');
          expect(Math.abs(Number(said[1]) - seconds)).toBeLessThanOrEqual(2);
          expect(server.objects()).toHaveLength(1);
        }
      });
    },
  );

  it('F34 a store that refuses its own time ends as clock_skew that names the offset', async () => {
    let requests = 0;
    const server = createServer((request, response) => {
      requests += 1;
      request.resume().on('end', () => {
        response.writeHead(403, { date: new Date(Date.now() + 7_200_000).toUTCString() });
        response.end('<Error><Code>RequestTimeTooSkewed</Code><Message>signature text</Message></Error>');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const storage = openOn({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });

    const failure = await failureOf(storage.put('f34', Buffer.from('x')));
    await storage.close();
    server.closeAllConnections();
    server.close();

    expect(failure.code).toBe('clock_skew');
    expect(failure.message).toMatch(/ (7199|7200|7201) seconds/);
    expect(failure.remedy).toMatch(/NTP/);
    expect(requests).toBe(2);
  });

  it('F35 a bucket of another account is refused with every call, and nothing is written', async () => {
    await withServer({ buckets: [{ name: 'backups', owner: '999999999999' }] }, async (server) => {
      const storage = openOn(server, { expectedOwner: '111122223333' });

      const codes = [
        await codeOf(storage.put('f35', Buffer.from('x'))),
        await codeOf(storage.get('f35')),
        await codeOf(storage.head('f35')),
        await codeOf(bytesOf(storage, 'f35')),
        await codeOf(collect(storage.list(''))),
        await codeOf(storage.remove('f35')),
        await codeOf(storage.remove('f35', { versionId: 'v1' })),
        await codeOf(storage.upload('f35', {})),
        await codeOf(collect(storage.unfinishedUploads(''))),
        await codeOf(storage.abortUpload({ key: 'f35', uploadId: 'u', startedAt: new Date() })),
        await codeOf(storage.probe()),
      ];

      expect(new Set(codes)).toEqual(new Set(['storage_wrong_owner']));
      expect([server.versions(), server.uploads()]).toEqual([[], []]);
    });
  });

  it('F35 a bucket that changes hands during an upload gets no further part', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server, { expectedOwner: server.account });
      const upload = await storage.upload('f35', {});
      await upload.part(1, Buffer.alloc(SMALL_PART));
      server.bucket('backups').owner = '999999999999';

      expect(await codeOf(upload.part(2, Buffer.alloc(SMALL_PART)))).toBe('storage_wrong_owner');
      expect(await codeOf(upload.complete({ bytes: SMALL_PART, crc32: crc32Base64(Buffer.alloc(SMALL_PART)) }))).toBe(
        'storage_wrong_owner',
      );
      expect(server.objects()).toEqual([]);
    });
  });

  it('F36 a bucket in another region is refused, and the right region is named', async () => {
    await withServer({ buckets: [{ name: 'backups', region: 'eu-west-3' }] }, async (server) => {
      const storage = openOn(server);

      for (const failure of [
        await failureOf(storage.put('f36', Buffer.from('x'))),
        await failureOf(storage.head('f36')),
        await failureOf(storage.upload('f36', {})),
        await failureOf(storage.probe()),
      ]) {
        expect(failure.code).toBe('storage_wrong_region');
        expect(failure.remedy).toContain('eu-west-3');
      }
      expect(server.log.length).toBeLessThan(10);
    });
  });

  it.each([
    ['s3:PutObject', 'put'],
    ['s3:GetObject', 'get'],
    ['s3:ListBucket', 'list'],
    ['s3:DeleteObject', 'remove'],
    ['s3:ListBucketMultipartUploads', 'unfinished'],
    ['s3:AbortMultipartUpload', 'abort'],
  ] as const)('F37 a denied %s is named with its bucket', async (action, what) => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      await storage.put('f37', Buffer.from('x'));
      server.deny.add(action);
      const attempts = {
        put: () => storage.put('f37', Buffer.from('y')),
        get: () => storage.get('f37'),
        list: () => collect(storage.list('')),
        remove: () => storage.remove('f37'),
        unfinished: () => collect(storage.unfinishedUploads('')),
        abort: async () => (await storage.upload('f37-a', {})).abort(),
      };

      const failure = await failureOf(attempts[what]());

      expect(failure.code).toBe('storage_denied');
      expect(failure.message).toContain(action);
      expect(failure.message).toContain('backups');
      expect(failure.remedy).toContain(action);
    });
  });

  it.each(['s3:PutObject', 's3:GetObject', 's3:ListBucket', 's3:DeleteObject', 's3:AbortMultipartUpload'])(
    'F37 the probe finds out that %s is denied',
    async (action) => {
      await withServer({}, async (server) => {
        server.deny.add(action);

        const failure = await failureOf(openOn(server).probe());

        expect([failure.code, failure.message.includes(action)]).toEqual(['storage_denied', true]);
      });
    },
  );

  it.each(['denied', 'disabled', 'pending-deletion', 'no-decrypt'] as const)(
    'F38 a KMS key that is %s is named by the probe',
    async (state) => {
      const kmsKeyId = 'arn:aws:kms:us-east-1:111122223333:key/k1';
      await withServer({ kmsKeys: { [kmsKeyId]: state } }, async (server) => {
        const failure = await failureOf(openOn(server, { kmsKeyId }).probe());

        expect(failure.code).toBe('storage_key_denied');
        expect(failure.message).toContain(kmsKeyId);
        expect(failure.remedy).toMatch(/kms:Decrypt/);
      });
    },
  );

  it('F38 with a good KMS key everything is encrypted with it', async () => {
    const kmsKeyId = 'arn:aws:kms:us-east-1:111122223333:key/k1';
    await withServer({ kmsKeys: { [kmsKeyId]: 'enabled' } }, async (server) => {
      const storage = openOn(server, { kmsKeyId });
      await storage.probe();
      await storage.put('f38/put', Buffer.from('x'));
      await store(storage, { key: 'f38/upload', body: severalParts(storage) });

      const versions = [...server.bucket('backups').objects.values()].flat();

      expect(versions.map(({ sse }) => [sse?.algorithm, sse?.keyId])).toEqual(
        versions.map(() => ['aws:kms', kmsKeyId]),
      );
      expect(versions).toHaveLength(2);
    });
  });
});

describe('what goes wrong with stored objects', () => {
  it('F39 a flipped bit is found while reading', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      await store(storage, { key: 'f39', body });

      for (const bit of [0, SMALL_PART * 8, body.length * 8 - 1]) {
        await server.flipBit('tenant/one/f39', bit);
        expect(await codeOf(bytesOf(storage, 'f39'))).toBe('backup_damaged');
        await server.flipBit('tenant/one/f39', bit);
      }
      expect(digest(await bytesOf(storage, 'f39'))).toBe(digest(body));
    });
  });

  it('F40 a truncated object and a short body are damage, not an end', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      await store(storage, { key: 'f40', body });
      server.script = [{ fault: 'short-body', action: 'GetObject', times: Infinity }];
      const short = await codeOf(bytesOf(storage, 'f40'));
      server.script = [];
      await server.truncate('tenant/one/f40', body.length - 1);

      expect(short).toBe('backup_damaged');
      expect(await codeOf(bytesOf(storage, 'f40'))).toBe('backup_damaged');
    });
  });

  it('F40 the version and etag of the manifest are what is read, whatever lies above them', async () => {
    await withServer({ buckets: [{ name: 'backups', versioning: 'Enabled' }] }, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      const { etag, versionId } = await store(storage, { key: 'f40', body });
      await server.replace('tenant/one/f40', Buffer.from('evil'));

      const read = await bytesOf(storage, 'f40', { ifMatch: etag, ...(versionId === undefined ? {} : { versionId }) });

      expect(versionId).toBeDefined();
      expect(digest(read)).toBe(digest(body));
      expect(await codeOf(bytesOf(storage, 'f40', { ifMatch: etag }))).toBe('backup_damaged');
    });
  });

  it('F40 an object replaced while it is read is not mixed with its successor', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      await store(storage, { key: 'f40', body });
      server.script = [{ fault: { kind: 'truncated-body', bytes: 1000 }, action: 'GetObject' }];

      const work = (async () => {
        let bytes = 0;
        for await (const piece of storage.read('f40')) {
          if (bytes === 0) await server.replace('tenant/one/f40', randomBytes(body.length));
          bytes += piece.byteLength;
        }
      })();

      expect(await codeOf(work)).toBe('backup_damaged');
    });
  });

  it('a reply that breaks off is taken up where it ended', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      const body = severalParts(storage);
      await store(storage, { key: 'resume', body });
      server.clearLog();
      server.script = [{ fault: { kind: 'truncated-body', bytes: 20_000 }, action: 'GetObject', times: 4 }];

      const read = await bytesOf(storage, 'resume', { range: { start: 7, end: body.length - 9 } });

      expect(digest(read)).toBe(digest(body.subarray(7, body.length - 8)));
      expect(actions(server, 'GetObject')).toBeGreaterThanOrEqual(5);
    });
  });

  it.each(['GLACIER', 'DEEP_ARCHIVE'])(
    'F42 F79 an object in %s is archived, and readable after a restore',
    async (storageClass) => {
      await withServer({}, async (server) => {
        const storage = openOn(server);
        await storage.put('f42', Buffer.from('cold'));
        server.setStorageClass('tenant/one/f42', storageClass);

        const seen = (await storage.head('f42'))?.archivedAs;
        const codes = [await codeOf(bytesOf(storage, 'f42')), await codeOf(storage.get('f42'))];

        expect(seen).toBe(storageClass);
        expect(codes).toEqual(['backup_archived', 'backup_archived']);
      });
    },
  );

  it('F42 an object in GLACIER_IR or STANDARD_IA is read at once', async () => {
    await withServer({}, async (server) => {
      const storage = openOn(server);
      await storage.put('f42', Buffer.from('cool'));
      for (const storageClass of ['GLACIER_IR', 'STANDARD_IA']) {
        server.setStorageClass('tenant/one/f42', storageClass);
        expect(String((await storage.get('f42'))?.body)).toBe('cool');
      }
    });
  });

  it('F43 a removal takes one version and leaves no marker', async () => {
    await withServer({ buckets: [{ name: 'backups', versioning: 'Enabled' }] }, async (server) => {
      const storage = openOn(server);
      const first = await storage.put('f43', Buffer.from('1'));
      const second = await storage.put('f43', Buffer.from('2'));

      await storage.remove('f43', first.versionId === undefined ? {} : { versionId: first.versionId });
      const left = server.versions().map(({ versionId }) => versionId);
      await storage.remove('f43');

      expect(left).toEqual([second.versionId]);
      expect(server.versions()).toEqual([]);
    });
  });

  it('F43 a locked version is refused by name, with no storm of retries', async () => {
    await withServer({ buckets: [{ name: 'backups', objectLock: true }] }, async (server) => {
      const storage = openOn(server);
      const stat = await storage.put('f43', Buffer.from('1'));
      for (const version of server.bucket('backups').objects.get('tenant/one/f43') ?? []) {
        version.lock = { mode: 'COMPLIANCE', until: new Date(Date.now() + 3_600_000) };
      }
      server.clearLog();

      const codes = [
        await codeOf(storage.remove('f43')),
        await codeOf(storage.remove('f43', stat.versionId === undefined ? {} : { versionId: stat.versionId })),
      ];

      expect(codes).toEqual(['storage_locked', 'storage_locked']);
      expect(actions(server, 'DeleteObject')).toBe(2);
      expect(server.versions()).toHaveLength(1);
    });
  });
});

describe('what a store may lack', () => {
  it.each([
    ['checked', 'honoured', true, true],
    ['ignored', 'honoured', false, true],
    ['refused', 'honoured', false, true],
    ['checked', 'ignored', true, false],
    ['checked', 'refused', true, false],
    ['refused', 'refused', false, false],
    ['ignored', 'ignored', false, false],
  ] as const)(
    'F44 checksums %s and conditions %s are seen, and made up for',
    async (checksums, conditions, sums, conditional) => {
      await withServer({ features: { checksums, conditions } }, async (server) => {
        const trial = openOn(server);
        const seen = await trial.probe();
        const storage = openOn(server, {}, { capabilities: seen });
        const body = severalParts(storage);

        await store(storage, { key: 'f44/one', body });
        await storage.put('f44/two', Buffer.from('first'), { ifAbsent: true });

        expect(seen).toEqual({ checksums: sums, conditionalWrites: conditional, versioned: false });
        expect(await codeOf(storage.put('f44/two', Buffer.from('second'), { ifAbsent: true }))).toBe(
          'storage_conflict',
        );
        expect(await codeOf(store(storage, { key: 'f44/one', body }))).toBe('storage_conflict');
        expect(digest(await server.read('tenant/one/f44/one'))).toBe(digest(body));
        expect(server.uploads()).toEqual([]);
        expect(server.versions().map(({ key }) => key)).toEqual(['tenant/one/f44/one', 'tenant/one/f44/two']);
      });
    },
  );

  it('F44 without checksums the stored bytes are read again, and a bad one is found', async () => {
    await withServer({ features: { checksums: 'ignored' } }, async (server) => {
      const storage = openOn(
        server,
        {},
        { capabilities: { checksums: false, conditionalWrites: true, versioned: false } },
      );
      const body = severalParts(storage);
      server.script = [{ fault: 'corrupt-body', action: 'GetObject', times: Infinity }];

      expect(await codeOf(store(storage, { key: 'f44', body }))).toBe('backup_damaged');
    });
  });

  it('F44 a part that is not what its sum says is refused by the store, and by us where the store does not look', async () => {
    const wrong = async (server: S3Server, checksums: boolean): Promise<string> => {
      const capabilities = { checksums, conditionalWrites: true, versioned: false };
      const storage = openOn(server, {}, { capabilities, retry: { attempts: 2 } });
      const upload = await storage.upload('f44', {});
      const body = Buffer.from('changed since');
      const before = crc32(Buffer.from('as it was'));
      const sent = upload
        .part(1, body, before)
        .then(() => upload.complete({ bytes: body.length, crc32: toBase64(before) }));
      const code = await codeOf(sent);
      await upload.abort();
      expect(server.versions()).toEqual([]);
      return code;
    };

    await withServer({}, async (server) => expect(await wrong(server, true)).toBe('storage_unreachable'));
    await withServer({ features: { checksums: 'ignored' } }, async (server) => {
      expect(await wrong(server, false)).toBe('backup_damaged');
    });
  });

  it('F44 a store that was never tried and refuses checksums is named as such', async () => {
    await withServer({ features: { checksums: 'refused' } }, async (server) => {
      const failure = await failureOf(openOn(server).put('f44', Buffer.from('x')));

      expect([failure.code, /[Tt]est the connection/.test(failure.remedy ?? '')]).toEqual([
        'storage_unsupported',
        true,
      ]);
    });
  });
});

describe('F45 what never answers', () => {
  const deadlines = { connectMs: 300, idleMs: 300, requestMs: 2_000 };
  const retry = { attempts: 3, baseMs: 1, capMs: 5 };

  it('F45 a stalled request is cut and sent again', async () => {
    await withServer(
      { script: [{ fault: 'stall', action: 'UploadPart', partNumber: 1, times: 2 }] },
      async (server) => {
        const storage = openOn(server, {}, { deadlines, retry });
        const body = severalParts(storage);

        await store(storage, { key: 'f45', body });

        expect(digest(await server.read('tenant/one/f45'))).toBe(digest(body));
      },
    );
  });

  it('F45 a store that stalls for ever is unreachable within its deadlines', async () => {
    await withServer({ script: [{ fault: 'stall', times: Infinity }] }, async (server) => {
      const storage = openOn(server, {}, { deadlines, retry });
      const started = performance.now();

      expect(await codeOf(storage.put('f45', Buffer.from('x')))).toBe('storage_unreachable');
      expect(performance.now() - started).toBeLessThan(10_000);
    });
  });

  it('F45 a request that trickles is cut by its own deadline', async () => {
    await withServer(
      { script: [{ fault: { kind: 'slow', bytesPerSecond: 10_000 }, action: 'PutObject' }] },
      async (server) => {
        const storage = openOn(server, {}, { deadlines: { ...deadlines, requestMs: 500 }, retry });

        await storage.put('f45', randomBytes(20_000));

        expect(actions(server, 'PutObject')).toBe(2);
      },
    );
  });

  it('F45 a closed port is unreachable', async () => {
    const server = await startS3Server();
    await server.close();

    const failure = await failureOf(openOn(server, {}, { retry }).put('f45', Buffer.from('x')));

    expect(failure.code).toBe('storage_unreachable');
    expect(failure.message).toContain(new URL(server.endpoint).host);
  });
});
