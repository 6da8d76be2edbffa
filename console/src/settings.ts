import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "@omega/shared/config-file.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { autonomyRulesSchema, type AutonomyRules } from "@omega/shared/policy/autonomy.ts";
import { parseDocument } from "yaml";
import { z } from "zod";
import type { ConfigChecks } from "./config-checks.ts";
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

/** The rules that the Coordinator said on the stream that it decides by; those of the file where it has not said any yet. */
export function rulesInForce(said: unknown, ofFile: Rules): Rules {
  const parsed = rulesSchema.safeParse({ rules: said });
  return said !== undefined && parsed.success ? parsed.data.rules : ofFile;
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

/** Config files as they are, with what is wrong with them in the eyes of the processes that they are for. Values of the environment are not filled in, so no secret shows. */
export async function settingsOf(folder: string, projection: Projection, checks: ConfigChecks): Promise<Settings> {
  const { hash, inForce, mistakes } = projection.policies;
  return {
    folder,
    files: await filesIn(folder, checks),
    policies: { ...(hash === undefined ? {} : { hash }), inForce, mistakes },
  };
}

async function filesIn(folder: string, checks: ConfigChecks): Promise<SettingsFile[]> {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  } catch (error) {
    return [{ name: folder, text: "", isChecked: false, mistakes: [reasonOf(error)] }];
  }
  const files: SettingsFile[] = [];
  // One after the other: each check is a process for a moment.
  for (const name of names.toSorted()) {
    const text = readFileSync(join(folder, name), "utf8");
    const mistakes = await checks.mistakesIn(join(folder, name));
    const malformed = parseDocument(text, { prettyErrors: true }).errors.map(({ message }) => message);
    files.push({ name, text: masked(text), isChecked: mistakes !== undefined, mistakes: mistakes ?? malformed });
  }
  return files;
}

/** A secret belongs into the environment; one that was written into a file all the same is not shown. */
function masked(text: string): string {
  return text.replaceAll(
    /^(\s*(?:- )?\w*(?:password|token|secret|apiKey|privateKey)\w*:\s*)(?!\$\{)(?=\S)(.+)$/gim,
    "$1(not shown)",
  );
}
