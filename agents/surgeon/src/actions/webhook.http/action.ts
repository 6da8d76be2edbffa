import type { Action, ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { failureOfStatus, readAnswer } from "../../webhook/answers.ts";
import { confessRun, runOnce, type Look, type RemoteRun, type RunState } from "../../webhook/remote-run.ts";
import {
  changeOfRun,
  plannedTarget,
  planRun,
  runParamsSchema,
  runPlanSchema,
  runTraits,
  type RunParams,
  type RunPlan,
} from "../../webhook/run-plan.ts";
import type { WebhookTargetOf } from "../../webhook/webhook-config.ts";

type Context = ActionContext<Clients>;

const statusSchema = z.looseObject({
  state: z.enum(["pending", "done", "failed"]),
  says: z.string().max(500).default(""),
});
const simulation = "The receiver offers no dry-run: only that it does not know this action yet was asked.";

function runOf(context: Context, target: WebhookTargetOf<"http">, plan: RunPlan): RemoteRun {
  const { http } = context.clients.webhooks;
  const title = `The webhook ${plan.target}`;
  const find: Look = async () => {
    const path = target.statusPath.replaceAll("{id}", plan.actionKey);
    const answer = await http.send({ target: plan.target, method: "GET", path, effect: "look" }, context.signal);
    if (answer.ok && answer.value.status === 404) return ok({ state: "absent", says: "never received" });
    const status = readAnswer(title, "look", answer, statusSchema);
    return status.ok
      ? ok<RunState>({ state: status.value.state, says: status.value.says || status.value.state })
      : status;
  };
  const start = async (): Promise<Outcome<Look>> => {
    const data = { actionId: plan.actionKey, inputs: plan.inputs };
    const body = JSON.stringify({ type: "omega.repair", timestamp: new Date(plan.plannedAtMs).toISOString(), data });
    const sign = { id: plan.actionKey, atMs: context.clock.now() };
    const call = { target: plan.target, method: "POST", path: target.path, body, sign, effect: "change" } as const;
    const answer = await http.send({ ...call, headers: { "content-type": "application/json" } }, context.signal);
    if (!answer.ok) return answer;
    const { status } = answer.value;
    return status >= 200 && status < 300 ? ok(find) : failureOfStatus(title, "change", answer.value);
  };
  return { title, pollMs: target.pollMs, find, start };
}

/** Sends one signed message (Standard Webhooks) whose id is our action id, and asks the receiver what became of it. */
export const action: Action<RunParams, RunPlan, Clients> = {
  type: "webhook.http",
  paramsSchema: runParamsSchema,
  planSchema: runPlanSchema,
  traits: runTraits("http", { already_received: "the receiver knows this action's id already" }),

  plan: (context, params) => Promise.resolve(planRun("http", context, params, simulation)),

  async dryRun(context, plan) {
    const target = plannedTarget("http", context, plan);
    if (!target.ok) return target;
    const found = await runOf(context, target.value, plan).find();
    if (!found.ok) return found;
    if (found.value.state === "absent") return ok(changeOfRun(plan));
    return fail("terminal", "already_received", `${plan.target} knows this action already: ${found.value.says}`);
  },

  async execute(context, plan) {
    const target = plannedTarget("http", context, plan);
    return target.ok ? await runOnce(context, runOf(context, target.value, plan)) : target;
  },

  async undo(context, plan) {
    const target = plannedTarget("http", context, plan);
    return target.ok ? await confessRun(runOf(context, target.value, plan)) : target;
  },
};
