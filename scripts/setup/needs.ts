import type { Tool } from '../../src/process/tools.ts';
import type { Machine, PackageManager } from './machine.ts';

export type Mode = 'start' | 'test' | 'matrix';

/** A way to get a tool without the system's package manager. */
export interface Way {
  /** What it did, said after it worked: `built with Go`. */
  readonly did: string;
  possible(machine: Machine): boolean;
  get(machine: Machine): Promise<void>;
}

/** Programs that one mode cannot do without, and how to come by them. */
export interface Need {
  readonly label: string;
  readonly modes: readonly Mode[];
  readonly programs: readonly string[];
  /** Which of the installations found will do. */
  accepts(tool: Tool): boolean;
  /** Debian and Ubuntu: package names, known once apt's lists are fresh. */
  readonly packages?: () => Promise<readonly string[]>;
  /** Where these packages put programs; while one of them runs, they are left alone. */
  readonly programFolders?: readonly string[];
  readonly ways: readonly Way[];
  /** What a person types, per package manager; `other` where none is known. */
  readonly commands: Readonly<Partial<Record<PackageManager, string>>> & { readonly other: string };
}

/** The sentence for a person who has to do it by hand. */
export function advice(need: Need, machine: Machine): string {
  const command = machine.manager === undefined ? undefined : need.commands[machine.manager];
  return command === undefined ? need.commands.other : `Run: ${command}`;
}
