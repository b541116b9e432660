import type { Role } from '../contract/resources/people.ts';
import type { InputOf, OutputOf } from '../contract/route.ts';
import type { RouteId, routes } from '../contract/routes.ts';
import type { Runtime } from '../runtime/runtime.ts';

/** Who asks, once it has been proved. Every operation works in this tenant and no other. */
export interface Asker {
  readonly tenantId: string;
  readonly role: Role;
  /** `member <id>` or `api-key <id>`, for the audit chain. */
  readonly actor: string;
  readonly memberId: string | undefined;
  readonly via: 'session' | 'token' | 'api-key';
  /** Address the request came from. */
  readonly origin: string | undefined;
  readonly requestId: string;
  /** The version that an update was based on (If-Match). */
  readonly ifMatch: number | undefined;
  /** Whom an access token at a public route names: an invitation is bound to them. */
  readonly subject?: string | undefined;
  /** The browser session that asks, where one does. */
  readonly sessionId?: string | undefined;
  /** The browser's cookie, where the door has one. */
  readonly cookie?: SessionCookie | undefined;
  /** The idempotency key that this request holds; see idempotency.ts. */
  readonly key?: HeldKey | undefined;
}

export interface SessionCookie {
  set(session: string, seconds: number): void;
  clear(): void;
}

export interface HeldKey {
  readonly key: string;
  readonly since: Date;
  /** Status of the route's answer. */
  readonly status: number;
}

/** Whoever asks something public. No row is theirs to see: no tenant has this id. */
export function nobody(request: Pick<Asker, 'origin' | 'requestId' | 'cookie' | 'subject'>): Asker {
  return {
    ...request,
    tenantId: '00000000-0000-0000-0000-000000000000',
    role: 'viewer',
    actor: 'nobody',
    memberId: undefined,
    via: 'token',
    ifMatch: undefined,
  };
}

/** What a user asks for: a plain function that can be called by any door. `Needs` is the slice of the runtime it uses. */
export type Operation<Id extends RouteId, Needs extends keyof Runtime = keyof Runtime> = (
  runtime: Pick<Runtime, Needs>,
  asker: Asker,
  input: InputOf<(typeof routes)[Id]>,
) => Promise<OutputOf<(typeof routes)[Id]>>;
