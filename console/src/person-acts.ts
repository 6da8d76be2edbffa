import { definitionOf, type Draft, type EventType } from "@omega/bus-schemas/catalogue.ts";
import type { PersonRole } from "@omega/bus-schemas/define-event.ts";
import type { Bus } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import type { Ids } from "@omega/shared/ids.ts";
import { reaches, type Signer } from "@omega/shared/signing.ts";
import { z } from "zod";
import { windowMsMax } from "./panic-view.ts";
import type { ActAnswer, IncidentDetail, Person, Refusal } from "./wire.ts";

/** What a person asks for. Everything that it is about is named, so that a page that shows something old can't do something new. */
export const actSchema = z.discriminatedUnion("act", [
  z.strictObject({
    act: z.enum(["approve", "deny"]),
    incidentId: z.string().min(1).max(128),
    planHash: z.string().length(64),
    comment: z.string().max(1024).optional(),
  }),
  z.strictObject({
    act: z.literal("panic"),
    windowMs: z.number().int().min(0).max(windowMsMax),
    reason: z.string().max(1024).optional(),
  }),
  z.strictObject({
    act: z.literal("resume"),
    panicId: z.string().min(1).max(128),
    reason: z.string().trim().min(1).max(1024),
  }),
]);
export type Act = z.infer<typeof actSchema>;

const eventOf = {
  approve: "approval.granted",
  deny: "approval.denied",
  panic: "control.panic-pressed",
  resume: "control.resumed",
} as const satisfies Record<Act["act"], EventType>;

export interface ActSurroundings {
  readonly bus: Bus | undefined;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly ids: Ids;
  /** What waits for a person in an incident, by the newest of the stream. */
  pending(incidentId: string): Promise<IncidentDetail["pending"]>;
  /** Id of the freeze that stands. */
  frozenBy(): string | undefined;
}

/** The least that one must be: what a person's own key would have to be good for to say the same. */
export function neededFor(act: Act["act"]): PersonRole {
  return definitionOf(eventOf[act])?.personNeeds ?? "admin";
}

/** Says it on the bus in the person's name, signed by the console's operator key. */
export async function perform(act: Act, person: Person, around: ActSurroundings): Promise<ActAnswer> {
  const needed = neededFor(act.act);
  if (!reaches(person.role, needed))
    return refuse("role", `You are signed in as ${person.role}; to ${act.act} takes ${needed}.`);
  if (around.bus === undefined) return refuse("bus_away", "The bus does not answer; nothing was said.");
  const prepared = await prepare(act, person, around);
  if ("ok" in prepared) return prepared;
  const sealed = sealEvent(prepared.draft, {
    signer: around.signer,
    source: `/omega/operator/${encodeURIComponent(person.name).slice(0, 200)}`,
    now: around.clock.now(),
    causeId: prepared.causeId,
  });
  const published = await around.bus.publish(sealed);
  if (!published.ok) return refuse(published.failure.code, `It may not have been stored: ${published.failure.message}`);
  return { ok: true, seq: published.value.seq, says: prepared.says };
}

interface Prepared {
  readonly draft: Draft;
  /** With the type it decides the event's id: an answer to the same question by the same person is one event, however often it is sent. */
  readonly causeId: string;
  readonly says: string;
}

async function prepare(act: Act, { name: by }: Person, around: ActSurroundings): Promise<Prepared | Refusal> {
  switch (act.act) {
    case "approve":
    case "deny":
      return await decision(act, by, around);
    case "panic": {
      const { windowMs, reason } = act;
      const data = { by, windowMs, ...(reason === undefined || reason === "" ? {} : { reason }) };
      const causeId = around.frozenBy() ?? around.ids.random();
      return {
        draft: { type: "control.panic-pressed", data, key: "console" },
        causeId,
        says: "Pressed. Nothing starts any more.",
      };
    }
    case "resume": {
      if (around.frozenBy() !== act.panicId) return refuse("not_frozen", "Omega is not frozen by that press any more.");
      return {
        draft: { type: "control.resumed", data: { by, reason: act.reason } },
        causeId: act.panicId,
        says: "Omega acts again.",
      };
    }
  }
}

async function decision(
  act: Extract<Act, { planHash: string }>,
  by: string,
  around: ActSurroundings,
): Promise<Prepared | Refusal> {
  const pending = await around.pending(act.incidentId);
  if (pending === undefined) return refuse("not_asked", `${act.incidentId} waits for no approval any more.`);
  if (pending.planHash !== act.planHash)
    return refuse("plan_changed", "The question is about another plan by now; look at it again.");
  if (pending.expiresAt <= around.clock.now()) return refuse("expired", "The question has expired; nothing was said.");
  const { optionId, planHash, requestId } = pending;
  const comment = act.comment === undefined || act.comment === "" ? {} : { comment: act.comment };
  const type = eventOf[act.act];
  return {
    draft: { type, incidentid: act.incidentId, data: { optionId, planHash, by, ...comment }, key: `${type} ${by}` },
    causeId: requestId,
    says: act.act === "approve" ? "Approved: this plan may run." : "Denied: this plan will not run.",
  };
}

function refuse(code: string, says: string): Refusal {
  return { ok: false, code, says };
}
