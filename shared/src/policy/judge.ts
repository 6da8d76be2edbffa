import { annotationsOf, type PolicySet } from "./policy-set.ts";
import { cedar } from "./cedar.ts";
import { cedarRequest, type Principal, type Question } from "./question.ts";

/** A policy that decided, and why in its own words. */
export interface DecidingPolicy {
  readonly id: string;
  readonly effect: "permit" | "forbid";
  readonly reason: string;
  readonly advice?: string;
}

/**
 * - `allow`: Omega may do it alone;
 * - `ask`: not alone, but once a person approved;
 * - `forbid`: nobody may.
 */
export interface PolicyVerdict {
  readonly decision: "allow" | "ask" | "forbid";
  readonly policies: readonly DecidingPolicy[];
  /** For people, on the event. Never empty. */
  readonly reasons: readonly string[];
}

const omega: Principal = { type: "Agent", id: "omega" };
const anyone: Principal = { type: "Person", id: "anyone" };

/**
 * What a set says to an action. Cedar is asked twice: may Omega (`Agent::"omega"`), and if not, may a person. Nothing is permitted that no
 * policy permits, and a `forbid` wins over every `permit`. Pure: the same set and question have the same verdict for ever.
 */
export function judge(set: PolicySet, question: Question): PolicyVerdict {
  const alone = answerTo(set, question, omega);
  if (alone.permitted) return verdict("allow", alone.policies, []);
  const approved = answerTo(set, question, anyone);
  if (approved.permitted) return verdict("ask", alone.policies, alone.complaints);
  return verdict("forbid", approved.policies, approved.complaints);
}

/** Whether policy lets this very person approve it. Asked again when the approval comes. */
export function mayApprove(set: PolicySet, question: Question, person: string): PolicyVerdict {
  const { permitted, policies, complaints } = answerTo(set, question, { type: "Person", id: person });
  return verdict(permitted ? "allow" : "forbid", policies, complaints);
}

interface Answer {
  readonly permitted: boolean;
  readonly policies: readonly DecidingPolicy[];
  /** Why not, where no policy is to name. */
  readonly complaints: readonly string[];
}

function answerTo(set: PolicySet, question: Question, principal: Principal): Answer {
  prepare(set);
  const answer = cedar().statefulIsAuthorized({ ...cedarRequest(question, principal), preparsedPolicySetId: set.hash });
  // The request is built by us from checked values: Cedar refusing it is a bug, not an answer.
  if (answer.type === "failure") throw new Error(answer.errors.map(({ message }) => message).join("; "));
  const { decision, diagnostics } = answer.response;
  const policies = diagnostics.reason.toSorted().map((id) => deciding(set, id, question));
  // Cedar passes over a policy that fails to evaluate. It might have been the one that forbids, so it counts as one.
  if (diagnostics.errors.length > 0) {
    const complaints = diagnostics.errors.map(({ policyId, error }) => `${error.message} (policy ${policyId})`);
    return { permitted: false, policies: policies.filter(({ effect }) => effect === "forbid"), complaints };
  }
  const who = principal.type === "Agent" ? "without a person" : `by ${principal.id}`;
  const complaints = decision === "deny" && policies.length === 0 ? [`no policy permits it ${who}`] : [];
  return { permitted: decision === "allow", policies, complaints };
}

/** Sets that Cedar holds parsed, by hash. It keeps what it was given; a set changes when a person edits it, so they stay few. */
const prepared = new Set<string>();

function prepare(set: PolicySet): void {
  if (prepared.has(set.hash)) return;
  const staticPolicies = Object.fromEntries(set.policies.map(({ id, text }) => [id, text]));
  const answer = cedar().preparsePolicySet(set.hash, { staticPolicies });
  if (answer.type === "failure") {
    throw new Error(
      `policy set ${set.hash} can't be parsed: ${answer.errors.map(({ message }) => message).join("; ")}`,
    );
  }
  prepared.add(set.hash);
}

function deciding(set: PolicySet, id: string, question: Question): DecidingPolicy {
  const policy = set.policies.find((each) => each.id === id);
  if (policy === undefined) throw new Error(`policy ${id} decided but is not in set ${set.hash}`);
  const parsed = cedar().policyToJson(policy.text);
  const effect = parsed.type === "success" ? parsed.json.effect : "forbid";
  const { reason = id, advice } = annotationsOf(policy.text);
  return {
    id,
    effect,
    reason: filledIn(reason, question),
    ...(advice === undefined ? {} : { advice: filledIn(advice, question) }),
  };
}

/** Puts values in for `{context.risk}`, `{resource.namespace}`, `{action}` and the like; an unknown name stays as it is written. */
function filledIn(text: string, { actionType, context, resource }: Question): string {
  const values: Record<string, Record<string, string | number | boolean | string[] | undefined>> = {
    context,
    resource,
  };
  return text
    .replaceAll("{action}", actionType)
    .replaceAll(/\{(context|resource)\.(\w+)\}/g, (whole, record: string, name: string) => {
      const value = values[record]?.[name];
      if (value === undefined) return record === "resource" ? "(none)" : whole;
      // Shares of one are told with two digits; counts and hours as they are.
      return name.startsWith("confidence") && typeof value === "number" ? value.toFixed(2) : value.toString();
    });
}

function verdict(
  decision: PolicyVerdict["decision"],
  policies: readonly DecidingPolicy[],
  complaints: readonly string[],
): PolicyVerdict {
  const told = policies.map(
    ({ id, reason, advice }) => `${reason}${advice === undefined ? "" : `; ${advice}`} (policy ${id})`,
  );
  const reasons = [...told, ...complaints].map((reason) => reason.slice(0, 1024)).slice(0, 16);
  return { decision, policies, reasons };
}
