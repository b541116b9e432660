import { Failure } from '../../domain/failure.ts';

/** The shape AWS clients take. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** Whose session, for what, and under which name the client's CloudTrail will show it. */
export interface SessionWish {
  readonly roleArn: string;
  readonly externalId: string;
  readonly region: string;
  readonly sessionName: string;
  /** Actions and resources that the session is narrowed to, whatever the role may do besides (F97). */
  readonly statements: readonly { readonly Action: readonly string[]; readonly Resource: string }[];
}

/** How AWS is reached; everything is optional. */
export interface AwsPlaces {
  /** Credentials that may assume clients' roles; undefined: the SDK's standard chain. */
  readonly credentials?: () => Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }>;
  /** For trials against servers of one's own. */
  readonly stsEndpoint?: string;
  readonly secretsEndpoint?: string;
}

const SHORTEST_SESSION_S = 900;
export const TIMES = { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true } as const;
export const TRIES = 3;

/** One short session of a client's role. A role that does not trust us is a Failure that names it. */
export async function assumeRole(wish: SessionWish, places: AwsPlaces): Promise<SessionCredentials> {
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({
    region: wish.region,
    maxAttempts: TRIES,
    requestHandler: TIMES,
    ...(places.stsEndpoint === undefined ? {} : { endpoint: places.stsEndpoint }),
    ...(places.credentials === undefined ? {} : { credentials: places.credentials }),
  });
  const policy = {
    Version: '2012-10-17',
    Statement: wish.statements.map((statement) => ({ Effect: 'Allow', ...statement })),
  };
  const input = {
    RoleArn: wish.roleArn,
    RoleSessionName: wish.sessionName,
    DurationSeconds: SHORTEST_SESSION_S,
    ExternalId: wish.externalId,
    Policy: JSON.stringify(policy),
  };
  try {
    const { Credentials: given } = await client.send(new AssumeRoleCommand(input));
    return sessionOf(given);
  } catch (error) {
    throw awsFailure(error, { action: 'sts:AssumeRole', on: wish.roleArn });
  } finally {
    client.destroy();
  }
}

interface Given {
  readonly AccessKeyId?: string | undefined;
  readonly SecretAccessKey?: string | undefined;
  readonly SessionToken?: string | undefined;
  readonly Expiration?: Date | undefined;
}

function sessionOf({ AccessKeyId, SecretAccessKey, SessionToken, Expiration }: Given = {}): SessionCredentials {
  if (
    AccessKeyId === undefined ||
    SecretAccessKey === undefined ||
    SessionToken === undefined ||
    Expiration === undefined
  )
    throw new Error('AssumeRole answered without a session');
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: SessionToken,
    expiration: Expiration,
  };
}

/** What AWS refused, or that it could not be asked. Names action and resource, never what was sent. */
export function awsFailure(error: unknown, { action, on }: { readonly action: string; readonly on: string }): Failure {
  if (error instanceof Failure) return error;
  const { name, status } = factsOf(error);
  if (status >= 400 && status < 500 && !/Throttl|TooManyRequests|RequestTimeout/.test(name)) {
    return new Failure('authentication_failed', `${action} is denied on ${on} (${name}).`, {
      remedy: 'Let the role trust this installation with the external id of this tenant, and allow it the action.',
      details: { action, answer: name, status },
    });
  }
  return new Failure('database_unreachable', `AWS did not answer ${action} on ${on} (${name}).`, {
    remedy: 'Try again; if it repeats, check the network and the region.',
    details: { action, answer: name, status },
  });
}

function factsOf(error: unknown): { readonly name: string; readonly status: number } {
  const { name = 'unknown', $metadata } = (error ?? {}) as {
    readonly name?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  return { name, status: $metadata?.httpStatusCode ?? 0 };
}
