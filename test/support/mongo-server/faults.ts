/** A script of misbehaviour: which command, the how-manieth of them, and what happens then. */

export type Misbehaviour =
  /** Close the connection instead of answering. */
  | 'drop'
  /** Send half of the answer, then close the connection. */
  | 'cut'
  /** Never answer. */
  | 'stall'
  /** Refuse as a server that lost its primary role. */
  | 'not-primary'
  /** Refuse with this error. */
  | { readonly code: number; readonly codeName: string; readonly message: string };

export interface Fault {
  /** Name of a command, `getMore` for cursor batches, `*` for any but the handshake's. */
  readonly on: string;
  /** Only commands on this collection. */
  readonly collection?: string;
  /** The n-th match only, counted from 1; every match when left out. */
  readonly nth?: number;
  readonly action: Misbehaviour;
}

const HANDSHAKE = new Set(['hello', 'ismaster', 'isMaster', 'saslStart', 'saslContinue', 'ping', 'endSessions']);

export class FaultScript {
  #faults: { readonly fault: Fault; count: number }[] = [];

  set(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => ({ fault, count: 0 }));
  }

  /** What happens to this command, if anything. Counts it. */
  next(command: string, collection: string | undefined): Misbehaviour | undefined {
    let found: Misbehaviour | undefined;
    for (const entry of this.#faults) {
      if (!applies(entry.fault, command, collection)) continue;
      entry.count += 1;
      if (entry.fault.nth === undefined || entry.fault.nth === entry.count) found ??= entry.fault.action;
    }
    return found;
  }
}

function applies(fault: Fault, command: string, collection: string | undefined): boolean {
  if (fault.collection !== undefined && fault.collection !== collection) return false;
  return fault.on === '*' ? !HANDSHAKE.has(command) : fault.on === command;
}
