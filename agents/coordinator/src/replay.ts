import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import type { Draft, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { canonicalJson } from "@omega/shared/canonical-json.ts";
import { readConfig } from "@omega/shared/config-file.ts";
import { deriveId } from "@omega/shared/ids.ts";
import { isDecisionOf } from "@omega/shared/stream-fold.ts";
import { readRecording, type RecordedEvent } from "@omega/shared/recording.ts";
import { configSchema, rulesSchema, type Rules } from "./config.ts";
import { decideBy } from "./decide.ts";
import { evolveBy, initialState } from "./state.ts";

/** Folds a recorded stream again and compares every decision with what the Coordinator said then. Calls nothing: no bus, clock or model. */

export interface Difference {
  readonly seq: number;
  readonly incidentId?: string;
  readonly type: string;
  readonly id: string;
  /** `not_recorded`: decided now, not said then; `not_decided`: said then, not decided now; `differs`: other content. */
  readonly kind: "not_recorded" | "not_decided" | "differs";
}

export interface Replay {
  readonly events: number;
  readonly decisions: number;
  readonly differing: readonly Difference[];
}

/** `unless`: the rules for what the recording holds before its first `rules.loaded`. */
export function replay(recording: readonly RecordedEvent[], unless: Rules, incidentId?: string): Replay {
  const evolve = evolveBy(unless);
  const decide = decideBy(unless);
  const spoken = new Map<string, RecordedEvent>();
  for (const recorded of recording) {
    if (isDecisionOf("coordinator", recorded.event)) spoken.set(recorded.event.id, recorded);
  }
  const ours = (event: { incidentid?: string | undefined }): boolean =>
    incidentId === undefined || event.incidentid === incidentId;
  const differing: Difference[] = [];
  const seen = new Set<string>();
  const decided = new Set<string>();
  let state = initialState;
  for (const { event, storedAt, seq } of recording) {
    if (seen.has(event.id)) continue;
    seen.add(event.id);
    // A decision was folded in with the message that it was made on, as StreamFold does it.
    if (!decided.has(event.id)) state = evolve(state, event, storedAt);
    const { say } = decide(event, state, { now: storedAt, fence: fenceAfter(event, spoken) });
    for (const draft of say) {
      const id = deriveId(event.id, draft.key ?? draft.type);
      decided.add(id);
      state = evolve(state, { ...event, ...draft, id } as OmegaEvent, storedAt);
      if (ours(draft)) differing.push(...compare(draft, id, seq, spoken.get(id)));
    }
  }
  for (const [id, { event, seq }] of spoken) {
    if (!decided.has(id) && ours(event)) differing.push({ seq, ...named(event), id, kind: "not_decided" });
  }
  const decisions = [...spoken.values()].filter(({ event }) => ours(event)).length;
  return { events: recording.length, decisions, differing: differing.toSorted((one, other) => one.seq - other.seq) };
}

function compare(draft: Draft, id: string, seq: number, recorded: RecordedEvent | undefined): Difference[] {
  if (recorded === undefined) return [{ seq, ...named(draft), id, kind: "not_recorded" }];
  const same = recorded.event.type === draft.type && canonicalJson(recorded.event.data) === canonicalJson(draft.data);
  return same ? [] : [{ seq: recorded.seq, ...named(draft), id, kind: "differs" }];
}

function named(event: { type: string; incidentid?: string | undefined }): { type: string; incidentId?: string } {
  return event.incidentid === undefined ? { type: event.type } : { type: event.type, incidentId: event.incidentid };
}

/** The fence is an input of the decision: the lease that was held then, as the order that followed tells. */
function fenceAfter(event: OmegaEvent, spoken: ReadonlyMap<string, RecordedEvent>): number {
  for (const type of ["action.ordered", "undo.ordered"] as const) {
    const order = spoken.get(deriveId(event.id, type))?.event;
    if (order?.type === type) return order.data.fence;
  }
  return 0;
}

/** What a Coordinator found when it started for the first time it decided by the rules that it then said. */
export function firstRulesOf(recording: readonly RecordedEvent[]): Rules | undefined {
  for (const { event } of recording) {
    const rules = event.type === "rules.loaded" ? rulesSchema.safeParse(event.data.rules) : undefined;
    if (rules?.success === true) return rules.data;
  }
  return undefined;
}

const usage = "usage: node agents/coordinator/src/replay.ts FILE [--config FILE] [--incident ID]\n";

/** Prints `{events, decisions, differing}`. Exit codes: 0 the same decisions, 1 others, 64 usage, 78 bad config or recording. */
async function main(): Promise<number> {
  const standard = fileURLToPath(new URL("../../../infra/config/coordinator.yaml", import.meta.url));
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { config: { type: "string" }, incident: { type: "string" } },
  });
  const [file] = positionals;
  if (file === undefined) {
    process.stderr.write(usage);
    return 64;
  }
  const config = readConfig(values.config ?? standard, configSchema, process.env);
  const recording = await readRecording(file);
  if (!config.ok || !recording.ok) {
    for (const outcome of [config, recording]) if (!outcome.ok) process.stderr.write(`${outcome.failure.message}\n`);
    return 78;
  }
  const told = values.config === undefined ? firstRulesOf(recording.value) : undefined;
  const result = replay(recording.value, told ?? config.value.rules, values.incident);
  process.stdout.write(`${JSON.stringify(result)}\n`);
  return result.differing.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
