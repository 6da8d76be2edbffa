import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { readConfig } from "./config-file.ts";
import { reasonOf } from "./outcome.ts";
import { isSecretName, redacted } from "./redact.ts";

const usageCode = 64;
const configCode = 78;

/** What `--check` prints, as one line of JSON. */
export const configReportSchema = z.discriminatedUnion("ok", [
  z.strictObject({
    ok: z.literal(true),
    file: z.string(),
    /** Every setting with its value in force; values of settings whose name says that they are secret are left out. */
    effective: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({
    ok: z.literal(false),
    file: z.string(),
    /** Each as `file:line:column: what is wrong`. */
    mistakes: z.array(z.string()),
  }),
]);
export type ConfigReport = z.infer<typeof configReportSchema>;

/**
 * The config of a process from its command line: `--config FILE` (else `infra/config/<name>.yaml`), and the process's own `flags`.
 * `--check` prints a {@link ConfigReport} instead of starting it, `--schema` the JSON Schema of the file. Returns `undefined` when the
 * process has nothing further to do; the exit code is set then: 0, 64 for a bad command line, 78 (EX_CONFIG) for a bad file.
 */
export function configFromCommandLine<Schema extends z.ZodType, Flag extends string = never>(process_: {
  readonly name: string;
  /** The program, as a person starts it. */
  readonly program: string;
  readonly schema: Schema;
  readonly flags?: readonly Flag[];
}): { config: z.output<Schema>; flags: ReadonlySet<Flag> } | undefined {
  const { name, program, schema, flags = [] } = process_;
  const standard = fileURLToPath(new URL(`../../infra/config/${name}.yaml`, import.meta.url));
  const flag = { type: "boolean", default: false } as const;
  let given: Readonly<Record<string, string | boolean | undefined>>;
  try {
    const own = Object.fromEntries(flags.map((each) => [each, flag]));
    const options = { config: { type: "string", default: standard }, check: flag, schema: flag, ...own } as const;
    given = parseArgs({ options }).values;
  } catch (error) {
    const more = flags.map((each) => ` [--${each}]`).join("");
    process.stderr.write(
      `${name}: ${reasonOf(error)}\nusage: node ${program} [--config FILE] [--check] [--schema]${more}\n`,
    );
    process.exitCode = usageCode;
    return undefined;
  }
  if (given["schema"] === true) {
    process.stdout.write(`${JSON.stringify(fileSchema(schema, name))}\n`);
    return undefined;
  }
  const file = String(given["config"]);
  const config = readConfig(file, schema, process.env);
  if (given["check"] === true) {
    process.stdout.write(`${JSON.stringify(reportOf(file, config))}\n`);
    if (!config.ok) process.exitCode = configCode;
    return undefined;
  }
  if (!config.ok) {
    process.stderr.write(`${name}: ${config.failure.code}\n${config.failure.message}\n`);
    process.exitCode = configCode;
    return undefined;
  }
  return { config: config.value, flags: new Set(flags.filter((each) => given[each] === true)) };
}

function reportOf(file: string, config: ReturnType<typeof readConfig>): ConfigReport {
  if (!config.ok) return { ok: false, file, mistakes: config.failure.message.split("\n") };
  return { ok: true, file, effective: z.record(z.string(), z.unknown()).parse(withoutSecrets(config.value)) };
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      typeof inner === "string" && inner !== "" && isSecretName(key) ? redacted : withoutSecrets(inner),
    ]),
  );
}

/**
 * JSON Schema (2020-12) of a config file as editors need it. Any value may also be written `${NAME}` or `${NAME:-default}`, so what is
 * no text accepts such a text too.
 */
export function fileSchema(schema: z.ZodType, name: string): object {
  const made = z.toJSONSchema(schema, { io: "input", unrepresentable: "any", override: takesEnvironment });
  return { ...made, title: `Settings of ${name}` };
}

const fromEnvironment = { type: "string", pattern: String.raw`^\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}$` };

function takesEnvironment({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  const { type, description, default: fallback, ...rest } = jsonSchema;
  const narrow = type === "string" && (rest.pattern ?? rest.format ?? rest.minLength ?? rest.enum) !== undefined;
  if (type !== "number" && type !== "integer" && type !== "boolean" && !narrow) return;
  for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
  Object.assign(jsonSchema, {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [{ type, ...rest }, fromEnvironment],
  });
}
