import { shown } from './figures.ts';
import { median, medianOf, percent, type Result, speedAgainst } from './measure.ts';

/** A Markdown table of one comparison; `vs first` above 1 means less than the first way. */
export function comparisonTable(title: string, results: readonly Result[]): string[] {
  const [base] = results;
  if (base === undefined) return [];
  const header = [
    '| way | n | wall s | range | vs first | CPU vs first | client CPU s | of it first process | server CPU s | RSS MiB | stored MB | foreign |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
  ];
  return ['', `### ${title}`, '', ...header, ...results.map((result) => row(base, result))];
}

function row(base: Result, result: Result): string {
  const walls = result.samples.map(({ wallSeconds }) => wallSeconds);
  const bytes = result.samples.at(-1)?.bytes;
  const cells = [
    result.way.name.replaceAll('|', '\\|'),
    String(walls.length),
    seconds(medianOf(result, 'wallSeconds')),
    `${seconds(Math.min(...walls))}–${seconds(Math.max(...walls))}`,
    `${shown(speedAgainst(base, result))}×`,
    `${shown(allCpuAgainst(base, result))}×`,
    seconds(medianOf(result, 'cpuSeconds')),
    seconds(medianOf(result, 'ownCpuSeconds')),
    seconds(medianOf(result, 'serverCpuSeconds')),
    medianOf(result, 'rssMiB').toFixed(0),
    bytes === undefined ? '' : (bytes / 1e6).toFixed(1),
    percent(medianOf(result, 'foreign')),
  ];
  return `| ${cells.join(' | ')} |`;
}

/** Client and servers together, round by round: what wall time would come to on a machine with nothing to spare. */
function allCpuAgainst(base: Result, { samples }: Result): number {
  const of = (sample: Result['samples'][number] | undefined) =>
    sample === undefined ? Number.NaN : sample.cpuSeconds + sample.serverCpuSeconds;
  return median(samples.map((sample, round) => of(base.samples[round]) / of(sample)));
}

function seconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}
