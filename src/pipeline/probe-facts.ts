import type { Probe } from '../engines/engine.ts';

/** What is kept and shown of a look at a database. */
export function probeFacts(probe: Probe) {
  return {
    flavour: probe.flavour,
    version: probe.version,
    bytes: probe.bytes,
    tables: probe.tables.length,
    privileges: probe.privileges.map((privilege) => ({ ...privilege })),
    warnings: [...probe.warnings, ...probe.obstacles],
  };
}
