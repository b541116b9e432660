import { z } from 'zod';
import { Id } from './resources/basics.ts';
import type { Role } from './resources/people.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** One thing a user can ask for, as data: the handlers, the documentation, the client and the tests are made from it. */
export interface Route {
  /** The operation's name, unique: `backups.start`. */
  readonly id: string;
  readonly method: Method;
  /** `/v1/backups/{backupId}`; a `:verb` at the end is a custom method. */
  readonly path: string;
  readonly summary: string;
  /** Least role that may ask; `member` needs a person or key of any tenant, `public` nobody. */
  readonly role: Role | 'member' | 'public';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly status: 200 | 201 | 202 | 204;
  readonly response?: z.ZodType;
  /** The answer is not JSON. */
  readonly contentType?: 'text/plain' | 'text/event-stream';
  /** Updates need If-Match with the version that was read. */
  readonly ifMatch?: true;
}

type Out<T> = T extends z.ZodType ? z.output<T> : undefined;

/** What an operation is given once the request has been checked. */
export interface InputOf<R extends Route> {
  readonly params: Out<R['params']>;
  readonly query: Out<R['query']>;
  readonly body: Out<R['body']>;
}

/** What an operation answers. */
export type OutputOf<R extends Route> = R['response'] extends z.ZodType
  ? z.input<R['response']>
  : R['contentType'] extends 'text/plain'
    ? string
    : undefined;

/** Keeps a route's exact type while checking its shape. */
export function route<const R extends Route>(definition: R): R {
  return definition;
}

/** The one id in a path: `{memberId}`. */
export function idParam<const N extends string>(name: N) {
  return z.strictObject({ [name]: Id } as Record<N, typeof Id>);
}
