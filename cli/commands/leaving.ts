import type { Answer } from '../../src/contract/client.ts';
import { counted, formatBytes } from '../../src/domain/figures.ts';

/** What becomes of the backups of something that goes. */
export function leavingLines({ backups, bytes, willKeep }: Answer<'databases.leaving'>): string[] {
  if (backups === 0) return ['  It has no backups.'];
  const what = `${counted(backups, 'backup')}, ${formatBytes(bytes)}`;
  return [willKeep ? `  ${what}: kept, listed and restorable` : `  ${what}: deleted after the time of grace`];
}
