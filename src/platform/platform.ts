import type { Secret } from '../domain/secret.ts';

/** Where a password is, at the moment of a run. The shapes of the contract's `Credential`, without the sealed text. */
export type CredentialSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'secret'; readonly secretArn: string; readonly roleArn: string; readonly field?: string }
  | { readonly kind: 'rds-iam'; readonly roleArn: string; readonly region: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'command'; readonly program: string; readonly args: readonly string[] }
  | { readonly kind: 'one-off' }
  | { readonly kind: 'sealed' };

export interface CredentialRequest {
  readonly source: CredentialSource;
  readonly tenantId: string;
  /** For the client's roles. */
  readonly externalId: string;
  readonly runId: string;
  /** What was sealed earlier and for what (`SealPurpose.what`), for `sealed`. */
  readonly sealed: { readonly secret: Uint8Array; readonly what: string } | undefined;
  /** For an IAM token: whose login it is for. */
  readonly login: { readonly host: string; readonly port: number; readonly user: string };
}

/** Opens credentials by reference. A Failure names the reference and the remedy, never the value. */
export interface Vault {
  open(request: CredentialRequest): Promise<Secret | undefined>;
  /** Seals a secret for one purpose of one tenant; it opens for no other (encryption context). */
  seal(secret: Secret, purpose: SealPurpose): Promise<Uint8Array>;
  unseal(sealed: Uint8Array, purpose: SealPurpose): Promise<Secret>;
  /** Keeps a one-off credential for one run: gone at its first use, and after ten minutes. */
  lend(runId: string, secret: Secret): Promise<void>;
  /** The lent credential, once. */
  take(runId: string): Promise<Secret | undefined>;
}

export interface SealPurpose {
  readonly tenantId: string;
  /** `database <id>`, `channel <id>`. */
  readonly what: string;
}

/** Starts workflows. The input is a run id and its tenant, nothing else: no secret travels (F85). */
export interface Launcher {
  /** Starting the same run again is the same start (F46, F48). */
  start(workflow: string, run: RunRef): Promise<void>;
  cancel(run: RunRef): Promise<void>;
}

export interface RunRef {
  readonly tenantId: string;
  readonly runId: string;
}

/** Brings a schedule's slots about, at least once each; the claim step makes it exactly once. */
export interface Timetable {
  put(schedule: TimetableEntry): Promise<void>;
  remove(entry: { readonly tenantId: string; readonly scheduleId: string }): Promise<void>;
}

export interface TimetableEntry {
  readonly tenantId: string;
  readonly scheduleId: string;
  readonly pattern: string;
  readonly zone: string;
  readonly jitterMinutes: number;
  readonly enabled: boolean;
}

export interface Message {
  /** The same at every try: its Message-ID is made from it. */
  readonly id: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
}

export interface WebhookCall {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Carries notices out of the house. Throws a Failure when one was not accepted; the outbox tries again, unless its details say
 * `final`.
 */
export interface Notices {
  email(message: Message): Promise<void>;
  /** No redirects, 5 s, 64 KiB of answer, checked and pinned address (F87–F89). */
  webhook(call: WebhookCall): Promise<void>;
}

/** Names to addresses, so that they can be checked and pinned. */
export interface Resolver {
  addresses(host: string): Promise<readonly string[]>;
}

/** One stored object that a person may fetch for a few minutes (F77). */
export interface DownloadRequest {
  readonly tenantId: string;
  readonly destinationId: string;
  /** Of the grant; the session's name in the client's logs. */
  readonly runId: string;
  readonly key: string;
  readonly versionId: string | undefined;
  /** What the browser saves it as. */
  readonly fileName: string;
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Gives out links: a presigned URL where the store has such, a one-time token of the local server for a folder. A Failure
 * `storage_unsupported` where neither can be. A link is a secret until it ends: it is never logged or kept.
 */
export interface DownloadDoor {
  link(request: DownloadRequest): Promise<string>;
}
