import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { problemResponse } from '../lambdas/middleware/problem.ts';
import { Failure, messageOf } from '../src/domain/failure.ts';
import type { LocalService } from '../src/runtime/local-service.ts';
import type { Runtime } from '../src/runtime/runtime.ts';

export type DownloadHandler = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

type Downloads = LocalService['downloads'];
type Granted = NonNullable<ReturnType<Downloads['granted']>>;
type Needs = Pick<Runtime, 'openStorage' | 'log'>;

/** First and last byte, both included. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Serves the links that this machine gave out; false for any other path. A link can be resumed by byte ranges (RFC 9110). */
export function downloadHandler(runtime: Needs, downloads: Downloads): DownloadHandler {
  return async (request, response) => {
    const token = /^\/downloads\/([\w-]+)$/.exec(request.url ?? '')?.[1];
    if (token === undefined) return false;
    const granted = downloads.granted(token);
    if (granted === undefined) refuse(response, expired());
    else if (request.method !== 'GET' && request.method !== 'HEAD') refuse(response, wrongMethod());
    else await serve(runtime, granted, { request, response });
    return true;
  };
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function serve(runtime: Needs, granted: Granted, { request, response }: Exchange): Promise<void> {
  const { bytes, fileName } = granted;
  response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Disposition', `attachment; filename="${fileName}"`);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const span = spanOf(request.headers.range, bytes);
  if (span === 'beyond') {
    response.writeHead(416, { 'Content-Range': `bytes */${bytes}` }).end();
    return;
  }
  const { start, end } = span ?? { start: 0, end: bytes - 1 };
  response.setHeader('Content-Length', end - start + 1);
  if (span !== undefined) response.setHeader('Content-Range', `bytes ${start}-${end}/${bytes}`);
  response.statusCode = span === undefined ? 200 : 206;
  if (request.method === 'HEAD') response.end();
  else await send(runtime, granted, { response, span: { start, end } });
}

async function send(
  { openStorage, log }: Needs,
  granted: Granted,
  { response, span }: { readonly response: ServerResponse; readonly span: Span },
): Promise<void> {
  const { tenantId, destinationId, runId, key, versionId } = granted;
  const storage = await openStorage({ tenantId, destinationId, purpose: 'read', runId });
  try {
    const version = versionId === undefined ? {} : { versionId };
    await pipeline(Readable.from(storage.read(key, { ...version, range: span })), response);
  } catch (error) {
    log('warn', { runId, cause: messageOf(error) }, 'a download did not end');
    // The length was promised: a connection that breaks is the only way left to say that it is not all.
    response.destroy();
  } finally {
    await storage.close();
  }
}

/** One range of bytes; several at once, and what is no range at all, are answered with the whole, as the standard allows. */
function spanOf(header: string | undefined, bytes: number): Span | 'beyond' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const start = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
  const end = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  return start > end ? 'beyond' : { start, end };
}

function refuse(response: ServerResponse, failure: Failure): void {
  const { statusCode = 500, headers = {}, body = '' } = problemResponse(failure, randomUUID());
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value));
  response.writeHead(statusCode).end(body);
}

function expired(): Failure {
  return new Failure('not_found', 'There is no such download, or its link has ended.', {
    remedy: 'Ask for another link; they live for five minutes.',
  });
}

function wrongMethod(): Failure {
  return new Failure('method_not_allowed', 'A download is fetched with GET.', { remedy: 'Use GET.' });
}
