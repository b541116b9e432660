import { hash } from 'node:crypto';
import type { Origin } from '../../engine.ts';
import { shownName } from '../names.ts';
import { majorOf } from '../programs.ts';
import type { Session } from '../session.ts';
import type { EditList } from './edits.ts';
import type { Target } from './target.ts';

interface Versions {
  readonly origin: Origin;
  readonly target: Target;
}

/** What another major brings with it: other versions of extensions, and the same queries in other words. */
export async function sayVersions(session: Session, list: EditList, { origin, target }: Versions): Promise<void> {
  const objects = origin.inventory?.objects ?? {};
  for (const { name, version } of await session.rows(
    'select extname as name, extversion as version from pg_extension',
  )) {
    const entry = `version of extension ${shownName(name ?? '')}`;
    const wanted = Object.hasOwn(objects, entry) ? objects[entry] : undefined;
    if (wanted === undefined || wanted === hash('sha256', version ?? '', 'hex').slice(0, 16)) continue;
    list.note(`The extension ${name} has version ${version} here, another one than in the original.`, [entry]);
  }
  const source = majorOf(origin.serverVersion);
  if (source === target.major) return;
  // Since 16 a view's columns are written without their table where that is clear.
  list.note(
    `PostgreSQL ${target.major} words the queries of views, rules and policies in its own way; their columns, types and options are compared instead.`,
    ['query *'],
  );
}
