import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { CredentialRequest, CredentialSource } from '../platform.ts';
import { type AwsPlaces, assumeRole, awsFailure, type SessionCredentials, TIMES, TRIES } from './assumed-session.ts';

type Source<Kind> = Extract<CredentialSource, { readonly kind: Kind }>;

const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:([a-z0-9-]{1,32}):\d{12}:secret:[^\s*?]+$/;

/**
 * Credentials that stay in a client's account: read, or made, at the moment of use through the client's own role, in a
 * session that may do this one thing (F97). Nothing is kept.
 */
export function clientCredentials(
  places: AwsPlaces,
): (source: Source<'secret' | 'rds-iam'>, request: CredentialRequest) => Promise<Secret> {
  return (source, request) =>
    source.kind === 'secret' ? readSecret(places, source, request) : makeToken(places, source, request);
}

async function readSecret(places: AwsPlaces, source: Source<'secret'>, request: CredentialRequest): Promise<Secret> {
  const { secretArn, field } = source;
  const region = SECRET_ARN.exec(secretArn)?.[1];
  if (region === undefined) {
    throw new Failure('usage', `${secretArn} is not the ARN of one secret in Secrets Manager.`, {
      remedy: 'Give the whole ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME.',
    });
  }
  const statements = [
    { Action: ['secretsmanager:GetSecretValue'], Resource: secretArn },
    { Action: ['kms:Decrypt'], Resource: '*' },
  ];
  const credentials = await sessionFor(places, { ...source, region, statements }, request);
  const text = await getSecret(places, { secretArn, region, credentials });
  return new Secret(pick(text, { secretArn, field }));
}

interface Scope {
  readonly roleArn: string;
  readonly region: string;
  readonly statements: readonly { readonly Action: readonly string[]; readonly Resource: string }[];
}

function sessionFor(places: AwsPlaces, { roleArn, region, statements }: Scope, request: CredentialRequest) {
  const { externalId, runId } = request;
  return assumeRole({ roleArn, region, statements, externalId, sessionName: runId }, places);
}

interface Place {
  readonly secretArn: string;
  readonly region: string;
  readonly credentials: SessionCredentials;
}

async function getSecret({ secretsEndpoint }: AwsPlaces, { secretArn, region, credentials }: Place): Promise<string> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient({
    region,
    credentials,
    maxAttempts: TRIES,
    requestHandler: TIMES,
    ...(secretsEndpoint === undefined ? {} : { endpoint: secretsEndpoint }),
  });
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretArn }));
    if (SecretString !== undefined && SecretString !== '') return SecretString;
  } catch (error) {
    throw awsFailure(error, { action: 'secretsmanager:GetSecretValue', on: secretArn });
  } finally {
    client.destroy();
  }
  throw unusable(secretArn, 'holds no text');
}

/** The field that was named; else `password` where the secret is a JSON object, as AWS itself makes them; else all of it. */
function pick(text: string, { secretArn, field }: { readonly secretArn: string; readonly field: string | undefined }) {
  const fields = objectIn(text);
  if (fields === undefined && field === undefined) return text;
  const name = field ?? 'password';
  const value = fields !== undefined && Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value === 'string' && value !== '') return value;
  throw unusable(secretArn, `has no text in its field ${JSON.stringify(name)}`);
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

function unusable(secretArn: string, why: string): Failure {
  return new Failure('authentication_failed', `The secret ${secretArn} ${why}.`, {
    remedy: 'Store the password as text, or as a field of a JSON object and name that field.',
  });
}

/** A token for one login, good for fifteen minutes to connect with. Made here: nothing but AssumeRole is asked. */
async function makeToken(places: AwsPlaces, source: Source<'rds-iam'>, request: CredentialRequest): Promise<Secret> {
  const { host: hostname, port, user: username } = request.login;
  const statements = [{ Action: ['rds-db:connect'], Resource: '*' }];
  const credentials = await sessionFor(places, { ...source, statements }, request);
  const { Signer } = await import('@aws-sdk/rds-signer');
  const signer = new Signer({ hostname, port, username, region: source.region, credentials });
  return new Secret(await signer.getAuthToken());
}
