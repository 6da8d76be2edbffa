import type { Action, ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { commandFailure, look, passesCheck, readLine } from "../../ssh/guarded-move.ts";
import { nameSchema } from "../../ssh/parameters.ts";
import { templateFor } from "../../ssh/template-choice.ts";

const paramsSchema = z.strictObject({
  host: nameSchema,
  /** Name of a template under `ssh.services`. */
  service: nameSchema,
});
type Params = z.infer<typeof paramsSchema>;

const wordsSchema = z.array(z.string()).min(1);
const planSchema = z.strictObject({
  ...paramsSchema.shape,
  active: z.boolean(),
  /** Hosts that run it, by the configuration: how much of it one restart takes away. */
  hosts: z.number().int().min(1),
  /** Names the run of the service that was found, such as systemd's invocation id; empty where it was not running. */
  instance: z.string(),
  commands: z.strictObject({ active: wordsSchema, instance: wordsSchema, stop: wordsSchema }),
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;
type Context = ActionContext<Clients>;
interface State {
  readonly active: boolean;
  readonly instance: string;
}

const looksMax = 40;
const lookEveryMs = 250;

async function stateOf(
  context: Context,
  host: string,
  commands: Pick<Plan["commands"], "active" | "instance">,
): Promise<Outcome<State>> {
  const instance = await readLine(context, host, commands.instance);
  if (!instance.ok) return instance;
  const active = await look(context, host, commands.active);
  if (!active.ok) return active;
  return ok({ active: active.value.exitCode === 0, instance: instance.value });
}

/** Looks until the state holds what is wanted, for some seconds: not every service manager waits. */
async function reaches(context: Context, plan: Plan, wanted: (state: State) => boolean): Promise<Outcome<boolean>> {
  for (let looks = 1; ; looks += 1) {
    const state = await stateOf(context, plan.host, plan.commands);
    if (!state.ok)
      return fail("unknown", state.failure.code, `${titleOf(plan)}: the command ran; then: ${state.failure.message}`);
    if (wanted(state.value)) return ok(true);
    if (looks === looksMax || context.signal.aborted) return ok(false);
    await context.clock.sleep(lookEveryMs, context.signal);
  }
}

const titleOf = ({ host, service }: Params): string => `The service ${service} on ${host}`;

/** Restarts a service that is in the state in which it was found. The way back is its activity: a run that has ended does not come back. */
export const action: Action<Params, Plan, Clients> = {
  type: "ssh.restart-service",
  paramsSchema,
  planSchema,
  traits: {
    reversible: "compensating",
    risk: "medium",
    dryRun: "simulated",
    permissions: [],
    refuses: {},
    target: ({ host, service }) => ({ system: "ssh", kind: "service", name: `${host}/${service}` }),
    blastRadius: ({ host, service, active, hosts }) => ({
      objects: [`${host}: ${service}`],
      instances: 1,
      ofInstances: hosts,
      // A service that does not run is not taken away from anybody.
      unavailable: active ? 1 : 0,
      workload: `service ${service}`,
      says: active
        ? `${service} on ${host} drops what it is doing and starts anew.`
        : `${service} on ${host}, not running now, starts.`,
    }),
  },

  async plan(context, params) {
    const template = templateFor(context.clients.ssh.config.services, "ssh.services", params.service, params.host);
    if (!template.ok) return template;
    const { active, instance, stop } = template.value;
    const commands = { active, instance, stop };
    const state = await stateOf(context, params.host, commands);
    if (!state.ok) return state;
    const way = state.value.active
      ? "Undo only makes sure that the service is active: the run that ends here does not come back."
      : "Undo stops the service again.";
    return ok({
      ...params,
      ...state.value,
      hosts: new Set(template.value.hosts).size,
      commands,
      warnings: ["The restart itself was not tried: only its check was run.", way],
    });
  },

  async dryRun(context, plan) {
    const template = templateFor(context.clients.ssh.config.services, "ssh.services", plan.service, plan.host);
    if (!template.ok) return template;
    const checked = await passesCheck(context, plan.host, template.value.check);
    if (!checked.ok) return checked;
    const object = `${plan.host}: ${plan.service}`;
    const instance = { object, path: "/instance", before: plan.instance, after: "(a new one)" };
    return ok(plan.active ? [instance] : [{ object, path: "/active", before: false, after: true }, instance]);
  },

  async execute(context, plan) {
    const template = templateFor(context.clients.ssh.config.services, "ssh.services", plan.service, plan.host);
    if (!template.ok) return template;
    const isAnew = ({ active, instance }: State): boolean => active && instance !== plan.instance;
    const state = await stateOf(context, plan.host, plan.commands);
    if (!state.ok) return state;
    if (isAnew(state.value)) return ok();
    if (state.value.instance !== plan.instance || state.value.active !== plan.active) {
      return fail(
        "conflict",
        "service_changed",
        `${titleOf(plan)} is ${wordsFor(state.value)}, not ${wordsFor(plan)} as planned.`,
      );
    }
    const guard = { argv: plan.commands.instance, expected: plan.instance };
    const command = { host: plan.host, argv: template.value.restart, guard, effect: "change" } as const;
    const done = await context.clients.ssh.shell.run(command, context.signal);
    if (!done.ok) return done;
    if (done.value.exitCode !== 0) return { ok: false, failure: commandFailure(plan.host, done.value) };
    const reached = await reaches(context, plan, isAnew);
    if (!reached.ok) return reached;
    return reached.value
      ? ok()
      : fail("terminal", "not_active", `${titleOf(plan)} was restarted but did not become active.`);
  },

  async undo(context, plan) {
    const state = await stateOf(context, plan.host, plan.commands);
    if (!state.ok) return state;
    if (state.value.active === plan.active) return ok();
    if (plan.active)
      return fail(
        "conflict",
        "service_changed",
        `${titleOf(plan)} was active and has been stopped since, not by this action.`,
      );
    const guard = { argv: plan.commands.instance, expected: state.value.instance };
    const done = await context.clients.ssh.shell.run(
      { host: plan.host, argv: plan.commands.stop, guard, effect: "change" },
      context.signal,
    );
    if (!done.ok) return done;
    if (done.value.exitCode !== 0) return { ok: false, failure: commandFailure(plan.host, done.value) };
    const reached = await reaches(context, plan, ({ active }) => !active);
    if (!reached.ok) return reached;
    return reached.value ? ok() : fail("terminal", "still_active", `${titleOf(plan)} did not stop.`);
  },
};

function wordsFor({ active, instance }: State): string {
  return active ? `active as ${instance}` : "not active";
}
