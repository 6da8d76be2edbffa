import { duration } from "@omega/shared/durations.ts";
import type { PanicItem } from "@omega/shared/panic/window.ts";
import { printable, type Paint, type Tone } from "@omega/shared/terminal.ts";
import { diffOf, targetName } from "@omega/shared/timeline.ts";

const tones: Readonly<Record<PanicItem["state"], Tone>> = {
  waiting: "note",
  running: "warn",
  undoing: "warn",
  undone: "good",
  gone: "plain",
  conflicted: "bad",
  irreversible: "bad",
  failed: "bad",
};

const words: Readonly<Record<PanicItem["state"], string>> = {
  waiting: "to undo",
  running: "still running",
  undoing: "undoing",
  undone: "undone",
  gone: "already gone",
  conflicted: "left alone",
  irreversible: "irreversible",
  failed: "failed",
};
const width = Math.max(...Object.values(words).map((word) => word.length));

/** One effect in the words of the report: its state, what it was, and what becomes or became of it. */
export function itemLines({ deed, state, says }: PanicItem, now: number, paint: Paint, withFields: boolean): string[] {
  const lines = [
    `${paint(tones[state], words[state].padEnd(width))}  ${paint("strong", `${deed.actionType} on ${targetName(deed.target)}`)}  ${paint("dim", `${duration(Math.max(0, now - deed.startedAt))} ago, ${deed.actionId}`)}`,
    `${" ".repeat(width)}  ${printable(says, 300)}`,
  ];
  const indent = " ".repeat(width + 4);
  if (state === "conflicted") {
    for (const { object, path, expected, found, changedBy, changedAt } of deed.undo.differs) {
      const who =
        changedBy === undefined ? "" : `, by ${changedBy}${changedAt === undefined ? "" : ` at ${changedAt}`}`;
      lines.push(`${indent}${paint("dim", printable(`${object} ${path}${who}`, 200))}`);
      lines.push(`${indent}${paint("bad", `- ${valueText(expected)} (as Omega left it)`)}`);
      lines.push(`${indent}${paint("good", `+ ${valueText(found)} (as it is now, untouched)`)}`);
    }
  } else if (withFields) {
    // Backwards: what is there now goes, what was there before comes back.
    const back = deed.changes.map(({ before, after, ...rest }) => ({ ...rest, before: after, after: before }));
    for (const { tone, text } of diffOf({ changes: back })) lines.push(`${indent}${paint(tone, text)}`);
  }
  return lines;
}

function valueText(value: unknown): string {
  return value === undefined ? "absent" : printable(typeof value === "string" ? value : JSON.stringify(value), 120);
}

/** An effect for `--json`. */
export function itemJson({ deed, state, says }: PanicItem): object {
  const { actionId, incidentId, actionType, target, startedAt, changes, undo } = deed;
  return {
    actionId,
    incidentId,
    actionType,
    target,
    startedAt: new Date(startedAt).toISOString(),
    state,
    says,
    changes,
    differs: undo.differs,
  };
}
