import { Failure } from '../domain/failure.ts';

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
const VALUE = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/;
const MOST_BYTES = 2048;

/** Refuses metadata that a store would change on its way (case, blanks, other than ASCII) or refuse: `usage`. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  let bytes = 0;
  for (const [name, value] of Object.entries(metadata)) {
    bytes += name.length + value.length;
    if (NAME.test(name) && VALUE.test(value)) continue;
    throw new Failure('usage', `The metadata ${JSON.stringify(name)} cannot be kept by every store.`, {
      remedy: 'Use lower-case names and printable ASCII values without blanks at the ends.',
    });
  }
  if (bytes > MOST_BYTES) throw new Failure('usage', `The metadata has ${bytes} bytes; stores keep ${MOST_BYTES}.`);
  return metadata;
}

/** Whether `found` holds everything in `wanted`, unchanged. */
export function holdsMetadata(
  found: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, value]) => found[name] === value);
}
