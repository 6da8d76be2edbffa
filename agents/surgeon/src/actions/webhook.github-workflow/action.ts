import type { Action, ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { failureOfStatus, jsonOf, readAnswer } from "../../webhook/answers.ts";
import type { HttpAnswer } from "../../webhook/http-exchange.ts";
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
type Target = WebhookTargetOf<"github-workflow">;

const runSchema = z.looseObject({
  id: z.number().int(),
  display_title: z.string().nullish(),
  name: z.string().nullish(),
  status: z.string().nullish(),
  conclusion: z.string().nullish(),
  html_url: z.string().default(""),
});
const runsSchema = z.looseObject({ workflow_runs: z.array(runSchema) });
const workflowSchema = z.looseObject({ state: z.string() });
const dispatchedSchema = z.looseObject({ workflow_run_id: z.number().int() });

const headers = { accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };
/** Clocks differ: runs from this long before the plan are looked at too. */
const clockSlackMs = 300_000;

const simulation = "GitHub offers no dry-run: only that the workflow exists and is active was looked up.";

const workflowPath = ({ repository, workflow }: Target): string => `/repos/${repository}/actions/workflows/${workflow}`;

function stateOf(run: z.infer<typeof runSchema>): RunState {
  const says = `run ${run.id} is ${run.status ?? "unknown"}${run.conclusion ? `: ${run.conclusion}` : ""} ${run.html_url}`;
  if (run.status !== "completed") return { state: "pending", says };
  return { state: run.conclusion === "success" ? "done" : "failed", says };
}

function runOf(context: Context, target: Target, plan: RunPlan): RemoteRun {
  const { http } = context.clients.webhooks;
  const title = `The workflow ${target.workflow} of ${target.repository}`;
  const look = (path: string): Promise<Outcome<HttpAnswer>> =>
    http.send({ target: plan.target, method: "GET", path, headers, effect: "look" }, context.signal);
  const find: Look = async () => {
    const since = new Date(plan.plannedAtMs - clockSlackMs).toISOString().replace(/\.\d+Z$/, "Z");
    const query = `event=workflow_dispatch&per_page=100&created=${encodeURIComponent(`>=${since}`)}`;
    const runs = readAnswer(title, "look", await look(`${workflowPath(target)}/runs?${query}`), runsSchema);
    if (!runs.ok) return runs;
    const own = runs.value.workflow_runs.find((run) =>
      `${run.display_title ?? ""} ${run.name ?? ""}`.includes(plan.actionKey),
    );
    return ok(own === undefined ? { state: "absent", says: "no such run" } : stateOf(own));
  };
  const dispatch = (details: object): Promise<Outcome<HttpAnswer>> => {
    const inputs = { ...plan.inputs, [target.idInput]: plan.actionKey };
    const body = JSON.stringify({ ref: target.ref, inputs, ...details });
    const json = { ...headers, "content-type": "application/json" };
    const call = {
      target: plan.target,
      method: "POST",
      path: `${workflowPath(target)}/dispatches`,
      headers: json,
      body,
    } as const;
    return http.send({ ...call, effect: "change" }, context.signal);
  };
  const start = async (): Promise<Outcome<Look>> => {
    let answer = await dispatch({ return_run_details: true });
    // Older GitHub Enterprise servers refuse the field that they do not know, and so start nothing.
    const unknownField =
      answer.ok && [400, 422].includes(answer.value.status) && answer.value.text.includes("return_run_details");
    if (unknownField) answer = await dispatch({});
    if (!answer.ok) return answer;
    if (answer.value.status < 200 || answer.value.status > 299) return failureOfStatus(title, "change", answer.value);
    const details = dispatchedSchema.safeParse(jsonOf(answer.value.text));
    if (!details.success) return ok(find);
    const path = `/repos/${target.repository}/actions/runs/${details.data.workflow_run_id}`;
    return ok(async () => {
      const run = readAnswer(title, "look", await look(path), runSchema);
      return run.ok ? ok(stateOf(run.value)) : run;
    });
  };
  return { title, pollMs: target.pollMs, find, start };
}

async function runPlanned(
  context: Context,
  plan: RunPlan,
  step: (run: RemoteRun) => Promise<Outcome<void>>,
): Promise<Outcome<void>> {
  const target = plannedTarget("github-workflow", context, plan);
  return target.ok ? await step(runOf(context, target.value, plan)) : target;
}

/** Dispatches a GitHub Actions workflow with our action id among its inputs and follows the run to its end. */
export const action: Action<RunParams, RunPlan, Clients> = {
  type: "webhook.github-workflow",
  paramsSchema: runParamsSchema,
  planSchema: runPlanSchema,
  traits: runTraits("github-workflow", { workflow_inactive: "the workflow is disabled" }),

  plan: (context, params) => Promise.resolve(planRun("github-workflow", context, params, simulation)),

  async dryRun(context, plan) {
    const target = plannedTarget("github-workflow", context, plan);
    if (!target.ok) return target;
    const call = {
      target: plan.target,
      method: "GET",
      path: workflowPath(target.value),
      headers,
      effect: "look",
    } as const;
    const workflow = readAnswer(
      target.value.workflow,
      "look",
      await context.clients.webhooks.http.send(call, context.signal),
      workflowSchema,
    );
    if (!workflow.ok) return workflow;
    if (workflow.value.state === "active") return ok(changeOfRun(plan));
    return fail("terminal", "workflow_inactive", `The workflow ${target.value.workflow} is ${workflow.value.state}.`);
  },

  execute: (context, plan) => runPlanned(context, plan, (run) => runOnce(context, run)),
  undo: (context, plan) => runPlanned(context, plan, confessRun),
};
