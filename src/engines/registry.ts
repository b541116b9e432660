import { Failure } from '../domain/failure.ts';
import type { Engine } from './engine.ts';
import { mongodb } from './mongodb/index.ts';
import { mysql } from './mysql/index.ts';
import { postgres } from './postgres/index.ts';

/** Every engine there is. The only list; nothing else may ask which engine it is. */
export const engines: readonly Engine[] = [postgres, mysql, mongodb];

/** The engine of that id; a Failure `usage` names those that exist. */
export function engineById(id: string): Engine {
  const engine = engines.find((candidate) => candidate.id === id);
  if (engine !== undefined) return engine;
  throw new Failure('usage', `There is no engine ${JSON.stringify(id.slice(0, 40))}.`, {
    remedy: `Engines are: ${engines.map((candidate) => candidate.id).join(', ')}.`,
  });
}
