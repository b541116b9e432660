import type { DatabaseAdmin, Engine, Workbench } from './engine.ts';

/** What is known of an engine without its code: what a URL and a help text need. */
export type EngineFace = Pick<
  Engine,
  'id' | 'label' | 'schemes' | 'defaultPort' | 'options' | 'types' | 'extension' | 'registration'
>;

/** What an engine does. */
export type EngineWork = Omit<Engine, keyof EngineFace>;

/**
 * An engine whose code, and with it its driver, is loaded when something is first asked of it: a command that saves one
 * database pays neither time nor memory for the others.
 */
export function onDemand<const Face extends EngineFace>(face: Face, load: () => Promise<EngineWork>): Face & Engine {
  const work: EngineWork = {
    probe: async (...given) => (await load()).probe(...given),
    openDump: async (...given) => (await load()).openDump(...given),
    parse: async (...given) => (await load()).parse(...given),
    plan: async (...given) => (await load()).plan(...given),
    restore: async (...given) => (await load()).restore(...given),
    recognise: async (...given) => (await load()).recognise(...given),
    restoreGlobals: async (...given) => (await load()).restoreGlobals(...given),
    inventory: async (...given) => (await load()).inventory(...given),
    query: async (...given) => (await load()).query(...given),
    scratch: async (...given) => (await load()).scratch(...given),
    admin: (bench) => adminOnDemand(bench, load),
  };
  return { ...face, ...work };
}

function adminOnDemand(bench: Workbench, load: () => Promise<EngineWork>): DatabaseAdmin {
  const admin = async () => (await load()).admin(bench);
  return {
    list: async (...given) => (await admin()).list(...given),
    exists: async (...given) => (await admin()).exists(...given),
    isEmpty: async (...given) => (await admin()).isEmpty(...given),
    create: async (...given) => (await admin()).create(...given),
    drop: async (...given) => (await admin()).drop(...given),
    sessions: async (...given) => (await admin()).sessions(...given),
    disconnect: async (...given) => (await admin()).disconnect(...given),
    swap: async (...given) => (await admin()).swap(...given),
  };
}
