import type { Candidate, MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { Workload } from "./inventory.ts";
import { sameJson, valueAt, type JsonObject } from "./kubernetes/json-pointer.ts";

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
  /** When the request was made, RFC 3339: the same at every retry. */
  readonly requestedAt: string;
}

export type Considered = Repair | Refusal;

/** Memory weighs at most as much as one rank: it reorders what the diagnosis allows, and adds nothing to it. */
const recallWeight = 15;
/** Capacity is raised by half, and by one at least. */
const capacityFactor = 1.5;
/** A setting that changed longer ago is not suspected. */
const settingsSuspectMs = 3_600_000;

/**
 * Turns a diagnosed cause into repairs in the cluster. Deterministic: the same cause and inventory give the same answer. It picks only
 * among the inventory's objects; whether a repair is accepted, reversible and permitted is found out afterwards.
 */
export function considerWorkload(request: Request, inventory: readonly Workload[]): Considered[] {
  const { cause } = request;
  const workloads = inventory.filter(({ service }) => service === cause.service);
  const [workload, second] = workloads;
  if (workload === undefined) {
    return nothing(`No deployment of an allowed namespace runs the service ${cause.service}.`);
  }
  if (second !== undefined) {
    const places = workloads.map(({ deployment }) => `${deployment.ref.namespace}/${deployment.ref.name}`).join(", ");
    return nothing(`The service ${cause.service} runs in several places (${places}): which is meant?`);
  }
  return [
    rollBack(cause, workload),
    ...putSettingsBack(request, workload),
    addCapacity(cause, workload),
    restart(request, workload),
    ...raiseMemory(cause, workload),
  ];
}

/** What was considered, as repairs, best first, with what memory says of each; and what this incident tried already among the refused. */
export function inOrder(request: Request, considered: readonly Considered[]): Consideration {
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

function nothing(reason: string): Considered[] {
  return [{ actionType: "k8s.rollout-undo", reason }];
}

const rollsBack: ReadonlySet<Candidate["kind"]> = new Set(["code", "error", "latency", "cpu", "memory", "change"]);

/** Back to the newest earlier revision that is known, or at least may be hoped, to be healthy. */
function rollBack(cause: Candidate, workload: Workload): Considered {
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
  const known = cause.healthyVersion !== undefined;
  const target = known ? earlier.find((revision) => revision.version === cause.healthyVersion) : earlier[0];
  if (target === undefined)
    return refuse(`No revision with the healthy version ${cause.healthyVersion ?? ""} is kept.`);
  if (sameJson(target.template["spec"], deployment.template["spec"])) {
    return refuse(`Revision ${target.revision} ran the same pods as the one in force.`);
  }
  return {
    actionType,
    targetName: deployment.ref.name,
    params: { ...placeOf(workload), toRevision: target.revision },
    reasons: known
      ? [
          `Version ${cause.version ?? version ?? "in force"} fails, version ${cause.healthyVersion} of the same service does not.`,
        ]
      : [`Revision ${target.revision} is the last one before the one in force.`],
    warnings: known ? [] : [`No telemetry shows that revision ${target.revision} is healthy.`],
    weight: known ? 100 : 60,
  };
}

/**
 * A changed setting gets its earlier value back as a variable of the container, which goes before the config map's and rolls the pods,
 * so that it counts at once and is one change to take back.
 */
function putSettingsBack({ cause, requestedAt }: Request, workload: Workload): Considered[] {
  const weight = cause.healthyVersion === undefined ? (cause.kind === "change" ? 90 : 75) : 55;
  const recent = workload.changedSettings.filter(({ seenAt }) => Date.parse(requestedAt) - seenAt < settingsSuspectMs);
  return recent.flatMap((setting): Considered[] => {
    const { configMap, container, name, before, after } = setting;
    const said = `${name} in ConfigMap ${configMap} changed from '${short(before)}' to '${short(after)}'`;
    return [
      {
        actionType: "k8s.set-env",
        targetName: workload.deployment.ref.name,
        params: { ...placeOf(workload), container, env: { [name]: before } },
        reasons: [`${said} before the fault was diagnosed.`],
        warnings: [
          `ConfigMap ${configMap} still says '${short(after)}': mend it too, or the next owner of it is surprised.`,
        ],
        weight,
      },
      {
        actionType: "k8s.patch-configmap",
        targetName: configMap,
        params: { namespace: workload.deployment.ref.namespace ?? "", name: configMap, data: { [name]: before } },
        reasons: [`${said}.`],
        warnings: ["Pods read it as environment: it counts from their next restart on."],
        weight: weight - 20,
      },
    ];
  });
}

function addCapacity(cause: Candidate, workload: Workload): Considered {
  const { deployment, scaler } = workload;
  const actionType = scaler === undefined ? "k8s.scale" : "k8s.hpa-bounds";
  if (cause.kind !== "cpu" && cause.kind !== "latency") {
    return { actionType, reason: `A fault of kind '${cause.kind}' is no lack of capacity; more replicas fail alike.` };
  }
  const weight = cause.kind === "cpu" ? 80 : 50;
  const namespace = deployment.ref.namespace ?? "";
  if (scaler !== undefined) {
    const maxReplicas = more(scaler.maxReplicas);
    return {
      actionType,
      targetName: scaler.name,
      params: { namespace, name: scaler.name, minReplicas: more(deployment.replicas), maxReplicas },
      reasons: [`${cause.service} lacks capacity; its autoscaler may go up to ${maxReplicas} replicas.`],
      warnings: [],
      weight,
    };
  }
  const replicas = more(deployment.replicas);
  return {
    actionType,
    targetName: deployment.ref.name,
    params: { ...placeOf(workload), replicas },
    reasons: [`${cause.service} lacks capacity; ${replicas} replicas share the load of ${deployment.replicas}.`],
    warnings: [],
    weight,
  };
}

function restart({ cause, requestedAt }: Request, workload: Workload): Considered {
  const actionType = "k8s.rollout-restart";
  if (cause.kind !== "memory") {
    return { actionType, reason: `A fault of kind '${cause.kind}' is back as soon as the new pods are.` };
  }
  return {
    actionType,
    targetName: workload.deployment.ref.name,
    params: { ...placeOf(workload), restartedAt: requestedAt },
    reasons: ["New pods start with empty memory."],
    warnings: ["A leak fills them again: this buys time."],
    weight: 70,
  };
}

/** Twice the memory for every container that has a limit. */
function raiseMemory(cause: Candidate, workload: Workload): Considered[] {
  if (cause.kind !== "memory") return [];
  const actionType = "k8s.set-resources";
  const repairs = workload.containers.flatMap(({ name, resources }): Considered[] => {
    const limit = valueAt(resources, "/limits/memory");
    const [, amount, unit] = /^(\d+)([KMGT]i?|k)?$/.exec(typeof limit === "string" ? limit : "") ?? [];
    if (amount === undefined) return [];
    const memory = `${Number(amount) * 2}${unit ?? ""}`;
    return [
      {
        actionType,
        targetName: workload.deployment.ref.name,
        params: { ...placeOf(workload), container: name, limits: { memory } },
        reasons: [`${memory} instead of ${amount}${unit ?? ""} of memory for '${name}' put off the next kill.`],
        warnings: ["A leak fills any limit: this buys time."],
        weight: 50,
      },
    ];
  });
  return repairs.length > 0 ? repairs : [{ actionType, reason: "No container has a memory limit to raise." }];
}

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

function placeOf({ deployment }: Workload): { namespace: string; name: string } {
  return { namespace: deployment.ref.namespace ?? "", name: deployment.ref.name };
}

function more(replicas: number): number {
  return Math.max(replicas + 1, Math.ceil(replicas * capacityFactor));
}

function short(text: string): string {
  return text.length > 64 ? `${text.slice(0, 61)}...` : text;
}
