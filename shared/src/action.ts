import type { Change, Target } from "@omega/bus-schemas/vocabulary.ts";
import type { z } from "zod";
import type { Clock } from "./clock.ts";
import type { Log } from "./log.ts";
import type { Outcome } from "./outcome.ts";

/** The first new instance of a rollout, held while it is judged. */
export interface HeldCanary {
  readonly pod: { readonly name: string; readonly uid: string };
  /** What rolls out, and how many instances it is to have. */
  readonly workload: string;
  readonly of: number;
  /** The hold ends by itself after so long. */
  readonly holdMs: number;
}

/** `inconclusive` is never taken for good: the change is taken back. */
export interface CanaryVerdict {
  readonly verdict: "success" | "failed" | "inconclusive";
  readonly says: string;
}

/** What an action may need besides its clients. */
export interface ActionContext<Clients> {
  readonly clients: Clients;
  readonly clock: Clock;
  readonly log: Log;
  /** Names the one who writes, e.g. the Kubernetes field manager `omega-inc-20261124-1a2b3c`. */
  readonly fieldManager: string;
  /** Aborts at the action's deadline: stop at the next safe point and say `unknown` or what is known. */
  readonly signal: AbortSignal;
  /**
   * With `undo`: whether the execution may not have come to its end, so that a write of it may still be on its way. Where the target can
   * refuse such a write, undo sees to it that it does, even when there is nothing to take back.
   */
  readonly interrupted?: boolean;
  /**
   * Judges the first new instance by its own telemetry. Answers `inconclusive` in time, or when `signal` aborts. Absent: there is nobody
   * to ask, and readiness decides alone.
   */
  judgeCanary?(held: HeldCanary): Promise<CanaryVerdict>;
}

/** A right that the action needs: RBAC manifests and docs are generated from it. */
export interface Permission {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly string[];
}

export interface BlastRadius {
  readonly objects: string[];
  readonly instances: number;
  /** How many the workload has; budgets know the share by it. Needed wherever `instances` is not 0, which the conformance kit checks. */
  readonly ofInstances?: number;
  /** How many are out of service at once, at most; absent: all of `instances`. */
  readonly unavailable?: number;
  /** What they are instances of; absent: of the service that the incident is about. */
  readonly workload?: string;
  readonly says: string;
}

/**
 * One kind of repair, in a folder of its own that is named after `type`. The plan is the undo log: it holds the state before and is on
 * the stream before `execute`. Rule for both `execute` and `undo`: the world is already at the target: done; the world is as the plan
 * left it: move; anything else: `conflict`, touch nothing. The conformance kit (test/conformance/actions) holds every folder to this.
 */
export interface Action<Params, Plan, Clients> {
  readonly type: `${string}.${string}`;
  readonly paramsSchema: z.ZodType<Params>;
  /** Plans travel as JSON; the schema accepts what JSON.parse gives back. */
  readonly planSchema: z.ZodType<Plan>;
  readonly traits: {
    readonly reversible: "exact" | "compensating" | "none";
    readonly risk: "low" | "medium" | "high";
    /**
     * What a passed dry-run is worth. `proven` (the default): the target system itself rehearsed the change; `simulated`: only a check
     * and a look at the state before; `impossible`: only that the target is there. People see it on the card.
     */
    readonly dryRun?: "proven" | "simulated" | "impossible";
    readonly permissions: readonly Permission[];
    /**
     * What its plan and dry-run refuse, beside what every action of its family does: failure codes with what each says, as people read it
     * in docs/actions.md. The registry's test holds this list against the folder's source.
     */
    readonly refuses: Readonly<Record<string, string>>;
    target(params: Params): Target;
    blastRadius(plan: Plan): BlastRadius;
  };
  /** Reads only; captures the state before, with uid and versions. */
  plan(context: ActionContext<Clients>, params: Params): Promise<Outcome<Plan>>;
  /** Proves that the change would be accepted and shows it field by field; changes nothing. */
  dryRun(context: ActionContext<Clients>, plan: Plan): Promise<Outcome<Change[]>>;
  /** May run again. */
  execute(context: ActionContext<Clients>, plan: Plan): Promise<Outcome<void>>;
  /** May run again; needs nothing but the plan. */
  undo(context: ActionContext<Clients>, plan: Plan): Promise<Outcome<void>>;
}
