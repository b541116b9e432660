import type { BackupStatus } from './backup.ts';

/** What retention must know of one backup. Times come from the catalog's clock, `snapshotAt` from the database's own. */
export interface KeptBackup {
  readonly id: string;
  readonly status: BackupStatus;
  /** When it was committed to the catalog. */
  readonly committedAt: Date;
  /** When its snapshot was taken, by the manifest. */
  readonly snapshotAt: Date;
  readonly storedBytes: number;
  /** The database's own identity (system id); another identity's backups never stand in for this one's (F63). */
  readonly identity: string;
  /** Pinned by a person, with a reason. */
  readonly pinned?: string;
  /** Object lock or legal hold: a delete would be refused until then (F43). */
  readonly lockedUntil?: Date;
  /** A restore, verification or download is using it until then (F65). */
  readonly heldUntil?: Date;
}

/** "Keep if any says keep"; a rule that is left out says nothing. All left out: keep everything. */
export interface RetentionPolicy {
  readonly keepLast?: number;
  readonly keepDays?: number;
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  /** Largest sum of stored bytes; the oldest go first, the floor never. */
  readonly maxBytes?: number;
}

export interface RetentionLimits {
  /** Verified backups of each identity that no policy may go below; at least 1. */
  readonly floor: number;
  /** Largest number of deletions in one run; the oldest go first. */
  readonly deleteCap: number;
  /** IANA zone in which hours, days, weeks, months and years are counted. */
  readonly zone: string;
}

/** Verified backups of each identity that no policy goes below, and deletions in one run. */
export const RETENTION_LIMITS = { floor: 1, deleteCap: 50 } as const;

/** Seconds between the mark of a deletion and the deletion, in which it can be undone. */
export const GRACE_SECONDS = 7 * 86_400;

/** Rules that were left out say nothing. */
export function policyOf(rules: Readonly<Record<string, number | undefined>>): RetentionPolicy {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}

export interface Verdict {
  readonly id: string;
  readonly keep: boolean;
  /** Why, in words a person can check. */
  readonly reason: string;
}

/** Clocks that disagree by more than this stop all deletion (F34, F62). */
const CLOCK_TOLERANCE_MS = 5 * 60_000;
const DAY_MS = 86_400_000;
/** How long a backup that was never verified is kept once newer verified ones exist. */
const UNVERIFIED_DAYS = 7;
/** A verified backup far smaller than the others may be a flood or an emptied database: it does not push any out (F63). */
const PLAUSIBLE_SHARE = 0.1;

/**
 * Judges the backups of one database at one destination, newest first. Promises, whatever the policy, the order of the
 * input and the number of runs: the newest `floor` verified backups of every identity stay, and so does everything pinned,
 * locked or in use; only verified backups of plausible size count towards a rule; when clocks disagree nothing goes.
 */
export function judge(
  backups: readonly KeptBackup[],
  rules: { policy: RetentionPolicy; limits: RetentionLimits },
  now: Date,
): Verdict[] {
  const sorted = [...backups].sort(newestFirst);
  const doubt = clockDoubt(sorted, now);
  if (doubt !== undefined) return sorted.map(({ id }) => ({ id, keep: true, reason: doubt }));
  const reasons = new Map<string, string>();
  for (const group of byIdentity(sorted)) keepByRules(group, { ...rules, now, reasons });
  const judged = sorted.map((backup) => verdictOf(backup, reasons.get(backup.id), now));
  const capped = applySizeCap(sorted, judged, { ...rules, now, reasons });
  return applyDeleteCap(capped, rules.limits.deleteCap);
}

interface Context {
  readonly policy: RetentionPolicy;
  readonly limits: RetentionLimits;
  readonly now: Date;
  /** Id → first reason found to keep it. */
  readonly reasons: Map<string, string>;
}

function newestFirst(a: KeptBackup, b: KeptBackup): number {
  return b.committedAt.getTime() - a.committedAt.getTime() || (a.id < b.id ? 1 : -1);
}

function clockDoubt(sorted: readonly KeptBackup[], now: Date): string | undefined {
  const [newest] = sorted;
  if (newest !== undefined && newest.committedAt.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    return 'kept: the clock is behind the newest backup';
  }
  const good = sorted.filter((backup) => backup.status === 'good');
  for (const [index, backup] of good.entries()) {
    const older = good[index + 1];
    const disagree =
      older !== undefined &&
      older.identity === backup.identity &&
      older.snapshotAt.getTime() > backup.snapshotAt.getTime() + CLOCK_TOLERANCE_MS;
    if (disagree) return 'kept: commit times and snapshot times disagree about the order';
  }
  return undefined;
}

function byIdentity(sorted: readonly KeptBackup[]): KeptBackup[][] {
  const groups = new Map<string, KeptBackup[]>();
  for (const backup of sorted) groups.set(backup.identity, [...(groups.get(backup.identity) ?? []), backup]);
  return [...groups.values()];
}

function keepByRules(group: readonly KeptBackup[], context: Context): void {
  const good = group.filter((backup) => backup.status === 'good');
  const plausible = good.filter((backup) => isPlausible(backup, good));
  keepFirst(plausible, Math.max(1, context.limits.floor), {
    reasons: context.reasons,
    why: 'floor: one of the newest verified backups',
  });
  keepUnverified(group, good, context);
  if (Object.values(context.policy).every((value) => value === undefined)) {
    keepFirst(good, good.length, { reasons: context.reasons, why: 'no rule is set' });
    return;
  }
  keepFirst(plausible, context.policy.keepLast ?? 0, {
    reasons: context.reasons,
    why: `one of the last ${context.policy.keepLast}`,
  });
  keepYoung(good, context);
  for (const period of PERIODS) keepPeriod(plausible, period, context);
  if (onlySizeCap(context.policy))
    keepFirst(good, good.length, { reasons: context.reasons, why: 'within the size cap' });
}

function isPlausible(backup: KeptBackup, good: readonly KeptBackup[]): boolean {
  const largest = Math.max(...good.map((one) => one.storedBytes));
  return backup.storedBytes >= largest * PLAUSIBLE_SHARE;
}

function onlySizeCap({ maxBytes, ...others }: RetentionPolicy): boolean {
  return maxBytes !== undefined && Object.values(others).every((value) => value === undefined);
}

function keepFirst(
  group: readonly KeptBackup[],
  count: number,
  { reasons, why }: { reasons: Map<string, string>; why: string },
): void {
  for (const { id } of group.slice(0, count)) note(reasons, id, why);
}

/** What was never verified neither counts nor lingers: it goes a week after newer verified backups have taken its place. */
function keepUnverified(
  group: readonly KeptBackup[],
  good: readonly KeptBackup[],
  { limits, now, reasons }: Context,
): void {
  for (const backup of group) {
    if (backup.status === 'good') continue;
    const newer = good.filter((one) => one.committedAt > backup.committedAt).length;
    const young = now.getTime() - backup.committedAt.getTime() < UNVERIFIED_DAYS * DAY_MS;
    if (newer < Math.max(1, limits.floor))
      note(reasons, backup.id, 'not verified, and too few newer verified backups exist');
    else if (young) note(reasons, backup.id, `not verified, younger than ${UNVERIFIED_DAYS} days`);
  }
}

function keepYoung(good: readonly KeptBackup[], { policy, now, reasons }: Context): void {
  if (policy.keepDays === undefined) return;
  const oldest = now.getTime() - policy.keepDays * DAY_MS;
  for (const { id, committedAt } of good) {
    if (committedAt.getTime() >= oldest) note(reasons, id, `younger than ${policy.keepDays} days`);
  }
}

const PERIODS = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
type Period = (typeof PERIODS)[number];

/** The newest backup of each of the last N periods that have one. */
function keepPeriod(plausible: readonly KeptBackup[], period: Period, { policy, limits, reasons }: Context): void {
  const wanted = policy[period] ?? 0;
  const seen = new Set<string>();
  for (const { id, committedAt } of plausible) {
    if (seen.size >= wanted) return;
    const label = periodLabel(period, committedAt, limits.zone);
    if (seen.has(label)) continue;
    seen.add(label);
    note(reasons, id, `${period}: newest of ${label}`);
  }
}

/** `2026-11-24T10`, `2026-11-24`, `2026-W48`, `2026-11`, `2026`, in the zone's own calendar. */
export function periodLabel(period: Period, at: Date, zone: string): string {
  const local = localParts(at, zone);
  if (period === 'hourly') return `${local.date}T${local.hour}`;
  if (period === 'daily') return local.date;
  if (period === 'weekly') return isoWeek(local.date);
  return period === 'monthly' ? local.date.slice(0, 7) : local.date.slice(0, 4);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function localParts(at: Date, zone: string): { date: string; hour: string } {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
    });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return { date: `${parts.year}-${parts.month}-${parts.day}`, hour: `${parts.hour}` };
}

/** ISO 8601 week: the week of a date is the week of its Thursday. */
function isoWeek(date: string): string {
  const day = new Date(`${date}T00:00:00Z`);
  const thursday = new Date(day.getTime() + (4 - (day.getUTCDay() || 7)) * DAY_MS);
  const year = thursday.getUTCFullYear();
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * DAY_MS));
  return `${year}-W${String(week).padStart(2, '0')}`;
}

function verdictOf(backup: KeptBackup, reason: string | undefined, now: Date): Verdict {
  const shield = shieldOf(backup, now);
  if (shield !== undefined) return { id: backup.id, keep: true, reason: shield };
  if (reason !== undefined) return { id: backup.id, keep: true, reason };
  return {
    id: backup.id,
    keep: false,
    reason: backup.status === 'good' ? 'no rule keeps it' : 'not verified, and newer verified backups exist',
  };
}

/** What no policy and no cap may touch. */
function shieldOf({ pinned, lockedUntil, heldUntil }: KeptBackup, now: Date): string | undefined {
  if (pinned !== undefined) return `pinned: ${pinned}`;
  if (lockedUntil !== undefined && lockedUntil > now) return `locked until ${lockedUntil.toISOString()}`;
  if (heldUntil !== undefined && heldUntil > now) return `in use until ${heldUntil.toISOString()}`;
  return undefined;
}

/** Gives up the oldest first until the sum fits; shields and the floor stand. */
function applySizeCap(
  sorted: readonly KeptBackup[],
  judged: readonly Verdict[],
  { policy, now, reasons }: Context,
): Verdict[] {
  if (policy.maxBytes === undefined) return [...judged];
  const verdicts = [...judged];
  let sum = sorted.reduce((total, backup, index) => total + (verdicts[index]?.keep ? backup.storedBytes : 0), 0);
  for (let index = sorted.length - 1; index >= 0 && sum > policy.maxBytes; index -= 1) {
    const backup = sorted[index];
    if (backup === undefined || !verdicts[index]?.keep || shieldOf(backup, now) !== undefined) continue;
    if (reasons.get(backup.id)?.startsWith('floor') || backup.status !== 'good') continue;
    verdicts[index] = { id: backup.id, keep: false, reason: `over the size cap of ${policy.maxBytes} bytes` };
    sum -= backup.storedBytes;
  }
  return verdicts;
}

function applyDeleteCap(verdicts: readonly Verdict[], cap: number): Verdict[] {
  let left = Math.max(0, cap);
  return verdicts
    .toReversed()
    .map((verdict) => {
      if (verdict.keep) return verdict;
      if (left > 0) {
        left -= 1;
        return verdict;
      }
      return { ...verdict, keep: true, reason: `for now: at most ${cap} deletions in one run (${verdict.reason})` };
    })
    .toReversed();
}

function note(reasons: Map<string, string>, id: string, why: string): void {
  if (!reasons.has(id)) reasons.set(id, why);
}
