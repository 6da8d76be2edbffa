// A Deployment's status, pure: counts, and the Available and Progressing conditions with the reasons that `kubectl rollout status` goes by.
import { timestamp } from "../clock.ts";
import { conditionOf, type Condition, type Deployment, type ReplicaSet } from "../objects.ts";
import { boundsOf } from "./rollout.ts";

export interface Reported {
  status: Deployment["status"];
  /** When the progress deadline is to be looked at, if it runs. */
  lookAgainMs: number | undefined;
}

export function deploymentStatus(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  nowMs: number,
): Reported {
  const sum = (count: (set: ReplicaSet) => number | undefined): number =>
    sets.reduce((total, set) => total + (count(set) ?? 0), 0);
  const counts = {
    replicas: sum((set) => set.status.replicas),
    updatedReplicas: newSet?.status.replicas ?? 0,
    readyReplicas: sum((set) => set.status.readyReplicas),
    availableReplicas: sum((set) => set.status.availableReplicas),
    unavailableReplicas: Math.max(0, sum((set) => set.spec.replicas) - sum((set) => set.status.availableReplicas)),
    terminatingReplicas: sum((set) => set.status.terminatingReplicas),
  };
  const was = deployment.status;
  const available = availableCondition(deployment, counts.availableReplicas);
  const progress = progressing(deployment, newSet, sets, counts, nowMs);
  const conditions = [progress.condition, available].map((condition) =>
    stamped(condition, conditionOf(was.conditions, condition.type), progress.moved, nowMs),
  );
  const present = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
  return {
    status: {
      observedGeneration: deployment.metadata.generation ?? 0,
      ...present,
      ...(was.collisionCount === undefined ? {} : { collisionCount: was.collisionCount }),
      conditions,
    },
    lookAgainMs: progress.lookAgainMs,
  };
}

function availableCondition(deployment: Deployment, available: number): Condition {
  const minimum = deployment.spec.replicas - boundsOf(deployment).maxUnavailable;
  return available >= minimum
    ? {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      }
    : {
        type: "Available",
        status: "False",
        reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.",
      };
}

interface Counts {
  replicas: number;
  updatedReplicas: number;
  readyReplicas: number;
  availableReplicas: number;
}

interface Progress {
  condition: Condition;
  /** Something got nearer to the goal, which starts the deadline anew. */
  moved: boolean;
  lookAgainMs: number | undefined;
}

function progressing(
  deployment: Deployment,
  newSet: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  counts: Counts,
  nowMs: number,
): Progress {
  const { replicas, progressDeadlineSeconds, paused } = deployment.spec;
  const was = deployment.status;
  const before = conditionOf(was.conditions, "Progressing");
  const name = newSet?.metadata.name;
  const what = name === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${name}"`;
  const say = (status: Condition["status"], reason: string, message: string): Condition => ({
    type: "Progressing",
    status,
    reason,
    message,
  });
  if (paused === true && name === undefined) {
    return {
      condition: say("Unknown", "DeploymentPaused", "Deployment is paused"),
      moved: false,
      lookAgainMs: undefined,
    };
  }
  const isComplete =
    counts.updatedReplicas === replicas && counts.replicas === replicas && counts.availableReplicas === replicas;
  if (isComplete && newSet !== undefined) {
    return {
      condition: say("True", "NewReplicaSetAvailable", `${what} has successfully progressed.`),
      moved: false,
      lookAgainMs: undefined,
    };
  }
  const oldReplicas = (of: Deployment["status"]): number => (of.replicas ?? 0) - (of.updatedReplicas ?? 0);
  const moved =
    counts.updatedReplicas > (was.updatedReplicas ?? 0) ||
    counts.readyReplicas > (was.readyReplicas ?? 0) ||
    counts.availableReplicas > (was.availableReplicas ?? 0) ||
    oldReplicas(counts) < oldReplicas(was) ||
    (before?.message !== undefined && !before.message.includes(what) && sets.length > 0);
  // Once a rollout is through, pods that fail later are no failure of the rollout.
  const isDone = before?.reason === "NewReplicaSetAvailable" && before.message?.includes(what) === true;
  if (isDone && !moved && before !== undefined) return { condition: before, moved: false, lookAgainMs: undefined };
  const movingSince = moved || before?.lastUpdateTime === undefined ? nowMs : Date.parse(before.lastUpdateTime);
  const leftMs = movingSince + progressDeadlineSeconds * 1000 - nowMs;
  if (leftMs <= 0 || (before?.reason === "ProgressDeadlineExceeded" && !moved)) {
    return {
      condition: say("False", "ProgressDeadlineExceeded", `${what} has timed out progressing.`),
      moved: false,
      lookAgainMs: undefined,
    };
  }
  return { condition: say("True", "ReplicaSetUpdated", `${what} is progressing.`), moved, lookAgainMs: leftMs + 50 };
}

function stamped(condition: Condition, was: Condition | undefined, moved: boolean, nowMs: number): Condition {
  const now = timestamp(nowMs);
  const same = was !== undefined && was.status === condition.status && was.reason === condition.reason;
  const touched = !same || was.message !== condition.message || (moved && condition.type === "Progressing");
  return {
    ...condition,
    lastUpdateTime: touched ? now : (was.lastUpdateTime ?? now),
    lastTransitionTime: was !== undefined && was.status === condition.status ? (was.lastTransitionTime ?? now) : now,
  };
}
