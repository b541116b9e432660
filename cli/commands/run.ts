import { z } from 'zod';
import { RunKind, RunState } from '../../src/contract/resources/work.ts';
import { ServiceOptions } from '../service-options.ts';
import { askService } from '../service-session.ts';
import type { Work } from '../tree/service-command.ts';
import { exitOfRun, followRun, runLines } from './follow.ts';
import { collected, findDatabase, findRun } from './found.ts';
import { fieldLines, listOutcome, RUN_HEADINGS, runRow } from './words.ts';

const ListOptions = ServiceOptions.extend({
  database: z.string().optional(),
  kind: RunKind.optional(),
  state: RunState.optional(),
  limit: z.number(),
});

export const runList: Work = (_given, options) => {
  const { database, kind, state, limit, ...service } = ListOptions.parse(options);
  return askService(service, async ({ client }) => {
    const databaseId = database === undefined ? undefined : (await findDatabase(client, database)).id;
    const query = { databaseId, kind, state };
    return listOutcome(await collected(client.each('runs.list', { query }), limit), {
      headings: RUN_HEADINGS,
      row: runRow,
      noun: 'run',
    });
  });
};

export const runShow: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const run = await findRun(client, reference);
    const { lines } = await client.call('runs.log', { params: { runId: run.id } });
    const { id, kind, trigger, state, attempt, queuedAt, startedAt, finishedAt, code, cause, remedy } = run;
    return {
      document: { ...run, log: lines },
      lines: [
        ...fieldLines({ id, kind, by: trigger, state, attempt, queuedAt, startedAt, finishedAt, code, cause, remedy }),
        ...lines.map(({ at, text }) => `${at} ${text}`),
      ],
    };
  });

/** Ends with the run's own exit code. With --json every change is a line, the last of them the run as it ended. */
export const runWatch: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), async (session) => {
    const { id } = await findRun(session.client, reference);
    let last: object | undefined;
    const run = await followRun(session, id, (now) => {
      if (last !== undefined) session.screen.emit(last);
      last = now;
    });
    return { document: run, lines: await runLines(session, run), exit: exitOfRun(run) };
  });

export const runCancel: Work = ([reference = ''], options) =>
  askService(ServiceOptions.parse(options), async ({ client }) => {
    const { id } = await findRun(client, reference);
    const run = await client.call('runs.cancel', { params: { runId: id } });
    const over = run.finishedAt !== undefined;
    return { document: run, summary: [over ? `✔ ${run.state} ${id}` : `✔ asked ${id} to end; it is ${run.state} yet`] };
  });
