import { createHmac, timingSafeEqual } from 'node:crypto';

/** One call of a webhook, by the Standard Webhooks specification. */
export interface SignedCall {
  /** The same at every try: what a receiver knows a repetition by. */
  readonly id: string;
  readonly at: Date;
  readonly body: string;
}

export type WebhookHeaders = Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>>;

/** `secrets`: `whsec_…`, the present one first. While one is being replaced, both sign and either is enough. */
export function signedHeaders({ id, at, body }: SignedCall, secrets: readonly string[]): WebhookHeaders {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const signatures = secrets.map((secret) => `v1,${signature(secret, `${id}.${timestamp}.${body}`)}`);
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}

function signature(secret: string, content: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return createHmac('sha256', key).update(content).digest('base64');
}

/** Seconds that a call may be old, or ahead: older ones are replays. */
const TOLERANCE_SECONDS = 300;

/** What a receiver does: true when one of the signatures is by `secret`, and the call is no replay. */
export function isSigned(
  headers: WebhookHeaders,
  { body, at }: Pick<SignedCall, 'body' | 'at'>,
  secret: string,
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!(Math.abs(at.getTime() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS)) return false;
  const expected = Buffer.from(`v1,${signature(secret, `${id}.${timestamp}.${body}`)}`);
  return signatures.split(' ').some((one) => {
    const given = Buffer.from(one);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}
