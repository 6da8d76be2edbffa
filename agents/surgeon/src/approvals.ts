import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

// Surgeon's own look at what people said, right before the effect. It believes neither the Coordinator's word that a person approved, nor that
// an irreversible action needs nobody. That `approval.granted` was signed with an operator's key was checked when it was read.

export interface PlanAnswer {
  /** The plan was let run in a person's name. */
  readonly inPersonsName: boolean;
  readonly grantedBy: string | undefined;
  readonly denied: boolean;
  /** The action that the approval was used for: it counts once. */
  readonly usedBy: string | undefined;
}

/** What was said about a plan, by incident and plan hash. */
export type Approvals = ReadonlyMap<string, PlanAnswer>;

const unanswered: PlanAnswer = { inPersonsName: false, grantedBy: undefined, denied: false, usedBy: undefined };
const keptMax = 1000;

export function evolveApprovals(approvals: Approvals, event: OmegaEvent): Approvals {
  switch (event.type) {
    case "remediation.authorized":
      return event.data.by.kind === "person" ? changed(approvals, event, { inPersonsName: true }) : approvals;
    case "approval.granted":
      return changed(approvals, event, { grantedBy: event.id });
    case "approval.denied":
      return changed(approvals, event, { denied: true });
    case "approval.refused": {
      // Refused is what the Coordinator says to one answer; another person's may stand.
      const answer = approvals.get(keyOf(event));
      return answer?.grantedBy === event.causationid ? changed(approvals, event, { grantedBy: undefined }) : approvals;
    }
    case "action.started":
      return changed(approvals, event, { usedBy: event.data.actionId });
    default:
      return approvals;
  }
}

/** Whether what people said lets this order start. Terminal failures `approval_denied`, `approval_missing`, `approval_used`. */
export function approvedAsNeeded(
  order: EventOf<"action.ordered">,
  approvals: Approvals,
  reversible: "exact" | "compensating" | "none",
): Outcome<void> {
  const { actionId, planHash } = order.data;
  const answer = approvals.get(keyOf(order)) ?? unanswered;
  const plan = `plan ${planHash.slice(0, 12)}`;
  if (answer.denied) return fail("terminal", "approval_denied", `A person said no to ${plan}; nothing was done.`);
  if (!answer.inPersonsName && reversible !== "none") return ok();
  if (answer.grantedBy === undefined) {
    const why = answer.inPersonsName ? "it was let run in a person's name" : "it can't be taken back";
    return fail("terminal", "approval_missing", `Nobody's signed approval of ${plan} is on the stream, and ${why}.`);
  }
  if (answer.usedBy !== undefined && answer.usedBy !== actionId) {
    return fail("terminal", "approval_used", `The approval of ${plan} was used for ${answer.usedBy}; it counts once.`);
  }
  return ok();
}

type AboutPlan = { readonly incidentid?: string | undefined; readonly data: { readonly planHash: string } };

function keyOf({ incidentid = "", data }: AboutPlan): string {
  return `${incidentid} ${data.planHash}`;
}

function changed(approvals: Approvals, event: AboutPlan, change: Partial<PlanAnswer>): Approvals {
  const key = keyOf(event);
  const answer = { ...unanswered, ...approvals.get(key), ...change };
  return new Map([...approvals, [key, answer] as const].slice(-keptMax));
}
