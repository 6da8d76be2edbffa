import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import { reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import {
  policyFilesIn,
  readPolicyFolder,
  type PolicyReading,
  type PolicySet,
} from "@omega/shared/policy/policy-set.ts";

/** What a reading of the policy folder makes the Coordinator say, given the set in force; nothing when that is what was read. */
export function announcementOf(reading: PolicyReading, inForce: PolicySet | undefined): Draft | undefined {
  if (!reading.ok) {
    const keeps = inForce === undefined ? {} : { keeps: inForce.hash };
    return { type: "policy.refused", data: { mistakes: reading.mistakes.slice(0, 32), ...keeps } };
  }
  const { hash, policies } = reading.set;
  if (hash === inForce?.hash) return undefined;
  return { type: "policy.loaded", data: { hash, policies: [...policies] } };
}

export interface PolicyWatch {
  readonly folder: string;
  readonly pollMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
  inForce(): PolicySet | undefined;
  say(draft: Draft): Promise<Outcome<unknown>>;
}

/**
 * Reads the folder again whenever its texts change, until the signal aborts. A change is looked at once it stood still for one poll, so
 * that half a save is no mistake. It polls because editors replace files and mounted ConfigMaps swap links, which watches of files miss.
 * What it says takes effect where the stream stores it, so replay meets the same policies at the same place.
 */
export async function watchPolicies(watch: PolicyWatch): Promise<void> {
  const { folder, pollMs, clock, log, signal } = watch;
  let taken = fingerprint(folder);
  let before = taken;
  while (!signal.aborted) {
    await clock.sleep(pollMs, signal);
    const now = fingerprint(folder);
    const stands = now === before;
    before = now;
    if (signal.aborted || !stands || now === taken) continue;
    const reading = readPolicyFolder(folder);
    report(log, folder, reading, watch.inForce());
    const draft = announcementOf(reading, watch.inForce());
    // Not said means not taken: it is tried again at the next poll.
    if (draft === undefined || (await watch.say(draft)).ok) taken = now;
  }
}

/** Says loudly what became of a reading. */
export function report(log: Log, folder: string, reading: PolicyReading, inForce: PolicySet | undefined): void {
  if (reading.ok) {
    const { hash, policies } = reading.set;
    log.info({ folder, hash, policies: policies.length }, "policies read");
    return;
  }
  const keeps = inForce?.hash ?? "none: nothing is permitted";
  for (const mistake of reading.mistakes)
    log.error({ folder, mistake, keeps }, "the policies have a mistake; the old set stays");
}

/** The folder's texts, as one hash; the reason where it can't be read, which is a change too. */
function fingerprint(folder: string): string {
  try {
    return canonicalHash(policyFilesIn(folder));
  } catch (error) {
    return reasonOf(error);
  }
}
