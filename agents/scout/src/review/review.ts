import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import {
  type Consultation,
  type Consulted,
  type Model,
  noUsage,
  type Spent,
  spentAfter,
  usageOf,
} from "@omega/shared/model/model.ts";
import { loadPrompt } from "@omega/shared/model/prompt.ts";
import { type ReviewAnswer, reviewAnswerSchema, weigh } from "./answer.ts";
import { type Facts, withLook } from "./facts.ts";
import type { Look, LookRow } from "./looks.ts";

export const reviewPrompt = loadPrompt("review", 1);

export interface ReviewSetting {
  readonly model: Model;
  readonly incidentId: string;
  readonly traceparent?: string | undefined;
  readonly spent: Spent;
  readonly signal: AbortSignal;
  look(look: Look): readonly LookRow[];
}

/** A second opinion, with every question that was put for it. */
export interface Review {
  readonly consultations: readonly Consultation[];
  readonly reviewed: Omit<DataOf<"diagnosis.reviewed">, "tookMs">;
}

/** Asks once, and once more when the model wanted one of the looks it was offered. Never rejects; without an answer it says why. */
export const review = async (facts: Facts, setting: ReviewSetting): Promise<Review> => {
  const { model } = setting;
  const first = await ask(facts, setting, setting.spent);
  const consultations = [first.record];
  if (!first.answer.ok) return unavailable(model, consultations, first.answer.failure.message);
  const wanted = first.answer.value.look;
  const look = wanted === null ? undefined : facts.looks.get(wanted);
  if (wanted === null || look === undefined) return reviewed(model, consultations, first.answer.value, facts);
  const more = withLook(facts, wanted, setting.look(look));
  const second = await ask(more, setting, spentAfter(setting.spent, first.record.usage));
  consultations.push(second.record);
  // The first answer is still one, when there was no time or money for the second.
  if (!second.answer.ok) return reviewed(model, consultations, first.answer.value, facts);
  return reviewed(model, consultations, second.answer.value, more, lookSays(look));
};

const ask = (facts: Facts, setting: ReviewSetting, spent: Spent): Promise<Consulted<ReviewAnswer>> =>
  setting.model.ask({
    task: "review",
    prompt: reviewPrompt,
    facts: facts.shown,
    answer: reviewAnswerSchema,
    spent,
    incidentId: setting.incidentId,
    traceparent: setting.traceparent,
    signal: setting.signal,
  });

const lookSays = (look: Look): string =>
  look.kind === "trace" ? `trace ${look.traceId}` : `${look.kind} of ${look.service}`.slice(0, 512);

const usageIn = (consultations: readonly Consultation[]) =>
  consultations.map(({ usage }) => usage).reduce((sum, usage) => usageOf(sum, usage), noUsage);

const reviewed = (
  model: Model,
  consultations: readonly Consultation[],
  answer: ReviewAnswer,
  facts: Facts,
  looked?: string,
): Review => {
  const weighed = weigh(answer, facts);
  const [top] = weighed.order;
  const verdict = top?.rank === 1 ? "agrees with the first candidate" : `puts candidate ${top?.rank ?? 0} first`;
  const dropped = weighed.claimsDropped === 0 ? "" : ` ${weighed.claimsDropped} claims without evidence were dropped.`;
  return {
    consultations,
    reviewed: {
      outcome: "reviewed",
      model: model.name,
      ...weighed,
      ...(looked === undefined ? {} : { looked }),
      usage: usageIn(consultations),
      says: `${model.name} ${verdict} at confidence ${(top?.confidence ?? 0).toFixed(2)}.${dropped}`,
    },
  };
};

export const unavailable = (model: Model, consultations: readonly Consultation[], why: string): Review => ({
  consultations,
  reviewed: {
    outcome: "unavailable",
    model: model.name,
    order: [],
    claims: [],
    claimsDropped: 0,
    usage: usageIn(consultations),
    says: `Decided without a model: ${why}`.slice(0, 1024),
  },
});
