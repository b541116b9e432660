import { dirname } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import { chooseTool } from '../../process/tool-choice.ts';
import type { Tool, Toolbox } from '../../process/tools.ts';

/** The oldest server that is read: its catalogue has all that an inventory asks for. */
const OLDEST_SERVER = 14;

/**
 * The client program of the server's own major where it is here and sound, else of the nearest newer one (F7). A Failure
 * names this platform's way to get it.
 */
export function clientFor(tools: Toolbox, name: string, major: number): Tool {
  if (major < OLDEST_SERVER) {
    throw new Failure(
      'server_unsupported',
      `PostgreSQL ${major} is older than ${OLDEST_SERVER}, the oldest that is read.`,
      {
        remedy: 'Upgrade the server; its maintenance has ended.',
      },
    );
  }
  try {
    return chooseTool(tools, { name, flavour: 'PostgreSQL', major }).tool;
  } catch (error) {
    throw withPlatformsRemedy(error, name, major);
  }
}

/** A program beside another one: of the same installation, so of the same version. */
export function beside(tools: Toolbox, name: string, tool: Tool): Tool | undefined {
  return tools.all(name).find(({ path }) => dirname(path) === dirname(tool.path));
}

function withPlatformsRemedy(error: unknown, name: string, major: number): unknown {
  if (!(error instanceof Failure)) return error;
  return new Failure(error.code, error.message, {
    remedy: `${installation(name, major)}, or run scripts/bootstrap in a checkout.`,
    ...(error.details === undefined ? {} : { details: error.details }),
    cause: error,
  });
}

function installation(name: string, major: number, platform: NodeJS.Platform = process.platform): string {
  const server = name === 'initdb' || name === 'postgres';
  if (platform === 'darwin') return `Run: brew install postgresql@${major}`;
  return `Run: apt-get install --no-install-recommends postgresql-${server ? '' : 'client-'}${major} (Debian, Ubuntu; newer majors come from apt.postgresql.org)`;
}

/** `15.20` → 15. */
export function majorOf(version: string): number {
  return Number(/^\d+/.exec(version)?.[0] ?? Number.NaN);
}
