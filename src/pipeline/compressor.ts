import { availableParallelism } from 'node:os';
import type { Transform } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Workbench } from '../engines/engine.ts';
import type { Command } from '../process/child.ts';
import type { Compression } from './pipeline.ts';

/** Nothing we write needs more, and a hostile file may not claim more (F72). */
const WINDOW_MB = 128;
const WINDOW_LOG = 27;
const CHUNK = 256 * 1024;

/** The zstd program of this machine, where there is a usable one. */
export function zstdProgram({ tools }: Workbench): string | undefined {
  return tools.all('zstd').find((tool) => tool.ok)?.path;
}

interface Machine {
  readonly cores: number;
  readonly platform: string;
}

const HERE: Machine = { cores: availableParallelism(), platform: process.platform };

/**
 * Verbose, for the exact byte counts of its last line; threads only where there is more than one core. Where the kernel
 * counts what a process reads, zstd need not report it.
 */
export function zstdCompressCommand(program: string, level: number, { cores, platform } = HERE): Command {
  const threads = cores < 2 ? '-T1' : '-T0';
  const ultra = level > 19 ? ['--ultra'] : [];
  const progress = platform === 'linux' ? '--no-progress' : '--progress';
  return { program, args: ['-vv', progress, `-${level}`, ...ultra, threads, '--check', '-c'] };
}

export function zstdDecompressCommand(program: string): Command {
  return { program, args: ['-vv', '--no-progress', '-d', `--memory=${WINDOW_MB}MB`, '-c'] };
}

/** What zstd says at the end of compression: plain and stored bytes, exact. Undefined where it did not get there. */
export function compressedCounts(stderr: string): { readonly plain: number; readonly stored: number } | undefined {
  const last = [...stderr.matchAll(/\(\s*(\d+)(?: B)? =>\s*(\d+)(?: B| bytes)/g)].at(-1);
  return last === undefined ? undefined : { plain: Number(last[1]), stored: Number(last[2]) };
}

/** What zstd says at the end of decompression: plain bytes, exact. */
export function decompressedCount(stderr: string): number | undefined {
  const last = [...stderr.matchAll(/:\s*(\d+) bytes/g)].at(-1);
  return last === undefined ? undefined : Number(last[1]);
}

/** Plain bytes read so far, from a line of zstd's running report: about, not exact. */
export function consumedSoFar(text: string): number | undefined {
  const last = [...text.matchAll(/Consumed:\s*(\d+) B/g)].at(-1);
  return last === undefined ? undefined : Number(last[1]);
}

/** Compression inside this process: gzip always, zstd where no program was found. Workers break in Node 24: none. */
export function compressTransform({ algorithm, level }: Compression): Transform {
  if (algorithm === 'gzip') return createGzip({ level, chunkSize: CHUNK });
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = constants;
  return createZstdCompress({
    chunkSize: CHUNK,
    params: { [ZSTD_c_compressionLevel]: level, [ZSTD_c_checksumFlag]: 1 },
  });
}

export function decompressTransform(algorithm: 'zstd' | 'gzip'): Transform {
  if (algorithm === 'gzip') return createGunzip({ chunkSize: CHUNK });
  return createZstdDecompress({ chunkSize: CHUNK, params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } });
}
