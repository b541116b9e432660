import {
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { type Check, outcome, type Stage } from './s3-check.ts';

function put({ client, plain }: Stage, key: string, more: Partial<PutObjectCommandInput> = {}) {
  return client.send(new PutObjectCommand({ Bucket: plain, Key: key, Body: 'abcdefghij', ...more }));
}

function get({ client, plain }: Stage, key: string, more: Record<string, string> = {}) {
  return client.send(new GetObjectCommand({ Bucket: plain, Key: key, ...more }));
}

async function textOf(stage: Stage, key: string): Promise<string | undefined> {
  return (await get(stage, key)).Body?.transformToString();
}

/** If-Match and If-None-Match on reads, writes and deletes. */
export const CONDITION_CHECKS: readonly Check[] = [
  {
    name: 'refuses a second write with If-None-Match',
    async run(stage) {
      expect(await outcome(put(stage, 'once', { IfNoneMatch: '*' }))).toBe('ok');
      expect(await outcome(put(stage, 'once', { IfNoneMatch: '*', Body: 'other' }))).toBe('PreconditionFailed 412');
      expect(await textOf(stage, 'once')).toBe('abcdefghij');
    },
  },
  {
    name: 'lets exactly one of eight racing writers with If-None-Match win',
    async run(stage) {
      const writers = Array.from({ length: 8 }, (_, i) =>
        outcome(put(stage, 'race', { IfNoneMatch: '*', Body: `writer ${i}` })),
      );
      const outcomes = await Promise.all(writers);
      expect(outcomes.filter((each) => each === 'ok')).toHaveLength(1);
      expect(await textOf(stage, 'race')).toBe(`writer ${outcomes.indexOf('ok')}`);
    },
  },
  {
    name: 'overwrites with If-Match only what the writer knew',
    async run(stage) {
      const { ETag = '' } = await put(stage, 'match');
      expect(await outcome(put(stage, 'match', { IfMatch: '"0123456789abcdef0123456789abcdef"' }))).toBe(
        'PreconditionFailed 412',
      );
      expect(await outcome(put(stage, 'match', { IfMatch: ETag, Body: 'new' }))).toBe('ok');
      expect(await outcome(put(stage, 'match-missing', { IfMatch: ETag }))).toBe('NoSuchKey 404');
    },
  },
  {
    name: 'reads with If-Match and If-None-Match',
    async run(stage) {
      const { ETag = '' } = await put(stage, 'read-if');
      expect(await outcome(get(stage, 'read-if', { IfMatch: ETag }))).toBe('ok');
      expect(await outcome(get(stage, 'read-if', { IfMatch: '"00"' }))).toBe('PreconditionFailed 412');
      expect(await outcome(get(stage, 'read-if', { IfNoneMatch: ETag }))).toMatch(/304$/);
    },
  },
  {
    name: 'deletes with If-Match only what the caller knew',
    async run({ client, plain, ...stage }) {
      const { ETag = '' } = await put({ client, plain, ...stage }, 'delete-if');
      const remove = (IfMatch: string) =>
        outcome(client.send(new DeleteObjectCommand({ Bucket: plain, Key: 'delete-if', IfMatch })));
      expect(await remove('"00"')).toBe('PreconditionFailed 412');
      expect(await remove(ETag)).toBe('ok');
      expect(await outcome(get({ client, plain, ...stage }, 'delete-if'))).toBe('NoSuchKey 404');
    },
  },
];
