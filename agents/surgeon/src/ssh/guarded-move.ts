import type { ActionContext } from "@omega/shared/action.ts";
import { fail, ok, type Failure, type Outcome } from "@omega/shared/outcome.ts";
import type { RemoteResult, Ssh } from "./remote-shell.ts";

type Context = ActionContext<{ readonly ssh: Ssh }>;

const stateBytesMax = 4096;
/** A look that lost a race is repeated; more often means that something fights over the state. */
const looksMax = 3;

/** From one state to another by a command, where a second command prints the state as one line. */
export interface GuardedMove {
  readonly host: string;
  readonly look: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly run: readonly string[];
}

/**
 * Already there: done. As it was left: the host itself compares once more and moves. Anything else: `conflict/state_changed`, untouched.
 * Other failures: `terminal/command_failed` and `no_effect` (the state did not move), `conflict/other_state` (it moved elsewhere), those of
 * the shell; what goes wrong after the command has run is `unknown`.
 */
export async function moveGuarded(context: Context, move: GuardedMove): Promise<Outcome<void>> {
  const { host, look, from, to, run } = move;
  for (let looks = 1; ; looks += 1) {
    const state = await readLine(context, host, look);
    if (!state.ok) return state;
    if (state.value === to) return ok();
    if (state.value !== from) return fail("conflict", "state_changed", differs(host, state.value, from));
    const guard = { argv: look, expected: from };
    const done = await context.clients.ssh.shell.run({ host, argv: run, guard, effect: "change" }, context.signal);
    if (!done.ok && done.failure.code === "changed" && looks < looksMax) continue;
    return done.ok ? await moved(context, move, done.value) : done;
  }
}

/** The command's exit status is its opinion; the state decides. */
async function moved(
  context: Context,
  { host, look, from, to }: GuardedMove,
  result: RemoteResult,
): Promise<Outcome<void>> {
  const state = await readLine(context, host, look);
  if (!state.ok)
    return fail("unknown", state.failure.code, `The command on ${host} ran; then: ${state.failure.message}`);
  if (state.value === to) return ok();
  if (state.value !== from) return fail("conflict", "other_state", differs(host, state.value, to));
  if (result.exitCode !== 0) return { ok: false, failure: commandFailure(host, result) };
  return fail("terminal", "no_effect", `The command on ${host} succeeded, but the state is still '${short(from)}'.`);
}

/** Runs a command that prints the state as one line. Failures: `terminal/look_failed`, `terminal/state_unusable`, those of the shell. */
export async function readLine(context: Context, host: string, argv: readonly string[]): Promise<Outcome<string>> {
  const looked = await look(context, host, argv);
  if (!looked.ok) return looked;
  const { exitCode, stdout } = looked.value;
  if (exitCode !== 0) return fail("terminal", "look_failed", commandFailure(host, looked.value).message);
  // The host's guard reads it by command substitution, which takes the line breaks at the end away.
  const line = stdout.text.replace(/\n+$/, "");
  if (stdout.bytes > stateBytesMax || /[\0\n\r\u0085\u2028\u2029\uFFFD]/.test(line)) {
    return fail(
      "terminal",
      "state_unusable",
      `The state that ${host} printed is not one line of at most ${stateBytesMax} bytes.`,
    );
  }
  return ok(line);
}

/** Runs a command that promises to change nothing. */
export async function look(context: Context, host: string, argv: readonly string[]): Promise<Outcome<RemoteResult>> {
  return await context.clients.ssh.shell.run({ host, argv, effect: "look" }, context.signal);
}

/** A dry-run by the template's own check. Failure `terminal/check_failed` with what it said. */
export async function passesCheck(context: Context, host: string, argv: readonly string[]): Promise<Outcome<void>> {
  const checked = await look(context, host, argv);
  if (!checked.ok) return checked;
  if (checked.value.exitCode === 0) return ok();
  return fail("terminal", "check_failed", commandFailure(host, checked.value).message);
}

export function commandFailure(host: string, { exitCode, stdout, stderr }: RemoteResult): Failure {
  const said = (stderr.text.trim() === "" ? stdout.text : stderr.text).trim();
  const output = `output ${stdout.bytes} bytes, sha256 ${stdout.sha256}`;
  const message = `A command on ${host} ended with status ${exitCode}: ${said.slice(-500)} (${output})`;
  return { kind: "terminal", code: "command_failed", message };
}

function differs(host: string, now: string, expected: string): string {
  return `The state on ${host} is '${short(now)}', not '${short(expected)}'.`;
}

const short = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
