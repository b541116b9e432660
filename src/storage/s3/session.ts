import type { AssumeRoleCommandInput } from '@aws-sdk/client-sts';
import { Failure } from '../../domain/failure.ts';
import { Retrying } from '../retrying.ts';
import type { AssumedRole, CredentialSource, RetryPolicy, StoreCredentials } from '../store-config.ts';
import { factsOf, judge } from './aws-error.ts';

interface Held {
  readonly credentials: StoreCredentials;
  /** Store time, in milliseconds; infinite for keys that last. */
  readonly renewAt: number;
  readonly endsAt: number;
}

export interface SessionOptions {
  /** The store's time, since that is what ends a session. */
  readonly now: () => number;
  readonly random?: (() => number) | undefined;
  readonly retry?: Partial<RetryPolicy> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A session this near its end could end on its way. */
const MOST_MARGIN_MS = 10_000;
const MARGIN_SHARE = 0.1;
const BACKOFF_MS = 200;
const MOST_BACKOFF_SHARE = 0.05;
const RENEWAL: RetryPolicy = { attempts: 8, baseMs: BACKOFF_MS, capMs: 5_000, budget: 500 };

/**
 * Credentials that are always fresh: renewed at half their life beside the work (F32). While renewal fails, the old session
 * is used until it really ends (F33); an ended one is never handed out. Then it fails as `session_expired`.
 */
export class RenewingSession {
  readonly #source: CredentialSource;
  readonly #options: SessionOptions;
  readonly #retrying: Retrying;
  #held: Held | undefined;
  #renewing: Promise<void> | undefined;
  #quietUntil = 0;
  #failures = 0;
  /** How many sessions were obtained. Names the one in use when a call is sent. */
  generation = 0;

  constructor(source: CredentialSource, options: SessionOptions) {
    this.#source = source;
    this.#options = options;
    this.#retrying = new Retrying({ ...RENEWAL, ...options.retry }, options.random);
  }

  async credentials(): Promise<StoreCredentials> {
    const now = this.#options.now();
    const held = this.#held;
    if (held === undefined || now >= held.endsAt) return this.#obtain();
    if (now >= held.renewAt && now >= this.#quietUntil) this.#renewBeside(held);
    return held.credentials;
  }

  /** After the store called the session of `generation` expired: gets another, unless that has happened meanwhile. */
  async renewAfter(generation: number): Promise<void> {
    if (generation < this.generation) return;
    await this.#renewOnce();
  }

  async #obtain(): Promise<StoreCredentials> {
    const ended = this.#held !== undefined;
    try {
      await this.#retrying.run(() => this.#renewOnce(), { judge: judgeRenewal, signal: this.#options.signal });
    } catch (error) {
      throw renewalFailure(error, ended);
    }
    if (this.#held === undefined) throw new Failure('internal', 'A session was obtained and lost.');
    return this.#held.credentials;
  }

  #renewBeside(held: Held): void {
    this.#renewOnce().catch(() => {
      this.#failures += 1;
      const life = (held.endsAt - held.renewAt) * 2;
      const most = Math.min(life * MOST_BACKOFF_SHARE, BACKOFF_MS * 2 ** this.#failures);
      this.#quietUntil = this.#options.now() + (this.#options.random ?? Math.random)() * most;
    });
  }

  #renewOnce(): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(): Promise<void> {
    const credentials = await this.#source({ forceRefresh: this.#held !== undefined });
    const now = this.#options.now();
    const life = (credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY) - now;
    const endsAt = now + life - Math.min(MOST_MARGIN_MS, life * MARGIN_SHARE);
    if (life <= 0)
      throw new Failure('session_expired', 'A session arrived that has ended already.', {
        remedy: 'Check the clocks.',
      });
    this.#held = { credentials, renewAt: now + life / 2, endsAt };
    this.#failures = 0;
    this.generation += 1;
  }
}

function judgeRenewal(error: unknown): 'retry' | 'throttled' | 'final' {
  if (error instanceof Failure)
    return error.code === 'session_expired' || error.code === 'storage_unreachable' ? 'retry' : 'final';
  return judge(error);
}

function renewalFailure(error: unknown, ended: boolean): Failure {
  if (error instanceof Failure && (error.code === 'cancelled' || !ended)) return error;
  if (!ended) return signInFailure(error);
  const details = error instanceof Failure ? { cause: error.code } : { answer: factsOf(error).code };
  return new Failure('session_expired', 'The session for the store has ended and could not be renewed.', {
    remedy: 'Look why new sessions are refused, then run this again.',
    details,
  });
}

function signInFailure(error: unknown): Failure {
  const { code, status } = factsOf(error);
  if (judge(error) === 'final') {
    return new Failure('storage_denied', `No credentials for the store could be obtained (${code}).`, {
      remedy: 'Check the profile, the keys or the role for the store.',
      details: { answer: code, status },
    });
  }
  return new Failure('storage_unreachable', `The service that gives credentials does not answer (${code}).`, {
    remedy: 'Check the network, then try again.',
    details: { answer: code, status },
  });
}

export interface RoleOptions {
  readonly region: string;
  /** Gives the credentials that may assume the role. */
  readonly base: CredentialSource | undefined;
  readonly endpoint?: string | undefined;
  readonly sessionName?: string;
  /** A policy, as JSON, that narrows the sessions whatever the role may do besides (F97). */
  readonly policy?: string | undefined;
  /** 900 to 3600: chained sessions cannot live longer. */
  readonly seconds?: number;
}

const LONGEST_SESSION_S = 3600;

/** A source of sessions of an assumed role. One call is one AssumeRole; repeating it is the caller's part. */
export function roleSource(role: AssumedRole, options: RoleOptions): CredentialSource {
  const { sessionName = 'database-dump', seconds = LONGEST_SESSION_S, policy } = options;
  const input = {
    RoleArn: role.arn,
    RoleSessionName: sessionName,
    DurationSeconds: Math.min(seconds, LONGEST_SESSION_S),
    ...(policy === undefined ? {} : { Policy: policy }),
    ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
  };
  let assuming: ReturnType<typeof openSts> | undefined;
  return async () => {
    try {
      assuming ??= openSts(options);
      const assume = await assuming;
      const { Credentials: given } = await assume(input);
      return sessionOf(given);
    } catch (error) {
      throw roleFailure(error, role);
    }
  };
}

/** Loaded for those who have a role: most have none. */
async function openSts({ region, base, endpoint }: RoleOptions) {
  const { AssumeRoleCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient({
    region,
    maxAttempts: 1,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(base === undefined ? {} : { credentials: async () => base() }),
    requestHandler: { connectionTimeout: 5_000, requestTimeout: 15_000, throwOnRequestTimeout: true },
  });
  return (input: AssumeRoleCommandInput) => client.send(new AssumeRoleCommand(input));
}

interface GivenCredentials {
  readonly AccessKeyId?: string | undefined;
  readonly SecretAccessKey?: string | undefined;
  readonly SessionToken?: string | undefined;
  readonly Expiration?: Date | undefined;
}

function sessionOf(given: GivenCredentials | undefined): StoreCredentials {
  const {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: expiration,
  } = given ?? {};
  if (
    accessKeyId !== undefined &&
    secretAccessKey !== undefined &&
    sessionToken !== undefined &&
    expiration !== undefined
  ) {
    return { accessKeyId, secretAccessKey, sessionToken, expiration };
  }
  throw new Failure('storage_unreachable', 'The answer to AssumeRole has no complete session in it.', {
    remedy: 'Check the STS endpoint.',
  });
}

function roleFailure(error: unknown, role: AssumedRole): unknown {
  if (error instanceof Failure || judge(error) !== 'final') return error;
  const { code, status } = factsOf(error);
  return new Failure('storage_denied', `sts:AssumeRole is denied on ${role.arn} (${code}).`, {
    remedy: 'Let the role trust these credentials with this external id.',
    details: { action: 'sts:AssumeRole', answer: code, status },
  });
}
