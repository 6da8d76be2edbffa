import type { Command } from "commander";
import type { Deed, Deeds } from "@omega/shared/panic/deeds.ts";
import { targetKey } from "@omega/shared/panic/undoing.ts";
import { itemOf } from "@omega/shared/panic/window.ts";
import { counted } from "@omega/shared/durations.ts";
import { printable } from "@omega/shared/terminal.ts";
import type { BusSession } from "../bus-session.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { besideDirect, type DirectOptions } from "../taking-back/direct.ts";
import { currentPerson, sayAs } from "../taking-back/said.ts";
import { itemJson, itemLines } from "../taking-back/shown.ts";
import { deedsNow, watched } from "../taking-back/watched.ts";
import { commandContext, withBus, type BusOptions, type CommandContext } from "./context.ts";

interface UndoOptions extends BusOptions, DirectOptions {
  readonly by: string;
  readonly dryRun?: boolean;
}

export function addUndo(program: Command): void {
  program
    .command("undo <id>")
    .description("take back one action, or all that was done in one incident, newest first within a target")
    .option("--by <name>", "who orders it", currentPerson())
    .option("--dry-run", "only show what would be taken back")
    .option("--direct", "by this command itself, without a Surgeon")
    .option("--config <file>", "with --direct: Surgeon's config file")
    .option("--kubeconfig <file>", "with --direct: the cluster (OMEGA_KUBECONFIG)")
    .option("--server <url>", "the bus")
    .option("--json", "one JSON object at the end: {undone, left, items}")
    .addHelpText(
      "after",
      "\nThe id is an action's (omega incidents show), an incident's, or `last` for the newest action.\nExit codes: 0 taken back; 1 something is left as it is; 69 nobody answered: use --direct.\n\nExamples:\n  omega undo last --dry-run\n  omega undo inc-20261124-1a2b3c",
    )
    .action(async (id: string, options: UndoOptions) => {
      const context = commandContext();
      process.exitCode = await withBus(context, options, (session) => undo(context, session, id, options));
    });
}

async function undo(context: CommandContext, session: BusSession, id: string, options: UndoOptions): Promise<number> {
  const { say, paint, clock, note } = context;
  const deeds = await deedsNow(session);
  const named = deedsNamed(deeds, id);
  const wanted = named.filter(({ undo: { state }, reversible }) => state !== "undone" && reversible !== "none");
  if (options.dryRun === true) {
    if (options.json === true) say(JSON.stringify({ items: named.map((deed) => itemJson(itemOf(deed))) }));
    else for (const deed of named) for (const line of itemLines(itemOf(deed), clock.now(), paint, true)) say(line);
    return wanted.length === 0 ? exitCode.failed : exitCode.ok;
  }
  if (wanted.length === 0) {
    const [first] = named;
    throw new CommandFailure(exitCode.failed, first === undefined ? "Nothing to take back." : itemOf(first).says);
  }
  warnOfNewer(context, deeds, wanted);
  const by = { kind: "person" as const, name: options.by };
  for (const { actionId, incidentId } of wanted) {
    const data = { actionId, fence: 0, reason: "person" as const, by };
    await sayAs(context, session, options.by, { type: "undo.ordered", incidentid: incidentId, data });
  }
  const ids = new Set(wanted.map(({ actionId }) => actionId));
  let now: Deed[] = [];
  let begun = false;
  const end = await besideDirect(context, session.url, options, () =>
    watched(context, session, {
      step: (_recorded, latest) => {
        now = [...latest.byId.values()].filter(({ actionId }) => ids.has(actionId)).toReversed();
        begun = now.length === ids.size && now.every(({ undo: { state } }) => state !== "none");
        const moving = now.some(
          ({ undo: { state, retryAt } }) => state === "wanted" || state === "undoing" || retryAt !== undefined,
        );
        return begun && !moving;
      },
      answered: () => options.direct === true || now.some(({ undo: { attempts } }) => attempts > 0),
    }),
  );
  const items = now.map(itemOf);
  const undone = items.filter(({ state }) => state === "undone" || state === "gone").length;
  const left = ids.size - undone;
  if (options.json === true) say(JSON.stringify({ undone, left, end, items: items.map(itemJson) }));
  else {
    for (const item of items) for (const line of itemLines(item, clock.now(), paint, false)) say(line);
    say(paint(left === 0 ? "good" : "bad", `${undone} of ${counted(ids.size, "action")} taken back.`));
  }
  if (end === "silent")
    throw new CommandFailure(
      exitCode.unavailable,
      "The order is on the stream, but no Surgeon answered. Without one: omega undo --direct",
    );
  if (end === "impatient") note("omega: it goes on; see omega events --follow");
  return left === 0 ? exitCode.ok : exitCode.failed;
}

/** Newest first. */
function deedsNamed(deeds: Deeds, id: string): Deed[] {
  const all = [...deeds.byId.values()].toReversed();
  const newest = all[0];
  if (id === "last" && newest !== undefined) return [newest];
  const exact = all.filter(({ actionId, incidentId }) => actionId === id || incidentId === id);
  const found =
    exact.length > 0
      ? exact
      : all.filter(({ actionId, incidentId }) => actionId.startsWith(id) || incidentId.startsWith(id));
  const incidents = new Set(found.map(({ incidentId }) => incidentId));
  if (found.length > 0 && incidents.size === 1) return found;
  const known = all.slice(0, 5).map(({ actionId }) => actionId);
  throw new CommandFailure(
    exitCode.failed,
    found.length > 0
      ? `${printable(id, 80)} could be of ${[...incidents].join(", ")}.`
      : `No action and no incident ${printable(id, 80)} is known. ${known.length === 0 ? "Nothing was done yet." : `The latest actions: ${known.join(", ")}.`}`,
  );
}

/** What was done later on the same target stays, and may be in the way. */
function warnOfNewer({ note, paint }: CommandContext, deeds: Deeds, wanted: readonly Deed[]): void {
  const ids = new Set(wanted.map(({ actionId }) => actionId));
  for (const deed of wanted) {
    const newer = [...deeds.byId.values()].filter(
      (other) =>
        other.startedAt > deed.startedAt &&
        targetKey(other.target) === targetKey(deed.target) &&
        other.undo.state !== "undone" &&
        !ids.has(other.actionId),
    );
    for (const { actionId } of newer)
      note(
        paint(
          "warn",
          `${deed.actionId}: ${actionId} was done later on the same target and stays; where both changed the same field, this one is left alone.`,
        ),
      );
  }
}
