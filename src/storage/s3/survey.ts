import { randomUUID } from 'node:crypto';
import type { Survey } from '../storage.ts';
import type { CredentialSource, S3Config, StorageContext } from '../store-config.ts';
import { FieldBook } from '../survey.ts';
import { Calls } from './calls.ts';
import { learnModes } from './probe.ts';
import {
  beginAndAbort,
  beginForbidden,
  deleteVersion,
  demandBytes,
  demandClock,
  demandKey,
  demandListed,
  listOwnUploads,
  listVersions,
  readFirstByte,
} from './trials.ts';
import { proveTrust } from './trust.ts';

export interface SurveyWish {
  /** The place; its role and keys are not looked at. */
  readonly config: S3Config;
  /** `credentials` are what may assume the roles. */
  readonly context: StorageContext;
  readonly externalId: string;
  /** Seen in the client's logs. */
  readonly sessionName: string;
  /** ARNs. One that is given for several purposes may do what each of them needs. */
  readonly roles: Readonly<Partial<Record<Purpose, string>>> & { readonly write: string };
  /** Whether objects are expected to be locked against deletion. */
  readonly locked: boolean;
}

type Purpose = 'write' | 'read' | 'delete';

const PURPOSES = ['write', 'read', 'delete'] as const;
const FOLDER = 'database-dump-probe';
const UUID_TAIL = 12;
/** Accounts that nobody has. */
const NOBODY = '000000000000';
const NOBODY_ELSE = '999999999999';

/**
 * Tries with each role what it must be able to do and what it must not, on one small object that is removed at the end, where
 * there is a role that deletes. Nothing of the client's is read or changed.
 */
export async function surveyBucket(wish: SurveyWish): Promise<Survey> {
  const book = new FieldBook();
  const sessions = await openSessions(book, wish);
  const site = openSite(book, wish, sessions);
  if (site === undefined) return { findings: book.findings, capabilities: undefined };
  try {
    const capabilities = await surveySite(site);
    return { findings: book.findings, capabilities };
  } finally {
    for (const calls of Object.values(site.calls)) calls.close();
  }
}

type Sessions = Partial<Record<Purpose, CredentialSource>>;

async function openSessions(book: FieldBook, wish: SurveyWish): Promise<Sessions> {
  const sessions: Sessions = {};
  for (const purpose of PURPOSES) {
    const arn = wish.roles[purpose];
    if (arn === undefined) continue;
    const earlier = PURPOSES.find(
      (other) => other !== purpose && sessions[other] !== undefined && wish.roles[other] === arn,
    );
    const source = earlier === undefined ? await proveTrust(book, wish, { arn, name: purpose }) : sessions[earlier];
    if (source !== undefined) sessions[purpose] = source;
  }
  return sessions;
}

interface Site {
  readonly book: FieldBook;
  readonly wish: SurveyWish;
  readonly calls: Partial<Record<Purpose, Calls>> & { readonly write: Calls };
  readonly key: string;
  readonly body: Uint8Array;
}

function openSite(book: FieldBook, wish: SurveyWish, sessions: Sessions): Site | undefined {
  // Beside the trials themselves, the role that reads tells a wrong owner from other refusals.
  const reading = sessions.read ?? 'none';
  const open = (credentials: CredentialSource): Calls =>
    new Calls({ ...wish.config, role: undefined, keys: undefined }, { ...wish.context, credentials, reading });
  if (sessions.write === undefined) return undefined;
  const key = `${FOLDER}/${randomUUID()}`;
  const calls = {
    write: open(sessions.write),
    ...(sessions.read === undefined ? {} : { read: open(sessions.read) }),
    ...(sessions.delete === undefined ? {} : { delete: open(sessions.delete) }),
  };
  return { book, wish, calls, key, body: Buffer.from(key) };
}

async function surveySite(site: Site) {
  const { book, calls, key, body } = site;
  const made = await book.allowed('s3:PutObject', () => learnModes(calls.write, { key, body }));
  await surveyWriting(site);
  if (made === undefined) return undefined;
  const { versionId, capabilities } = made;
  await surveyReading(site, versionId);
  await surveyRefusals(site, versionId);
  await surveyDeleting(site, versionId);
  demandClock(book, calls.write);
  return capabilities;
}

async function surveyWriting({ book, wish, calls, key }: Site): Promise<void> {
  const { write } = calls;
  await book.allowed('s3:PutObject and s3:AbortMultipartUpload', () => beginAndAbort(write, `${key}-parts`));
  await book.allowed('s3:ListBucketMultipartUploads', () => listOwnUploads(write, FOLDER));
  const { prefix, expectedOwner } = wish.config;
  const elsewhere = async (change: Partial<S3Config>, action: string, danger: string): Promise<void> => {
    const context = { ...wish.context, credentials: () => write.credentials() };
    const other = new Calls({ ...write.config, ...change }, context);
    await book.denied(action, danger, () => beginForbidden(other, `${FOLDER}-${key.slice(-UUID_TAIL)}`, other));
    other.close();
  };
  if (prefix !== '') {
    const danger = 'Other places of the bucket can be written to. Narrow the role to the prefix.';
    await elsewhere({ prefix: '' }, `s3:PutObject outside ${prefix}/`, danger);
  }
  if (expectedOwner !== undefined) {
    const another = expectedOwner === NOBODY ? NOBODY_ELSE : NOBODY;
    const danger = 'The store does not check who owns the bucket. Leave the owner out, or use another store.';
    await elsewhere({ expectedOwner: another }, 'a bucket of another owner', danger);
  }
}

async function surveyReading({ book, calls, wish, key, body }: Site, version: string | undefined): Promise<void> {
  const { read } = calls;
  if (read === undefined) {
    const given = wish.roles.read !== undefined;
    if (!given) book.saw('s3:GetObject', false, 'No role that reads is given: nothing could be verified or restored.');
    return;
  }
  Object.assign(read.mode, calls.write.mode);
  await book.allowed('s3:GetObject', () => demandBytes(read, { key, body, version }));
  await book.allowed('s3:ListBucket', () => demandListed(read, key));
  const { kmsKeyId } = wish.config;
  if (kmsKeyId !== undefined) await book.allowed('encryption by the KMS key', () => demandKey(read, { key, kmsKeyId }));
}

/** What each role must be refused, unless it is given for that, too. */
async function surveyRefusals({ book, calls, wish: { roles }, key }: Site, version: string | undefined): Promise<void> {
  const may = (role: Purpose, purpose: Purpose): boolean => roles[role] === roles[purpose];
  const excess = (role: Purpose) => `The role that ${VERBS[role]} may do this, too. Take the right from it.`;
  for (const role of PURPOSES) {
    const own = calls[role];
    if (own === undefined) continue;
    const trial = (action: string) => `${action} as ${role}`;
    if (!may(role, 'read')) await book.denied(trial('s3:GetObject'), excess(role), () => readFirstByte(own, key));
    if (!may(role, 'write')) {
      const begin = () => beginForbidden(own, `${key}-${role}`, calls.write);
      await book.denied(trial('s3:PutObject'), excess(role), begin);
    }
    if (!may(role, 'delete')) {
      await book.denied(trial('s3:DeleteObject'), excess(role), () => deleteVersion(own, key, version));
    }
  }
}

const VERBS = { write: 'writes', read: 'reads', delete: 'deletes' } as const;

async function surveyDeleting({ book, calls, wish, key }: Site, version: string | undefined): Promise<void> {
  const own = calls.delete;
  if (own === undefined) return;
  // A store that ignores wrong checksums has kept that object too.
  if (!calls.write.mode.checksums) await deleteVersion(own, `${key}-sum`, undefined).catch(() => undefined);
  await book.allowed('s3:ListBucketVersions', () => listVersions(own, key));
  const remove = () => deleteVersion(own, key, version);
  if (!wish.locked) {
    await book.allowed('s3:DeleteObjectVersion', remove);
    return;
  }
  const danger = 'A new object could be deleted: the bucket has no default retention. Set it, or do not expect a lock.';
  await book.denied('s3:DeleteObjectVersion of a locked object', danger, remove);
}
