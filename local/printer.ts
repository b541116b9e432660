import { type ProgressEvent, progressMeter } from '../src/domain/progress-meter.ts';

/** What a person sees of `npm start`: one line per result, and a line that moves while work goes on. */
export interface Printer {
  /** `✔ backup     …`. */
  done(label: string, text: string): void;
  /** `→ …`, what to do next. */
  next(label: string, text: string): void;
  note(sentence: string): void;
  progress(event: ProgressEvent): void;
  /** Names what is being done where there is no count for it. */
  busy(sentence: string): void;
  end(): void;
}

type Terminal = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

const LABEL_WIDTH = 10;
const MOVE_EVERY_MS = 100;

export function printer(stdout: NodeJS.WritableStream, stderr: Terminal): Printer {
  const meter = progressMeter();
  let movedAt = 0;
  let moving = false;
  const move = (text: string) => {
    if (stderr.isTTY !== true) return;
    moving = true;
    stderr.write(`\r… ${text.slice(0, (stderr.columns ?? 80) - 4)}\u001b[K`);
  };
  const end = () => {
    if (moving) stderr.write('\r\u001b[K');
    moving = false;
  };
  const line = (mark: string, label: string, text: string) => {
    end();
    stdout.write(`${mark} ${label.padEnd(LABEL_WIDTH)} ${text}\n`);
  };
  return {
    done: (label, text) => line('✔', label, text),
    next: (label, text) => line('→', label, text),
    note: (sentence) => {
      end();
      stderr.write(`  ${sentence}\n`);
    },
    progress: (event) => {
      const now = performance.now();
      meter.add(event, now / 1000);
      if (now - movedAt < MOVE_EVERY_MS) return;
      movedAt = now;
      move(meter.line(200));
    },
    busy: move,
    end,
  };
}
