import { Failure } from '../../domain/failure.ts';
import { compareVersions, type Version } from '../../domain/tool-version.ts';
import type { Tool, Toolbox } from '../../process/tools.ts';
import type { Family } from './option-file.ts';

export type Role = 'dump' | 'client' | 'server';

/** Old MariaDB packages and Debian's links use MySQL's names for MariaDB's programs: the flavour decides, not the name. */
const NAMES: Readonly<Record<Family, Readonly<Record<Role, readonly string[]>>>> = {
  MariaDB: { dump: ['mariadb-dump', 'mysqldump'], client: ['mariadb', 'mysql'], server: ['mariadbd', 'mysqld'] },
  MySQL: { dump: ['mysqldump'], client: ['mysql'], server: ['mysqld'] },
};

/**
 * The program of the server's own family whose release series is the server's own or the nearest newer one. A MariaDB
 * dump of a MySQL server ends well and does not restore, so the other family's program never takes part.
 */
export function chooseProgram(tools: Toolbox, role: Role, wanted: { family: Family; version: string }): Tool {
  const { family, version } = wanted;
  const names = NAMES[family][role];
  const found = names.flatMap((name) => tools.all(name)).filter((tool) => tool.flavour === family);
  if (found.length === 0) throw missing(tools, names, family);
  const sound = found.filter((tool) => tool.ok);
  const series = seriesOf(version);
  const fitting = sound.filter((tool) => compareVersions(seriesOf(tool.version), series) >= 0);
  const best = fitting.sort(nearestFirst)[0];
  if (best === undefined) throw tooOld(sound.length === 0 ? found : sound, version, family);
  return best;
}

/** 10.11 of 10.11.19: what releases of one series share is what dumps and clients depend on. */
function seriesOf(version: string): Version {
  return version.split('.').map(Number).slice(0, 2);
}

/** Nearest series first, within it the newest release; found under its proper name before its old one. */
function nearestFirst(a: Tool, b: Tool): number {
  const bySeries = compareVersions(seriesOf(a.version), seriesOf(b.version));
  if (bySeries !== 0) return bySeries;
  return compareVersions(b.version.split('.').map(Number), a.version.split('.').map(Number));
}

function missing(tools: Toolbox, names: readonly string[], family: Family): Failure {
  const other = names.flatMap((name) => tools.all(name)).map((tool) => `${tool.path} is ${tool.flavour}'s`);
  const aside = other.length === 0 ? '' : `: ${other[0]}, whose dumps do not restore here`;
  return new Failure('tool_missing', `${family}'s own ${names[0]} was not found on this machine${aside}.`, {
    remedy: `Run scripts/bootstrap in a checkout, or install the client programs of ${family} and put them on PATH.`,
    details: { tool: names[0], flavour: family },
  });
}

function tooOld(found: readonly Tool[], version: string, family: Family): Failure {
  const best = found[0];
  const what = best === undefined ? 'none' : `${best.name} ${best.version}`;
  const reason = best?.reason === undefined ? '' : ` (below ${best.floor}: ${best.reason})`;
  return new Failure('tool_too_old', `The server is ${family} ${version}, and the best here is ${what}${reason}.`, {
    remedy: `Install ${family} client programs of series ${seriesOf(version).join('.')} or newer.`,
    details: { flavour: family, server: version, found: found.map((tool) => tool.version) },
  });
}
