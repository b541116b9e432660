import { randomBytes, randomUUID } from 'node:crypto';
import { type PolicyDocument, parsePolicy } from './policy.ts';
import type { Authenticated, Session } from './s3-server/identity.ts';
import { type XmlTree, xmlDocument } from './s3-server/xml.ts';

/** A role and its trust policy: who may assume it and with which external ids. */
export interface Role {
  readonly arn: string;
  /** Empty: the trust policy asks for none, so any or no external id will do. */
  readonly externalIds: readonly string[];
  /** Access keys that may assume it; undefined for all. A session acts as the key it began with. */
  readonly trusted?: readonly string[];
  readonly maxSessionSeconds?: number;
  /** What the role may do; undefined for everything. A session policy narrows it further. */
  readonly policy?: PolicyDocument;
}

/** The roles there are and the sessions given out. */
export interface RoleBook {
  readonly roles: Role[];
  /** By access key; `origin` is the long-lived key a chain of sessions began with. */
  readonly sessions: Map<string, Session & { readonly origin: string }>;
  lifetimeSeconds: number | undefined;
  clockOffsetMs: number;
}

export interface StsReply {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: string;
}

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/** A reply document of the query API. */
export function stsDocument(root: string, tree: XmlTree): string {
  return xmlDocument(root, { ...tree, ResponseMetadata: { RequestId: randomUUID() } }, NAMESPACE);
}

/** A refusal of STS itself, with its HTTP status and error code. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** AssumeRole: trust, external id, duration and session policy are checked in that order; the session is kept in the book. */
export function assumeRole(book: RoleBook, form: URLSearchParams, caller: Authenticated): StsReply {
  const { accessKeyId } = caller.identity;
  const chained = book.sessions.get(accessKeyId);
  const arn = form.get('RoleArn') ?? '';
  const name = form.get('RoleSessionName') ?? '';
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw new Refusal(400, 'ValidationError', "Value at 'roleSessionName' failed to satisfy constraint");
  const role = book.roles.find((candidate) => candidate.arn === arn);
  if (role === undefined || !trusts(role, chained?.origin ?? accessKeyId, form.get('ExternalId'))) {
    throw new Refusal(
      403,
      'AccessDenied',
      `User: ${accessKeyId} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
    );
  }
  const seconds = lifetime(role, form, chained !== undefined);
  const expiresAt = Date.now() + book.clockOffsetMs + (book.lifetimeSeconds ?? seconds) * 1000;
  const session = {
    accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
    sessionToken: randomBytes(90).toString('base64'),
    expiresAt,
    policies: [...(role.policy === undefined ? [] : [role.policy]), ...sessionPolicies(form)],
    origin: chained?.origin ?? accessKeyId,
  };
  book.sessions.set(session.accessKeyId, session);
  const tree = {
    AssumeRoleResult: {
      Credentials: {
        AccessKeyId: session.accessKeyId,
        SecretAccessKey: session.secretAccessKey,
        SessionToken: session.sessionToken,
        Expiration: new Date(expiresAt),
      },
      AssumedRoleUser: {
        AssumedRoleId: `AROATEST:${name}`,
        Arn: `${arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/${name}`,
      },
    },
  };
  return { status: 200, code: undefined, body: stsDocument('AssumeRoleResponse', tree) };
}

function trusts(role: Role, accessKeyId: string, externalId: string | null): boolean {
  if (role.trusted !== undefined && !role.trusted.includes(accessKeyId)) return false;
  return role.externalIds.length === 0 || (externalId !== null && role.externalIds.includes(externalId));
}

/** What was asked, within the role's maximum and the one hour that role chaining allows. */
function lifetime(role: Role, form: URLSearchParams, isChained: boolean): number {
  const seconds = Number(form.get('DurationSeconds') ?? 3600);
  if (!(Number.isInteger(seconds) && seconds >= 900 && seconds <= 43_200)) {
    throw new Refusal(
      400,
      'ValidationError',
      "Value at 'durationSeconds' failed to satisfy constraint: Member must have value between 900 and 43200",
    );
  }
  if (isChained && seconds > 3600) {
    throw new Refusal(
      400,
      'ValidationError',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
    );
  }
  if (seconds <= (role.maxSessionSeconds ?? 3600)) return seconds;
  throw new Refusal(
    400,
    'ValidationError',
    'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
  );
}

function sessionPolicies(form: URLSearchParams): PolicyDocument[] {
  const text = form.get('Policy');
  if (text === null) return [];
  if (text.length > 2048)
    throw new Refusal(
      400,
      'ValidationError',
      "Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048",
    );
  try {
    return [parsePolicy(text)];
  } catch (error) {
    throw new Refusal(400, 'MalformedPolicyDocument', error instanceof Error ? error.message : String(error));
  }
}

export function callerIdentity({ identity: { accessKeyId } }: Authenticated): StsReply {
  const result = { Arn: `arn:aws:iam::111122223333:user/${accessKeyId}`, UserId: accessKeyId, Account: '111122223333' };
  const tree = { GetCallerIdentityResult: result };
  return { status: 200, code: undefined, body: stsDocument('GetCallerIdentityResponse', tree) };
}
