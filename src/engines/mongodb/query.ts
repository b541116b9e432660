import { EJSON } from 'bson';
import type { Document } from 'mongodb';
import { Failure } from '../../domain/failure.ts';
import type { Connection, Workbench } from '../engine.ts';
import { withDatabase } from './dial.ts';

const READING = ['count', 'find', 'aggregate', 'distinct'];
const WRITING_STAGES = ['$out', '$merge'];

/**
 * See Engine.query. The statement is a command as extended JSON: `{"count": "orders", "query": {"paid": true}}`. Only
 * commands that read are taken. A count gives one row with one column; documents give their values, `_id` included.
 */
export async function query(bench: Workbench, source: Connection, statement: string): Promise<(string | null)[][]> {
  const command = readCommand(statement);
  return withDatabase(bench, source, async (db) => rowsOf(await db.command(command)));
}

function readCommand(statement: string): Document {
  let command: unknown;
  try {
    command = EJSON.parse(statement);
  } catch (cause) {
    throw usage('The MongoDB statement is not JSON.', cause);
  }
  if (typeof command !== 'object' || command === null || Array.isArray(command))
    throw usage('The MongoDB statement is not a command.');
  const document = command as Document;
  const [name = ''] = Object.keys(document);
  if (!READING.includes(name))
    throw usage(`The MongoDB command ${JSON.stringify(name)} is not one of ${READING.join(', ')}.`);
  if (name !== 'aggregate') return document;
  const stages: Document[] = Array.isArray(document.pipeline) ? document.pipeline : [];
  if (stages.some((stage) => Object.keys(stage).some((key) => WRITING_STAGES.includes(key)))) {
    throw usage('The MongoDB statement writes.');
  }
  // After the name, which must stay the first field.
  return { ...document, cursor: document.cursor ?? {} };
}

function rowsOf(reply: Document): (string | null)[][] {
  if (typeof reply.n === 'number') return [[String(reply.n)]];
  if (Array.isArray(reply.values)) return reply.values.map((value) => [asText(value)]);
  const documents: Document[] = reply.cursor?.firstBatch ?? [];
  return documents.map((document) => Object.values(document).map(asText));
}

function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? EJSON.stringify(value) : String(value);
}

function usage(message: string, cause?: unknown): Failure {
  return new Failure('usage', message, {
    remedy: 'Write a reading command as extended JSON: {"count": "orders", "query": {"paid": true}}',
    ...(cause === undefined ? {} : { cause }),
  });
}
