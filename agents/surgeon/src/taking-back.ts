import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { Target } from "@omega/bus-schemas/vocabulary.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { Failure, Outcome } from "@omega/shared/outcome.ts";
import { retryAfterMs } from "@omega/shared/panic/undoing.ts";

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

/** A failure as the bus knows it. */
export function plain({ kind, code, message }: Failure): Omit<Failure, "differs"> {
  return { kind, code, message };
}

/** `Deployment shop/payments`, `ssh web-1`. */
export function titleOf(target: Target): string {
  const place = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`;
  return target.kind === undefined ? `${target.system} ${place}` : `${target.kind} ${place}`;
}
