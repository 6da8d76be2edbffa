import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { DetailedError } from "@cedar-policy/cedar-wasm/nodejs";
import type { PolicyMistake, PolicyText } from "@omega/bus-schemas/vocabulary.ts";
import { policyTextSchema } from "@omega/bus-schemas/vocabulary.ts";
import { canonicalHash } from "../canonical-json.ts";
import { reasonOf } from "../outcome.ts";
import { cedar } from "./cedar.ts";
import { SourceText } from "./source-text.ts";

/** Policies that were read together and are in force together. What `policy.loaded` carries. */
export interface PolicySet {
  /** SHA-256 of the canonical JSON of `policies`, hex. */
  readonly hash: string;
  /** In the order of their ids, so that the same policies have the same hash wherever they stand. */
  readonly policies: readonly PolicyText[];
}

export type PolicyReading =
  | { readonly ok: true; readonly set: PolicySet }
  | { readonly ok: false; readonly mistakes: readonly PolicyMistake[] };

/** The texts of a folder: `*.cedarschema` make one schema, `*.cedar` hold the policies. */
export interface PolicyFiles {
  readonly schema: readonly SourceText[];
  readonly policies: readonly SourceText[];
}

/** A set must fit into one message of the stream, with room to spare. */
const textMaxBytes = 262_144;

/** Reads and checks a folder. Names in mistakes are paths below `folder`. Nothing of a folder with a mistake is taken. */
export function readPolicyFolder(folder: string): PolicyReading {
  try {
    return checkPolicies(policyFilesIn(folder));
  } catch (error) {
    return refused([{ file: folder, line: 1, column: 1, message: reasonOf(error) }]);
  }
}

/** Throws what the file system throws. Hidden files are left alone: a mounted ConfigMap keeps its versions in some. */
export function policyFilesIn(folder: string): PolicyFiles {
  const names = readdirSync(folder)
    .filter((name) => !name.startsWith("."))
    .toSorted();
  const read = (ending: string): SourceText[] =>
    names
      .filter((name) => name.endsWith(ending))
      .map((name) => new SourceText(name, readFileSync(join(folder, name), "utf8")));
  return { schema: read(".cedarschema"), policies: read(".cedar") };
}

/** Parses, validates against the schema in Cedar's strict mode, and asks of each policy an `@id` of its own and a `@reason`. */
export function checkPolicies(files: PolicyFiles): PolicyReading {
  const schema = files.schema.map(({ text }) => text).join("\n");
  const mistakes = schemaMistakes(files.schema);
  if (mistakes.length > 0) return refused(mistakes);
  const found: PolicyText[] = [];
  for (const file of files.policies) {
    const read = policiesOf(file, schema);
    mistakes.push(...read.mistakes);
    found.push(...read.policies);
  }
  mistakes.push(...repeatedIds(found));
  const bytes = Buffer.byteLength(JSON.stringify(found));
  if (bytes > textMaxBytes) {
    const message = `the policies have ${bytes} bytes together; at most ${textMaxBytes} are taken`;
    mistakes.push({ file: files.policies.at(-1)?.name ?? "", line: 1, column: 1, message });
  }
  if (mistakes.length > 0) return refused(mistakes);
  const policies = found.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return { ok: true, set: { hash: policyHash(policies), policies } };
}

export function policyHash(policies: readonly PolicyText[]): string {
  return canonicalHash(policies);
}

function refused(mistakes: readonly PolicyMistake[]): PolicyReading {
  return { ok: false, mistakes };
}

function schemaMistakes(files: readonly SourceText[]): PolicyMistake[] {
  if (files.length === 0) return [{ file: ".", line: 1, column: 1, message: "the folder holds no *.cedarschema file" }];
  const whole = cedar().checkParseSchema(files.map(({ text }) => text).join("\n"));
  if (whole.type === "success") return [];
  // Offsets count through the files as they were joined.
  let before = 0;
  const places = files.map((file) => {
    const from = before;
    before += file.bytes + 1;
    return { file, from };
  });
  return flattened(whole.errors).map((error) => {
    const offset = error.sourceLocations?.[0]?.start ?? 0;
    const { file, from } = places.findLast((place) => place.from <= offset) ?? { file: files[0], from: 0 };
    return (file ?? new SourceText("schema", "")).mistakeAt(offset - from, textOf(error));
  });
}

/** The policies of one file that are in order, and the mistakes of the others. */
function policiesOf(file: SourceText, schema: string): { policies: PolicyText[]; mistakes: PolicyMistake[] } {
  const parsed = cedar().checkParsePolicySet({ staticPolicies: file.text });
  if (parsed.type === "failure") return { policies: [], mistakes: located(file, parsed.errors) };
  const parts = cedar().policySetTextToParts(file.text);
  if (parts.type === "failure") return { policies: [], mistakes: located(file, parts.errors) };
  const validated = cedar().validate({
    validationSettings: { mode: "strict" },
    schema,
    policies: { staticPolicies: file.text },
  });
  if (validated.type === "failure") return { policies: [], mistakes: located(file, validated.errors) };
  // A warning says that a policy can never apply, or that a text looks like another: nothing an operator wants in force.
  const doubts = [...validated.validationErrors, ...validated.validationWarnings];
  const mistakes = located(file, firstOfEach(doubts));
  const policies: PolicyText[] = [];
  let searchFrom = 0;
  for (const text of inTextOrder(parts.policies, file.text)) {
    const at = file.text.indexOf(text, searchFrom);
    searchFrom = at + text.length;
    const { line, column } = file.placeOf(Buffer.byteLength(file.text.slice(0, at)));
    const wrong = (message: string): void => void mistakes.push({ file: file.name, line, column, message });
    const { id, reason } = annotationsOf(text);
    if (id === undefined) {
      wrong('the policy has no @id("…")');
      continue;
    }
    if (reason === undefined) wrong('the policy has no @reason("…"), which people read on the incident');
    const policy = policyTextSchema.safeParse({ id, file: file.name, line, text });
    if (policy.success) policies.push(policy.data);
    else wrong(policy.error.issues.map(({ path, message }) => `@${path.join(".")} "${id}": ${message}`).join("; "));
  }
  return { policies, mistakes: mistakes.toSorted((one, other) => one.line - other.line || one.column - other.column) };
}

/** What a policy's annotations say; `@reason` may name `{context.x}` and `{resource.x}`. */
export function annotationsOf(text: string): { id?: string; reason?: string; advice?: string } {
  const answer = cedar().policyToJson(text);
  return answer.type === "success" ? (answer.json.annotations ?? {}) : {};
}

/** Cedar gives the parts in the order of the names that it made up (`policy10` before `policy2`). */
function inTextOrder(parts: readonly string[], text: string): readonly string[] {
  return parts.toSorted((one, other) => text.indexOf(one) - text.indexOf(other));
}

function repeatedIds(policies: readonly PolicyText[]): PolicyMistake[] {
  const first = new Map<string, PolicyText>();
  return policies.flatMap((policy) => {
    const other = first.get(policy.id);
    if (other === undefined) {
      first.set(policy.id, policy);
      return [];
    }
    const message = `the id "${policy.id}" is taken by ${other.file}:${other.line}`;
    return [{ file: policy.file, line: policy.line, column: 1, message }];
  });
}

/**
 * One complaint about one place: Cedar checks a policy for each action that it may apply to, and repeats itself. A warning counts for a
 * policy without errors only: a misspelt action also makes the policy one that can never apply.
 */
function firstOfEach(errors: readonly { policyId: string; error: DetailedError }[]): DetailedError[] {
  const policies = new Set<string>();
  const places = new Set<number | undefined>();
  return errors.flatMap(({ policyId, error }) => {
    const place = error.sourceLocations?.[0]?.start;
    const follows = places.has(place) || (error.severity === "warning" && policies.has(policyId));
    policies.add(policyId);
    places.add(place);
    return follows ? [] : [error];
  });
}

function located(file: SourceText, errors: readonly DetailedError[]): PolicyMistake[] {
  return flattened(errors).map((error) => file.mistakeAt(error.sourceLocations?.[0]?.start ?? 0, textOf(error)));
}

function flattened(errors: readonly DetailedError[]): DetailedError[] {
  return errors.flatMap((error) => [error, ...flattened(error.related ?? [])]);
}

function textOf({ message, help, sourceLocations }: DetailedError): string {
  // Cedar numbers the policies of a text; the place says it better.
  const plain = message.replace(/^for policy `policy\d+`[,:] /, "").replace(/^failed to parse \w+ from string: /, "");
  const further = [sourceLocations?.[0]?.label, help].filter((part) => part !== null && part !== undefined);
  return (further.length === 0 ? plain : `${plain} (${further.join("; ")})`).slice(0, 2048);
}
