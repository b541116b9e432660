import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { Runner } from '../../process/child.ts';
import { capture, describeExit, endedWell } from '../../process/run.ts';
import { codeOf } from './error-code.ts';

/** What of this machine credentials may be read from. */
export interface LocalSources {
  /** A variable of this process by its name; undefined where it is not set or is one of the service's own. */
  readonly variable: (name: string) => string | undefined;
  /** Folders, by their real paths, out of which nothing is read: where the service keeps its own secrets. */
  readonly privateFolders: readonly string[];
  /** Programs that the operator allows as `command`, absolute. */
  readonly commands: readonly string[];
  /** Starts those programs. */
  readonly runner: Runner;
  /** Milliseconds a program may take. */
  readonly commandMs?: number;
}

const MOST_BYTES = 64 * 1024;
const COMMAND_MS = 15_000;

/** The content of a file, without the end of its last line. */
export async function fromFile({ privateFolders }: LocalSources, path: string): Promise<Secret> {
  const real = await realpath(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  if (privateFolders.some((folder) => real === folder || real.startsWith(folder + sep))) {
    throw new Failure('forbidden', `The file ${path} belongs to the service itself.`, {
      remedy: 'Put the credential into a file of its own, outside the data folder.',
    });
  }
  // Without waiting for a writer: what is no plain file is refused, not read.
  const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    return new Secret(trimmed(await readSmall(handle, path), `The file ${path}`));
  } finally {
    await handle.close();
  }
}

async function readSmall(handle: FileHandle, path: string): Promise<string> {
  const facts = await handle.stat();
  if (!facts.isFile()) throw unusable(`${path} is not a plain file.`);
  const { bytesRead, buffer } = await handle.read(Buffer.alloc(MOST_BYTES + 1), 0, MOST_BYTES + 1, 0);
  if (bytesRead > MOST_BYTES) throw unusable(`The file ${path} is longer than ${MOST_BYTES} bytes.`);
  return buffer.subarray(0, bytesRead).toString('utf8');
}

function unreadable(path: string, error: unknown): Failure {
  return unusable(`The file ${path} cannot be read (${codeOf(error)}).`);
}

/** The value of a variable of this process. */
export function fromVariable({ variable }: LocalSources, name: string): Secret {
  const value = variable(name);
  if (value !== undefined) return new Secret(value);
  throw new Failure('authentication_failed', `The variable ${name} is not set for the service, or is its own.`, {
    remedy: 'Set a variable for this credential alone and start the service again.',
  });
}

/** What a program prints, without the end of its last line. It must end well. No shell takes part: arguments arrive as they are. */
export async function fromCommand(
  { commands, runner, commandMs = COMMAND_MS }: LocalSources,
  { program, args }: { readonly program: string; readonly args: readonly string[] },
): Promise<Secret> {
  if (!commands.includes(program)) {
    throw new Failure('forbidden', `The operator does not allow ${program} to give credentials.`, {
      remedy: 'Add it to CREDENTIAL_COMMANDS and start the service again.',
    });
  }
  const ended = await capture(runner, { program, args }, { deadlineMs: commandMs, maxBytes: MOST_BYTES }).catch(
    (cause: unknown) => {
      throw cause instanceof Failure ? unusable(`${program} printed more than ${MOST_BYTES} bytes.`) : cause;
    },
  );
  if (endedWell(ended.exit)) return new Secret(trimmed(ended.stdout, program));
  // Its words may hold what it was about to print: how it ended is enough.
  throw unusable(`${describeExit({ ...ended.exit, stderr: '' })} and gave no credential.`);
}

function trimmed(text: string, whose: string): string {
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw unusable(`${whose} gives an empty credential.`);
  return value;
}

function unusable(message: string): Failure {
  return new Failure('authentication_failed', message, { remedy: 'Correct the reference to the credential.' });
}
