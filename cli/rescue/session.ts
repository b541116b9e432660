import { namedVariable, readConfig } from '../../src/runtime/config.ts';
import { openRescue, type Rescue } from '../../src/runtime/rescue.ts';
import { holdsPassword, resolveDatabaseUrl, TYPED_PASSWORD_WARNING } from '../database-argument.ts';
import { type Outcome, openScreen, type Screen } from '../screen.ts';
import { cancelOnSignals } from '../signals.ts';
import type { CommonOptions } from './global-options.ts';

/** What a command's work is given. */
export interface Session {
  readonly rescue: Rescue;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** A database by an argument: a URL, `env:NAME`, `file:PATH`, or nothing for $DATABASE_URL. Its password is hidden everywhere. */
  connect(argument: string | undefined): Promise<ReturnType<Rescue['connect']>>;
}

/** Runs a command to its one result or refusal, sets the exit code, and leaves nothing behind. */
export async function runCommand(options: CommonOptions, work: (session: Session) => Promise<Outcome>): Promise<void> {
  const screen = openScreen({ ...options, colours: readConfig().colours });
  const remedy = 'Nothing was kept of it; start it again when you like.';
  const cancel = cancelOnSignals({ warn: screen.warn, remedy });
  let rescue: Rescue | undefined;
  try {
    if (process.argv.some(holdsPassword)) screen.warn(TYPED_PASSWORD_WARNING);
    rescue = await openRescue({
      dataDir: options.dataDir,
      trust: options.trust,
      identities: options.identity,
      signal: cancel.signal,
      note: screen.note,
      progress: screen.progress,
    });
    process.exitCode = screen.finish(await work(sessionOf(rescue, screen, cancel.signal)));
  } catch (error) {
    process.exitCode = screen.refuse(cancel.signal.aborted ? cancel.signal.reason : error);
  } finally {
    rescue?.close();
    cancel.release();
  }
}

function sessionOf(rescue: Rescue, screen: Screen, signal: AbortSignal): Session {
  return {
    rescue,
    screen,
    signal,
    connect: async (argument) => {
      const url = await resolveDatabaseUrl(argument, { variable: namedVariable, warn: screen.warn });
      const found = rescue.connect(url);
      if (found.connection.password !== undefined) screen.hide(found.connection.password);
      return found;
    },
  };
}
