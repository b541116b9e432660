import { randomUUID } from 'node:crypto';
import type { OwnedId, TenantTransaction } from '../../catalog/catalog.ts';
import { appendAudit } from '../../catalog/repositories/audit.ts';
import { clock } from '../../catalog/repositories/changing.ts';
import { takeInvitation } from '../../catalog/repositories/invitations.ts';
import { getMember, insertMember, memberByEmail } from '../../catalog/repositories/members.ts';
import {
  deleteSession,
  insertSession,
  insertSignInLink,
  sweepTokens,
  takeSignInLink,
} from '../../catalog/repositories/sessions.ts';
import { Role } from '../../contract/resources/people.ts';
import { Failure } from '../../domain/failure.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { localSubject } from './access-token.ts';
import { newToken, tokenHash, tokenKind } from './token.ts';
import type { Identity } from './verifier.ts';

type Needs = Pick<Runtime, 'catalog'>;

export interface SignInRequest {
  /** From a one-time link or an invitation. */
  readonly token: string;
  /** Proved by an access token that came along: an invitation is bound to it. */
  readonly subject: string | undefined;
  readonly origin: string | undefined;
  readonly requestId: string;
}

export interface SignedIn {
  /** For the cookie; shown nowhere else. */
  readonly session: string;
  readonly seconds: number;
  readonly identity: Identity;
}

const SESSION_SECONDS = 12 * 3600;
const LINK_SECONDS = 15 * 60;

/** A link for one member, good once and for fifteen minutes. */
export async function makeSignInLink({ catalog }: Needs, member: OwnedId): Promise<string> {
  const { token, hash } = newToken('signInLink');
  const { tenantId, id: memberId } = member;
  await catalog.withTenant(tenantId, async (trx) => {
    await sweepTokens(trx);
    const expiresAt = later(await clock(trx), LINK_SECONDS);
    await insertSignInLink(trx, { tenantId, id: randomUUID(), memberId, hash, expiresAt });
  });
  return token;
}

/** Exchanges a link or an invitation for a session. Either dies by it; a second use is refused like a wrong one. */
export async function signIn({ catalog }: Needs, request: SignInRequest): Promise<SignedIn> {
  const kind = tokenKind(request.token);
  const hash = tokenHash(request.token);
  const found = kind === 'invitation' ? await catalog.find.invitation(hash) : await catalog.find.signInLink(hash);
  if (found === undefined) throw refused();
  const { tenantId } = found;
  const session = newToken('session');
  const identity = await catalog.withTenant(tenantId, async (trx) => {
    const now = await clock(trx);
    const memberId =
      kind === 'invitation'
        ? await acceptInvitation({ trx, found, request, now })
        : (await takeSignInLink(trx, found.id))?.member_id;
    const member = memberId === undefined ? undefined : await getMember(trx, memberId);
    if (member === undefined) throw refused();
    const sessionId = randomUUID();
    const expiresAt = later(now, SESSION_SECONDS);
    await insertSession(trx, { tenantId, id: sessionId, memberId: member.id, hash: session.hash, expiresAt });
    const actor = `member ${member.id}`;
    await appendAudit(trx, { ...auditOf(request), tenantId, actor, action: 'session.signIn', object: actor });
    return { tenantId, role: Role.parse(member.role), actor, memberId: member.id, via: 'session', sessionId } as const;
  });
  return { session: session.token, seconds: SESSION_SECONDS, identity };
}

/** Ends the browser session that asks; whoever asks with a key or a token has none to end. */
export async function signOut({ catalog }: Needs, identity: Pick<Identity, 'tenantId' | 'sessionId'>): Promise<void> {
  const { tenantId, sessionId } = identity;
  if (sessionId === undefined) return;
  await catalog.withTenant(tenantId, (trx) => deleteSession(trx, sessionId));
}

interface Acceptance {
  readonly trx: TenantTransaction;
  readonly found: OwnedId;
  readonly request: SignInRequest;
  readonly now: Date;
}

/** Whoever is a member already is not signed in by it: the link was in the inviter's hands too. */
async function acceptInvitation({ trx, found, request, now }: Acceptance): Promise<string | undefined> {
  const invitation = await takeInvitation(trx, found.id);
  if (invitation === undefined || invitation.expires_at <= now) return undefined;
  const { email, role } = invitation;
  if ((await memberByEmail(trx, email)) !== undefined) return undefined;
  const { tenantId } = found;
  const id = randomUUID();
  const name = (email.split('@')[0] || email).slice(0, 64);
  await insertMember(trx, { tenantId, id, subject: request.subject ?? localSubject(id), email, name, role });
  const object = `member ${id}`;
  await appendAudit(trx, {
    ...auditOf(request),
    tenantId,
    actor: object,
    action: 'invitations.accept',
    object,
    after: { email, role },
  });
  return id;
}

function auditOf({ origin, requestId }: SignInRequest) {
  return { origin: origin ?? null, requestId, before: undefined, after: undefined };
}

function later(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}

/** The same words for a used, an old and an invented link: nothing is learnt by trying. */
function refused(): Failure {
  return new Failure('unauthenticated', 'The link was used already, or is too old, or was never one of ours.', {
    remedy: 'Ask for a new link; npm start prints one.',
  });
}
