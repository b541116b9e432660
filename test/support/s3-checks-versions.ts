import {
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
} from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { type Check, outcome, type Stage } from './s3-check.ts';

function put(client: Stage['client'], Bucket: string, Key: string, more: Partial<PutObjectCommandInput> = {}) {
  return client.send(new PutObjectCommand({ Bucket, Key, Body: Key, ...more }));
}

function remove(
  client: Stage['client'],
  Bucket: string,
  Key: string,
  more: { VersionId?: string; BypassGovernanceRetention?: boolean } = {},
) {
  return client.send(new DeleteObjectCommand({ Bucket, Key, ...more }));
}

async function list({ client, plain }: Stage, more: Partial<ListObjectsV2CommandInput>) {
  const {
    Contents = [],
    CommonPrefixes = [],
    ...reply
  } = await client.send(new ListObjectsV2Command({ Bucket: plain, ...more }));
  return { ...reply, keys: Contents.map(({ Key }) => Key), prefixes: CommonPrefixes.map(({ Prefix }) => Prefix) };
}

function inAnHour(): Date {
  return new Date(Date.now() + 3_600_000);
}

/** Listings, versions, delete markers and object lock. */
export const VERSION_CHECKS: readonly Check[] = [
  {
    name: 'lists by prefix and folds at a delimiter',
    async run(stage) {
      for (const key of ['ls/a/1', 'ls/a/2', 'ls/b/1', 'ls/c']) await put(stage.client, stage.plain, key);
      expect(await list(stage, { Prefix: 'ls/', Delimiter: '/' })).toMatchObject({
        keys: ['ls/c'],
        prefixes: ['ls/a/', 'ls/b/'],
        KeyCount: 3,
      });
      expect((await list(stage, { Prefix: 'ls/a' })).keys).toEqual(['ls/a/1', 'ls/a/2']);
    },
  },
  {
    name: 'lists in pages without loss or repetition',
    async run(stage) {
      const keys = Array.from({ length: 7 }, (_, i) => `page/${i}`);
      for (const key of keys) await put(stage.client, stage.plain, key);
      const seen: (string | undefined)[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await list(stage, { Prefix: 'page/', MaxKeys: 3, ContinuationToken });
        seen.push(...page.keys);
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      expect(seen).toEqual(keys);
    },
  },
  {
    name: 'lists folded prefixes in pages too',
    async run(stage) {
      for (const key of ['fold/a/1', 'fold/a/2', 'fold/b', 'fold/c/1']) await put(stage.client, stage.plain, key);
      const first = await list(stage, { Prefix: 'fold/', Delimiter: '/', MaxKeys: 2 });
      expect(first).toMatchObject({ keys: ['fold/b'], prefixes: ['fold/a/'], IsTruncated: true });
      const second = await list(stage, {
        Prefix: 'fold/',
        Delimiter: '/',
        ContinuationToken: first.NextContinuationToken,
      });
      expect(second).toMatchObject({ keys: [], prefixes: ['fold/c/'], IsTruncated: false });
    },
  },
  {
    name: 'lists what comes after a key',
    async run(stage) {
      for (const key of ['after/a', 'after/b', 'after/c']) await put(stage.client, stage.plain, key);
      expect((await list(stage, { Prefix: 'after/', StartAfter: 'after/a' })).keys).toEqual(['after/b', 'after/c']);
    },
  },
  {
    name: 'orders keys by their bytes',
    async run(stage) {
      const keys = ['ord/Z', 'ord/a', 'ord/é', 'ord/\uff5e', 'ord/😀'];
      for (const key of keys.toReversed()) await put(stage.client, stage.plain, key);
      expect((await list(stage, { Prefix: 'ord/' })).keys).toEqual(keys);
    },
  },
  {
    name: 'percent-encodes keys when asked',
    versitygw: 'leaves a plus sign as it is, although it stands for a space',
    async run(stage) {
      await put(stage.client, stage.plain, 'enc/a b&é+');
      const page = await list(stage, { Prefix: 'enc/', EncodingType: 'url' });
      expect(page.keys.map((key) => decodeURIComponent((key ?? '').replaceAll('+', ' ')))).toEqual(['enc/a b&é+']);
      expect(page.keys[0]).toContain('%C3%A9');
      expect((await list(stage, { Prefix: 'enc/' })).keys).toEqual(['enc/a b&é+']);
    },
  },
  {
    name: 'gives no version ids without versioning',
    async run({ client, plain }) {
      expect((await put(client, plain, 'v/none')).VersionId).toBeUndefined();
      expect((await client.send(new GetBucketVersioningCommand({ Bucket: plain }))).Status).toBeUndefined();
    },
  },
  {
    name: 'keeps every version and reads each by its id',
    async run({ client, versioned }) {
      const first = await put(client, versioned, 'v/kept', { Body: 'one' });
      const second = await put(client, versioned, 'v/kept', { Body: 'two' });
      const read = async (VersionId?: string) => {
        const { Body, VersionId: told } = await client.send(
          new GetObjectCommand({ Bucket: versioned, Key: 'v/kept', VersionId }),
        );
        return [await Body?.transformToString(), told];
      };
      expect(await read(first.VersionId)).toEqual(['one', first.VersionId]);
      expect(await read()).toEqual(['two', second.VersionId]);
      expect(first.VersionId).not.toBe(second.VersionId);
    },
  },
  {
    name: 'F43 answers a delete with a marker and keeps the version',
    async run({ client, versioned }) {
      const { VersionId } = await put(client, versioned, 'v/marked');
      const marker = await remove(client, versioned, 'v/marked');
      expect(marker).toMatchObject({ DeleteMarker: true });
      expect(await outcome(client.send(new GetObjectCommand({ Bucket: versioned, Key: 'v/marked' })))).toBe(
        'NoSuchKey 404',
      );
      expect(await outcome(client.send(new HeadObjectCommand({ Bucket: versioned, Key: 'v/marked', VersionId })))).toBe(
        'ok',
      );
      const ofMarker = client.send(
        new GetObjectCommand({ Bucket: versioned, Key: 'v/marked', VersionId: marker.VersionId }),
      );
      expect(await outcome(ofMarker)).toBe('MethodNotAllowed 405');
      await remove(client, versioned, 'v/marked', { VersionId: marker.VersionId! });
      expect(await outcome(client.send(new HeadObjectCommand({ Bucket: versioned, Key: 'v/marked' })))).toBe('ok');
    },
  },
  {
    name: 'F43 deletes a version for good by its id',
    async run({ client, versioned }) {
      const first = await put(client, versioned, 'v/gone', { Body: 'one' });
      await put(client, versioned, 'v/gone', { Body: 'two' });
      await remove(client, versioned, 'v/gone', { VersionId: first.VersionId! });
      const { Versions = [], DeleteMarkers = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket: versioned, Prefix: 'v/gone' }),
      );
      expect([Versions.length, DeleteMarkers.length]).toEqual([1, 0]);
      const missing = client.send(
        new GetObjectCommand({ Bucket: versioned, Key: 'v/gone', VersionId: first.VersionId }),
      );
      expect(await outcome(missing)).toBe('NoSuchVersion 404');
    },
  },
  {
    name: 'lists versions and markers, newest first, in pages',
    async run({ client, versioned }) {
      for (const Body of ['1', '2', '3']) await put(client, versioned, 'vl/a', { Body });
      await remove(client, versioned, 'vl/a');
      await put(client, versioned, 'vl/b');
      const whole = await client.send(new ListObjectVersionsCommand({ Bucket: versioned, Prefix: 'vl/' }));
      expect(whole.Versions?.map(({ Key, IsLatest }) => [Key, IsLatest])).toEqual([
        ['vl/a', false],
        ['vl/a', false],
        ['vl/a', false],
        ['vl/b', true],
      ]);
      expect(whole.DeleteMarkers).toMatchObject([{ Key: 'vl/a', IsLatest: true }]);
      const seen: (string | undefined)[] = [];
      let markers: { KeyMarker?: string | undefined; VersionIdMarker?: string | undefined } = {};
      for (let more = true; more; ) {
        const page = await client.send(
          new ListObjectVersionsCommand({ Bucket: versioned, Prefix: 'vl/', MaxKeys: 2, ...markers }),
        );
        seen.push(...[...(page.DeleteMarkers ?? []), ...(page.Versions ?? [])].map(({ VersionId }) => VersionId));
        markers = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
        more = page.IsTruncated === true;
      }
      expect(new Set(seen).size).toBe(5);
      expect(seen).toHaveLength(5);
    },
  },
  {
    name: 'writes with If-None-Match over a delete marker',
    versitygw: 'takes the marker for an object',
    async run({ client, versioned }) {
      await put(client, versioned, 'v/again');
      expect(await outcome(put(client, versioned, 'v/again', { IfNoneMatch: '*' }))).toBe('PreconditionFailed 412');
      await remove(client, versioned, 'v/again');
      expect(await outcome(put(client, versioned, 'v/again', { IfNoneMatch: '*' }))).toBe('ok');
    },
  },
  {
    name: 'F43 refuses to delete a version under compliance lock',
    async run({ client, locked }) {
      const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inAnHour() } as const;
      const { VersionId = '' } = await put(client, locked, 'l/compliance', lock);
      expect(await outcome(remove(client, locked, 'l/compliance', { VersionId }))).toMatch(/^AccessDenied 403$/);
      const forced = remove(client, locked, 'l/compliance', { VersionId, BypassGovernanceRetention: true });
      expect(await outcome(forced)).toBe('AccessDenied 403');
      const told = await client.send(new GetObjectRetentionCommand({ Bucket: locked, Key: 'l/compliance', VersionId }));
      expect(told.Retention?.Mode).toBe('COMPLIANCE');
    },
  },
  {
    name: 'lets governance lock give way to the bypass only',
    async run({ client, locked }) {
      const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inAnHour() } as const;
      const { VersionId = '' } = await put(client, locked, 'l/governance', lock);
      expect(await outcome(remove(client, locked, 'l/governance', { VersionId }))).toBe('AccessDenied 403');
      expect(
        await outcome(remove(client, locked, 'l/governance', { VersionId, BypassGovernanceRetention: true })),
      ).toBe('ok');
    },
  },
  {
    name: 'refuses to delete a version under legal hold until it is lifted',
    async run({ client, locked }) {
      const { VersionId = '' } = await put(client, locked, 'l/hold');
      const hold = (Status: 'ON' | 'OFF') =>
        client.send(new PutObjectLegalHoldCommand({ Bucket: locked, Key: 'l/hold', VersionId, LegalHold: { Status } }));
      await hold('ON');
      expect(await outcome(remove(client, locked, 'l/hold', { VersionId }))).toBe('AccessDenied 403');
      await hold('OFF');
      expect(await outcome(remove(client, locked, 'l/hold', { VersionId }))).toBe('ok');
    },
  },
  {
    name: 'refuses to shorten a compliance lock, and a date gone by',
    async run({ client, locked }) {
      const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inAnHour() } as const;
      await put(client, locked, 'l/shorten', lock);
      const retain = (RetainUntilDate: Date) =>
        client.send(
          new PutObjectRetentionCommand({
            Bucket: locked,
            Key: 'l/shorten',
            Retention: { Mode: 'COMPLIANCE', RetainUntilDate },
          }),
        );
      expect(await outcome(retain(new Date(Date.now() + 60_000)))).toBe('AccessDenied 403');
      expect(await outcome(retain(new Date(Date.now() - 60_000)))).toBe('InvalidArgument 400');
      expect(await outcome(retain(new Date(Date.now() + 7_200_000)))).toBe('ok');
    },
  },
  {
    name: 'refuses a lock in a bucket without object lock',
    async run({ client, plain }) {
      const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inAnHour() } as const;
      expect(await outcome(put(client, plain, 'l/unlockable', lock))).toBe('InvalidRequest 400');
    },
  },
];
