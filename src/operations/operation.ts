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
}

/** What a user asks for: a plain function that can be called by any door. `Needs` is the slice of the runtime it uses. */
export type Operation<Id extends RouteId, Needs extends keyof Runtime = keyof Runtime> = (
  runtime: Pick<Runtime, Needs>,
  asker: Asker,
  input: InputOf<(typeof routes)[Id]>,
) => Promise<OutputOf<(typeof routes)[Id]>>;
