import { z } from 'zod';

/** One line of a task's standard output: JSON, and nothing but these. The same everywhere. */
export const TaskLine = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('progress'),
    phase: z.string(),
    storedBytes: z.number().optional(),
    plainBytes: z.number().optional(),
    totalBytes: z.number().optional(),
  }),
  /** A fixed sentence for the run's log. */
  z.object({ type: z.literal('note'), text: z.string() }),
  z.object({ type: z.literal('ended'), code: z.string().optional(), text: z.string() }),
]);
export type TaskLine = z.infer<typeof TaskLine>;

/** Undefined for what is no line of ours. */
export function parseTaskLine(text: string): TaskLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const read = TaskLine.safeParse(JSON.parse(text));
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}
