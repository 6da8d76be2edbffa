import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Decision } from "@omega/shared/agent.ts";
import { canaryKey, type State } from "./state.ts";

/** What Scout does when asked: it reads, and answers. */
export type Effect =
  | { readonly kind: "diagnose"; readonly opened: EventOf<"incident.opened"> }
  | { readonly kind: "review"; readonly reached: EventOf<"diagnosis.reached"> }
  | { readonly kind: "judge-canary"; readonly held: EventOf<"canary.held"> }
  | { readonly kind: "verify"; readonly requested: EventOf<"verification.requested"> };

const nothing: Decision<Effect> = { say: [], perform: [] };

/**
 * A request is answered once. After a restart the stream brings unanswered ones again, and the state knows which ones have
 * their answer there already.
 */
export function decide(event: OmegaEvent, state: State): Decision<Effect> {
  const incident = state.incidents.get(event.incidentid ?? "");
  if (incident === undefined) return nothing;
  if (event.type === "incident.opened" && !incident.diagnosed) {
    return { say: [], perform: [{ kind: "diagnose", opened: event }] };
  }
  if (event.type === "diagnosis.reached" && event.data.reviewBy !== undefined && !incident.reviewed) {
    return { say: [], perform: [{ kind: "review", reached: event }] };
  }
  if (event.type === "canary.held" && !incident.canaries.includes(canaryKey(event.data))) {
    return { say: [], perform: [{ kind: "judge-canary", held: event }] };
  }
  if (event.type === "verification.requested" && !incident.judged.includes(event.data.actionId)) {
    return { say: [], perform: [{ kind: "verify", requested: event }] };
  }
  return nothing;
}
