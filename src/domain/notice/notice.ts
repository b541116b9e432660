import { createHash } from 'node:crypto';
import { z } from 'zod';
import { causeClassOf } from './cause.ts';
import { CAUSE_CLASSES, EVENT_NAMES, type EventData, type EventName, SEVERITIES, type Severity } from './events.ts';
import { severityOf, wordsOf } from './words.ts';

/** Version of the payload; a field is only ever added within one. */
export const PAYLOAD_VERSION = 1;

/** What happened, before it is put into words. */
export interface Happening<Event extends EventName = EventName> {
  readonly event: Event;
  readonly tenantId: string;
  /** What makes it this happening and no other: `run <id>`, `alarm <id>`. Told twice under one key, it is one notice. */
  readonly key: string;
  readonly at: Date;
  readonly data: EventData<Event>;
  /** The severity of the alarm that this ends: whoever got the one gets the other. */
  readonly ends?: { readonly event: EventName; readonly severity: Severity };
}

/** The body of a webhook, and what the outbox keeps. */
export const NoticePayload = z.strictObject({
  /** The happening's: the same in every channel and at every try. */
  id: z.uuid(),
  type: z.enum(EVENT_NAMES),
  version: z.literal(PAYLOAD_VERSION),
  timestamp: z.iso.datetime(),
  severity: z.enum(SEVERITIES),
  /** Who has to act. */
  cause: z.enum(CAUSE_CLASSES),
  /** One line. */
  title: z.string(),
  text: z.string(),
  /** By type; see EVENTS. */
  data: z.record(z.string(), z.unknown()),
});
export type NoticePayload = z.infer<typeof NoticePayload>;

/** Something that people are to be told. */
export interface Notice {
  readonly payload: NoticePayload;
  readonly ends: Happening['ends'];
}

export function noticeOf<Event extends EventName>(happening: Happening<Event>): Notice {
  const { event, tenantId, key, at, data, ends } = happening;
  const { title, text } = wordsOf(event, data);
  const code = 'code' in data && typeof data.code === 'string' ? data.code : undefined;
  return {
    payload: {
      id: stableId(tenantId, event, key),
      type: event,
      version: PAYLOAD_VERSION,
      timestamp: at.toISOString(),
      severity: severityOf(event, data),
      cause: causeClassOf(event, code),
      title: oneLine(title),
      text,
      data,
    },
    ends,
  };
}

/** A UUID that is the same for the same parts, wherever and whenever it is made. */
export function stableId(...parts: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  // Version 8: of our own making (RFC 9562).
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `a${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-');
}

const LONGEST_LINE = 200;

/** Names come from clients: no line break of theirs may begin a header of ours. */
export function oneLine(text: string): string {
  const flat = text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cf}\p{Cs}]+/gu, ' ').trim();
  return flat.length <= LONGEST_LINE ? flat : `${flat.slice(0, LONGEST_LINE - 1)}…`;
}

/** What a channel wants to hear; a row of an earlier release gets what is usual today. */
const ChannelFilter = z.object({
  /** None named: all of them. */
  events: z.array(z.string()).default([]),
  minimumSeverity: z.enum(SEVERITIES).default('warning'),
  digest: z.enum(['none', 'daily', 'weekly']).default('none'),
});
export type ChannelFilter = z.infer<typeof ChannelFilter>;

/** By the settings that the catalog keeps of a channel. */
export function channelFilterOf(settings: Readonly<Record<string, unknown>>): ChannelFilter {
  return ChannelFilter.parse(settings);
}

/** Whether a channel is told. A digest is asked for by itself, a test is for one channel alone. */
export function wants(channel: ChannelFilter, { payload, ends }: Notice): boolean {
  if (payload.type === 'test') return false;
  if (payload.type === 'digest') return payload.data.period === channel.digest;
  const event = ends?.event ?? payload.type;
  const severity = ends?.severity ?? payload.severity;
  const named = channel.events.length === 0 || [event, payload.type].some((name) => channel.events.includes(name));
  return named && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(channel.minimumSeverity);
}
