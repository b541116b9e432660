import { FAILURES, type Problem, problemOf } from '../src/domain/failure.ts';
import { type ProgressEvent, progressMeter } from '../src/domain/progress-meter.ts';
import { redactor } from '../src/domain/redaction.ts';
import type { Secret } from '../src/domain/secret.ts';

/** What a command came to. */
export interface Outcome {
  /** The one JSON document. */
  readonly document: object;
  /** What was asked for, for people: printed on standard output even when quiet. */
  readonly lines?: readonly string[];
  /** What was done, for people: left out when quiet. */
  readonly summary?: readonly string[];
  /** 0, or the exit code of the failure that the document tells of. */
  readonly exit?: number;
  /** Standard output already holds a backup's bytes: nothing else may follow. */
  readonly stdoutTaken?: boolean;
}

export interface ScreenOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** `auto`: a bar on a terminal, else a line now and then. */
  readonly progress: 'auto' | 'ndjson' | 'none';
  readonly colours: boolean;
}

/** The streams a screen writes to. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Everything a person or a script sees of one command. Results go to standard output, all else to standard error. */
export interface Screen {
  /** From now on this value appears nowhere (F85). */
  hide(secret: Secret): void;
  note(sentence: string): void;
  warn(sentence: string): void;
  progress(event: ProgressEvent): void;
  /** With --json, one more line of what is watched: a document of its own. Nothing for people. */
  emit(document: object): void;
  finish(outcome: Outcome): number;
  refuse(error: unknown): number;
}

/** Also of a terminal that does not know its own width. */
const USUAL_COLUMNS = 80;
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 30_000;

export function openScreen(options: ScreenOptions, streams: Streams = process): Screen {
  const secrets: Secret[] = [];
  const clean = (text: string) => redactor(secrets)(text);
  const paint = painter(options.colours && streams.stderr.isTTY === true);
  const meter = options.quiet ? silence : meterFor(options, streams, clean);
  const error = (line: string) => meter.above(`${clean(line)}\n`);
  return {
    hide: (secret) => secrets.push(secret),
    note: (sentence) => {
      if (!options.quiet) error(`  ${sentence}`);
    },
    warn: (sentence) => error(`${paint('33', '!')} ${sentence}`),
    progress: (event) => {
      if (event.note !== undefined && !options.quiet && options.progress !== 'ndjson') error(`  ${event.note}`);
      meter.add(event);
    },
    emit: (document) => {
      if (options.json) streams.stdout.write(jsonLine(document, clean));
    },
    finish: (outcome) => {
      meter.end();
      print(outcome, { options, streams, clean });
      return outcome.exit ?? 0;
    },
    refuse: (thrown) => {
      meter.end();
      const problem = problemOf(thrown);
      if (options.json) streams.stdout.write(jsonLine(problem, clean));
      else streams.stderr.write(`${clean(sentences(problem, paint))}\n`);
      return FAILURES[problem.code].exit;
    },
  };
}

/** Cleaned text by text: cleaning the whole line could take its quotes along. */
function jsonLine(document: object, clean: (text: string) => string): string {
  const text = JSON.stringify(document, (_, value: unknown) => (typeof value === 'string' ? clean(value) : value));
  return `${text}\n`;
}

/** A refusal for people: the cause, then what to do. */
function sentences(problem: Problem, paint: Paint): string {
  const remedy = problem.remedy === undefined ? '' : `\n  ${paint('2', '→')} ${problem.remedy}`;
  return `${paint('31', '✘')} ${problem.detail}${remedy}`;
}

interface Printing {
  readonly options: ScreenOptions;
  readonly streams: Streams;
  readonly clean: (text: string) => string;
}

function print(outcome: Outcome, { options, streams, clean }: Printing): void {
  const people = [...(outcome.lines ?? []), ...(options.quiet ? [] : (outcome.summary ?? []))];
  if (outcome.stdoutTaken === true) {
    for (const line of people) streams.stderr.write(`${clean(line)}\n`);
  } else if (options.json) {
    streams.stdout.write(jsonLine(outcome.document, clean));
  } else {
    for (const line of people) streams.stdout.write(`${clean(line)}\n`);
  }
}

interface Meter {
  add(event: ProgressEvent): void;
  /** Writes text so that a bar on the last line stays below it. */
  above(text: string): void;
  end(): void;
}

const silence: Meter = {
  add: () => undefined,
  above: (text) => void process.stderr.write(text),
  end: () => undefined,
};

function meterFor(options: ScreenOptions, { stderr }: Streams, clean: (text: string) => string): Meter {
  const plain = { above: (text: string) => void stderr.write(text), end: () => undefined };
  if (options.progress === 'none') return { ...plain, add: () => undefined };
  if (options.progress === 'ndjson') {
    return { ...plain, add: (event) => void stderr.write(jsonLine(event, clean)) };
  }
  return stderr.isTTY === true ? barOn(stderr) : linesOn(stderr);
}

function barOn(stderr: Streams['stderr']): Meter {
  const meter = progressMeter();
  let drawnAt = 0;
  let visible = false;
  const clear = () => {
    if (visible) stderr.write('\r\u001b[K');
    visible = false;
  };
  return {
    add: (event) => {
      const now = performance.now();
      meter.add(event, now / 1000);
      if (now - drawnAt < BAR_EVERY_MS) return;
      drawnAt = now;
      visible = true;
      stderr.write(`\r${meter.line((stderr.columns || USUAL_COLUMNS) - 1)}\u001b[K`);
    },
    above: (text) => {
      clear();
      stderr.write(text);
    },
    end: clear,
  };
}

/** For logs: a line every half minute of a long phase, nothing for a short one. */
function linesOn(stderr: Streams['stderr']): Meter {
  const meter = progressMeter();
  let saidAt = performance.now();
  return {
    add: (event) => {
      const now = performance.now();
      meter.add(event, now / 1000);
      if (now - saidAt < LINE_EVERY_MS) return;
      saidAt = now;
      stderr.write(`  ${meter.line(200)}\n`);
    },
    above: (text) => void stderr.write(text),
    end: () => undefined,
  };
}

type Paint = (code: string, text: string) => string;

function painter(colours: boolean): Paint {
  return (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
}
