import type { Draft } from "@omega/bus-schemas/catalogue.ts";
import type { Bus } from "@omega/shared/bus.ts";
import type { Clock } from "@omega/shared/clock.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import type { Ids } from "@omega/shared/ids.ts";
import type { Signer } from "@omega/shared/signing.ts";
import { z } from "zod";
import { windowMsMax } from "./panic-fold.ts";
import type { ActAnswer, ConsoleRole, IncidentDetail, Person, Refusal } from "./wire.ts";

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

/** The least that one must be for an act. Stopping is open to whoever is on call; letting Omega act again is not. */
const needs: Record<Act["act"], ConsoleRole> = {
  approve: "responder",
  deny: "responder",
  panic: "responder",
  resume: "admin",
};
const rank: Record<ConsoleRole, number> = { viewer: 0, responder: 1, admin: 2 };

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

export function mayDo(person: Person, act: Act["act"]): boolean {
  return rank[person.role] >= rank[needs[act]];
}

/** Says it on the bus in the person's name, signed by the console's operator key. */
export async function perform(act: Act, person: Person, around: ActSurroundings): Promise<ActAnswer> {
  if (!mayDo(person, act.act)) {
    return refuse("role", `You are signed in as ${person.role}; to ${act.act} takes ${needs[act.act]}.`);
  }
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
  const type = act.act === "approve" ? "approval.granted" : "approval.denied";
  return {
    draft: { type, incidentid: act.incidentId, data: { optionId, planHash, by, ...comment }, key: `${type} ${by}` },
    causeId: requestId,
    says: act.act === "approve" ? "Approved: this plan may run." : "Denied: this plan will not run.",
  };
}

function refuse(code: string, says: string): Refusal {
  return { ok: false, code, says };
}
