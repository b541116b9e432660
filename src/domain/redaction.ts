import type { Secret } from './secret.ts';

const SHORTEST_SECRET = 3;
const URL_PASSWORD = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*:)[^\s@]+@/gi;
const ASSIGNED_PASSWORD = /\b(password|passwd|pwd|secret|token)(\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;]+)/gi;

/** Removes the given secrets, in every form a tool is likely to repeat them, and whatever looks like a password (F85). */
export function redactor(secrets: readonly Secret[]): (text: string) => string {
  const forms = [...new Set(secrets.flatMap((secret) => formsOf(secret.reveal())))].sort((a, b) => b.length - a.length);
  return (text) => {
    let result = text;
    for (const form of forms) result = result.replaceAll(form, '[secret]');
    return result.replace(URL_PASSWORD, '$1[secret]@').replace(ASSIGNED_PASSWORD, '$1$2[secret]');
  };
}

function formsOf(value: string): string[] {
  if (value.length < SHORTEST_SECRET) return [];
  const url = encodeURIComponent(value.toWellFormed());
  const json = JSON.stringify(value).slice(1, -1);
  return [value, url, json, value.replaceAll('\\', '\\\\'), value.replaceAll("'", "''")];
}
