import { readdirSync, readFileSync } from 'node:fs';

export interface SeenProcess {
  readonly pid: number;
  readonly commandLine: string;
}

/** Looks at all descendants of a process every few milliseconds, at what every user of the machine can see of them. */
export function watchDescendants(root: number, everyMs = 5) {
  const seen = new Map<string, SeenProcess>();
  let samples = 0;
  const timer = setInterval(() => {
    samples += 1;
    for (const one of familyOf(root)) seen.set(`${one.pid} ${one.commandLine}`, one);
  }, everyMs);
  return {
    stop: () => {
      clearInterval(timer);
      return { samples, seen: [...seen.values()] };
    },
  };
}

/** A process and its descendants, now. */
export function familyOf(root: number): SeenProcess[] {
  return descendants(root).map((pid) => ({
    pid,
    commandLine: read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim(),
  }));
}

/** Whether a process is there and has not ended; one that nobody has waited for yet has ended. */
export function isAlive(pid: number): boolean {
  const status = read(`/proc/${pid}/status`);
  return status !== '' && !/^State:\s+[ZX]/m.test(status);
}

function descendants(root: number): number[] {
  const children = threads(root).flatMap((task) =>
    read(`/proc/${root}/task/${task}/children`).trim().split(' ').filter(Boolean).map(Number),
  );
  return [root, ...children.flatMap((child) => safely(() => descendants(child)))];
}

/** Names alone: looking at each would fail for one that ends meanwhile. */
function threads(root: number): string[] {
  try {
    return readdirSync(`/proc/${root}/task`);
  } catch {
    return [];
  }
}

function safely(look: () => number[]): number[] {
  try {
    return look();
  } catch {
    return [];
  }
}

/** A process may end while it is looked at. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
