import { Failure } from '../../domain/failure.ts';

/**
 * Which of the names are chosen: those that some `include` names (all when there is none) and no `exclude` does. An entry
 * is a literal name; where no name is equal to it, `*` and `?` in it stand for anything and for one character.
 */
export function choose(names: readonly string[], include: readonly string[], exclude: readonly string[]): string[] {
  const wanted = include.map((entry) => matcher(names, entry));
  const unwanted = exclude.map((entry) => matcher(names, entry));
  for (const [index, matches] of wanted.entries()) {
    if (names.some(matches)) continue;
    throw new Failure('usage', `No collection is named ${JSON.stringify(include[index])}.`, {
      remedy: 'Check the spelling; * and ? stand for any characters and for one.',
    });
  }
  return names.filter((name) => {
    const included = wanted.length === 0 || wanted.some((matches) => matches(name));
    return included && !unwanted.some((matches) => matches(name));
  });
}

function matcher(names: readonly string[], entry: string): (name: string) => boolean {
  if (names.includes(entry) || !/[*?]/.test(entry)) return (name) => name === entry;
  const pattern = entry
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const expression = new RegExp(`^${pattern}$`, 'su');
  return (name) => expression.test(name);
}
