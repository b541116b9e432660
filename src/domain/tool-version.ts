/** Whose program it is: the name of the database product, or the program's own name. */
export type Flavour =
  | 'PostgreSQL'
  | 'MariaDB'
  | 'MySQL'
  | 'MongoDB'
  | 'mongod'
  | 'zstd'
  | 'age'
  | 'faketime'
  | 'stdbuf'
  | 'setpriv'
  | 'versitygw';

/** Numbers of a version, most significant first: `15.20` is [15, 20]. */
export type Version = readonly number[];

export interface ProgramVersion {
  readonly flavour: Flavour;
  readonly version: Version;
  /** Exactly the digits and dots that were read, `10.11.19`. */
  readonly text: string;
}

/** A program says who it is in its first line or two; more of it is not looked at, whatever it prints. */
const READ_AT_MOST = 400;
/** A program's own name or path, as it prints it; no control character is one. */
const NAME = String.raw`[\w./+@~-]+`;
const NUMBER = String.raw`(\d{1,4}(?:\.\d{1,4}){0,3})`;

/**
 * How each program words its version. MariaDB's and MySQL's programs carry each other's names, so that only the text
 * tells them apart; MariaDB is asked first, because its text contains MySQL's.
 */
const WORDINGS: readonly (readonly [Flavour, RegExp])[] = [
  ['PostgreSQL', new RegExp(String.raw`^${NAME} \(PostgreSQL\) ${NUMBER}(?:[\s(]|(?:beta|rc)\d|devel|$)`)],
  ['MariaDB', new RegExp(String.raw`^${NAME} +(?:Ver [\d.]+ Distrib |Ver |from )${NUMBER}-MariaDB\b`)],
  ['MySQL', new RegExp(String.raw`^${NAME} +Ver (?:[\d.]+ Distrib )?${NUMBER}(?:-[\w.+~-]*)?,? for `)],
  ['MongoDB', new RegExp(String.raw`^mongo(?:dump|restore) version: ${NUMBER}(?:\s|$)`)],
  ['mongod', new RegExp(String.raw`^db version v${NUMBER}(?:[\s-]|$)`)],
  ['zstd', new RegExp(String.raw`^\*\*\* (?:Zstandard CLI|zstd command line interface).{0,20} v${NUMBER},`, 'i')],
  ['age', new RegExp(String.raw`^v?${NUMBER}(?:[\s-]|$)`)],
  ['faketime', new RegExp(String.raw`^(?:${NAME}/)?faketime: Version ${NUMBER}(?:\s|$)`)],
  ['stdbuf', new RegExp(String.raw`^stdbuf \(GNU coreutils\) ${NUMBER}(?:\s|$)`)],
  ['setpriv', new RegExp(String.raw`^setpriv from util-linux ${NUMBER}(?:\s|$)`)],
  ['versitygw', new RegExp(String.raw`^version\s*: v?${NUMBER}(?:\s|$)`, 'i')],
];

/** What a program said of itself on `--version`; undefined where it is not one of ours. Never throws, whatever the text. */
export function readVersion(output: string): ProgramVersion | undefined {
  const start = output.slice(0, READ_AT_MOST).trimStart();
  for (const [flavour, wording] of WORDINGS) {
    const text = wording.exec(start)?.[1];
    if (text !== undefined) return { flavour, text, version: text.split('.').map(Number) };
  }
  return undefined;
}

/** Negative when `a` is older, 0 when equal; missing numbers count as 0. */
export function compareVersions(a: Version, b: Version): number {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

interface Floors {
  /** How many leading numbers name a release series. */
  readonly series: number;
  /** Oldest acceptable version of each series, oldest series first. A series between two listed ones got no fix. */
  readonly oldest: readonly [Version, ...Version[]];
  readonly reason: string;
}

const FLOORS: Partial<Record<Flavour, Floors>> = {
  PostgreSQL: {
    series: 1,
    oldest: [
      [14, 25],
      [15, 20],
      [16, 16],
      [17, 12],
      [18, 7],
    ],
    reason: 'older ones can be made to run commands by a hostile dump or server (CVE-2026-18408, CVE-2026-116314, F8)',
  },
  MariaDB: {
    series: 2,
    oldest: [
      [10, 5, 25],
      [10, 6, 18],
      [10, 11, 8],
      [11, 0, 6],
      [11, 1, 5],
      [11, 2, 4],
      [11, 4, 2],
    ],
    reason: 'older ones have no sandbox mode and run shell commands that a dump contains (F17, F71)',
  },
  MySQL: {
    series: 2,
    oldest: [[8, 0, 32]],
    reason: 'older ones may record a GTID set that does not belong to the snapshot (server bug 33630199, F16)',
  },
  MongoDB: {
    series: 1,
    oldest: [[100, 12, 2]],
    reason: 'older ones silently skip collections with a newline in their name (TOOLS-3822, F20)',
  },
  zstd: {
    series: 1,
    oldest: [[1, 4, 4]],
    reason: 'older ones do not report exact counts and checks the way we read them',
  },
};

/** Whether a version is at or above its floor; `floor` is the version that would do, `reason` why. */
export function judgeVersion(tool: ProgramVersion): {
  ok: boolean;
  floor: string | undefined;
  reason: string | undefined;
} {
  const floors = FLOORS[tool.flavour];
  if (floors === undefined) return { ok: true, floor: undefined, reason: undefined };
  const floor = floorOf(tool.version, floors);
  const ok = compareVersions(tool.version, floor) >= 0;
  return { ok, floor: floor.join('.'), reason: ok ? undefined : floors.reason };
}

/** The floor of the version's own series; where that got no fix, of the next one that did; past the last, the last. */
function floorOf(version: Version, floors: Floors): Version {
  const series = version.slice(0, floors.series);
  let [floor] = floors.oldest;
  for (const oldest of floors.oldest) {
    floor = oldest;
    if (compareVersions(oldest.slice(0, floors.series), series) >= 0) break;
  }
  return floor;
}
