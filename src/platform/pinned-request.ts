import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { type AllowedRanges, pinnedLookup, requireDialable } from '../domain/address.ts';
import { Failure } from '../domain/failure.ts';
import type { Resolver } from './platform.ts';

export interface PinnedRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface PinnedAnswer {
  readonly status: number;
  readonly body: string;
}

export interface PinnedRules {
  readonly resolver: Resolver;
  readonly allowed: AllowedRanges;
  readonly timeoutMs?: number;
  /** Of the answer's body. */
  readonly mostBytes?: number;
}

const TIMEOUT_MS = 5000;
const MOST_BYTES = 64 * 1024;

/**
 * One request to somebody else's server. Its name is resolved once, every address it has is checked, and the checked one is
 * dialled; the name stays for TLS (F87, F88). A redirect is an answer like any other and is not followed (F89).
 */
export async function pinnedRequest(request: PinnedRequest, rules: PinnedRules): Promise<PinnedAnswer> {
  const url = new URL(request.url);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new Failure('usage', `${url.protocol} is not http or https.`, { remedy: 'Give an https URL.' });
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const addresses = isIP(host) === 0 ? await rules.resolver.addresses(host) : [host];
  const address = requireDialable(host, addresses, rules.allowed);
  const { timeoutMs = TIMEOUT_MS, mostBytes = MOST_BYTES } = rules;
  const answer = await send(url, request, { address, signal: AbortSignal.timeout(timeoutMs) });
  return { status: answer.statusCode ?? 0, body: await readUpTo(answer, mostBytes) };
}

interface Dial {
  readonly address: string;
  readonly signal: AbortSignal;
}

function send(url: URL, request: PinnedRequest, { address, signal }: Dial): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method: request.method,
    headers: { ...request.headers },
    signal,
    agent: false,
    lookup: pinnedLookup(address),
  };
  return new Promise((resolve, reject) => {
    const call = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
    call.once('error', reject).once('response', resolve).end(request.body);
  });
}

async function readUpTo(answer: IncomingMessage, mostBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error(`the answer is longer than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
