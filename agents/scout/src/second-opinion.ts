import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { EffectContext } from "@omega/shared/agent.ts";
import type { Clock } from "@omega/shared/clock.ts";
import type { Model } from "@omega/shared/model/model.ts";
import { References } from "@omega/shared/model/references.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";
import type { TelemetryReader } from "./ports.ts";
import { factsOf } from "./review/facts.ts";
import { type Review, review, unavailable } from "./review/review.ts";
import type { State } from "./state.ts";

/** What a second opinion needs; without a model there is none. */
export interface Reviewers {
  readonly model: Model;
  /** Words of this place that telemetry may show to the model. */
  readonly plainWords: readonly string[];
}

/** Memory is asked when the incident opens, and mostly answers before the diagnosis is in; so long it is waited for. */
const recallMs = 1_000;
const lookEveryMs = 50;
/** The answer has to travel, too. */
const marginMs = 500;

/** Until when the Coordinator is told to wait for an opinion asked for now. */
export const reviewByMs = (model: Model, nowMs: number): number => nowMs + recallMs + model.deadlineMs + marginMs;

/** Asks for a second opinion on a diagnosis; whatever comes of it, an event says so before the time is over. */
export async function answerReview(
  around: { readonly telemetry: TelemetryReader; readonly clock: Clock; readonly reviewers: Reviewers | undefined },
  reached: EventOf<"diagnosis.reached">,
  context: EffectContext<State>,
  signal: AbortSignal,
): Promise<Outcome<readonly Draft[]>> {
  const { clock, reviewers } = around;
  // The process that announced it had a model, this one has none: the Coordinator goes on at its deadline.
  if (reviewers === undefined) return ok([]);
  const startedMs = clock.now();
  const incidentid = reached.incidentid ?? "";
  const untilMs = Date.parse(reached.data.reviewBy ?? "") - marginMs;
  const given = await withinMs(clock, untilMs - startedMs, signal, (deadline) =>
    opinion(around, reviewers, reached, context, deadline),
  );
  if (signal.aborted) return fail("retryable", "stopping", "Scout is being stopped; the next process answers.");
  const result = given ?? unavailable(reviewers.model, [], "there was no time left to ask.");
  const asked = result.consultations.map((record, index): Draft => ({
    type: "model.consulted",
    incidentid,
    data: record,
    key: `consulted ${index}`,
  }));
  const data = { ...result.reviewed, tookMs: Math.max(0, clock.now() - startedMs) };
  return ok([...asked, { type: "diagnosis.reviewed", incidentid, data }]);
}

async function opinion(
  around: { readonly telemetry: TelemetryReader; readonly clock: Clock },
  { model, plainWords }: Reviewers,
  reached: EventOf<"diagnosis.reached">,
  context: EffectContext<State>,
  signal: AbortSignal,
): Promise<Review> {
  const { clock, telemetry } = around;
  const incidentId = reached.incidentid ?? "";
  const known = () => context.state().incidents.get(incidentId);
  const giveUpMs = clock.now() + recallMs;
  while (known()?.recalled === undefined && clock.now() < giveUpMs && !signal.aborted)
    await clock.sleep(lookEveryMs, signal);
  const facts = factsOf({ diagnosis: reached.data, recalled: known()?.recalled ?? [] }, new References(plainWords));
  return await review(facts, {
    model,
    incidentId,
    traceparent: reached.traceparent,
    spent: known()?.spent ?? { questions: 0, tokens: 0, costUsd: 0 },
    signal,
    look: (look) => telemetry.look(look, { onsetMs: Date.parse(reached.data.onset), nowMs: clock.now() }),
  });
}

/** `undefined` when there is no time at all. The work itself ends at the signal. */
async function withinMs<T>(
  clock: Clock,
  limitMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  if (limitMs <= 0) return undefined;
  const over = new AbortController();
  const late = new AbortController();
  const timer = clock.sleep(limitMs, over.signal).then(() => late.abort());
  try {
    return await work(AbortSignal.any([outer, late.signal]));
  } finally {
    over.abort();
    await timer;
  }
}
