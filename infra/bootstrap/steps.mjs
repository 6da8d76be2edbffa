// Prints what the set-up does, one line a step: a tick, what was done, and how long it took. Writes to standard error, so that a
// command's own output (`bench NAME --json`) stays the only thing on standard output.

const out = process.stderr;
const coloured = Boolean(out.isTTY) && !process.env.NO_COLOR;
const paint = (code, text) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

/** A step that can't be done here. `step` names it; `message` says what is missing; `advice` says, a line each, how to give it. */
export class SetupFailure extends Error {
  constructor(step, message, advice = []) {
    super(message);
    this.name = "SetupFailure";
    this.step = step;
    this.advice = advice;
  }
}

/** Runs `work` and prints its line. What `work` returns, if it is a string, is said beside the step's name. */
export async function step(name, work) {
  const start = performance.now();
  if (coloured) out.write(`  ${name} ...`);
  const clear = coloured ? "\r\u001b[K" : "";
  const seconds = () => paint("2", `${((performance.now() - start) / 1000).toFixed(1)} s`);
  try {
    const said = await work();
    out.write(
      `${clear}  ${paint("32", "\u2713")} ${name}${typeof said === "string" ? `: ${said}` : ""}  ${seconds()}\n`,
    );
  } catch (failure) {
    out.write(`${clear}  ${paint("31", "\u2717")} ${name}  ${seconds()}\n`);
    throw failure instanceof SetupFailure ? failure : new SetupFailure(name, String(failure?.stack ?? failure));
  }
}

/** A line about something that the set-up goes on without. */
export function note(text) {
  out.write(`  ${paint("33", "-")} ${text}\n`);
}

/** Says why the set-up stopped. */
export function explain(failure) {
  out.write(`\n${paint("31", `Set-up stopped at: ${failure.step}`)}\n${failure.message}\n`);
  for (const line of failure.advice) out.write(`  * ${line}\n`);
}
