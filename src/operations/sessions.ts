import { signIn, signOut } from './identity/sign-in.ts';
import { describeMe } from './me.ts';
import type { Operation } from './operation.ts';

/** The link dies by it; the session goes into the browser's cookie and nowhere else. */
export const startSession: Operation<'session.signIn', 'catalog'> = async (runtime, asker, { body }) => {
  const { origin, requestId, subject } = asker;
  const signedIn = await signIn(runtime, { token: body.token, subject, origin, requestId });
  asker.cookie?.set(signedIn.session, signedIn.seconds);
  return describeMe(runtime, { ...asker, ...signedIn.identity });
};

export const endSession: Operation<'session.signOut', 'catalog'> = async (runtime, asker) => {
  await signOut(runtime, { ...asker, sessionId: asker.sessionId });
  asker.cookie?.clear();
  return undefined;
};
