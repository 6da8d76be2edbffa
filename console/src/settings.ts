import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@omega/shared/config-file.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { autonomyRulesSchema, type AutonomyRules } from "@omega/shared/policy/autonomy.ts";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { Projection } from "./projection.ts";
import type { Gauge, Settings, SettingsFile } from "./wire.ts";

/** What the console needs of the Coordinator's config; the rest of the file is the Coordinator's matter. */
const rulesSchema = z.object({
  rules: z
    .object({
      autonomy: autonomyRulesSchema.prefault({}),
      budgets: z
        .object({
          actionsPerMinute: z.number().optional(),
          targetsPerHour: z.number().optional(),
          incidentsMax: z.number().optional(),
        })
        .prefault({}),
    })
    .prefault({}),
});
export type Rules = z.infer<typeof rulesSchema>["rules"];

/** The rules that gauges and autonomy are read by, from the folder of config files; the standard ones where there is none. */
export function rulesIn(folder: string, environment: Readonly<Record<string, string | undefined>>): Rules {
  const config = readConfig(join(folder, "coordinator.yaml"), rulesSchema, environment);
  return config.ok ? config.value.rules : rulesSchema.parse({}).rules;
}

export function autonomyOf({ autonomy }: Rules): AutonomyRules {
  return autonomy;
}

/** How much of each budget is spent. */
export function gaugesOf({ budgets }: Rules, projection: Projection, now: number): Gauge[] {
  const targets = new Set(projection.ordersSince(now - 3_600_000).map(({ target }) => target)).size;
  const open = projection.incidents
    .cards(100)
    .filter(({ status, action }) => status !== "resolved" && status !== "escalated" && action !== undefined).length;
  const gauges = [
    {
      name: "Actions",
      used: projection.ordersSince(now - 60_000).length,
      max: budgets.actionsPerMinute,
      unit: "a minute",
    },
    { name: "Targets", used: targets, max: budgets.targetsPerHour, unit: "an hour" },
    { name: "Incidents being acted on", used: open, max: budgets.incidentsMax, unit: "at once" },
  ];
  return gauges.flatMap(({ max, ...gauge }) => (max === undefined ? [] : [{ ...gauge, max }]));
}

/** Config files as they are, with what is wrong with their form. Values of the environment are not filled in, so no secret shows. */
export function settingsOf(folder: string, projection: Projection): Settings {
  const { hash, inForce, mistakes } = projection.policies;
  return {
    folder,
    files: filesIn(folder),
    policies: { ...(hash === undefined ? {} : { hash }), inForce, mistakes },
  };
}

function filesIn(folder: string): SettingsFile[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  } catch (error) {
    return [{ name: folder, text: "", mistakes: [reasonOf(error)] }];
  }
  return names.toSorted().map((name) => {
    const text = readFileSync(join(folder, name), "utf8");
    const mistakes = parseDocument(text, { prettyErrors: true }).errors.map(({ message }) => message);
    return { name, text: masked(text), mistakes };
  });
}

/** A secret belongs into the environment; one that was written into a file all the same is not shown. */
function masked(text: string): string {
  return text.replaceAll(
    /^(\s*(?:- )?\w*(?:password|token|secret|apiKey|privateKey)\w*:\s*)(?!\$\{)(?=\S)(.+)$/gim,
    "$1(not shown)",
  );
}
