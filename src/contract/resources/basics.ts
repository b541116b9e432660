import { z } from 'zod';

/** Opaque id; a foreign or unknown one is a 404, never a 403. */
export const Id = z.uuid().meta({ id: 'Id', description: 'Opaque identifier.' });
export const Instant = z.iso.datetime().meta({ id: 'Instant', description: 'UTC instant, RFC 3339.' });
/** Shown to people; any text without control characters. */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(64)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')
  .meta({ id: 'Name' });
export const Note = z
  .string()
  .max(500)
  .regex(/^[^\p{Cs}]*$/u);
export const Labels = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((labels) => Object.keys(labels).length <= 32, 'at most 32 labels');
export const Zone = z.string().min(1).max(64).meta({ id: 'Zone', description: 'IANA time zone.' });
export const Bytes = z.int().nonnegative();

export const ProblemResource = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    remedy: z.string().optional(),
    instance: z.string().optional(),
    details: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document.' });

/** A page of a list; `next` is the cursor of the following page. */
export function pageOf<Item extends z.ZodType>(item: Item, id: string) {
  return z.strictObject({ items: z.array(item), next: z.string().optional() }).meta({ id });
}

export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
});

/** What a probe looked at: an action that must be allowed, or one that must be refused. */
export const ProbeResult = z
  .strictObject({ action: z.string(), expected: z.enum(['allowed', 'denied']), ok: z.boolean(), detail: z.string() })
  .meta({ id: 'ProbeResult' });

export const VerificationState = z
  .enum(['created', 'verifying', 'verified', 'error'])
  .meta({ id: 'VerificationState' });

type Given<T extends z.ZodType> =
  T extends z.ZodDefault<infer Inner extends z.ZodType>
    ? Inner
    : T extends z.ZodPrefault<infer Inner extends z.ZodType>
      ? Inner
      : T extends z.ZodOptional<infer Inner extends z.ZodType>
        ? z.ZodNullable<Inner>
        : T;
type Changes<Shape extends Readonly<Record<string, z.ZodType>>> = {
  -readonly [Field in keyof Shape]: z.ZodOptional<Given<Shape[Field]>>;
};

/**
 * What an update may give: any of the fields, and nothing for those left out. (`partial()` would fill in their defaults, and
 * so undo what was set.) A field that may be missing is taken away by null.
 */
export function changesOf<const Shape extends Readonly<Record<string, z.ZodType>>>(shape: Shape) {
  const fields = Object.entries(shape).map(([name, field]) => [name, given(field).optional()]);
  return z.strictObject(Object.fromEntries(fields) as Changes<Shape>);
}

function given(field: z.ZodType): z.ZodType {
  if (field instanceof z.ZodDefault || field instanceof z.ZodPrefault) return field.unwrap() as z.ZodType;
  return field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType).nullable() : field;
}

/** A resource with an update's fields put over it. */
export function changed<Whole extends object>(whole: Whole, changes: Readonly<Record<string, unknown>>): Whole {
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(whole));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete result[name];
    else if (value !== undefined) result[name] = value;
  }
  return result as Whole;
}
