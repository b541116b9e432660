import type { Catalog, TenantTransaction } from '../../catalog/catalog.ts';
import { getApiKey, setKeyUsed } from '../../catalog/repositories/api-keys.ts';
import { getMember, type MemberRow, setLastSeen } from '../../catalog/repositories/members.ts';
import { liveSession } from '../../catalog/repositories/sessions.ts';
import { Role } from '../../contract/resources/people.ts';
import { Failure } from '../../domain/failure.ts';
import type { AccessTokens } from './access-token.ts';
import { tokenHash, tokenKind } from './token.ts';

/** What a request brings to prove who asks. */
export interface Credentials {
  /** After `Authorization: Bearer`. */
  readonly bearer: string | undefined;
  /** The browser's cookie. */
  readonly session: string | undefined;
  /** For people in several tenants: the one they mean. */
  readonly tenantId: string | undefined;
}

export interface Identity {
  readonly tenantId: string;
  readonly role: Role;
  /** `member <id>` or `api-key <id>`. */
  readonly actor: string;
  readonly memberId: string | undefined;
  readonly via: 'session' | 'token' | 'api-key';
  /** To end it at sign-out. */
  readonly sessionId: string | undefined;
}

/** Says who asks; a Failure `unauthenticated` where that is not proved. The same on one machine and on AWS (F96). */
export interface Verifier {
  verify(credentials: Credentials): Promise<Identity>;
  /** Whom an access token names, member of anything or not; undefined for what is no valid one. */
  subjectOf(bearer: string): Promise<string | undefined>;
}

export interface VerifierNeeds {
  readonly catalog: Catalog;
  readonly tokens: AccessTokens;
  now(): Date;
}

const USED_EVERY_MS = 60_000;

export function makeVerifier(needs: VerifierNeeds): Verifier {
  return {
    subjectOf: (bearer) => needs.tokens.subjectOf(bearer),
    verify: async ({ bearer, session, tenantId }) => {
      if (bearer !== undefined)
        return tokenKind(bearer) === 'apiKey' ? byApiKey(needs, bearer) : byAccessToken(needs, bearer, tenantId);
      if (session !== undefined && tokenKind(session) === 'session') return bySession(needs, session);
      throw unauthenticated('The request says not who is asking.');
    },
  };
}

async function byApiKey({ catalog, now }: VerifierNeeds, key: string): Promise<Identity> {
  const found = await catalog.find.apiKey(tokenHash(key));
  if (found === undefined) throw unauthenticated('The API key is not known.');
  const { tenantId, id } = found;
  const role = await catalog.withTenant(tenantId, async (trx) => {
    const row = await getApiKey(trx, id);
    if (row === undefined || (row.expires_at !== null && row.expires_at <= now())) return undefined;
    if (isOlder(row.last_used_at, now())) await setKeyUsed(trx, id, now());
    return Role.parse(row.role);
  });
  if (role === undefined) throw unauthenticated('The API key has expired or was revoked.');
  return { tenantId, role, actor: `api-key ${id}`, memberId: undefined, via: 'api-key', sessionId: undefined };
}

async function bySession({ catalog, now }: VerifierNeeds, session: string): Promise<Identity> {
  const found = await catalog.find.session(tokenHash(session));
  if (found === undefined) throw unauthenticated('The session is not known.');
  const { tenantId, id } = found;
  const member = await catalog.withTenant(tenantId, async (trx) => {
    const row = await liveSession(trx, id);
    return row === undefined ? undefined : seenMember(trx, row.member_id, now());
  });
  if (member === undefined) throw unauthenticated('The session has ended.');
  return { ...identityOf(tenantId, member), via: 'session', sessionId: id };
}

/** The tenant comes from the membership table, never from a claim. */
async function byAccessToken(needs: VerifierNeeds, token: string, wanted: string | undefined): Promise<Identity> {
  const { catalog, tokens, now } = needs;
  const subject = await tokens.subjectOf(token);
  if (subject === undefined) throw unauthenticated('The access token is not valid here.');
  const memberships = await catalog.find.memberships(subject);
  const chosen = wanted === undefined ? memberships[0] : memberships.find(({ tenantId }) => tenantId === wanted);
  if (chosen === undefined) throw unauthenticated('Whoever the token is for belongs to no such tenant.');
  const member = await catalog.withTenant(chosen.tenantId, (trx) => seenMember(trx, chosen.id, now()));
  if (member === undefined) throw unauthenticated('Whoever the token is for is no member any more.');
  return { ...identityOf(chosen.tenantId, member), via: 'token', sessionId: undefined };
}

async function seenMember(trx: TenantTransaction, id: string, now: Date): Promise<MemberRow | undefined> {
  const row = await getMember(trx, id);
  if (row !== undefined && isOlder(row.last_seen_at, now)) await setLastSeen(trx, id, now);
  return row;
}

function identityOf(tenantId: string, { id, role }: MemberRow) {
  return { tenantId, role: Role.parse(role), actor: `member ${id}`, memberId: id } as const;
}

/** A time of use is written once a minute at most. */
function isOlder(at: Date | null, now: Date): boolean {
  return at === null || now.getTime() - at.getTime() > USED_EVERY_MS;
}

export function unauthenticated(message: string): Failure {
  return new Failure('unauthenticated', message, {
    remedy: 'Send an API key as "Authorization: Bearer …", or sign in again.',
  });
}
