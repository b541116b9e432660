import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Failure } from '../../../src/domain/failure.ts';
import type { Workbench } from '../../../src/engines/engine.ts';
import { collectContents, sortedOrder } from '../../../src/engines/postgres/archive/contents.ts';
import { CopyLines } from '../../../src/engines/postgres/archive/copy-lines.ts';
import { readIndex, withEntries } from '../../../src/engines/postgres/archive/read-contents.ts';
import { ArchiveScanner } from '../../../src/engines/postgres/archive/scanner.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { run } from '../../../src/process/run.ts';
import { describeWith } from '../../support/need-programs.ts';
import {
  type Dump,
  dumpOf,
  POSTGRES_PROGRAMS,
  plainOf,
  restored,
  restoreRequest,
} from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';
import { randomFrom, seed, sized } from '../../support/size.ts';

const SCHEMA = `
create table public.t (id integer primary key, text text);
insert into public.t select n, case when n % 7 = 0 then E'line\\nend\\\\. COPY x FROM stdin;' else md5(n::text) end from generate_series(1, 600) n;
create table public.empty (a integer);
create sequence public.s start 5;
select nextval('public.s');
select lo_from_bytea(7, decode(repeat('ab00', 5000), 'hex')), lo_from_bytea(8, '');
create function public.f() returns text language sql as $f$select 'COPY public.t (id) FROM stdin;'::text$f$;
`;

describeWith(POSTGRES_PROGRAMS, 'reading an archive to its end', () => {
  let server: PostgresServer;
  let bench: Workbench;
  let dump: Dump;

  beforeAll(async () => {
    server = await startPostgres();
    bench = server.bench();
    await server.sql('postgres', 'create database a');
    await server.sql('a', SCHEMA);
    dump = await dumpOf(bench, server.connection('a'), { sourceDigest: true });
  }, 60_000);

  afterAll(() => server?.stop());

  const parse = (bytes: Buffer, pieceBytes?: number) =>
    postgres.parse(bench, plainOf(bench, bytes, pieceBytes), dump.origin);

  /** Our scanner alone: no process, so that thousands of points fit. */
  function scan(bytes: Buffer, pieceBytes = 65_536): Failure | undefined {
    const scanner = new ArchiveScanner(collectContents(true).listener);
    try {
      for (let start = 0; start < bytes.length; start += pieceBytes)
        scanner.push(bytes.subarray(start, start + pieceBytes));
      scanner.end();
      return undefined;
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }

  it('counts and digests what was in the snapshot, in pieces of any size', async () => {
    for (const pieceBytes of [7, 1_000, 65_536]) {
      const contents = collectContents(true);
      const scanner = new ArchiveScanner(contents.listener);
      for (let at = 0; at < dump.bytes.length; at += pieceBytes) scanner.push(dump.bytes.subarray(at, at + pieceBytes));
      scanner.end();

      expect(contents.tables).toEqual(dump.session.inventory.tables);
      expect(contents.values).toEqual({ 'sequence public.s': '5,true' });
    }

    expect(await parse(dump.bytes)).toMatchObject({ tables: dump.session.inventory.tables, warnings: [] });
  });

  it('M3 F4 T5 an archive cut at any byte is not whole', async () => {
    const next = randomFrom(seed);
    const points = Array.from({ length: sized(1_500, 20_000) }, () => Math.floor(next() * dump.bytes.length));
    const borders = [0, 1, 5, dump.bytes.length - 1, dump.bytes.length - 2];

    const accepted = [...borders, ...points].filter((length) => scan(dump.bytes.subarray(0, length)) === undefined);

    expect(accepted).toEqual([]);
    for (const share of [0, 0.5, 0.9, 0.999]) {
      const cut = dump.bytes.subarray(0, Math.floor(dump.bytes.length * share));
      await expect(parse(cut)).rejects.toMatchObject({
        code: expect.stringMatching(/^(?:dump_incomplete|backup_damaged)$/),
      });
    }
  });

  it('T5 an archive with anything behind its end is damaged', async () => {
    for (const extra of [Buffer.from([0]), Buffer.from('x'), Buffer.alloc(10_000), dump.bytes]) {
      expect(scan(Buffer.concat([dump.bytes, extra]))?.code).toMatch(/^(?:dump_incomplete|backup_damaged)$/);
    }
    await expect(parse(Buffer.concat([dump.bytes, Buffer.alloc(200_000, 1)]))).rejects.toMatchObject({
      code: 'backup_damaged',
    });
  });

  it('M4 a flipped bit in a row changes the digest, where pg_restore sees nothing', async () => {
    const at = dump.bytes.indexOf('c4ca4238a0b923820dcc509a6f75849b');
    const flipped = Buffer.from(dump.bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 1;

    const parsed = await parse(flipped);

    expect(at).toBeGreaterThan(0);
    expect(parsed.tables['public.t']).toMatchObject({ rows: 600 });
    expect(parsed.tables['public.t']?.digest).not.toBe(dump.session.inventory.tables['public.t']?.digest);
  });

  it('M4 a bit flipped anywhere among the data is seen: as damage or by a digest', () => {
    const next = randomFrom(seed + 2);
    const scanner = new ArchiveScanner({});
    scanner.push(dump.bytes);
    const start = scanner.contentsLength;
    const unseen: number[] = [];

    for (let point = 0; point < sized(400, 5_000); point += 1) {
      const at = start + Math.floor(next() * (dump.bytes.length - start));
      const flipped = Buffer.from(dump.bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(next() * 8));
      const contents = collectContents(true);
      const reader = new ArchiveScanner(contents.listener);
      try {
        reader.push(flipped);
        reader.end();
        if (JSON.stringify(contents.tables) === JSON.stringify(dump.session.inventory.tables)) unseen.push(at);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
    }

    // A length's sign byte and high bytes are structure; all of it is covered.
    expect(unseen).toEqual([]);
  });

  it('fuzz: no garbage makes the scanner throw anything but a failure', () => {
    const next = randomFrom(seed + 3);
    for (let point = 0; point < sized(300, 5_000); point += 1) {
      const bytes = Buffer.from(dump.bytes.subarray(0, 4_000 + Math.floor(next() * 4_000)));
      for (let flip = 0; flip < 5; flip += 1) bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);

      expect(() => scan(bytes, 1 + Math.floor(next() * 5_000))).not.toThrow();
    }
  });

  it('says what to do with dumps of other forms', async () => {
    await expect(parse(Buffer.from('--\n-- PostgreSQL database dump\n--\n'))).rejects.toMatchObject({
      code: 'usage',
      remedy: expect.stringContaining('--format=custom'),
    });
    await expect(parse(Buffer.from('not a dump at all'))).rejects.toMatchObject({ code: 'backup_damaged' });
    await expect(parse(Buffer.alloc(0))).rejects.toMatchObject({ code: 'dump_incomplete' });
  });

  it('counts a foreign archive whose data are compressed', async () => {
    const command = {
      ...dump.session.command,
      args: dump.session.command.args
        .map((a) => (a === '--compress=0' ? '--compress=6' : a))
        .filter((a) => typeof a !== 'string' || !a.startsWith('--snapshot')),
    };
    const chunks: Buffer[] = [];
    await run(bench.runner, command, { onOutput: (chunk) => chunks.push(chunk) });
    const foreign = { ...dump, bytes: Buffer.concat(chunks), origin: { ...dump.origin, inventory: undefined } };
    const target = server.connection('foreign_copy');
    await postgres.admin(bench).create(target, target.database, {});

    const parsed = await postgres.parse(bench, plainOf(bench, foreign.bytes), foreign.origin);
    const { inventory } = await restored(bench, foreign, restoreRequest(target));

    expect(foreign.bytes.length).toBeLessThan(dump.bytes.length);
    expect(parsed.tables['public.t']).toEqual(dump.session.inventory.tables['public.t']);
    expect(parsed.tables['public.empty']).toEqual(dump.session.inventory.tables['public.empty']);
    expect(inventory.tables).toEqual(dump.session.inventory.tables);
  });

  it('writes a table of contents anew without changing what is restored', async () => {
    const index = await readIndex(plainOf(bench, dump.bytes));
    const chunks: Uint8Array[] = [];
    for await (const chunk of withEntries(plainOf(bench, dump.bytes), index.entries)) chunks.push(chunk);

    expect(Buffer.concat(chunks).equals(dump.bytes)).toBe(true);
  });

  it('cuts rows by lines, whatever pieces they come in', () => {
    const rows: string[] = [];
    const lines = new CopyLines((line) => rows.push(line.toString()));
    for (const piece of ['a\tb\nc', '', '\td\n', '\\', 'N\n\\', '.\n\n\n']) lines.push(Buffer.from(piece));

    expect(rows).toEqual(['a\tb', 'c\td', '\\N']);
    expect(lines.ended).toBe(true);
    expect(sortedOrder('COPY public."t (x" (b, "a c", "q""") FROM stdin;\n')).toEqual([1, 0, 2]);
  });
});
