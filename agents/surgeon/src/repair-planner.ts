import type { Candidate, MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";
import type { Workload } from "./inventory.ts";

/** A repair worth planning; nothing is proven about it yet. */
export interface Repair {
  readonly actionType: string;
  readonly targetName: string;
  readonly params: JsonObject;
  /** In order of weight. */
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
  /** Higher comes first. */
  readonly weight: number;
}

export interface Refusal {
  readonly actionType: string;
  readonly reason: string;
}

export interface Consideration {
  readonly repairs: readonly Repair[];
  readonly refused: readonly Refusal[];
}

export interface Request {
  readonly cause: Candidate;
  readonly recalled: readonly MemoryMatch[];
  /** `<actionType> <target name>`. */
  readonly tried: readonly string[];
}

/** Memory weighs at most as much as one rank: it reorders what the diagnosis allows, and adds nothing to it. */
const recallWeight = 15;

/**
 * Turns a diagnosed cause into repairs, best first. Deterministic: the same cause, memory and inventory give the same answer. It picks
 * only among the inventory's objects; whether a repair is accepted, reversible and permitted is found out afterwards.
 */
export function considerRepairs(request: Request, inventory: readonly Workload[]): Consideration {
  const { cause } = request;
  const workloads = inventory.filter(({ service }) => service === cause.service);
  const [workload, second] = workloads;
  if (workload === undefined) {
    return nothing("k8s.rollout-undo", `No deployment of an allowed namespace runs the service ${cause.service}.`);
  }
  if (second !== undefined) {
    const places = workloads.map(({ deployment }) => `${deployment.ref.namespace}/${deployment.ref.name}`).join(", ");
    return nothing(
      "k8s.rollout-undo",
      `The service ${cause.service} runs in several places (${places}): which is meant?`,
    );
  }
  const considered = [rollBack(cause, workload)];
  const refused = considered.flatMap((one) => ("reason" in one ? [one] : []));
  const repairs: Repair[] = [];
  for (const one of considered) {
    if ("reason" in one) continue;
    if (request.tried.includes(`${one.actionType} ${one.targetName}`)) {
      refused.push({ actionType: one.actionType, reason: `This incident tried it already on ${one.targetName}.` });
    } else repairs.push(weighed(one, request.recalled));
  }
  return { repairs: repairs.toSorted((a, b) => b.weight - a.weight), refused };
}

function nothing(actionType: string, reason: string): Consideration {
  return { repairs: [], refused: [{ actionType, reason }] };
}

/** Back to the newest earlier revision that is known, or at least may be hoped, to be healthy. */
function rollBack(cause: Candidate, workload: Workload): Repair | Refusal {
  const actionType = "k8s.rollout-undo";
  const { deployment, revisions, version } = workload;
  const refuse = (reason: string): Refusal => ({ actionType, reason });
  if (!rollsBack.has(cause.kind)) {
    return refuse(`A fault of kind '${cause.kind}' is not in the version: an older one would suffer alike.`);
  }
  const earlier = revisions.filter(({ revision }) => revision < deployment.revision);
  if (earlier.length === 0) return refuse(`${deployment.ref.name} has no earlier revision to go back to.`);
  if (cause.version !== undefined && version !== undefined && cause.version !== version) {
    return refuse(`Version ${cause.version} failed, but ${version} is in force now.`);
  }
  const healthy = earlier.find((revision) => revision.version === cause.healthyVersion);
  const target = cause.healthyVersion === undefined ? earlier[0] : healthy;
  if (target === undefined)
    return refuse(`No revision with the healthy version ${cause.healthyVersion ?? ""} is kept.`);
  if (cause.healthyVersion === undefined && cause.kind !== "change" && target.version === version) {
    return refuse(`Revision ${target.revision} runs the same version ${version ?? "(unknown)"}.`);
  }
  const known = cause.healthyVersion !== undefined;
  return {
    actionType,
    targetName: deployment.ref.name,
    params: { namespace: deployment.ref.namespace ?? "", name: deployment.ref.name, toRevision: target.revision },
    reasons: known
      ? [
          `Version ${cause.version ?? version ?? "in force"} fails, version ${cause.healthyVersion} of the same service does not.`,
        ]
      : [`Revision ${target.revision} is the last one before the fault.`],
    warnings: known ? [] : [`No telemetry shows that revision ${target.revision} is healthy.`],
    weight: known ? 100 : 60,
  };
}

const rollsBack: ReadonlySet<Candidate["kind"]> = new Set(["code", "error", "latency", "cpu", "memory", "change"]);

function weighed(repair: Repair, recalled: readonly MemoryMatch[]): Repair {
  let { weight } = repair;
  const reasons = [...repair.reasons];
  const warnings = [...repair.warnings];
  for (const match of recalled) {
    const fix = match.fixes.find(
      ({ actionType, target }) => actionType === repair.actionType && target.name === repair.targetName,
    );
    if (fix === undefined) continue;
    const similar = `incident ${match.incidentId} (similarity ${match.similarity.toFixed(2)})`;
    if (fix.outcome === "verified") {
      weight += recallWeight * match.similarity;
      reasons.push(`The same action healed ${similar}.`);
    } else {
      weight -= recallWeight * match.similarity;
      warnings.push(`The same action ${fix.outcome === "undone" ? "was taken back in" : "did not heal"} ${similar}.`);
    }
  }
  return { ...repair, weight, reasons: reasons.slice(0, 16), warnings: warnings.slice(0, 16) };
}
