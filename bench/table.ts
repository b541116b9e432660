import { shown } from './figures.ts';
import { medianOf, percent, type Result, speedAgainst } from './measure.ts';

/** A Markdown table of one comparison; `vs` is against the first way. */
export function comparisonTable(title: string, results: readonly Result[]): string[] {
  const [base] = results;
  if (base === undefined) return [];
  const header = [
    '| way | n | wall s | range | vs first | client CPU s | of it first process | server CPU s | RSS MiB | stored MB | foreign |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
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
    seconds(medianOf(result, 'cpuSeconds')),
    seconds(medianOf(result, 'ownCpuSeconds')),
    seconds(medianOf(result, 'serverCpuSeconds')),
    medianOf(result, 'rssMiB').toFixed(0),
    bytes === undefined ? '' : (bytes / 1e6).toFixed(1),
    percent(medianOf(result, 'foreign')),
  ];
  return `| ${cells.join(' | ')} |`;
}

function seconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}
