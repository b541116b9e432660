import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Workbench } from '../engines/engine.ts';
import type { Child } from '../process/child.ts';
import { endedWell, run } from '../process/run.ts';

/**
 * Takes one chunk, which is valid until it returns or its promise resolves. A promise means: no more until it resolves
 * (back pressure, F23). An error ends the reading.
 */
export type Consume = (chunk: Buffer) => Promise<void> | undefined;

/** The end of a pipe that a child writes to, read without an allocation per chunk where the system has FIFOs. */
export interface Outlet {
  /** What the child is started with. */
  readonly stdout: 'pipe' | number;
  /** Gives every byte to `consume`; resolves at end of file, rejects with consume's error or on `stop`. */
  drain(child: Child, consume: Consume): Promise<void>;
  /** For a child that was never started. */
  close(): void;
}

const READ_BUFFER = 1024 * 1024;
const MKFIFO = ['/usr/bin/mkfifo', '/bin/mkfifo'] as const;
let count = 0;

/** Makes an outlet: a FIFO that is opened and unlinked at once; a plain stream where none can be made. */
export async function openOutlet(bench: Workbench): Promise<Outlet> {
  count += 1;
  const path = join(bench.folder, `pipe-${process.pid}-${count}`);
  for (const program of MKFIFO) {
    if (endedWell(await run(bench.runner, { program, args: ['-m', '600', '--', path] }))) return fifoOutlet(path);
  }
  return plainOutlet();
}

function plainOutlet(): Outlet {
  return {
    stdout: 'pipe',
    drain: async (child, consume) => {
      if (child.stdout === null) return;
      for await (const chunk of child.stdout) await consume(chunk);
    },
    close: () => undefined,
  };
}

function fifoOutlet(path: string): Outlet {
  // A reader and a writer can only be opened together; the third handle lets both opens return at once.
  const both = openSync(path, constants.O_RDWR);
  const read = openSync(path, constants.O_RDONLY);
  const write = openSync(path, constants.O_WRONLY);
  closeSync(both);
  rmSync(path);
  return {
    stdout: write,
    drain: (_child, consume) => {
      // Our copy of the writing end would keep the pipe open after the child has ended.
      closeSync(write);
      return drainSocket(read, consume);
    },
    close: () => {
      closeSync(write);
      closeSync(read);
    },
  };
}

function drainSocket(fd: number, consume: Consume): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new Socket({
      fd,
      readable: true,
      writable: false,
      onread: { buffer: Buffer.allocUnsafeSlow(READ_BUFFER), callback: onread },
    });
    socket.on('error', reject);
    socket.on('end', resolve);
    socket.on('close', () => reject(new Error('The pipe was closed before its end.')));
    socket.resume();

    function onread(length: number, buffer: Uint8Array): boolean {
      try {
        const wait = consume(Buffer.from(buffer.buffer, buffer.byteOffset, length));
        if (wait === undefined) return true;
        socket.pause();
        wait.then(() => socket.resume(), giveUp);
      } catch (error) {
        giveUp(error);
      }
      return false;
    }

    function giveUp(error: unknown): void {
      reject(error);
      socket.destroy();
    }
  });
}
