import type { ParseReport, Plain } from '../../engine.ts';
import { cutShort } from './fields.ts';

const END_MARK = '-- PostgreSQL database cluster dump complete';
const TAIL_BYTES = 4096;

/** Roles and globals are SQL text: whole when its end mark is there. */
export async function parseGlobals(plain: Plain): Promise<ParseReport> {
  let tail = Buffer.alloc(0);
  for await (const chunk of plain.bytes()) {
    tail = Buffer.concat([tail, chunk]);
    if (tail.length > TAIL_BYTES) tail = tail.subarray(tail.length - TAIL_BYTES);
  }
  if (!tail.toString('utf8').includes(`\n${END_MARK}\n`)) throw cutShort('its end mark is missing');
  return { tables: {}, values: {}, warnings: [] };
}
