import type { ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Outcome } from "@omega/shared/outcome.ts";

/** What became of something that was started elsewhere. */
export interface RunState {
  readonly state: "absent" | "pending" | "done" | "failed";
  /** For people; where it can be looked at. */
  readonly says: string;
}

export type Look = () => Promise<Outcome<RunState>>;

/** Something that another system runs on our behalf, and that can be found again by our action id. */
export interface RemoteRun {
  /** For messages. */
  readonly title: string;
  readonly pollMs: number;
  /** Finds it by the action id alone. */
  find: Look;
  /** Starts it once and tells how to follow it. */
  start(): Promise<Outcome<Look>>;
}

/** A run may be listed some time after its start was answered, or was not. */
const absentLooksMax = 5;

/**
 * Starts a run unless it is there already, and follows it to its end. A start without an answer is looked for by its action id; it is
 * never sent again here. Failures: `unknown` `no_answer`, `still_running`, `run_lost`; `terminal` `run_failed`; those of the calls.
 */
export async function runOnce(context: ActionContext<unknown>, run: RemoteRun): Promise<Outcome<void>> {
  const found = await run.find();
  if (!found.ok) return found;
  if (found.value.state !== "absent") return await follow(context, run, run.find);
  const started = await run.start();
  if (started.ok) return await follow(context, run, started.value);
  if (started.failure.kind !== "unknown") return started;
  const appeared = await follow(context, run, run.find);
  return !appeared.ok && appeared.failure.code === "run_lost" ? started : appeared;
}

async function follow(
  context: ActionContext<unknown>,
  { title, pollMs }: RemoteRun,
  look: Look,
): Promise<Outcome<void>> {
  let absent = 0;
  for (;;) {
    const looked = await look();
    if (looked.ok) {
      const { state, says } = looked.value;
      if (state === "done") return ok();
      if (state === "failed") return fail("terminal", "run_failed", `${title} failed: ${says}`);
      absent = state === "absent" ? absent + 1 : 0;
      if (absent >= absentLooksMax) return fail("unknown", "run_lost", `${title} was started but can't be found.`);
    } else if (looked.failure.kind !== "retryable") {
      return fail("unknown", looked.failure.code, `${title} was started; then: ${looked.failure.message}`);
    }
    if (context.signal.aborted) return fail("unknown", "still_running", `${title} had not ended at the deadline.`);
    await context.clock.sleep(pollMs, context.signal);
  }
}

/** Nothing was started: nothing to take back. Else `terminal/irreversible`: what a run did elsewhere stays. */
export async function confessRun({ title, find }: RemoteRun): Promise<Outcome<void>> {
  const found = await find();
  if (!found.ok) return found;
  if (found.value.state === "absent") return ok();
  return fail("terminal", "irreversible", `${title} can't be taken back (${found.value.says}); a person must look.`);
}
