import type { Session } from './session.ts';

export interface ServerVersion {
  /** `15.20`. */
  readonly version: string;
  readonly major: number;
}

export async function readVersion(session: Session): Promise<ServerVersion> {
  const [row] = await session.rows("select current_setting('server_version_num') as number");
  const number = Number(row?.number);
  const major = Math.floor(number / 10_000);
  return { version: `${major}.${number % 10_000}`, major };
}
