import { createHash } from "node:crypto";
import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import type { MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Log } from "@omega/shared/log.ts";
import { ok, type Outcome } from "@omega/shared/outcome.ts";
import type { Effect } from "./decide.ts";
import type { Memory, Shelf } from "./ports.ts";
import { adviceOf } from "./recall.ts";
import type { State } from "./state.ts";

export interface Surroundings {
  readonly memory: Memory;
  readonly shelf: Shelf;
  readonly clock: Clock;
  readonly log: Log;
}

type Performed = Promise<Outcome<readonly Draft[]>>;

export function handler(around: Surroundings): (effect: Effect, context: EffectContext<State>) => Performed {
  return (effect, context) => {
    switch (effect.kind) {
      case "recall":
        return recall(around, effect, context);
      case "shelve":
        return shelve(around, effect);
    }
  };
}

/** A memory that is down is an answer too: the incident must not wait for it. */
async function recall(
  { memory, clock, log }: Surroundings,
  { incidentId, symptom }: Extract<Effect, { kind: "recall" }>,
  context: EffectContext<State>,
): Performed {
  const began = clock.now();
  const recalled = await memory.recall(symptom, context.state().remembered);
  const tookMs = Math.max(0, clock.now() - began);
  if (!recalled.ok) log.warn({ incidentId, failure: recalled.failure }, "memory did not answer");
  const matches: MemoryMatch[] = recalled.ok ? [...recalled.value] : [];
  const verdict = recalled.ok ? (matches.length > 0 ? "similar" : "none") : "unavailable";
  const says = recalled.ok
    ? adviceOf(matches, context.state().remembered)
    : `Memory is unavailable: ${recalled.failure.message}`.slice(0, 1024);
  return ok([{ type: "memory.recalled", incidentid: incidentId, data: { verdict, matches, says, tookMs } }]);
}

/** The file is a copy for people, so a full disk costs the copy and never the event. A crash between the two writes both again. */
async function shelve(
  { shelf, log }: Surroundings,
  { incidentId, markdown }: Extract<Effect, { kind: "shelve" }>,
): Performed {
  const put = await shelf.put(incidentId, markdown);
  if (put.ok) log.info({ incidentId, place: put.value }, "wrote the post-mortem");
  else log.warn({ incidentId, failure: put.failure }, "could not write the post-mortem's file");
  const sha256 = createHash("sha256").update(markdown).digest("hex");
  return ok([
    {
      type: "postmortem.written",
      incidentid: incidentId,
      data: { mediaType: "text/markdown", text: markdown, sha256 },
    },
  ]);
}
