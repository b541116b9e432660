import { Failure, type FailureCode } from '../../domain/failure.ts';
import { type AwsFacts, factsOf, isExpired, isSkewed } from './aws-error.ts';

/** What was being done when the store refused. */
export interface Circumstances {
  /** The permission it takes, such as `s3:PutObject`. */
  readonly action: string;
  readonly bucket: string;
  readonly key: string | undefined;
  readonly region: string;
  /** Host of the store. */
  readonly host: string;
  readonly kmsKeyId: string | undefined;
  readonly clockOffsetMs: number;
}

type Row = readonly [code: FailureCode, cause: string, remedy: string];

const MUCH_SKEW_MS = 5 * 60_000;
const KEY_CODES = /^(KMS|Kms)|^(InvalidEncryptionKey|KeyUnavailable)/;

/** The Failure for an error of the SDK (F29–F45). It names code and action; the store's own text never passes on. */
export function s3Failure(error: unknown, about: Circumstances): Failure {
  if (error instanceof Failure) return error;
  const facts = factsOf(error);
  const [code, cause, remedy] = rowFor(facts, about);
  const { action, bucket, key } = about;
  const details = { action, bucket, key, answer: facts.code, status: facts.status, requestId: facts.requestId };
  return new Failure(code, cause, { remedy, details });
}

function rowFor(facts: AwsFacts, about: Circumstances): Row {
  return (
    regionRow(facts, about) ??
    clockRow(facts, about) ??
    keyRow(facts, about) ??
    namedRow(facts, about) ??
    statusRow(facts, about)
  );
}

function regionRow({ bucketRegion, status, code }: AwsFacts, { region, bucket }: Circumstances): Row | undefined {
  const elsewhere = bucketRegion !== undefined && bucketRegion !== region;
  const refused = status === 301 || status === 307 || status === 400 || code === 'AuthorizationHeaderMalformed';
  if (!refused || !(elsewhere || status === 301)) return undefined;
  const where = elsewhere ? bucketRegion : 'another region';
  return [
    'storage_wrong_region',
    `The bucket ${bucket} is in ${where}, not in ${region}.`,
    `Set the region of the store to ${where}.`,
  ];
}

function clockRow(facts: AwsFacts, { clockOffsetMs, host }: Circumstances): Row | undefined {
  const wrongSum = facts.code === 'SignatureDoesNotMatch' && Math.abs(clockOffsetMs) > MUCH_SKEW_MS;
  if (!isSkewed(facts) && !wrongSum) return undefined;
  const seconds = Math.round(clockOffsetMs / 1000);
  return [
    'clock_skew',
    `The clock of ${host} is ${seconds} seconds from ours, and it refuses requests signed with its own time.`,
    'Set the clock of this machine with NTP.',
  ];
}

function keyRow({ code, aboutKms }: AwsFacts, { action, kmsKeyId }: Circumstances): Row | undefined {
  if (!KEY_CODES.test(code) && !aboutKms) return undefined;
  const key = kmsKeyId ?? 'of the bucket';
  return [
    'storage_key_denied',
    `The KMS key ${key} cannot be used for ${action} (${code}).`,
    'Enable the key and allow kms:GenerateDataKey and kms:Decrypt on it; multipart uploads need both.',
  ];
}

function namedRow(facts: AwsFacts, about: Circumstances): Row | undefined {
  if (isExpired(facts)) {
    return [
      'session_expired',
      'The session for the store has ended and a new one was refused too.',
      'Look why sessions are not renewed.',
    ];
  }
  if (facts.aboutLock && facts.status === 403) return lockedRow(about);
  return NAMED[facts.code]?.(about);
}

function lockedRow({ key }: Circumstances): Row {
  return [
    'storage_locked',
    `The object ${key ?? ''} is protected by an object lock.`,
    'Wait until its retention ends; it will be removed by a later run.',
  ];
}

const KNOWN_KEYS = 'Check the access key and its secret.';

const NAMED: Readonly<Record<string, (about: Circumstances) => Row>> = {
  NoSuchBucket: ({ bucket, host }) => [
    'storage_denied',
    `There is no bucket ${bucket} at ${host}.`,
    'Create it, or correct the address of the store.',
  ],
  InvalidAccessKeyId: ({ host }) => ['storage_denied', `The access key is not known at ${host}.`, KNOWN_KEYS],
  SignatureDoesNotMatch: ({ host }) => [
    'storage_denied',
    `The secret key is not the right one for ${host}.`,
    KNOWN_KEYS,
  ],
  CredentialsProviderError: () => [
    'storage_denied',
    'No credentials for the store were found.',
    'Set up a profile, environment variables or an instance role for AWS.',
  ],
  InvalidObjectState: ({ key }) => [
    'backup_archived',
    `The object ${key ?? ''} is archived.`,
    'Restore it from the archive first.',
  ],
  PreconditionFailed: ({ key }) => [
    'storage_conflict',
    `The object ${key ?? ''} exists already or is not the one that was expected.`,
    'Write under a new key; an existing backup is never overwritten.',
  ],
  ConditionalRequestConflict: ({ key }) => [
    'storage_conflict',
    `Another write of ${key ?? ''} was under way and the store has dropped this one.`,
    'Run the backup again; its parts must be sent anew.',
  ],
  NoSuchUpload: ({ key }) => [
    'storage_conflict',
    `The unfinished upload of ${key ?? ''} is gone from the store.`,
    'Look whether someone aborts uploads there, then run the backup again.',
  ],
  InvalidPart: partsGone,
  InvalidPartOrder: partsGone,
  EntityTooSmall: partsGone,
  BadDigest: changed,
  XAmzContentSHA256Mismatch: changed,
  XAmzContentChecksumMismatch: changed,
  TooManyParts: ({ host }) => [
    'storage_unsupported',
    `${host} refuses so many parts.`,
    'Set max-parts of the store lower.',
  ],
};

function partsGone({ key }: Circumstances): Row {
  return [
    'storage_conflict',
    `The store does not have the parts of ${key ?? ''} as they were acknowledged.`,
    'Run the backup again.',
  ];
}

function changed({ host }: Circumstances): Row {
  return ['storage_unreachable', `Bytes sent to ${host} arrive changed.`, 'Check the network and its proxies.'];
}

function statusRow({ code, status }: AwsFacts, about: Circumstances): Row {
  const { action, bucket, key, host } = about;
  if (status === 403 || code === 'AccessDenied' || code === 'AllAccessDisabled') {
    return [
      'storage_denied',
      `${action} is denied on the bucket ${bucket}.`,
      `Allow ${action} there for these credentials.`,
    ];
  }
  if (status === 404)
    return [
      'backup_lost',
      `The object ${key ?? ''} is not in the bucket ${bucket}.`,
      'Look whether someone removed it.',
    ];
  if (status === 412) return NAMED.PreconditionFailed?.(about) ?? partsGone(about);
  if (status === 416)
    return ['backup_damaged', `The object ${key ?? ''} is shorter than it was.`, 'Use another backup.'];
  if (status === undefined || status === 429 || status >= 500 || status < 300) return unreachable(code, status, host);
  return [
    'storage_unsupported',
    `${host} refuses ${action} with ${code} (${status}).`,
    'Test the connection of the store.',
  ];
}

function unreachable(code: string, status: number | undefined, host: string): Row {
  if (status === 501) {
    const remedy = 'Test the connection of the store, so that what it lacks is known.';
    return ['storage_unsupported', `${host} does not implement what was asked (${code}).`, remedy];
  }
  const answer = status === undefined ? code : `${code}, status ${status}`;
  return [
    'storage_unreachable',
    `${host} gives no usable answer (${answer}).`,
    'Check the network and the state of the store, then try again.',
  ];
}
