import { InvalidArgumentError, type Command } from "commander";
import { counted, duration, durationOf } from "@omega/shared/durations.ts";
import type { Deeds, Press } from "@omega/shared/panic/deeds.ts";
import { itemsOf, panicWindow, type PanicItem, type PanicWindow } from "@omega/shared/panic/window.ts";
import { printable } from "@omega/shared/terminal.ts";
import type { BusSession } from "../bus-session.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { besideDirect, type DirectOptions } from "../taking-back/direct.ts";
import { currentPerson, sayAs, sealedBy } from "../taking-back/said.ts";
import { itemJson, itemLines } from "../taking-back/shown.ts";
import { deedsNow, watched } from "../taking-back/watched.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";

interface PanicOptions extends BusOptions, DirectOptions {
  readonly window: number;
  readonly reason?: string;
  readonly by: string;
  readonly dryRun?: boolean;
  readonly print?: boolean;
}

export function addPanic(program: Command): void {
  program
    .command("panic")
    .description("freeze everything, and take back what Omega did in the last minutes; each effect by its own undo")
    .option(
      "--window <time>",
      "how far back, such as 90s, 5m, 1h; 0s: only what is being done right now",
      windowOf,
      300_000,
    )
    .option("--reason <text>", "why; goes on record")
    .option("--by <name>", "who presses", currentPerson())
    .option("--dry-run", "only list what would be taken back, what couldn't and why; nothing is frozen")
    .option(
      "--direct",
      "take back by this command itself: for when Surgeon is down; needs the bus and the targets only",
    )
    .option("--config <file>", "with --direct: Surgeon's config file, instead of infra/config/surgeon.yaml")
    .option("--kubeconfig <file>", "with --direct: the cluster (OMEGA_KUBECONFIG)")
    .option("--print", "print the signed event instead of saying it, to press with plain `nats pub`")
    .option("--server <url>", "the bus")
    .option("--json", "one JSON object at the end: {panicId, frozen, undone, left, items}")
    .addHelpText(
      "after",
      `
Exit codes: 0 all of it was taken back; 1 something is left as it is, see the report; 69 nobody answered: use --direct.
Omega stays frozen, restarts included, until: omega resume --reason …

Examples:
  omega panic --dry-run
  omega panic --window 15m --reason "the rollback made it worse"
  omega panic --direct --kubeconfig ~/.kube/config
  nats pub omega.control.panic-pressed "$(omega panic --print)"`,
    )
    .action(async (options: PanicOptions) => {
      const context = commandContext();
      if (options.print === true) return context.say(Buffer.from(pressOf(context, options).body).toString());
      process.exitCode = await withBus(context, options, (session) =>
        options.dryRun === true ? preview(context, session, options) : press(context, session, options),
      );
    });
  program
    .command("resume")
    .description("let Omega act again after a panic")
    .requiredOption("--reason <text>", "why it is safe now; goes on record")
    .option("--by <name>", "who resumes", currentPerson())
    .option("--server <url>", "the bus")
    .option("--json", "one JSON object")
    .addHelpText("after", '\nExamples:\n  omega resume --reason "root cause found: ticket 4711"')
    .action((options: BusOptions & { reason: string; by: string }) => {
      const context = commandContext();
      return withBus(context, options, (session) => resume(context, session, options));
    });
}

function windowOf(text: string): number {
  const ms = durationOf(text);
  if (ms === undefined || ms > 86_400_000)
    throw new InvalidArgumentError("a time such as 90s, 5m or 1h30m, at most 24h.");
  return ms;
}

function pressOf(context: CommandContext, { by, window: windowMs, reason }: PanicOptions) {
  return sealedBy(context, by, draftOf({ by, windowMs, reason }));
}

const draftOf = (data: { by: string; windowMs: number; reason: string | undefined }) => ({
  type: "control.panic-pressed" as const,
  data: { by: data.by, windowMs: data.windowMs, ...(data.reason === undefined ? {} : { reason: data.reason }) },
});

async function preview(context: CommandContext, session: BusSession, options: PanicOptions): Promise<number> {
  const { say, paint, clock } = context;
  const now = clock.now();
  const found = panicWindow(await deedsNow(session), now, options.window);
  if (options.json === true) {
    const { undo, cannot, already } = found;
    say(
      JSON.stringify({
        from: new Date(found.from).toISOString(),
        to: new Date(found.to).toISOString(),
        undo: undo.map(itemJson),
        cannot: cannot.map(itemJson),
        already: already.map(itemJson),
      }),
    );
    return exitCode.ok;
  }
  tellWindow(context, found, options.window, now);
  say(paint("dim", "Nothing was changed or frozen: this was --dry-run."));
  return exitCode.ok;
}

function tellWindow({ say, paint }: CommandContext, found: PanicWindow, windowMs: number, now: number): void {
  const parts: [string, readonly PanicItem[]][] = [
    [`Would be taken back, newest first within a target, targets beside each other:`, found.undo],
    ["Can't be taken back, and stays as it is:", found.cannot],
    ["Was taken back already:", found.already],
  ];
  for (const [title, items] of parts) {
    if (items.length === 0) continue;
    say(paint("strong", title));
    for (const item of items) for (const line of itemLines(item, now, paint, true)) say(`  ${line}`);
    say("");
  }
  if (found.undo.length === 0)
    say(`Omega changed nothing in the last ${duration(windowMs)} that still stands and could be taken back.`);
}

async function press(context: CommandContext, session: BusSession, options: PanicOptions): Promise<number> {
  const { note, paint } = context;
  const { event } = await sayAs(
    context,
    session,
    options.by,
    draftOf({ by: options.by, windowMs: options.window, reason: options.reason }),
  );
  if (options.json !== true)
    note(
      paint(
        "bad",
        `PANIC pressed by ${printable(options.by)}: freezing, and taking back the last ${duration(options.window)}`,
      ),
    );
  const follow = new PressFollowed(context, event.id, options.json === true);
  const end = await besideDirect(context, session.url, options, () =>
    watched(context, session, {
      step: ({ event: heard }, deeds) => {
        if (heard.type === "control.frozen" && heard.data.panicId === event.id) follow.onFrozen(heard.data);
        return follow.step(deeds);
      },
      answered: () => options.direct === true || follow.frozen.length > 0,
    }),
  );
  return follow.report(end, options);
}

/** One press, as the stream tells what becomes of it. */
class PressFollowed {
  readonly frozen: string[] = [];
  readonly #context: CommandContext;
  readonly #panicId: string;
  readonly #quiet: boolean;
  readonly #told = new Map<string, string>();
  #items: readonly PanicItem[] = [];

  constructor(context: CommandContext, panicId: string, quiet: boolean) {
    this.#context = context;
    this.#panicId = panicId;
    this.#quiet = quiet;
  }

  onFrozen({ instance, inFlight }: { instance: string; inFlight: readonly string[] }): void {
    this.frozen.push(instance);
    const still = inFlight.length === 0 ? "" : `; calls under way: ${inFlight.join(", ")}`;
    if (!this.#quiet) this.#context.note(`${this.#context.paint("good", "frozen")} ${instance}${still}`);
  }

  /** Over once a report says that nothing is left to do. */
  step(deeds: Deeds): boolean {
    const own: Press | undefined = deeds.presses.find(({ id }) => id === this.#panicId);
    if (own === undefined) return false;
    this.#items = itemsOf(deeds, own);
    if (!this.#quiet) this.#progress();
    const open = this.#items.filter(
      ({ state, deed }) =>
        state === "waiting" || state === "running" || state === "undoing" || deed.undo.retryAt !== undefined,
    );
    return open.length === 0 && own.reported !== undefined;
  }

  #progress(): void {
    const { note, paint } = this.#context;
    for (const item of this.#items) {
      const { deed, state } = item;
      const key = `${state} ${deed.undo.attempts}`;
      if (state === "waiting" || state === "running" || this.#told.get(deed.actionId) === key) continue;
      this.#told.set(deed.actionId, key);
      const [line = ""] = itemLines(item, this.#context.clock.now(), paint, false);
      note(line);
    }
  }

  report(end: "over" | "silent" | "impatient", options: PanicOptions): number {
    const { say, note, paint, clock } = this.#context;
    const undone = this.#items.filter(({ state }) => state === "undone" || state === "gone").length;
    const left = this.#items.length - undone;
    if (options.json === true)
      say(
        JSON.stringify({
          panicId: this.#panicId,
          frozen: this.frozen,
          undone,
          left,
          end,
          items: this.#items.map(itemJson),
        }),
      );
    else {
      say("");
      for (const item of this.#items) for (const line of itemLines(item, clock.now(), paint, false)) say(line);
      const what =
        this.#items.length === 0
          ? "Nothing had been changed in the window."
          : `${undone} of ${counted(this.#items.length, "effect")} taken back.`;
      say(paint(left === 0 ? "good" : "bad", what));
      say(paint("dim", "Omega stays frozen until: omega resume --reason …"));
    }
    if (end === "silent")
      throw new CommandFailure(
        exitCode.unavailable,
        "The press is on the stream, but no Surgeon answered. Take back without one: omega panic --direct",
      );
    if (end === "impatient") note("omega: not all of it has come to an end; it goes on. See: omega events --follow");
    return left === 0 ? exitCode.ok : exitCode.failed;
  }
}

async function resume(
  context: CommandContext,
  session: BusSession,
  { reason, by, json }: BusOptions & { reason: string; by: string },
): Promise<void> {
  const { frozenBy } = await deedsNow(session);
  if (frozenBy === undefined) throw new CommandFailure(exitCode.failed, "Omega is not frozen; nothing was said.");
  if (reason.trim() === "") throw new CommandFailure(exitCode.usage, "A reason is needed; it goes on record.");
  const { seq } = await sayAs(context, session, by, { type: "control.resumed", data: { by, reason } }, frozenBy);
  const still = (await deedsNow(session)).frozenBy;
  if (still !== undefined)
    throw new CommandFailure(
      exitCode.failed,
      "It does not count: this key may not resume (it takes an admin's), or it was frozen anew.",
    );
  context.say(
    json === true
      ? JSON.stringify({ resumed: frozenBy, by, reason, seq })
      : `${context.paint("good", "Omega acts again.")} What was ordered before the panic is never started.`,
  );
}
