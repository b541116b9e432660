import { Failure } from '../../domain/failure.ts';
import type { Tool, Toolbox } from '../../process/tools.ts';

/** The best installed one of the MongoDB Database Tools; a Failure says what is missing or too old (F20). */
export function requireTool(tools: Toolbox, name: 'mongodump' | 'mongorestore'): Tool {
  const [best] = tools.all(name);
  if (best === undefined) {
    throw new Failure('tool_missing', `${name} is not installed.`, {
      remedy: 'Install the MongoDB Database Tools: https://www.mongodb.com/docs/database-tools/installation/',
    });
  }
  if (!best.ok) {
    throw new Failure(
      'tool_too_old',
      `${name} ${best.version} is too old: ${best.reason ?? 'it is below the floor'}.`,
      {
        remedy: `Install the MongoDB Database Tools ${best.floor ?? ''} or newer.`,
      },
    );
  }
  return best;
}
