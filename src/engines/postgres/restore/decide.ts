import type { RestoreRequest } from '../../engine.ts';
import type { TocEntry } from '../archive/toc.ts';
import { clearingEntry, emptyingEntry } from './clearing.ts';
import { EditList, type Edits } from './edits.ts';
import { editForPrivileges } from './privilege-edits.ts';
import { editRoles } from './role-edits.ts';
import { chooseTables } from './table-choice.ts';
import type { Target } from './target.ts';

export interface Circumstances {
  readonly target: Target;
  /** Whether the target database holds nothing. */
  readonly empty: boolean;
}

type Wish = Pick<RestoreRequest, 'type' | 'inPlace' | 'only' | 'owners' | 'acls' | 'roles'>;

/** Everything that is decided about a restore before a byte is written. Pure: the same archive and target, the same edits. */
export function decide(entries: readonly TocEntry[], wish: Wish, { target, empty }: Circumstances): Edits {
  const list = new EditList(entries);
  const nextId = entries.reduce((highest, { id }) => Math.max(highest, id), 0) + 1;
  chooseTables(list, wish.only, empty);
  if (wish.type === 'data') return decideData(list, wish, { target, nextId });
  if (wish.type === 'schema') list.flag('--schema-only');
  editForPrivileges(list, target);
  editRoles(list, target, wish);
  editTablespaces(list, target);
  if (wish.inPlace && !empty) replace(list, wish, nextId);
  return list.result();
}

/** All of it is replaced in one stroke; single tables are dropped and made anew, which fails while others need them. */
function replace(list: EditList, wish: Wish, nextId: number): void {
  if (wish.only.length > 0) {
    list.flag('--clean');
    list.flag('--if-exists');
  } else {
    list.prepend(clearingEntry(nextId));
  }
}

interface DataContext {
  readonly target: Target;
  readonly nextId: number;
}

function decideData(list: EditList, wish: Wish, { target, nextId }: DataContext): Edits {
  list.flag('--data-only');
  // Rows come in an order that foreign keys may not like, and triggers would change them.
  if (target.superuser) list.flag('--disable-triggers');
  if (wish.inPlace) {
    const tables = list.entries.filter(({ kind }) => kind === 'TABLE DATA');
    list.prepend(emptyingEntry(nextId, tables));
  }
  return list.result();
}

function editTablespaces(list: EditList, target: Target): void {
  const absent = new Set(
    list.entries.map(({ tablespace }) => tablespace).filter((name) => name !== '' && !target.tablespaces.has(name)),
  );
  if (absent.size === 0) return;
  list.flag('--no-tablespaces');
  list.note(`Everything is in the default tablespace: there is no ${[...absent].join(', ')} here.`, ['tablespace *']);
}
