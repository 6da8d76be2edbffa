import { createHash, randomBytes } from "node:crypto";

/**
 * The id of an event that follows from another: the same cause and the same key give the same id, so a handler that runs twice says
 * the same event once. 128 bits of SHA-256, hex.
 */
export function deriveId(causeId: string, key: string): string {
  return createHash("sha256").update(`${causeId}\n${key}`).digest("hex").slice(0, 32);
}

/** Randomness as a port. */
export interface Ids {
  /** A fresh 128-bit id, hex. */
  random(): string;
}

export const systemIds: Ids = { random: () => randomBytes(16).toString("hex") };
