import { Failure } from '../domain/failure.ts';
import type { Engine } from '../engines/engine.ts';

/** The engine of that id, of those this place has. */
export function engineIn(engines: readonly Engine[], id: string): Engine {
  const engine = engines.find((one) => one.id === id);
  if (engine !== undefined) return engine;
  throw new Failure('server_unsupported', `There is no engine ${id} here.`, { remedy: 'Register it as one that is.' });
}
