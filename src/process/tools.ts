/** One installed program, as found and asked for its version. */
export interface Tool {
  /** `pg_dump`, `mariadb-dump`, `mysqldump`, `mongodump`, `zstd` … as the program is called. */
  readonly name: string;
  readonly path: string;
  readonly version: string;
  readonly major: number;
  /** `PostgreSQL`, `MariaDB`, `MySQL`, `MongoDB`, or the program's own name. */
  readonly flavour: string;
  /** The lowest version that is safe to use, where there is a floor (F8). */
  readonly floor: string | undefined;
  readonly ok: boolean;
}

/** The programs of this machine. */
export interface Toolbox {
  /** All installations of a program, best version first, those below their floor included (`ok: false`). */
  all(name: string): readonly Tool[];
}
