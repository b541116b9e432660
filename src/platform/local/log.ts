import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { pino, stdSerializers } from 'pino';
import { redactor } from '../../domain/redaction.ts';

export type Log = (
  level: 'info' | 'warn' | 'error',
  fields: Readonly<Record<string, unknown>>,
  sentence: string,
) => void;

interface Lines {
  write(line: string): void;
}

/** Names whose values are never written, whatever they hold. */
const SECRET = ['password', 'secret', 'token', 'key', 'authorization', 'cookie', 'body', 'url'];

/**
 * One JSON object a line: time, level, fields, a fixed sentence. Values under names of secrets are left out, and whatever
 * looks like a password inside a text is taken out of it.
 */
export function openLog(lines: Lines): Log {
  const logger = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: (fields) => cleanFields(fields) },
      redact: { paths: SECRET.flatMap((name) => [name, `*.${name}`]), censor: '[secret]' },
    },
    lines,
  );
  return (level, fields, sentence) => logger[level](fields, sentence);
}

const redact = redactor([]);
const DEEPEST = 4;

/** Texts without what looks like a password. On values, not on the finished line: that must stay JSON. */
function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth === DEEPEST) return '…';
  if (value instanceof Error) return clean({ ...stdSerializers.err(value) }, depth);
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  return cleanFields(value, depth);
}

function cleanFields(fields: object, depth = 0): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(value, depth + 1)]));
}

const MOST_BYTES = 20 * 1024 * 1024;
const KEPT = 4;

/** A file that only we may read; a full one is put aside, and the oldest of five is forgotten. */
export function logFile(path: string, mostBytes = MOST_BYTES): Lines & { close(): void } {
  const open = () => openSync(path, 'a', 0o600);
  let file = open();
  let bytes = fstatSync(file).size;
  return {
    write: (line) => {
      if (bytes > mostBytes) {
        closeSync(file);
        putAside(path);
        file = open();
        bytes = 0;
      }
      bytes += writeSync(file, line);
    },
    close: () => closeSync(file),
  };
}

function putAside(path: string): void {
  for (let age = KEPT - 1; age >= 1; age--) {
    if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
  }
  renameSync(path, `${path}.1`);
}
