import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { allows } from './policy.ts';
import { authenticate, type SessionAuthority } from './s3-server/identity.ts';

export interface SecretsServer {
  readonly endpoint: string;
  /** ARN → text. */
  readonly secrets: Map<string, string>;
  /** Every secret that was asked for, with its answer's status. */
  readonly log: { readonly arn: string; readonly status: number }[];
  /** Statuses to answer with instead, one for each of the next calls. */
  readonly failures: number[];
  close(): Promise<void>;
}

/** A Secrets Manager with GetSecretValue, for sessions of our STS and nobody else; session policies count. */
export async function startSecretsServer(sessions: SessionAuthority): Promise<SecretsServer> {
  const secrets = new Map<string, string>();
  const log: { arn: string; status: number }[] = [];
  const failures: number[] = [];
  const answer = async (request: IncomingMessage): Promise<{ status: number; body: object }> => {
    let body = '';
    for await (const piece of request) body += piece;
    const arn = String(JSON.parse(body).SecretId);
    const forced = failures.shift();
    const reply = forced === undefined ? decide(request, { body, arn }) : refusal(forced, 'InternalServiceError');
    log.push({ arn, status: reply.status });
    return reply;
  };
  const decide = (request: IncomingMessage, { body, arn }: { body: string; arn: string }) => {
    if (request.headers['x-amz-target'] !== 'secretsmanager.GetSecretValue')
      return refusal(400, 'UnknownOperationException');
    const payloadHash = createHash('sha256').update(body).digest('hex');
    const signed = { method: 'POST', target: '/', headers: request.headers, payloadHash };
    try {
      const { identity } = authenticate(signed, { keys: [], sessions, now: Date.now() });
      const question = { permission: 'secretsmanager:GetSecretValue', arn, context: {} };
      if (!identity.policies.every((policy) => allows(policy, question))) return refusal(400, 'AccessDeniedException');
    } catch {
      return refusal(400, 'UnrecognizedClientException');
    }
    const text = secrets.get(arn);
    if (text === undefined) return refusal(400, 'ResourceNotFoundException');
    return { status: 200, body: { ARN: arn, Name: 'secret', SecretString: text } };
  };
  const server = createServer((request, response) => {
    void answer(request).then(({ status, body }) =>
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    secrets,
    log,
    failures,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refusal(status: number, type: string): { status: number; body: object } {
  return { status, body: { __type: type, message: type } };
}
