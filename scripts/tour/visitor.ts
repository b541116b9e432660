import { strict as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, makeClient } from '../../src/contract/client.ts';
import { Failure, type FailureCode } from '../../src/domain/failure.ts';
import { type describedBy, routeOfRequest } from '../../test/support/described.ts';
import type { Exchange, Narrator } from './narrator.ts';

/** Somebody who asks the service: every request and answer is told, and every answer compared with openapi.json. */
export interface Visitor {
  readonly call: Client['call'];
  /** Asks until it holds, and tells of the last time alone. Throws when it takes longer. */
  until<T>(ask: () => Promise<T>, holds: (answer: T) => boolean, withinMs?: number): Promise<T>;
  /** Asks for what must be refused with that code. */
  refused(code: FailureCode, ask: () => Promise<unknown>): Promise<void>;
  /** Sent with every request from now on. */
  carry(headers: Readonly<Record<string, string>>): void;
  /** Header values of the last answer. */
  last(name: string): string;
}

export interface VisitorOptions {
  readonly baseUrl: string;
  readonly narrator: Narrator;
  /** Compares an answer with the document; undefined: as described. */
  readonly undescribed: ReturnType<typeof describedBy>;
}

const PAUSE_MS = 200;

export function makeVisitor({ baseUrl, narrator, undescribed }: VisitorOptions): Visitor {
  let carried: Readonly<Record<string, string>> = {};
  let last: Headers = new Headers();
  let held: Exchange | undefined;
  let holding = false;
  const told = (exchange: Exchange) => {
    held = exchange;
    if (!holding) narrator.tell(exchange);
  };
  const send: typeof fetch = async (url, init) => {
    const headers = { ...(init?.headers as Record<string, string>), ...carried };
    const response = await fetch(url, { ...init, headers });
    const text = await response.text();
    last = response.headers;
    const exchange = exchangeOf(String(url), init ?? {}, { response, text });
    told(exchange);
    assertDescribed(exchange, undescribed);
    return new Response(response.status === 204 ? null : text, response);
  };
  const { call } = makeClient({ baseUrl, fetch: send });
  const quietly = async <T>(work: () => Promise<T>): Promise<T> => {
    holding = true;
    try {
      return await work();
    } finally {
      holding = false;
      if (held !== undefined) narrator.tell(held);
    }
  };
  return {
    call,
    until: (ask, holds, withinMs = 90_000) => quietly(() => askUntil(ask, holds, withinMs)),
    refused: async (code, ask) => {
      await assert.rejects(ask, (error) => error instanceof Failure && error.code === code);
    },
    carry: (headers) => {
      carried = headers;
    },
    last: (name) => last.get(name) ?? '',
  };
}

async function askUntil<T>(ask: () => Promise<T>, holds: (answer: T) => boolean, withinMs: number): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (holds(answer)) return answer;
    if (Date.now() > end) throw new Error(`it did not become so: ${JSON.stringify(answer)}`);
    await sleep(PAUSE_MS);
  }
}

interface Received {
  readonly response: Response;
  readonly text: string;
}

function exchangeOf(url: string, { method = 'GET', body }: RequestInit, { response, text }: Received): Exchange {
  const { pathname, search } = new URL(url);
  return {
    method,
    path: `${pathname}${search}`,
    body: typeof body === 'string' ? body : undefined,
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    answer: text,
  };
}

function assertDescribed(exchange: Exchange, undescribed: VisitorOptions['undescribed']): void {
  const { method, path, status, contentType, answer } = exchange;
  const id = routeOfRequest(method, path);
  assert.ok(id !== undefined, `no route: ${method} ${path}`);
  assert.equal(undescribed({ id, status, contentType, text: answer }), undefined);
}
