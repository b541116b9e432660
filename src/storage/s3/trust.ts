import { randomBytes } from 'node:crypto';
import { Failure } from '../../domain/failure.ts';
import { Retrying } from '../retrying.ts';
import type { CredentialSource } from '../store-config.ts';
import type { FieldBook } from '../survey.ts';
import { judge } from './aws-error.ts';
import { roleSource } from './session.ts';
import type { SurveyWish } from './survey.ts';

const RANDOM_BYTES = 16;

/**
 * Whether a role trusts us with this tenant's external id, and with no other and without none (F90): a role that does not
 * ask for it could be named by any other tenant, who would then have us write and read there. Returns its sessions.
 */
export async function proveTrust(
  book: FieldBook,
  wish: SurveyWish,
  { arn, name }: { readonly arn: string; readonly name: string },
): Promise<CredentialSource | undefined> {
  const { context, config, externalId } = wish;
  const retrying = new Retrying(context.retry, context.random);
  const assume = (given: string | undefined): CredentialSource => {
    const { credentials: base, stsEndpoint: endpoint } = context;
    return roleSource(
      { arn, externalId: given },
      { region: config.region, base, endpoint, sessionName: wish.sessionName },
    );
  };
  const attempt = (given: string | undefined) => async () => {
    const source = assume(given);
    await retrying.run(() => source(), { judge, signal: context.signal }).catch(unanswered);
    return source;
  };
  const source = await book.allowed(`sts:AssumeRole as ${name}`, attempt(externalId));
  if (source === undefined) return undefined;
  const danger =
    'The role can be assumed like this. Let its trust policy demand sts:ExternalId exactly as the role template does.';
  const wrong = `not-yours-${randomBytes(RANDOM_BYTES).toString('hex')}`;
  await book.denied(`sts:AssumeRole as ${name} without an external id`, danger, attempt(undefined));
  await book.denied(`sts:AssumeRole as ${name} with a wrong external id`, danger, attempt(wrong));
  return source;
}

// The role's own refusal is a Failure already.
function unanswered(error: unknown): never {
  if (error instanceof Failure) throw error;
  throw new Failure('storage_unreachable', 'The service that gives sessions of roles does not answer.', {
    remedy: 'Try again; if it repeats, check the network and the region.',
    cause: error,
  });
}
