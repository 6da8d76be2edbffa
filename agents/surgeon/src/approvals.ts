import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import { timeText } from "@omega/shared/clock.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

/** What the stream says of a person's decision on one plan. */
export interface Approval {
  readonly incidentId: string;
  readonly planHash: string;
  /** Milliseconds since the epoch after which it lets nothing start; 0 when nobody asked a person in a way that can expire. */
  readonly expiresAt: number;
  readonly decision: "awaited" | "granted" | "denied";
  /** The event by which it was granted. */
  readonly grantedBy: string | undefined;
  /** The action that it let start: it lets no second one. */
  readonly usedBy: string | undefined;
}

/** By option id. An option that is not in here was never a person's to decide. */
export type Approvals = ReadonlyMap<string, Approval>;

type Asked = EventOf<"approval.requested">;
type Answered = EventOf<"approval.granted"> | EventOf<"approval.denied">;
type Authorised = EventOf<"remediation.authorized">;
type Started = EventOf<"action.started">;

/** A person is asked. Asking again opens the question again: an answer to the earlier one does not carry over. */
export function asked(approvals: Approvals, { data, incidentid = "" }: Asked): Approvals {
  const { optionId, planHash, expiresAt } = data;
  return new Map(approvals).set(optionId, {
    incidentId: incidentid,
    planHash,
    expiresAt: Date.parse(expiresAt),
    decision: "awaited",
    grantedBy: undefined,
    usedBy: undefined,
  });
}

/** Counts for exactly the plan that was asked about, from a person's key, in time, and before anything came of it. A no stays a no. */
export function answered(approvals: Approvals, event: Answered, storedAt: number): Approvals {
  const { optionId, planHash } = event.data;
  const approval = approvals.get(optionId);
  const counts =
    approval !== undefined &&
    approval.usedBy === undefined &&
    approval.decision !== "denied" &&
    approval.planHash === planHash &&
    approval.incidentId === event.incidentid &&
    event.keyid.startsWith("operator-") &&
    storedAt <= approval.expiresAt;
  if (!counts) return approvals;
  const given =
    event.type === "approval.granted"
      ? { decision: "granted" as const, grantedBy: event.id }
      : { decision: "denied" as const, grantedBy: undefined };
  return new Map(approvals).set(optionId, { ...approval, ...given });
}

/** The Coordinator says to one answer that it does not count; another person's may stand. */
export function refused(approvals: Approvals, { data, causationid }: EventOf<"approval.refused">): Approvals {
  const approval = approvals.get(data.optionId);
  if (approval?.grantedBy === undefined || approval.grantedBy !== causationid) return approvals;
  return new Map(approvals).set(data.optionId, { ...approval, decision: "awaited", grantedBy: undefined });
}

/** The Coordinator says that a person let it run. If nobody was asked, then nobody can have answered. */
export function authorised(approvals: Approvals, { data, incidentid = "" }: Authorised): Approvals {
  const { optionId, planHash, by } = data;
  if (by.kind !== "person" || approvals.has(optionId)) return approvals;
  const unasked = {
    incidentId: incidentid,
    planHash,
    expiresAt: 0,
    decision: "awaited",
    grantedBy: undefined,
    usedBy: undefined,
  } as const;
  return new Map(approvals).set(optionId, unasked);
}

/** What a start that it permits uses up: no second start gets through by it. */
export function used(approvals: Approvals, { data }: Started): Approvals {
  const approval = approvals.get(data.optionId);
  if (approval === undefined) return approvals;
  return new Map(approvals).set(data.optionId, { ...approval, usedBy: data.actionId });
}

/**
 * Whether what the stream says lets this action start, whatever the Coordinator says. Failures, all `terminal`: `approval_missing`,
 * `approval_denied`, `approval_other_plan`, `approval_expired`, `approval_used`.
 */
export function mayStart(
  approvals: Approvals,
  action: { readonly optionId: string; readonly planHash: string; readonly incidentId: string },
  now: number,
  reversible: "exact" | "compensating" | "none",
): Outcome<void> {
  const approval = approvals.get(action.optionId);
  if (approval === undefined) {
    if (reversible !== "none") return ok();
    return fail("terminal", "approval_missing", "It can't be taken back, and no person approved it; nothing was done.");
  }
  if (approval.planHash !== action.planHash || approval.incidentId !== action.incidentId) {
    return fail("terminal", "approval_other_plan", "A person was asked about another plan; nothing was done.");
  }
  if (approval.decision === "denied") {
    return fail("terminal", "approval_denied", "A person said no to this plan; nothing was done.");
  }
  if (approval.decision === "awaited") {
    return fail(
      "terminal",
      "approval_missing",
      "No person's approval of this plan is on the stream; nothing was done.",
    );
  }
  if (approval.usedBy !== undefined) {
    return fail("terminal", "approval_used", `The approval was used by ${approval.usedBy} already; nothing was done.`);
  }
  if (now > approval.expiresAt) {
    const until = timeText(approval.expiresAt);
    return fail("terminal", "approval_expired", `The approval was void after ${until}; nothing was done.`);
  }
  return ok();
}
