import { z } from "zod";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";

const shapeSchema = z.looseObject({
  properties: z.record(z.string(), z.looseObject({ type: z.string().optional() })).default({}),
});

/**
 * Reads `key=value` words as a person types them, by the types that an action's schema has: `replicas=3` is a number where the schema
 * wants one, `data.timeout.ms=2000` the entry `timeout.ms` of the map `data`, `data.old:=null` a value in JSON. Whether the values are
 * right is the schema's matter. Failure `terminal/bad_params` names the word.
 */
export function paramsFromWords(words: readonly string[], paramsSchema: z.ZodType): Outcome<JsonObject> {
  const { properties } = shapeSchema.parse(z.toJSONSchema(paramsSchema, { io: "input" }));
  const params: JsonObject = {};
  for (const word of words) {
    const found = /^([^=]+?)(:?=)(.*)$/s.exec(word);
    if (found === null) return fail("terminal", "bad_params", `'${word}' is not of the form key=value.`);
    const [, path = "", sign = "", text = ""] = found;
    const [key = "", ...rest] = Object.hasOwn(properties, path) ? [path] : path.split(".");
    if (!Object.hasOwn(properties, key)) {
      const known = Object.keys(properties).join(", ");
      return fail("terminal", "bad_params", `'${word}': there is no parameter '${key}'; there are: ${known}.`);
    }
    const type = rest.length === 0 ? (properties[key]?.type ?? "string") : "string";
    const value = sign === ":=" || type !== "string" ? jsonOf(text) : ok(text);
    if (!value.ok) return fail("terminal", "bad_params", `'${word}': ${value.failure.message}`);
    if (rest.length === 0) params[key] = value.value;
    else params[key] = { ...(params[key] as JsonObject | undefined), [rest.join(".")]: value.value };
  }
  return ok(params);
}

function jsonOf(text: string): Outcome<JsonObject[string]> {
  try {
    return ok(JSON.parse(text) as JsonObject[string]);
  } catch {
    return fail("terminal", "bad_params", `'${text}' is no JSON value.`);
  }
}
