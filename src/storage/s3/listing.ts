import {
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { isKey } from '../key.ts';
import type { ListedObject, UnfinishedUpload } from '../storage.ts';
import { MalformedReply } from './aws-error.ts';
import type { Calls } from './calls.ts';

/** All current objects whose key begins with `prefix`, in key order, a page of at most 1000 in memory. */
export async function* listObjects(calls: Calls, prefix: string): AsyncIterable<ListedObject> {
  for await (const { Contents = [] } of objectPages(calls, prefix)) {
    for (const { Key = '', Size = 0, LastModified = new Date(0) } of Contents) {
      const key = calls.shortKey(Key);
      if (isKey(key)) yield { key, bytes: Size, modifiedAt: LastModified };
    }
  }
}

/** Uploads begun and not ended, below `prefix`. */
export async function* listUploads(
  calls: Calls,
  prefix: string,
  how: { readonly tidying: boolean },
): AsyncIterable<UnfinishedUpload> {
  for await (const { Uploads = [] } of uploadPages(calls, prefix, how)) {
    for (const { Key = '', UploadId, Initiated = new Date(0) } of Uploads) {
      const key = calls.shortKey(Key);
      if (UploadId !== undefined && isKey(key)) yield { key, uploadId: UploadId, startedAt: Initiated };
    }
  }
}

async function* objectPages(calls: Calls, prefix: string): AsyncIterable<ListObjectsV2CommandOutput> {
  let next: { readonly ContinuationToken?: string } | undefined = {};
  while (next !== undefined) {
    const input = { ...calls.bucket(), Prefix: calls.fullKey(prefix), ...next };
    const page: ListObjectsV2CommandOutput = await calls
      .reader()
      .call({ action: 's3:ListBucket' }, (client, options) =>
        client.send(new ListObjectsV2Command(input), options).then(demandSaid),
      );
    yield page;
    next =
      page.IsTruncated === true && page.NextContinuationToken !== undefined
        ? { ContinuationToken: page.NextContinuationToken }
        : undefined;
  }
}

type Marker = { readonly KeyMarker?: string | undefined; readonly UploadIdMarker?: string | undefined };

async function* uploadPages(
  calls: Calls,
  prefix: string,
  how: { readonly tidying: boolean },
): AsyncIterable<ListMultipartUploadsCommandOutput> {
  let next: Marker | undefined = {};
  while (next !== undefined) {
    const input = { ...calls.bucket(), Prefix: calls.fullKey(prefix), ...next };
    const page: ListMultipartUploadsCommandOutput = await calls.call(
      { action: 's3:ListBucketMultipartUploads', ...how },
      (client, options) => client.send(new ListMultipartUploadsCommand(input), options).then(demandSaid),
    );
    yield page;
    next = page.IsTruncated === true && page.NextKeyMarker !== undefined ? markerOf(page) : undefined;
  }
}

function markerOf({ NextKeyMarker, NextUploadIdMarker }: ListMultipartUploadsCommandOutput): Marker {
  return { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker };
}

// An empty list must be said, not concluded from a reply that says nothing: it would read as everything lost.
function demandSaid<T extends { readonly IsTruncated?: boolean | undefined }>(page: T): T {
  if (page.IsTruncated === undefined) throw new MalformedReply('a list without IsTruncated');
  return page;
}
