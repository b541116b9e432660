import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import type { CommandWords } from './words.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script that a shell reads at its start. */
export function completionScript(shell: Shell, tree: readonly CommandWords[]): string {
  if (shell === 'fish') return fishScript(tree);
  if (shell === 'bash') return bashScript(tree);
  // zsh runs bash's completions by itself, once it is told to.
  return `#compdef dbdump database-dump\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(tree)}`;
}
