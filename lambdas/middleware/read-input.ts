import type { z } from 'zod';
import type { Route } from '../../src/contract/route.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { HttpEvent } from './event.ts';
import { isPlainText } from './json-body.ts';

export interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

/** Past here everything has the shape that the contract says. */
export function readInput(route: Route, event: HttpEvent): Input {
  return {
    params: readParams(route, event),
    query: readQuery(route, event),
    body: route.body === undefined ? undefined : checked(route.body, event.body, 'body'),
  };
}

/** What is no id at all is nobody's: the same answer as for a foreign one (F91). */
function readParams({ params }: Route, event: HttpEvent): unknown {
  if (params === undefined) return undefined;
  const read = params.safeParse({ ...event.pathParameters });
  if (read.success) return read.data;
  throw new Failure('not_found', 'There is nothing here by that name.', {
    remedy: 'List what there is to find the id.',
  });
}

function readQuery({ query }: Route, event: HttpEvent): unknown {
  const values: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(event.rawQueryString)) {
    if (name in values || name === '__proto__' || !isPlainText(name + value)) throw strangeQuery(name);
    values[name] = value;
  }
  if (query !== undefined) return checked(query, { ...values }, 'query');
  const [first] = Object.keys(values);
  if (first !== undefined) throw strangeQuery(first);
  return undefined;
}

function strangeQuery(name: string): Failure {
  return new Failure('usage', `The query parameter ${shown(name)} cannot be taken.`, {
    remedy: 'Give each documented parameter once, and no others.',
  });
}

interface Issue {
  readonly at: string;
  readonly problem: string;
}

const MOST_ISSUES = 20;

function checked(schema: z.ZodType, value: unknown, part: string): unknown {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issues = read.error.issues.slice(0, MOST_ISSUES).map((issue) => issueOf(issue, part));
  const [first] = issues;
  throw new Failure('usage', `${first?.at}: ${first?.problem}.`, {
    remedy: 'Send it as /v1/openapi.json describes it.',
    details: { issues },
  });
}

function issueOf(issue: z.core.$ZodIssue, part: string): Issue {
  return { at: shown([part, ...issue.path.map(String)].join('.')), problem: shown(issue.message) };
}

/** A client's words, repeated to it: never long, never with anything that could pass for a line of a log. */
function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '?').slice(0, 200);
}
