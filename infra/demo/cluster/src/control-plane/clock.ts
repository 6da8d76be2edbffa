// Time and chance, as the control plane needs them, so that a test can give its own.
import { randomInt, randomUUID } from "node:crypto";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** RFC 3339 with whole seconds, as metav1.Time has it. */
export function timestamp(ms: number): string {
  return new Date(Math.floor(ms / 1000) * 1000).toISOString().replace(".000Z", "Z");
}

/** RFC 3339 with microseconds, as metav1.MicroTime has it. */
export function microTimestamp(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}

export const newUid: () => string = randomUUID;

/** Letters that cannot spell a word, as Kubernetes uses for generated names. */
export const safeLetters = "bcdfghjklmnpqrstvwxz2456789";

export function nameSuffix(): string {
  return Array.from({ length: 5 }, () => safeLetters[randomInt(safeLetters.length)]).join("");
}
