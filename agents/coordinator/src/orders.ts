import type { Candidate, RepairOption, Target } from "@omega/bus-schemas/vocabulary.ts";
import type { Rules } from "./config.ts";

// What is remembered of orders, for budgets: they are folded into the state when they are said.

/** An order that still counts against a budget. */
export interface CountedOrder {
  readonly actionId: string;
  readonly incidentId: string;
  readonly key: string;
  readonly target: string;
  readonly service: string;
  readonly at: number;
  /** What it takes instances of. */
  readonly workload: string;
  /** Instances out of service at once, and how many the workload has, where the action says it. */
  readonly instances: number;
  readonly ofInstances?: number;
}

/** What an option takes away of what, as the budget of a workload's share counts it. */
export function takenBy(
  radius: RepairOption["blastRadius"] | undefined,
  service: string,
): Pick<CountedOrder, "workload" | "instances" | "ofInstances"> {
  const { workload = service, instances = 0, unavailable = instances, ofInstances } = radius ?? {};
  return { workload, instances: unavailable, ...(ofInstances === undefined ? {} : { ofInstances }) };
}

const hourMs = 3_600_000;
/** More than any window needs within the limits of the config; the oldest go first. */
const ordersMax = 4096;

/** Names a repair across proposals: the same action on the same target is the same repair. */
export function keyOf(option: Pick<RepairOption, "actionType" | "target">): string {
  const { system, namespace = "", kind = "", name } = option.target;
  return `${option.actionType} ${system}/${namespace}/${kind}/${name}`;
}

export function serviceOf(option: Pick<RepairOption, "target">, incident: { readonly cause?: Candidate }): string {
  return incident.cause?.service ?? option.target.name;
}

export function targetText({ system, namespace = "", kind = "", name }: Target): string {
  return `${system}/${namespace}/${kind}/${name}`;
}

/** Adds an order, and forgets those that no window reaches any more. */
export function withOrder(
  orders: readonly CountedOrder[],
  order: CountedOrder,
  budgets: Rules["budgets"],
): readonly CountedOrder[] {
  const windowMs = Math.max(hourMs, budgets.repeatsWindowMs, budgets.workloadShareWindowMs);
  return [...orders.filter(({ at }) => at > order.at - windowMs), order].slice(-ordersMax);
}
