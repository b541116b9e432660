/** IAM policies as far as sessions for one bucket need them: actions, resources, and string conditions on `s3:prefix`. */
export interface PolicyDocument {
  readonly statements: readonly Statement[];
}

interface Statement {
  readonly effect: 'Allow' | 'Deny';
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly key: string;
  readonly patterns: readonly string[];
  readonly wildcards: boolean;
}

export interface Question {
  /** Such as `s3:PutObject`. */
  readonly permission: string;
  readonly arn: string;
  readonly context: Readonly<Record<string, string | undefined>>;
}

/** Keys of conditions; one that the question says nothing of is not met. */
const UNDERSTOOD: ReadonlySet<string> = new Set(['s3:prefix', 'kms:ViaService']);

/** Reads a policy. Throws on everything it does not understand: a condition left out would be a permission granted. */
export function parsePolicy(json: string): PolicyDocument {
  const document: unknown = JSON.parse(json);
  const statements = asList(field(document, 'Statement')).map(readStatement);
  if (statements.length === 0) throw new Error('The policy has no statement');
  return { statements };
}

function readStatement(source: unknown): Statement {
  const known = ['Sid', 'Effect', 'Action', 'Resource', 'Condition'];
  for (const name of Object.keys(source as object))
    if (!known.includes(name)) throw new Error(`The policy element ${name} is not understood`);
  const effect = field(source, 'Effect');
  if (effect !== 'Allow' && effect !== 'Deny') throw new Error('The effect is neither Allow nor Deny');
  const actions = asList(field(source, 'Action')).map(String);
  const resources = asList(field(source, 'Resource')).map(String);
  if (actions.length === 0 || resources.length === 0) throw new Error('A statement needs Action and Resource');
  return { effect, actions, resources, conditions: readConditions(field(source, 'Condition')) };
}

function readConditions(source: unknown): Condition[] {
  const conditions: Condition[] = [];
  for (const [operator, keys] of Object.entries(source ?? {})) {
    if (operator !== 'StringEquals' && operator !== 'StringLike')
      throw new Error(`The condition operator ${operator} is not understood`);
    for (const [key, patterns] of Object.entries(keys as object)) {
      if (!UNDERSTOOD.has(key)) throw new Error(`The condition key ${key} is not understood`);
      conditions.push({ key, patterns: asList(patterns).map(String), wildcards: operator === 'StringLike' });
    }
  }
  return conditions;
}

function field(source: unknown, name: string): unknown {
  if (typeof source !== 'object' || source === null) throw new Error('The policy is not an object');
  return (source as Record<string, unknown>)[name];
}

function asList(value: unknown): unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** Whether a policy allows what is asked: some statement allows it and none denies it. */
export function allows(policy: PolicyDocument, question: Question): boolean {
  const fitting = policy.statements.filter((statement) => fits(statement, question));
  return fitting.some(({ effect }) => effect === 'Allow') && !fitting.some(({ effect }) => effect === 'Deny');
}

function fits({ actions, resources, conditions }: Statement, { permission, arn, context }: Question): boolean {
  if (!actions.some((pattern) => like(pattern.toLowerCase(), permission.toLowerCase()))) return false;
  if (!resources.some((pattern) => like(pattern, arn))) return false;
  return conditions.every(({ key, patterns, wildcards }) => {
    const value = context[key];
    return value !== undefined && patterns.some((pattern) => (wildcards ? like(pattern, value) : pattern === value));
  });
}

function like(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}
