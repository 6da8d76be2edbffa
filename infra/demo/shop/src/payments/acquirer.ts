import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as elapse } from "node:timers/promises";
import type { Money } from "../service/money.ts";
import { numberSetting } from "../service/settings.ts";

/** The bank's side of a card payment. */
export interface Acquirer {
  /** Takes the money and answers with the bank's reference. */
  authorise(amount: Money): Promise<string>;
}

/**
 * Stands in for the bank, the one party that no demo can bring along: it approves everything, after the time a bank
 * takes. ACQUIRER_LATENCY_MS is the middle of that time in milliseconds; it varies by half to either side.
 */
export function approvingAcquirer(): Acquirer {
  const latencyMs = numberSetting("ACQUIRER_LATENCY_MS", 40);
  return {
    async authorise() {
      await elapse(latencyMs * (0.5 + randomInt(1_000) / 1_000));
      return `ch_${randomUUID()}`;
    },
  };
}
