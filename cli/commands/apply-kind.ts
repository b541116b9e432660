import { Failure } from '../../src/domain/failure.ts';
import { type Change, differences, type FieldChange, type Fields, type Step } from './apply-change.ts';

interface Named {
  readonly name: string;
}

interface Stored extends Named {
  readonly id: string;
  readonly version: number;
}

/** How things of one kind are compared and changed. */
export interface Kind<W extends Named, R extends Stored> {
  readonly kind: Change['kind'];
  /** Undefined: the file says nothing of this kind. */
  readonly wanted: readonly W[] | undefined;
  readonly known: readonly R[];
  /** What the file says, and what the service has, in the same fields. */
  said(wanted: W): Fields;
  has(resource: R): Fields;
  /** For eyes: secrets are left out. */
  seen?(change: FieldChange): FieldChange;
  create(wanted: W): Promise<Fields | undefined>;
  update(resource: R, changes: readonly FieldChange[], wanted: W): Promise<Fields | undefined>;
  /** What must still be done with one that is as the file says. */
  settle?(resource: R): (() => Promise<undefined>) | undefined;
  remove(resource: R): Promise<unknown>;
}

/** What must be done so that this kind is as the file says; in its order. */
export function stepsOf<W extends Named, R extends Stored>(kind: Kind<W, R>): Step[] {
  return (kind.wanted ?? []).flatMap((wanted) => {
    const resource = named(kind, wanted.name);
    return resource === undefined ? [creation(kind, wanted)] : changesOf(kind, resource, wanted);
  });
}

function creation<W extends Named, R extends Stored>(kind: Kind<W, R>, wanted: W): Step {
  const fields = differences({}, kind.said(wanted)).map((change) => kind.seen?.(change) ?? change);
  return { action: 'create', kind: kind.kind, name: wanted.name, fields, make: () => kind.create(wanted) };
}

function changesOf<W extends Named, R extends Stored>(kind: Kind<W, R>, resource: R, wanted: W): Step[] {
  const { name } = wanted;
  const changes = differences(kind.has(resource), kind.said(wanted));
  if (changes.length > 0) {
    const fields = changes.map((change) => kind.seen?.(change) ?? change);
    return [{ action: 'update', kind: kind.kind, name, fields, make: () => kind.update(resource, changes, wanted) }];
  }
  const make = kind.settle?.(resource);
  return make === undefined ? [] : [{ action: 'verify', kind: kind.kind, name, fields: [], make }];
}

/** Of a kind that the file names, everything that it does not name. */
export function removalsOf<W extends Named, R extends Stored>(kind: Kind<W, R>): Step[] {
  const { wanted } = kind;
  if (wanted === undefined) return [];
  const surplus = kind.known.filter(({ name }) => !wanted.some((one) => one.name === name));
  return surplus.map((resource) => ({
    action: 'remove',
    kind: kind.kind,
    name: resource.name,
    fields: [],
    make: async () => {
      await kind.remove(resource);
      return undefined;
    },
  }));
}

function named<W extends Named, R extends Stored>({ kind, known }: Kind<W, R>, name: string): R | undefined {
  const found = known.filter((one) => one.name === name);
  if (found.length <= 1) return found[0];
  throw new Failure('conflict', `There are ${found.length} of the name ${JSON.stringify(name)}, each a ${kind}.`, {
    remedy: 'Names are what a file goes by: rename or remove all of them but one.',
  });
}
