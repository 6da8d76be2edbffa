import type { Action } from "@omega/shared/action.ts";
import { canonicalJson } from "@omega/shared/canonical-json.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import type { Clients } from "../../ports.ts";
import { moveGuarded, passesCheck, readLine } from "../../ssh/guarded-move.ts";
import { bindParameters, fillWords, nameSchema, parameterNameSchema } from "../../ssh/parameters.ts";
import type { SshConfig } from "../../ssh/ssh-config.ts";
import { templateFor } from "../../ssh/template-choice.ts";

const paramsSchema = z.strictObject({
  host: nameSchema,
  /** Name of a template under `ssh.commands`. */
  template: nameSchema,
  values: z.record(parameterNameSchema, z.union([z.string().max(4096), z.number()])).default({}),
});
type Params = z.infer<typeof paramsSchema>;

const wordsSchema = z.array(z.string()).min(1);
const commandsSchema = z.strictObject({ check: wordsSchema, look: wordsSchema, run: wordsSchema, undo: wordsSchema });
const planSchema = z.strictObject({
  ...paramsSchema.required().shape,
  says: z.string(),
  /** Hosts that it may run on, by the configuration. */
  hosts: z.number().int().min(1),
  before: z.string(),
  after: z.string(),
  commands: commandsSchema,
  warnings: z.array(z.string()),
});
type Plan = z.infer<typeof planSchema>;

/** What the present configuration makes of the parameters. The state before is needed for the way back only. */
function fill(
  config: SshConfig,
  params: Params,
  before: string,
): Outcome<Pick<Plan, "says" | "hosts" | "after" | "commands">> {
  const template = templateFor(config.commands, "ssh.commands", params.template, params.host);
  if (!template.ok) return template;
  const bound = bindParameters(template.value.params, params.values, config.roots);
  if (!bound.ok) return bound;
  const { says, after } = template.value;
  const words = { check: template.value.check, look: template.value.before, run: template.value.run };
  const filled: Record<string, string[]> = {};
  for (const [part, argv] of Object.entries(words)) {
    const done = fillWords(argv, bound.value);
    if (!done.ok) return done;
    filled[part] = done.value;
  }
  const undo = fillWords(template.value.undo, { ...bound.value, before });
  if (!undo.ok) return undo;
  const target = fillWords([`=${after}`], bound.value);
  if (!target.ok) return target;
  const commands = commandsSchema.parse({ ...filled, undo: undo.value });
  const hosts = new Set(template.value.hosts).size;
  return ok({ says, hosts, after: target.value.join("").slice(1), commands });
}

/** A command of the operator's, chosen by name and filled with typed values; `before` tells its state and `undo` takes it back. */
export const action: Action<Params, Plan, Clients> = {
  type: "ssh.run-template",
  paramsSchema,
  planSchema,
  traits: {
    // Only what `before` prints is known to come back.
    reversible: "compensating",
    risk: "high",
    dryRun: "simulated",
    permissions: [],
    refuses: {
      nothing_to_change: "the state is what the template would make",
      template_changed: "the template is another than when it was planned",
    },
    target: ({ host, template }) => ({ system: "ssh", kind: "command", name: `${host}/${template}` }),
    blastRadius: ({ host, template, says, hosts }) => ({
      objects: [`${host}: ${template}`],
      instances: 1,
      // What a command does to a host is not known, so the host counts as taken away.
      ofInstances: hosts,
      workload: `hosts of ${template}`,
      says: `On ${host}: ${says}`,
    }),
  },

  async plan(context, params) {
    const { config } = context.clients.ssh;
    const first = fill(config, params, "");
    if (!first.ok) return first;
    const before = await readLine(context, params.host, first.value.commands.look);
    if (!before.ok) return before;
    const filled = fill(config, params, before.value);
    if (!filled.ok) return filled;
    if (before.value === filled.value.after) {
      return fail("terminal", "nothing_to_change", `${params.host} is already as '${params.template}' would make it.`);
    }
    const warnings = [`The command itself was not tried: only its check was run on ${params.host}.`];
    return ok({ ...params, ...filled.value, before: before.value, warnings });
  },

  async dryRun(context, plan) {
    const checked = await passesCheck(context, plan.host, plan.commands.check);
    if (!checked.ok) return checked;
    return ok([{ object: `${plan.host}: ${plan.template}`, path: "/state", before: plan.before, after: plan.after }]);
  },

  async execute(context, plan) {
    const { host, template, values, before, commands } = plan;
    // What runs is what the operator allows now; the way back stays as it was planned.
    const filled = fill(context.clients.ssh.config, { host, template, values }, before);
    if (!filled.ok) return filled;
    if (canonicalJson(filled.value.commands) !== canonicalJson(commands)) {
      return fail(
        "terminal",
        "template_changed",
        `The template '${template}' is no longer the one that was planned with.`,
      );
    }
    return await moveGuarded(context, { host, look: commands.look, from: before, to: plan.after, run: commands.run });
  },

  undo: (context, { host, before, after, commands }) =>
    moveGuarded(context, { host, look: commands.look, from: after, to: before, run: commands.undo }),
};
