import type { Plain } from '../engine.ts';
import type { Family } from './option-file.ts';

/** Comments that dump tools begin with: `-- MySQL dump 10.13  Distrib 8.0.40`, `-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB`. */
const TOOL = /^-- (MySQL|MariaDB) dump \S+ +Distrib \d/m;
/** Only MariaDB's tool writes it. Old ones called themselves MySQL's, but named the server. */
const MARIADB = /^\/\*M!999999|^-- Server version\s+\S*mariadb/im;
const HEAD_BYTES = 4096;

/** Whose dump it is, by the comments in its first bytes. What a dump says of itself is no proof: it may only be refused by it. */
export async function recognise(plain: Plain): Promise<Family | ''> {
  const text = (await headOf(plain)).toString('latin1');
  if (MARIADB.test(text)) return 'MariaDB';
  const [, tool = ''] = TOOL.exec(text) ?? [];
  return tool === 'MySQL' || tool === 'MariaDB' ? tool : '';
}

async function headOf(plain: Plain): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for await (const chunk of plain.bytes()) {
    head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
    if (head.length >= HEAD_BYTES) break;
  }
  return head;
}
