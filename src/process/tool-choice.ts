import { Failure } from '../domain/failure.ts';
import type { Tool, Toolbox } from './tools.ts';

/** What may be done with a tool below its floor (T29). */
export type FloorPolicy = 'refuse' | 'sample';

export interface ToolWish {
  readonly name: string;
  /** `MariaDB` and `MySQL` carry each other's program names: the dump tool must be of the server's own family. */
  readonly flavour?: string;
  /** At least this major version, nearest first: a server's own major, else the next newer. Left out: the newest. */
  readonly major?: number;
  /** `sample`: only for the sample on this machine and for tests of old versions; the warning must be shown. */
  readonly belowFloor?: FloorPolicy;
}

export interface ChosenTool {
  readonly tool: Tool;
  /** To be printed: the tool is below its floor. */
  readonly warning: string | undefined;
}

/**
 * The best installation of a program for a server. Throws `tool_missing` where there is none, `tool_too_old` where all of
 * them are older than the server (F7) or below the floor (F8, T29).
 */
export function chooseTool(tools: Toolbox, wish: ToolWish): ChosenTool {
  const found = tools.all(wish.name).filter((tool) => wish.flavour === undefined || tool.flavour === wish.flavour);
  if (found.length === 0) throw missing(wish);
  const fitting = found.filter((tool) => wish.major === undefined || tool.major >= wish.major);
  if (fitting.length === 0) throw olderThanServer(wish, found);
  const sound = nearest(fitting.filter((tool) => tool.ok));
  if (sound !== undefined) return { tool: sound, warning: undefined };
  const unsound = nearest(fitting);
  if (unsound === undefined) throw missing(wish);
  if (wish.belowFloor !== 'sample') throw belowFloor(unsound);
  return { tool: unsound, warning: warningOf(unsound) };

  function nearest(candidates: readonly Tool[]): Tool | undefined {
    if (wish.major === undefined) return candidates[0];
    const lowest = Math.min(...candidates.map((tool) => tool.major));
    return candidates.find((tool) => tool.major === lowest);
  }
}

/** One sentence for the person watching. */
function warningOf({ name, version, floor, reason }: Tool): string {
  return `${name} ${version} is below its floor ${floor} and used for the sample only: ${reason}.`;
}

function missing({ name, flavour }: ToolWish): Failure {
  const of = flavour === undefined || flavour === name ? '' : ` of ${flavour}`;
  return new Failure('tool_missing', `${name}${of} was not found on this machine.`, {
    remedy: `Run scripts/bootstrap in a checkout, or install ${name} and put it on PATH.`,
    details: { tool: name, ...(flavour === undefined ? {} : { flavour }) },
  });
}

function olderThanServer({ name, major }: ToolWish, found: readonly Tool[]): Failure {
  const versions = found.map((tool) => tool.version);
  return new Failure(
    'tool_too_old',
    `The server is version ${major}, and the newest ${name} on this machine is ${versions[0]}.`,
    {
      remedy: `Install ${name} of version ${major} or newer.`,
      details: { tool: name, serverMajor: major, found: versions },
    },
  );
}

function belowFloor({ name, path, version, floor, reason }: Tool): Failure {
  return new Failure('tool_too_old', `${name} ${version} is below the floor ${floor}: ${reason}.`, {
    remedy: `Upgrade ${path} to ${floor} or newer.`,
    details: { tool: name, version, floor, path },
  });
}
