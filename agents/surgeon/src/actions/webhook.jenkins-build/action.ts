import type { Action, ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { failureOfStatus, readAnswer } from "../../webhook/answers.ts";
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
type Target = WebhookTargetOf<"jenkins-build">;

const parameterSchema = z.looseObject({ name: z.string(), value: z.unknown() });
const carriedSchema = z
  .array(z.looseObject({ parameters: z.array(parameterSchema).optional() }).nullable())
  .default([]);
const buildSchema = z.looseObject({
  number: z.number().int(),
  building: z.boolean().default(false),
  result: z.string().nullish(),
  actions: carriedSchema,
});
const buildsSchema = z.looseObject({ builds: z.array(buildSchema).default([]) });
const itemSchema = z.looseObject({
  id: z.number().int(),
  why: z.string().nullish(),
  cancelled: z.boolean().default(false),
  executable: z.looseObject({ number: z.number().int() }).nullish(),
  actions: carriedSchema,
});
const queueSchema = z.looseObject({ items: z.array(itemSchema).default([]) });
const crumbSchema = z.looseObject({ crumb: z.string().min(1), crumbRequestField: z.string().regex(/^[A-Za-z0-9-]+$/) });
const jobSchema = z.looseObject({
  buildable: z.boolean(),
  property: z
    .array(z.looseObject({ parameterDefinitions: z.array(z.looseObject({ name: z.string() })).optional() }).nullable())
    .default([]),
});

const simulation = "Jenkins offers no dry-run: only the job and its parameters were looked up.";
const carried = "actions[parameters[name,value]]";

class JenkinsJob {
  readonly #context: Context;
  readonly #target: Target;
  readonly #plan: RunPlan;
  readonly title: string;

  constructor(context: Context, target: Target, plan: RunPlan) {
    this.#context = context;
    this.#target = target;
    this.#plan = plan;
    this.title = `The Jenkins job ${target.job}`;
  }

  run(): RemoteRun {
    return { title: this.title, pollMs: this.#target.pollMs, find: () => this.#find(), start: () => this.#start() };
  }

  /** Can the job be built, and does it take what would be sent? */
  async accepts(): Promise<Outcome<void>> {
    const job = await this.#look(
      `${this.#target.job}/api/json?tree=buildable,property[parameterDefinitions[name]]`,
      jobSchema,
    );
    if (!job.ok) return job;
    if (!job.value.buildable) return fail("terminal", "not_buildable", `${this.title} is disabled.`);
    const known = new Set(job.value.property.flatMap((one) => one?.parameterDefinitions ?? []).map(({ name }) => name));
    const unknown = [this.#target.idInput, ...Object.keys(this.#plan.inputs)].filter((name) => !known.has(name));
    if (unknown.length === 0) return ok();
    return fail("terminal", "parameter_unknown", `${this.title} has no parameter ${unknown.join(", ")}.`);
  }

  async #find(): Promise<Outcome<RunState>> {
    // First the queue: what leaves it in between is among the builds when they are asked for.
    const queue = await this.#look(`/queue/api/json?tree=items[id,why,cancelled,${carried}]`, queueSchema);
    if (!queue.ok) return queue;
    const item = queue.value.items.find(({ actions }) => this.#isOurs(actions));
    if (item !== undefined) return ok({ state: "pending", says: `queue item ${item.id}: ${item.why ?? "waits"}` });
    const builds = await this.#look(
      `${this.#target.job}/api/json?tree=builds[number,building,result,${carried}]{0,100}`,
      buildsSchema,
    );
    if (!builds.ok) return builds;
    const build = builds.value.builds.find(({ actions }) => this.#isOurs(actions));
    return ok(build === undefined ? { state: "absent", says: "no such build" } : stateOf(build));
  }

  #isOurs(actions: z.infer<typeof carriedSchema>): boolean {
    const { idInput } = this.#target;
    return actions.some((one) =>
      one?.parameters?.some(({ name, value }) => name === idInput && value === this.#plan.actionKey),
    );
  }

  async #start(): Promise<Outcome<Look>> {
    let answer = await this.#build({});
    if (answer.ok && answer.value.status === 403 && /crumb/i.test(answer.value.text)) {
      const crumb = await this.#crumb();
      if (!crumb.ok) return crumb;
      answer = await this.#build(crumb.value);
    }
    if (!answer.ok) return answer;
    if (answer.value.status < 200 || answer.value.status > 299)
      return failureOfStatus(this.title, "change", answer.value);
    // Of the place that Jenkins names only the number is believed: it is asked on the configured host.
    const item = /\/queue\/item\/([0-9]{1,18})\/?$/.exec(answer.value.headers["location"] ?? "")?.[1];
    return ok(item === undefined ? () => this.#find() : () => this.#follow(item));
  }

  #build(headers: Readonly<Record<string, string>>): Promise<Outcome<HttpAnswer>> {
    const form = new URLSearchParams({ ...this.#plan.inputs, [this.#target.idInput]: this.#plan.actionKey });
    const call = {
      target: this.#plan.target,
      method: "POST",
      path: `${this.#target.job}/buildWithParameters`,
      headers: { ...headers, "content-type": "application/x-www-form-urlencoded" },
      body: form.toString(),
      effect: "change",
    } as const;
    return this.#context.clients.webhooks.http.send(call, this.#context.signal);
  }

  /** A crumb holds for the session that it was given in. */
  async #crumb(): Promise<Outcome<Record<string, string>>> {
    const call = { target: this.#plan.target, method: "GET", path: "/crumbIssuer/api/json", effect: "look" } as const;
    const answer = await this.#context.clients.webhooks.http.send(call, this.#context.signal);
    const crumb = readAnswer(`${this.title}: crumb`, "look", answer, crumbSchema);
    if (!crumb.ok) return crumb;
    const session = /JSESSIONID[^=;,\s]*=[^;,\s]+/.exec(
      answer.ok ? (answer.value.headers["set-cookie"] ?? "") : "",
    )?.[0];
    return ok({
      [crumb.value.crumbRequestField]: crumb.value.crumb,
      ...(session === undefined ? {} : { cookie: session }),
    });
  }

  async #follow(item: string): Promise<Outcome<RunState>> {
    const queued = await this.#look(`/queue/item/${item}/api/json`, itemSchema);
    // Jenkins forgets a queue item some minutes after it left the queue.
    if (!queued.ok) return queued.failure.code === "not_found" ? await this.#find() : queued;
    const { cancelled, executable, why } = queued.value;
    if (cancelled) return ok({ state: "failed", says: `queue item ${item} was cancelled` });
    if (executable === null || executable === undefined)
      return ok({ state: "pending", says: `queue item ${item}: ${why ?? "waits"}` });
    const build = await this.#look(
      `${this.#target.job}/${executable.number}/api/json?tree=number,building,result`,
      buildSchema,
    );
    return build.ok ? ok(stateOf(build.value)) : build;
  }

  async #look<Schema extends z.ZodType>(resource: string, schema: Schema): Promise<Outcome<z.output<Schema>>> {
    const [path = "", tree] = resource.split("?tree=");
    const query = tree === undefined ? "" : `?tree=${encodeURIComponent(tree)}`;
    const call = { target: this.#plan.target, method: "GET", path: `${path}${query}`, effect: "look" } as const;
    return readAnswer(
      this.title,
      "look",
      await this.#context.clients.webhooks.http.send(call, this.#context.signal),
      schema,
    );
  }
}

function stateOf({ number, building, result }: z.infer<typeof buildSchema>): RunState {
  const says = `build ${number}: ${result ?? "running"}`;
  if (building || result === null || result === undefined) return { state: "pending", says };
  return { state: result === "SUCCESS" ? "done" : "failed", says };
}

/** Starts a parameterised Jenkins job with our action id among its parameters; follows the queue item to the build and the build to its end. */
export const action: Action<RunParams, RunPlan, Clients> = {
  type: "webhook.jenkins-build",
  paramsSchema: runParamsSchema,
  planSchema: runPlanSchema,
  traits: runTraits("jenkins-build", {
    not_buildable: "the job is disabled",
    parameter_unknown: "the job has no such parameter",
  }),

  plan: (context, params) => Promise.resolve(planRun("jenkins-build", context, params, simulation)),

  async dryRun(context, plan) {
    const target = plannedTarget("jenkins-build", context, plan);
    if (!target.ok) return target;
    const accepted = await new JenkinsJob(context, target.value, plan).accepts();
    return accepted.ok ? ok(changeOfRun(plan)) : accepted;
  },

  async execute(context, plan) {
    const target = plannedTarget("jenkins-build", context, plan);
    return target.ok ? await runOnce(context, new JenkinsJob(context, target.value, plan).run()) : target;
  },

  async undo(context, plan) {
    const target = plannedTarget("jenkins-build", context, plan);
    return target.ok ? await confessRun(new JenkinsJob(context, target.value, plan).run()) : target;
  },
};
