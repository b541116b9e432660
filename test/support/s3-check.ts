import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { AccessKey } from './s3-server/identity.ts';
import type { HandMade } from './s3-signing.ts';

/** A server under check: ours, or a real one that shows ours has not drifted. It holds three empty buckets. */
export interface Stage {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  readonly client: S3Client;
  readonly plain: string;
  readonly versioned: string;
  /** Versioned, with object lock. */
  readonly locked: string;
}

/** One statement about S3. `versitygw` gives the reason why the real server named so does not hold it. */
export interface Check {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
  readonly versitygw?: string;
}

// The SDK's advice about streams and retries is not for tests that provoke refusals on purpose.
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/** An SDK client that speaks to the stage; it does not retry, so that every answer is seen. */
export function clientFor(
  stage: Pick<Stage, 'endpoint' | 'region' | 'credentials'>,
  config: S3ClientConfig = {},
): S3Client {
  const { endpoint, region, credentials } = stage;
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
    logger: SILENT,
    ...config,
  });
}

/** What became of a call, its body read to the end: its error's code and HTTP status, or `ok`. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    const { Body } = (await call) as { Body?: AsyncIterable<unknown> };
    for await (const piece of Body ?? []) void piece;
    return 'ok';
  } catch (error) {
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
    return $metadata?.httpStatusCode === undefined ? `${name} no answer` : `${name} ${$metadata.httpStatusCode}`;
  }
}

/** The HTTP status and error code of a hand-made request. */
export async function answerOf(sent: Promise<Response>): Promise<string> {
  const response = await sent;
  const code = /<Code>(\w+)<\/Code>/.exec(await response.text())?.[1];
  return code === undefined ? String(response.status) : `${code} ${response.status}`;
}

/** A hand-made request for a key of the plain bucket. */
export function handMade(stage: Stage, method: string, key: string): HandMade {
  const { endpoint, region, credentials } = stage;
  return { endpoint, region, key: credentials, method, path: `/${stage.plain}/${key}` };
}
