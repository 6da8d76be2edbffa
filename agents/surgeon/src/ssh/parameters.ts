import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import { z } from "zod";
import { refusalOf } from "./quoting.ts";

/** Names that operators give: of hosts, templates, roots and targets. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower-case letters, digits and dashes");
export const absolutePathSchema = z
  .string()
  .regex(/^(\/[^/\p{C}]+)+$/u, "must be an absolute path without '//' or a slash at its end")
  .refine((path) => !path.split("/").some((step) => step === "." || step === ".."), "must not hold '.' or '..'");

/** The regular expressions that JavaScript and the host's grep -E read alike: no escapes by letter, no look-around. */
const patternSchema = z
  .string()
  .min(1)
  .max(512)
  .refine(
    (pattern) => !/\\[A-Za-z0-9]|\(\?|[*+?}][?+]/.test(pattern),
    "must be a plain POSIX expression (no \\d, (?…), *?)",
  )
  .refine((pattern) => compiles(pattern), "is no regular expression");

/** What a parameter of a template may be. */
export const parameterSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("enum"), values: z.array(z.string().min(1).max(256)).min(1).max(64) }),
  z.strictObject({ type: z.literal("integer"), min: z.number().int(), max: z.number().int() }),
  /** Any text that the pattern matches from end to end. */
  z.strictObject({
    type: z.literal("text"),
    pattern: patternSchema,
    lengthMax: z.number().int().min(1).max(4096).default(256),
  }),
  /** A path relative to a named root of the configuration. */
  z.strictObject({ type: z.literal("path"), root: nameSchema }),
]);
export type Parameter = z.infer<typeof parameterSchema>;

export const parameterNameSchema = z.string().regex(/^[a-z][a-zA-Z0-9]{0,31}$/, "must be letters and digits");
export const parametersSchema = z.record(parameterNameSchema, parameterSchema);
export type Parameters = z.infer<typeof parametersSchema>;
export type ParameterValues = Readonly<Record<string, string | number>>;

/**
 * Checks the values against their declarations and gives the text of each. Failure `terminal/bad_parameter` names the first that is
 * missing, undeclared or outside its type.
 */
export function bindParameters(
  declared: Parameters,
  values: ParameterValues,
  roots: Readonly<Record<string, string>>,
): Outcome<Readonly<Record<string, string>>> {
  const bound: Record<string, string> = {};
  for (const name of Object.keys(values)) {
    if (!Object.hasOwn(declared, name)) return refuse(name, "is not declared");
  }
  for (const [name, parameter] of Object.entries(declared)) {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) return refuse(name, "is missing");
    const text = textOf(parameter, value, roots);
    if (!text.ok) return refuse(name, text.failure.message);
    const unfit = refusalOf(text.value);
    if (unfit !== undefined) return refuse(name, unfit);
    bound[name] = text.value;
  }
  return ok(bound);
}

function textOf(
  parameter: Parameter,
  value: string | number,
  roots: Readonly<Record<string, string>>,
): Outcome<string> {
  const no = (why: string): Outcome<never> => fail("terminal", "bad_parameter", why);
  switch (parameter.type) {
    case "enum":
      return parameter.values.includes(String(value))
        ? ok(String(value))
        : no(`must be one of ${parameter.values.join(", ")}`);
    case "integer": {
      const { min, max } = parameter;
      const number = typeof value === "string" && /^(0|-?[1-9][0-9]{0,15})$/.test(value) ? Number(value) : value;
      const fits = Number.isSafeInteger(number) && Number(number) >= min && Number(number) <= max;
      return fits ? ok(String(number)) : no(`must be an integer from ${min} to ${max}`);
    }
    case "text": {
      const text = String(value);
      const fits = text.length <= parameter.lengthMax && new RegExp(`^(?:${parameter.pattern})$`, "u").test(text);
      return fits ? ok(text) : no(`must match ${parameter.pattern} in at most ${parameter.lengthMax} characters`);
    }
    case "path": {
      const root = Object.hasOwn(roots, parameter.root) ? roots[parameter.root] : undefined;
      if (root === undefined) return no(`is under the root '${parameter.root}', which is not configured`);
      const steps = String(value).split("/");
      const fits = steps.every((step) => step !== "" && step !== "." && step !== "..");
      return fits ? ok(`${root}/${String(value)}`) : no(`must be a path below ${root}, without '.', '..' or '//'`);
    }
  }
}

function refuse(name: string, why: string): Outcome<never> {
  return fail("terminal", "bad_parameter", `Parameter '${name}' ${why}.`);
}

function compiles(pattern: string): boolean {
  try {
    return new RegExp(`^(?:${pattern})$`, "u") instanceof RegExp;
  } catch {
    return false;
  }
}

const placeholder = /\{([A-Za-z][A-Za-z0-9]*)\}/g;

/** Names between braces in the words. */
export function placeholdersOf(words: readonly string[]): string[] {
  return words.flatMap((word) => [...word.matchAll(placeholder)].map(([, name]) => name ?? ""));
}

/**
 * Puts values into a template's words: each word stays one argument, whatever the value. Failure `terminal/leading_dash`: a value would
 * turn its argument into an option; a word '--' before it, or text in front of the placeholder, makes it harmless.
 */
export function fillWords(words: readonly string[], values: Readonly<Record<string, string>>): Outcome<string[]> {
  const filled: string[] = [];
  for (const [index, word] of words.entries()) {
    const argument = word.replace(placeholder, (whole, name: string) =>
      Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
    );
    if (argument.startsWith("-") && word.startsWith("{") && !words.slice(0, index).includes("--")) {
      return fail(
        "terminal",
        "leading_dash",
        `'${argument.slice(0, 64)}' would be read as an option; put '--' before ${word}.`,
      );
    }
    filled.push(argument);
  }
  return ok(filled);
}
