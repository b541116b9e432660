import { Failure } from '../../src/domain/failure.ts';
import type { Secret } from '../../src/domain/secret.ts';

/** What stands beside `--credential`. */
export interface CredentialParts {
  readonly role?: string | undefined;
  readonly region?: string | undefined;
  readonly password: Secret | undefined;
}

const KINDS = 'none, env:NAME, file:/PATH, command:/PROGRAM ARGS, the ARN of a secret, rds-iam, one-off or sealed';

/** Where the service finds a password, as the API takes it. Files, variables and programs are those of the service's machine. */
export function credentialOf(text: string, parts: CredentialParts) {
  const colon = text.indexOf(':');
  const kind = colon < 0 ? text : text.slice(0, colon);
  const rest = colon < 0 ? '' : text.slice(colon + 1);
  const read = READERS[kind];
  if (read !== undefined) return read(rest, parts);
  throw new Failure('usage', 'What --credential says is no place that a password can be at.', {
    remedy: `Give ${KINDS}.`,
  });
}

type Read =
  | { kind: 'none' }
  | { kind: 'one-off' }
  | { kind: 'env'; name: string }
  | { kind: 'file'; path: string }
  | { kind: 'command'; program: string; args: string[] }
  | { kind: 'secret'; secretArn: string; roleArn: string }
  | { kind: 'rds-iam'; roleArn: string; region: string }
  | { kind: 'sealed'; password: Secret };

const READERS: Readonly<Record<string, (rest: string, parts: CredentialParts) => Read>> = {
  none: () => ({ kind: 'none' }),
  'one-off': () => ({ kind: 'one-off' }),
  env: (name) => ({ kind: 'env', name }),
  file: (path) => ({ kind: 'file', path }),
  command: (line) => {
    const [program = '', ...args] = line.split(' ').filter((word) => word !== '');
    return { kind: 'command', program, args };
  },
  arn: (rest, { role }) => ({ kind: 'secret', secretArn: `arn:${rest}`, roleArn: needed(role, '--role') }),
  'rds-iam': (_rest, { role, region }) => ({
    kind: 'rds-iam',
    roleArn: needed(role, '--role'),
    region: needed(region, '--region'),
  }),
  sealed: (_rest, { password }) => ({ kind: 'sealed', password: needed(password, '--password') }),
};

function needed<T>(value: T | undefined, option: string): T {
  if (value !== undefined) return value;
  throw new Failure('usage', `This kind of credential needs ${option}.`, { remedy: `Give ${option} too.` });
}
