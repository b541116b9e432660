import { literal, quoted } from './names.ts';

/** Locale providers by the letter the catalogue has for them. */
const PROVIDERS: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };
const FIRST_WITH_BUILTIN = 17;
const FIRST_WITH_ICU_RULES = 16;

/**
 * The statement that makes an empty database with the encoding and locale that these facts name; they cannot be changed
 * later. Other facts (owner, access, settings) are applied after a restore.
 */
export function createStatement(name: string, facts: Readonly<Record<string, string>>, major: number): string {
  const options = ['template template0'];
  const add = (word: string, value: string | undefined) => {
    if (value !== undefined) options.push(`${word} ${literal(value).trim()}`);
  };
  add('encoding', facts.encoding);
  add('lc_collate', facts.collate);
  add('lc_ctype', facts.ctype);
  const provider = PROVIDERS[facts.provider ?? ''];
  if (provider !== undefined && provider !== 'libc') {
    options.push(`locale_provider ${provider}`);
    add(major >= FIRST_WITH_BUILTIN && provider === 'builtin' ? 'builtin_locale' : 'icu_locale', facts.locale);
    if (major >= FIRST_WITH_ICU_RULES) add('icu_rules', facts['icu rules']);
  }
  return `create database ${quoted(name)} ${options.join(' ')}`;
}
