import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { systemClock } from "@omega/shared/clock.ts";
import { readConfig } from "@omega/shared/config-file.ts";
import { createLog } from "@omega/shared/log.ts";
import { fail, ok, reasonOf, type Failure, type Outcome } from "@omega/shared/outcome.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import { z } from "zod";
import { loadActions, type AnyAction, type Registry } from "./actions/registry.ts";
import { openClients } from "./clients.ts";
import { surgeonConfigSchema, type SurgeonConfig } from "./config.ts";
import { planRepair, proveRepair } from "./offer.ts";
import { paramsFromWords } from "./params-from-words.ts";
import type { Clients } from "./ports.ts";

// Shows the catalogue, or what one action would do, by the same code, config and credentials as Surgeon. It has no way to execute.

const usage = `usage: node agents/surgeon/src/plan-main.ts ls
       node agents/surgeon/src/plan-main.ts plan TYPE [KEY=VALUE ...] [--dry-run] [--config FILE]
`;
const exit = { ok: 0, refused: 1, usage: 64, unavailable: 69, config: 78 } as const;

/** One entry of the catalogue, as `ls` prints it. */
function entryOf({ type, paramsSchema, traits }: AnyAction): object {
  const { reversible, risk, permissions } = traits;
  return { type, reversible, risk, permissions, params: z.toJSONSchema(paramsSchema, { io: "input" }) };
}

async function plan(
  type: string,
  words: readonly string[],
  dryRun: boolean,
  config: SurgeonConfig,
  registry: Registry,
): Promise<Outcome<object>> {
  const action = registry.get(type);
  if (action === undefined) {
    return fail("terminal", "action_unknown", `No action ${type} is installed; omega actions ls shows them.`);
  }
  const params = paramsFromWords(words, action.paramsSchema);
  if (!params.ok) return params;
  const log = createLog("surgeon-plan", "silent");
  const { clients, close } = openClients(config, log, process.env);
  const context: ActionContext<Clients> = {
    clients,
    clock: systemClock,
    log,
    fieldManager: "omega-plan",
    signal: AbortSignal.timeout(config.deadlines.proposeMs),
  };
  try {
    const repair = { actionType: type, params: params.value, reasons: ["asked for by a person"], warnings: [] };
    const planned = await planRepair(repair, { registry, namespaces: config.namespaces }, context);
    if (!planned.ok) return planned;
    const { reversible, risk, permissions } = action.traits;
    const { target, planJson, planHash, blastRadius, warnings } = planned.value;
    const shown = {
      actionType: type,
      params: params.value,
      target,
      reversible,
      risk,
      permissions,
      blastRadius,
      warnings,
    };
    if (!dryRun) return ok({ ...shown, plan: planJson, planHash, dryRun: "not run" });
    const option = await proveRepair(planned.value, "plan", context);
    if (!option.ok) return option;
    return ok({ ...shown, plan: planJson, planHash, dryRun: option.value.dryRun, changes: option.value.changes });
  } finally {
    close();
  }
}

function exitOf({ kind, code }: Failure): number {
  if (code === "bad_params" || code === "action_unknown") return exit.usage;
  return kind === "retryable" || code === "no_cluster" || code === "unauthorized" ? exit.unavailable : exit.refused;
}

/** Prints one JSON object: the catalogue, the plan, or `{failure}`. Exit codes: 0 it would be done, 1 refused, 64 usage, 69 no cluster, 78 bad config. */
async function main(): Promise<number> {
  const standard = fileURLToPath(new URL("../../../infra/config/surgeon.yaml", import.meta.url));
  const options = {
    config: { type: "string", default: standard },
    "dry-run": { type: "boolean", default: false },
  } as const;
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options });
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n${usage}`);
    return exit.usage;
  }
  const [verb, type, ...words] = parsed.positionals;
  const registry = await loadActions();
  if (verb === "ls" && type === undefined) {
    process.stdout.write(`${JSON.stringify({ actions: [...registry.values()].map(entryOf) })}\n`);
    return exit.ok;
  }
  if (verb !== "plan" || type === undefined) {
    process.stderr.write(usage);
    return exit.usage;
  }
  const config = readConfig(parsed.values.config, surgeonConfigSchema, process.env);
  if (!config.ok) {
    process.stderr.write(`${config.failure.message}\n`);
    return exit.config;
  }
  const shown = await plan(type, words, parsed.values["dry-run"], config.value, registry);
  process.stdout.write(`${JSON.stringify(shown.ok ? shown.value : { failure: shown.failure })}\n`);
  return shown.ok ? exit.ok : exitOf(shown.failure);
}

process.exitCode = await main();
