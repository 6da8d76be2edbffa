import type { ActionContext, CanaryVerdict, HeldCanary } from "@omega/shared/action.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import { timeText, type Clock } from "@omega/shared/clock.ts";
import type { SurgeonConfig } from "./config.ts";
import { about } from "./decide.ts";
import type { Clients } from "./ports.ts";
import { canaryKey, type State } from "./state.ts";

export type CanaryRules = SurgeonConfig["canary"];
type Judge = NonNullable<ActionContext<Clients>["judgeCanary"]>;

const lookEveryMs = 100;
/** Scout answers at the deadline at the latest; the answer takes a moment to get here. */
const graceMs = 3_000;

/**
 * Asks Scout, over the stream, about the first new pod: `canary.held`, `canary.judged`, and `canary.ended` with what became of it. Whoever
 * gets the order again after a crash asks the same question and finds the answer that there may be already. No answer is `inconclusive`.
 */
export function judgeFor(
  actionId: string,
  rules: CanaryRules,
  {
    clock,
    effect,
    signal,
  }: { readonly clock: Clock; readonly effect: EffectContext<State>; readonly signal: AbortSignal },
): Judge | undefined {
  if (rules.judgedBy === "readiness") return undefined;
  const { cause } = effect;
  const answered = async (held: HeldCanary): Promise<CanaryVerdict> => {
    const { pod, workload, of, holdMs } = held;
    const heldMs = clock.now();
    const judgeByMs = heldMs + Math.min(rules.judgeMs, Math.max(0, holdMs - 2 * graceMs));
    const data = { actionId, pod, workload, of, heldAt: timeText(heldMs), judgeBy: timeText(judgeByMs) };
    const asked = await effect.say(about(cause, { type: "canary.held", data, key: `canary ${pod.uid}` }));
    if (!asked.ok) return inconclusive(`Nobody could be asked about it: ${asked.failure.message}`);
    while (!signal.aborted) {
      const verdict = effect.state().canaries.get(canaryKey(actionId, pod.uid));
      if (verdict !== undefined) return verdict;
      if (clock.now() > judgeByMs + graceMs) return inconclusive("Scout did not say how it does.");
      await clock.sleep(lookEveryMs, signal);
    }
    return inconclusive("It was stopped before the first new pod was judged.");
  };
  return async (held) => {
    const verdict = await answered(held);
    const { pod } = held;
    // Stopped is not ended: whoever finishes or takes back the action says how.
    if (signal.aborted) return verdict;
    const data = { actionId, pod, verdict: verdict.verdict, says: verdict.says.slice(0, 1024) };
    const said = await effect.say(about(cause, { type: "canary.ended", data, key: `canary ${pod.uid} ended` }));
    return said.ok ? verdict : inconclusive(`The judgement could not be put on record: ${said.failure.message}`);
  };
}

function inconclusive(says: string): CanaryVerdict {
  return { verdict: "inconclusive", says };
}
