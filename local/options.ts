import { parseArgs } from 'node:util';
import { Failure, messageOf } from '../src/domain/failure.ts';

export interface StartOptions {
  readonly help: boolean;
  readonly sample: boolean;
  /** Stop after the summary. */
  readonly once: boolean;
  readonly dataDir: string | undefined;
  /** Where the service listens; undefined: the usual port, or any where that is taken. */
  readonly port: number | undefined;
}

export const HELP = `npm start -- [options]

Backs up a sample database, restores it into a scratch database, compares every table, and says what came of it.
The service then runs until Ctrl-C, and the sample's server with it. Everything stays in .database-dump/; remove that
folder to start afresh.

  --no-sample       find the tools, start the embedded PostgreSQL, and stop there
  --once            end after the summary
  --port PORT       where the service listens on 127.0.0.1 (8080, or any free one where that is taken)
  --data-dir DIR    use another folder than .database-dump
  --help            this text
`;

const HIGHEST_PORT = 65_535;

/** Reads the options of `npm start`; a Failure `usage` for what it does not know. */
export function readOptions(argv: readonly string[]): StartOptions {
  const { values } = parse(argv);
  return {
    help: values.help === true,
    sample: values['no-sample'] !== true,
    once: values.once === true,
    dataDir: values['data-dir'],
    port: values.port === undefined ? undefined : portOf(values.port),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: 'boolean' },
        'no-sample': { type: 'boolean' },
        once: { type: 'boolean' },
        port: { type: 'string' },
        'data-dir': { type: 'string' },
      },
    });
  } catch (error) {
    throw new Failure('usage', messageOf(error).split('. ')[0] ?? 'The options cannot be read', {
      remedy: 'See: npm start -- --help',
      cause: error,
    });
  }
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= HIGHEST_PORT) return port;
  throw new Failure('usage', `--port ${JSON.stringify(text)} is not a port.`, {
    remedy: 'Give a number from 1 to 65535.',
  });
}
