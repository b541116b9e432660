import { Failure } from '../../domain/failure.ts';
import type { Server } from './server.ts';
import { quoteName, quoteText } from './sql-text.ts';

export const SYSTEM = ['information_schema', 'mysql', 'ndbinfo', 'performance_schema', 'sys'];
/** Bytes of UTF-8 do not count, characters do. */
const LONGEST_NAME = 64;

export async function databaseExists(session: Server, name: string): Promise<boolean> {
  const rows = await session.rows(`SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${quoteText(name)}`);
  return rows.length > 0;
}

/** Makes an empty database with the origin's character set, collation, comment and encryption. Throws where it is there. */
export async function createDatabase(
  session: Server,
  name: string,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  if (await databaseExists(session, checkedName(name))) {
    throw new Failure('target_not_empty', `There already is a database ${JSON.stringify(name)}.`, {
      remedy: 'Choose another name, or drop it first.',
    });
  }
  await session.run(`CREATE DATABASE ${quoteName(name)}${databaseOptions(session, facts)}`);
}

/** Facts of an inventory as options of CREATE and ALTER DATABASE; what the other family does not know is left out. */
export function databaseOptions({ flavour }: Server, facts: Readonly<Record<string, string>>): string {
  const { charset, collation, comment, encryption } = facts;
  const options = [
    ...(isWord(charset) ? [`CHARACTER SET ${charset}`] : []),
    ...(isWord(collation) ? [`COLLATE ${collation}`] : []),
    ...(comment !== undefined && flavour === 'MariaDB' ? [`COMMENT ${quoteText(comment)}`] : []),
    ...(encryption === 'YES' && flavour === 'MySQL' ? ["ENCRYPTION 'Y'"] : []),
  ];
  return options.map((option) => ` ${option}`).join('');
}

function isWord(text: string | undefined): boolean {
  return text !== undefined && /^\w+$/.test(text);
}

/** Names that the server would take for something else, or would cut. */
export function checkedName(name: string): string {
  const bad =
    name === '' || [...name].length > LONGEST_NAME || name.endsWith(' ') || SYSTEM.includes(name.toLowerCase());
  if (!bad) return name;
  throw new Failure('usage', `${JSON.stringify(name)} cannot be the name of a database here.`, {
    remedy: 'Use 1 to 64 characters, none of them a space at the end, and no name of a system database.',
  });
}
