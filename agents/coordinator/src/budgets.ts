import type { RepairOption } from "@omega/bus-schemas/vocabulary.ts";
import type { Rules } from "./config.ts";
import { keyOf, serviceOf, takenBy, targetText, type CountedOrder } from "./orders.ts";
import type { Incident, State } from "./state.ts";

/**
 * Budgets are spent and checked by one decider in strict stream order: its own order is in the state before the next message is decided on,
 * so checking and spending are one step, a compare-and-set without a lock. Two Coordinators don't race either: only one holds the lease, and
 * Surgeon refuses the other's fence.
 */

export type BudgetName = "actions-per-minute" | "targets-per-hour" | "workload-share" | "repeats" | "incidents";

export interface BudgetState {
  /** Actions that may still be ordered within the running minute. */
  readonly actionsLeft: number;
  readonly exhausted: readonly { readonly name: BudgetName; readonly says: string }[];
}

type Taken = ReturnType<typeof takenBy>;

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** What ordering this option now would exhaust. */
export function budgetsFor(
  option: RepairOption,
  incident: Incident,
  state: State,
  budgets: Rules["budgets"],
  now: number,
): BudgetState {
  const within = (ms: number): readonly CountedOrder[] => state.orders.filter(({ at }) => at > now - ms);
  const exhausted: BudgetState["exhausted"][number][] = [];
  const spent = (name: BudgetName, says: string): void => void exhausted.push({ name, says });

  const actionsLeft = Math.max(0, budgets.actionsPerMinute - within(minuteMs).length);
  if (actionsLeft === 0)
    spent("actions-per-minute", `${budgets.actionsPerMinute} actions were ordered within a minute`);

  const targets = new Set(within(hourMs).map(({ target }) => target)).add(targetText(option.target));
  if (targets.size > budgets.targetsPerHour) {
    spent(
      "targets-per-hour",
      `it would be distinct target number ${targets.size} within an hour; ${budgets.targetsPerHour} are allowed`,
    );
  }

  const repeats = within(budgets.repeatsWindowMs).filter(({ key }) => key === keyOf(option)).length;
  if (repeats >= budgets.repeatsMax)
    spent("repeats", `it ran ${repeats} times in the last ${budgets.repeatsWindowMs / minuteMs} min`);

  const taken = takenBy(option.blastRadius, serviceOf(option, incident));
  const share = shareOf(taken, within(budgets.workloadShareWindowMs));
  // Whoever takes nothing away adds nothing to what was taken.
  if (share !== undefined && taken.instances > 0 && share > budgets.workloadShareMax) {
    const percent = (part: number): string => `${Math.round(part * 100)} %`;
    spent(
      "workload-share",
      `it would make ${percent(share)} of ${taken.workload} in ${budgets.workloadShareWindowMs / minuteMs} min; ${percent(budgets.workloadShareMax)} is allowed`,
    );
  }

  const busy = Object.values(state.incidents).filter(
    ({ id, phase }) => id !== incident.id && (phase === "acting" || phase === "verifying" || phase === "undoing"),
  );
  if (busy.length >= budgets.incidentsMax) spent("incidents", `${busy.length} incidents are being acted on already`);

  return { actionsLeft, exhausted };
}

/** Part of the workload that its orders in the window and this option take away; unknown where the action does not say of how many. */
function shareOf(taken: Taken, orders: readonly CountedOrder[]): number | undefined {
  const { workload, instances, ofInstances } = taken;
  if (ofInstances === undefined || ofInstances === 0) return undefined;
  const before = orders.filter((order) => order.workload === workload && order.ofInstances !== undefined);
  return (before.reduce((sum, order) => sum + order.instances, 0) + instances) / ofInstances;
}
