import type { Size } from './options.ts';

/** A figure that was promised, and the lower bar under which a build must not pass. */
export interface Figure {
  /** The target's number, `#1`; several figures may belong to one. */
  readonly target: string;
  readonly name: string;
  readonly value: number;
  readonly atLeast: boolean;
  readonly goal: number;
  /** By size of the data, since a start of a tenth of a second weighs more on a small database. */
  readonly floor: Readonly<Record<Size, number>>;
  readonly unit?: string;
}

export interface Verdict {
  readonly lines: readonly string[];
  readonly belowFloor: readonly Figure[];
  readonly missed: readonly Figure[];
}

/** Each figure beside its target and its floor. Targets are for full data: at other sizes they are shown, not judged. */
export function judge(figures: readonly Figure[], size: Size): Verdict {
  const judged = size === 'full';
  const lines = figures.map((figure) => {
    const goal = `${sign(figure)} ${shown(figure.goal)}${judged ? ` ${mark(reaches(figure, figure.goal))}` : ''}`;
    const floor = `${sign(figure)} ${shown(figure.floor[size])} ${mark(reaches(figure, figure.floor[size]))}`;
    return `| ${figure.target} | ${figure.name} | ${shown(figure.value)}${figure.unit ?? ''} | ${goal} | ${floor} |`;
  });
  return {
    lines: ['| target | figure | measured | target | CI floor |', '|---|---|---|---|---|', ...lines],
    belowFloor: figures.filter((figure) => !reaches(figure, figure.floor[size])),
    missed: judged ? figures.filter((figure) => !reaches(figure, figure.goal)) : [],
  };
}

/** What could not be measured reaches nothing. */
function reaches({ value, atLeast }: Figure, bar: number): boolean {
  return atLeast ? value >= bar : value <= bar;
}

function sign({ atLeast }: Figure): string {
  return atLeast ? '≥' : '≤';
}

function mark(good: boolean): string {
  return good ? '✔' : '✘';
}

export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 20 ? value.toFixed(0) : value.toFixed(2);
}
