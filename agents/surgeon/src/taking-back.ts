import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { ActionContext } from "@omega/shared/action.ts";
import { ok, type Failure, type Outcome } from "@omega/shared/outcome.ts";
import { retryAfterMs } from "@omega/shared/panic/undoing.ts";
import { z } from "zod";
import type { Clients } from "./ports.ts";

/** What an attempt to take an action back came to, as the stream is told. Whoever made the attempt says it under the same id. */
export function undoResult(
  start: EventOf<"undo.started">,
  target: Target,
  done: Outcome<void>,
  times: { readonly now: number; readonly tookMs: number },
): Draft {
  const { actionId, attempt } = start.data;
  const about = { ...(start.incidentid === undefined ? {} : { incidentid: start.incidentid }), key: "result" };
  if (done.ok) {
    const says = `${titleOf(target)} is as it was before.`;
    return { type: "undo.done", data: { actionId, says, tookMs: times.tookMs }, ...about };
  }
  const failure = plain(done.failure);
  if (failure.kind === "conflict") {
    const differs = [...(done.failure.differs ?? [])].slice(0, 64);
    return { type: "undo.conflicted", data: { actionId, failure, differs }, ...about };
  }
  const after = retryAfterMs(attempt, failure.code);
  const retry = after === undefined ? {} : { retryAt: timeText(times.now + after) };
  return { type: "undo.failed", data: { actionId, failure, attempt, ...retry }, ...about };
}

const onHost = z.looseObject({ host: z.string() });

/** Whose undo it is, as far as the fence goes. */
export interface TakenBack {
  readonly actionId: string;
  readonly target: Target;
  readonly plan: unknown;
  readonly interrupted: boolean;
}

/**
 * Before an action is taken back that may not have come to its end: its host ends what still runs of it and lets nothing of it begin. On
 * Kubernetes undo itself sees to that by the object's version; nothing can for a webhook. A runner on the host that is too old to know how
 * is no reason to leave the action standing.
 */
export async function fenceOff(
  { actionId, target, plan, interrupted }: TakenBack,
  { clients, log, signal }: Pick<ActionContext<Clients>, "clients" | "log" | "signal">,
): Promise<Outcome<void>> {
  const place = onHost.safeParse(plan);
  if (!interrupted || target.system !== "ssh" || !place.success) return ok();
  const fenced = await clients.ssh.shell.fence(place.data.host, actionId, signal);
  if (fenced.ok || fenced.failure.code !== "runner_refused") return fenced;
  log.warn({ failure: fenced.failure, actionId }, "the runner on the host is too old to refuse what comes late");
  return ok();
}

/** A failure as the bus knows it. */
export function plain({ kind, code, message }: Failure): Omit<Failure, "differs"> {
  return { kind, code, message };
}

/** `Deployment shop/payments`, `ssh web-1`. */
export function titleOf(target: Target): string {
  const place = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`;
  return target.kind === undefined ? `${target.system} ${place}` : `${target.kind} ${place}`;
}
