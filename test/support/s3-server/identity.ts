import type { PolicyDocument } from '../policy.ts';
import type { Identity } from './model.ts';
import { S3Error } from './s3-error.ts';
import { type Claim, checkClaim, readClaim, type SignedRequest } from './sigv4.ts';

/** A long-lived key, as an IAM user has. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Temporary credentials that an authority vouches for until they end. */
export interface Session extends AccessKey {
  readonly sessionToken: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly policies: readonly PolicyDocument[];
}

/** Where sessions are looked up, such as our STS server. */
export interface SessionAuthority {
  findSession(accessKeyId: string): Session | undefined;
  /** Whether a session is over by the authority's own clock. */
  isExpired(session: Session): boolean;
}

export interface Keyring {
  readonly keys: readonly AccessKey[];
  readonly sessions: SessionAuthority | undefined;
  readonly now: number;
}

export interface Authenticated {
  readonly identity: Identity;
  readonly claim: Claim;
  readonly secret: string;
}

/** Finds out who signed a request, or refuses it with the code S3 uses. */
export function authenticate(request: SignedRequest, keyring: Keyring): Authenticated {
  const claim = readClaim(request);
  if (claim === undefined) throw new S3Error('AccessDenied', 'Access Denied');
  const session = keyring.sessions?.findSession(claim.accessKeyId);
  const key = session ?? keyring.keys.find(({ accessKeyId }) => accessKeyId === claim.accessKeyId);
  if (key === undefined)
    throw new S3Error('InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  checkClaim(request, claim, { secret: key.secretAccessKey, now: keyring.now });
  if (claim.sessionToken !== session?.sessionToken)
    throw new S3Error('InvalidToken', 'The provided token is malformed or otherwise invalid.');
  if (session !== undefined && keyring.sessions?.isExpired(session))
    throw new S3Error('ExpiredToken', 'The provided token has expired.');
  return {
    identity: { accessKeyId: claim.accessKeyId, policies: session?.policies ?? [] },
    claim,
    secret: key.secretAccessKey,
  };
}
