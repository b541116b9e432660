/** A time as the contract writes it. */
export function instant(at: Date): string {
  return at.toISOString();
}

/** The same where there may be none. */
export function maybeInstant(at: Date | null | undefined): string | undefined {
  return at?.toISOString();
}
