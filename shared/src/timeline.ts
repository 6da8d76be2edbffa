import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Drift, Location, MemoryMatch, RepairOption, Target } from "@omega/bus-schemas/vocabulary.ts";
import { tellCanary } from "./canary-words.ts";
import { counted, duration, percent } from "./durations.ts";
import { printable, type Paint, type Tone } from "./terminal.ts";

/** One line of an event's telling. */
export interface Told {
  readonly tone: Tone;
  readonly text: string;
}

const detailIndent = " ".repeat(24);
const changesShown = 8;

/**
 * An event as a person reads it: how long after the onset, who, one sentence with its numbers, and the details that one would ask for
 * next. Nothing for events that only machines need. `onsetMs` is the zero of the clock on the left.
 */
export function timelineOf(event: OmegaEvent, onsetMs: number, paint: Paint): string[] {
  const [first, ...details] = tell(event);
  if (first === undefined) return [];
  const after = (Date.parse(event.time) - onsetMs) / 1000;
  const clock = `${after < 0 ? "-" : "+"}${Math.abs(after).toFixed(1)} s`.padStart(9);
  const actor = (event.source.split("/")[2] ?? "").slice(0, 11).padEnd(11);
  return [
    `${paint("dim", clock)}  ${paint("note", actor)}  ${paint(first.tone, first.text)}`,
    ...details.map(({ tone, text }) => `${detailIndent}${paint(tone, text)}`),
  ];
}

/** An event in words: one sentence with its numbers, then the details; empty for events that only machines need. */
export function tell(event: OmegaEvent): Told[] {
  return (
    tellSignal(event) ??
    tellReasoning(event) ??
    tellKnowledge(event) ??
    tellPlan(event) ??
    tellCanary(event) ??
    tellAction(event) ??
    tellEnd(event) ??
    tellPanic(event) ??
    tellControl(event) ??
    []
  );
}

function tellSignal(event: OmegaEvent): Told[] | undefined {
  if (event.type === "signal.detected") {
    const { says, confidence, traceIds, errorType, signature, leadTimeMs } = event.data;
    const error = [errorType, signature].filter((part) => part !== undefined).join(": ");
    return [
      { tone: event.data.severity === "critical" ? "bad" : "warn", text: printable(says) },
      ...(error === "" ? [] : [dim(printable(error))]),
      ...(leadTimeMs === undefined || leadTimeMs === 0 ? [] : [dim(`users hurt in about ${duration(leadTimeMs)}`)]),
      dim(`confidence ${percent(confidence)}${traceIds[0] === undefined ? "" : `, e.g. trace ${traceIds[0]}`}`),
    ];
  }
  if (event.type === "signal.cleared") return [{ tone: "good", text: printable(event.data.says) }];
  if (event.type === "incident.opened") {
    const { title, severity } = event.data;
    return [{ tone: "strong", text: `Incident ${event.incidentid ?? ""} opened (${severity}): ${printable(title)}` }];
  }
  if (event.type === "incident.extended") return [dim(`same storm: ${printable(event.data.signal.says)}`)];
  return undefined;
}

function tellReasoning(event: OmegaEvent): Told[] | undefined {
  if (event.type === "diagnosis.reached") {
    const { verdict, candidates, says, traceIds, model, tookMs } = event.data;
    const [cause] = candidates;
    const place = placeOf(cause?.location);
    const heads: Record<typeof verdict, string> = {
      cause: "Cause",
      inconclusive: "No single cause",
      healthy: "Healthy",
    };
    return [
      { tone: "strong", text: `${heads[verdict]}: ${printable(says)}` },
      ...(cause === undefined || place === undefined
        ? []
        : [{ tone: "bad" as const, text: `${printable(cause.service)}  ${place}` }]),
      ...(cause?.evidence.slice(0, 3).map((each) => dim(`${each.kind}: ${printable(each.says, 200)}`)) ?? []),
      dim(
        [
          ...(cause === undefined ? [] : [`confidence ${percent(cause.confidence)}`]),
          ...(traceIds[0] === undefined ? [] : [`trace ${traceIds[0]}`]),
          `${duration(tookMs)}${model === undefined ? " without a model" : ` with ${printable(model, 60)}`}`,
        ].join(", "),
      ),
    ];
  }
  return undefined;
}

/** What is known beside the telemetry: memory, documentation, and a model's opinion. */
function tellKnowledge(event: OmegaEvent): Told[] | undefined {
  if (event.type === "documentation.cited") return [dim(`documentation: ${printable(event.data.says)}`)];
  if (event.type === "diagnosis.reviewed") return [dim(`second opinion: ${printable(event.data.says)}`)];
  if (event.type === "memory.forgotten") {
    const { by, reason } = event.data;
    return [{ tone: "warn", text: `Taken out of memory by ${printable(by, 60)}: ${printable(reason)}` }];
  }
  if (event.type === "memory.recalled") {
    const { matches, says } = event.data;
    return [
      { tone: matches.length > 0 ? "strong" : "plain", text: `Memory: ${printable(says)}` },
      ...matches.slice(0, 2).map(recalled),
    ];
  }
  return undefined;
}

function recalled({ incidentId, similarity, rootCause, resolveMs }: MemoryMatch): Told {
  const time = resolveMs === undefined ? "" : `, fixed in ${duration(resolveMs)}`;
  return dim(`${printable(incidentId, 64)} (similarity ${similarity.toFixed(2)}${time}): ${printable(rootCause, 160)}`);
}

function tellPlan(event: OmegaEvent): Told[] | undefined {
  switch (event.type) {
    case "remediation.proposed": {
      const { options, refused } = event.data;
      const [best] = options;
      if (best === undefined) {
        return [{ tone: "warn", text: "No repair is possible" }, ...refused.slice(0, 3).map(refusal)];
      }
      const more = options.length > 1 ? `, the best of ${options.length}` : "";
      return [
        { tone: "strong", text: `Repair: ${best.actionType} on ${targetName(best.target)}${more}` },
        ...diffOf(best),
        dim(
          `${best.risk} risk, undo ${best.reversible}, dry run ${best.dryRun}; ${printable(best.blastRadius.says, 160)}`,
        ),
        ...best.reasons.slice(0, 2).map((reason) => dim(`because ${printable(reason, 200)}`)),
        ...best.warnings.slice(0, 2).map((warning) => ({ tone: "warn" as const, text: printable(warning, 200) })),
        ...refused.slice(0, 2).map(refusal),
      ];
    }
    case "remediation.authorized":
      return [
        {
          tone: "good",
          text: `Allowed by ${event.data.by.kind} ${printable(event.data.by.name, 60)}: ${reasonsOf(event.data.reasons)}`,
        },
      ];
    case "remediation.denied":
      return [
        {
          tone: "bad",
          text: `Denied by ${event.data.by.kind} ${printable(event.data.by.name, 60)}: ${reasonsOf(event.data.reasons)}`,
        },
      ];
    case "approval.requested":
      return [
        { tone: "warn", text: `A person must decide: ${reasonsOf(event.data.reasons)}` },
        dim(
          `omega approve ${event.incidentid ?? ""}   or   omega deny ${event.incidentid ?? ""}   until ${event.data.expiresAt.slice(11, 19)} UTC`,
        ),
      ];
    case "approval.refused":
      return [
        {
          tone: "warn",
          text: `The answer of ${printable(event.data.by, 80)} did not count: ${printable(event.data.says, 200)}`,
        },
      ];
    case "approval.granted":
      return [{ tone: "good", text: `Approved by ${printable(event.data.by, 80)}` }];
    case "approval.denied":
      return [
        {
          tone: "bad",
          text: `Denied by ${printable(event.data.by, 80)}${event.data.comment === undefined ? "" : `: ${printable(event.data.comment)}`}`,
        },
      ];
    default:
      return undefined;
  }
}

function refusal({ actionType, reason }: { actionType: string; reason: string }): Told {
  return dim(`not ${printable(actionType, 60)}: ${printable(reason, 160)}`);
}

/** What would change, field by field. */
export function diffOf({ changes }: Pick<RepairOption, "changes">, shown = changesShown): Told[] {
  const lines = changes
    .slice(0, shown)
    .flatMap(({ path, before, after }) => [
      dim(printable(path, 120)),
      ...(before === undefined ? [] : [{ tone: "bad" as const, text: `- ${valueText(before)}` }]),
      ...(after === undefined ? [] : [{ tone: "good" as const, text: `+ ${valueText(after)}` }]),
    ]);
  return changes.length > shown ? [...lines, dim(`and ${changes.length - shown} more fields`)] : lines;
}

function tellAction(event: OmegaEvent): Told[] | undefined {
  switch (event.type) {
    case "action.started":
      return [{ tone: "plain", text: `Running ${event.data.actionType} on ${targetName(event.data.target)} …` }];
    case "action.succeeded":
      return [{ tone: "good", text: `${printable(event.data.says)} (${duration(event.data.tookMs)})` }];
    case "action.failed":
    case "action.conflicted":
    case "action.outcome-unknown":
    case "undo.failed":
    case "undo.conflicted": {
      const { code, message } = event.data.failure;
      const drifts = event.type === "undo.conflicted" ? event.data.differs : [];
      return [
        { tone: "bad", text: `${event.type.replace(".", " ")}: ${printable(message)} [${code}]` },
        ...drifts.flatMap(driftLines),
      ];
    }
    case "undo.ordered":
      return [{ tone: "warn", text: `Take it back: ${event.data.reason}` }];
    case "undo.done":
      return [{ tone: "good", text: `${printable(event.data.says)} (${duration(event.data.tookMs)})` }];
    case "verification.requested": {
      const { checks, terms } = event.data;
      const what = checks.map(({ service, operation }) => printable(`${service} ${operation}`, 80)).join(", ");
      return [
        {
          tone: "plain",
          text: `Verifying ${what}: ${counted(terms.count, "good measurement")} wanted, ${duration(terms.intervalMs)} apart`,
        },
      ];
    }
    case "recovery.confirmed":
    case "recovery.failed":
    case "recovery.inconclusive": {
      const tones = {
        "recovery.confirmed": "good",
        "recovery.failed": "bad",
        "recovery.inconclusive": "warn",
      } as const;
      return [{ tone: tones[event.type], text: printable(event.data.says) }];
    }
    default:
      return undefined;
  }
}

function tellEnd(event: OmegaEvent): Told[] | undefined {
  if (event.type === "incident.resolved") {
    const { outcome, says, detectMs, diagnoseMs, resolveMs, decidedWithoutModel } = event.data;
    const diagnosed = diagnoseMs === undefined ? "" : `, diagnosed in ${duration(diagnoseMs)}`;
    return [
      { tone: "good", text: `${outcome.toUpperCase()}: ${printable(says)}` },
      dim(
        `detected after ${duration(detectMs)}${diagnosed}, over after ${duration(resolveMs)}${decidedWithoutModel ? ", decided without a model" : ""}`,
      ),
    ];
  }
  if (event.type === "incident.escalated") {
    return [{ tone: "bad", text: `A person is needed (${event.data.reason}): ${printable(event.data.says)}` }];
  }
  if (event.type === "memory.stored") return [dim(`remembered: ${printable(event.data.rootCause)}`)];
  if (event.type === "postmortem.written") {
    const lines = event.data.text.split("\n").length;
    return [dim(`post-mortem written, ${counted(lines, "line")}`)];
  }
  if (event.type === "deadline.passed" && event.data.awaited === "settling") {
    return [dim("the storm has settled")];
  }
  if (event.type === "deadline.passed")
    return [{ tone: "warn", text: `No ${printable(event.data.awaited, 80)} in time; going on without` }];
  return undefined;
}

/** Both states of a field that somebody else has changed, and who that was. */
export function driftLines({ object, path, expected, found, changedBy, changedAt }: Drift): Told[] {
  const by = changedBy === undefined ? "" : `, changed by ${printable(changedBy, 80)}`;
  const at = changedAt === undefined ? "" : ` at ${changedAt}`;
  return [
    dim(`${printable(object, 120)} ${printable(path, 160)}${by}${at}`),
    { tone: "bad", text: `- as Omega left it: ${expected === undefined ? "absent" : valueText(expected)}` },
    { tone: "good", text: `+ as it is now: ${found === undefined ? "absent" : valueText(found)}` },
  ];
}

function tellPanic(event: OmegaEvent): Told[] | undefined {
  switch (event.type) {
    case "control.panic-pressed":
      return [
        {
          tone: "bad",
          text: `PANIC by ${printable(event.data.by, 80)}: freeze, and take back the last ${duration(event.data.windowMs)}`,
        },
      ];
    case "control.frozen": {
      const { instance, inFlight } = event.data;
      const open = inFlight.length === 0 ? "" : `; ${counted(inFlight.length, "call")} not answered yet`;
      return [{ tone: "bad", text: `${printable(instance, 80)} is frozen${open}` }];
    }
    case "control.panic-reported": {
      const { undone, conflicted, gone, irreversible, failed } = event.data;
      const rest = { conflicted, gone, irreversible, failed };
      const words = Object.entries(rest).flatMap(([name, count]) => (count === 0 ? [] : [`${count} ${name}`]));
      const tone = words.length === 0 ? "good" : "bad";
      return [{ tone, text: `Panic: ${[`${undone} taken back`, ...words].join(", ")}` }];
    }
    case "control.refused": {
      const { subject, failure } = event.data;
      return [{ tone: "bad", text: `Refused on ${printable(subject, 80)}: ${printable(failure.message)}` }];
    }
    case "control.resumed":
      return [{ tone: "good", text: `Resumed by ${printable(event.data.by, 80)}: ${printable(event.data.reason)}` }];
    default:
      return undefined;
  }
}

function tellControl(event: OmegaEvent): Told[] | undefined {
  switch (event.type) {
    case "policy.refused": {
      const { mistakes } = event.data;
      const [first] = mistakes;
      const place = first === undefined ? "" : `${printable(first.file, 80)}:${first.line}:${first.column}`;
      return [
        {
          tone: "bad",
          text: `Changed policies were not taken; ${counted(mistakes.length, "mistake")}, the first at ${place}`,
        },
      ];
    }
    case "autonomy.set": {
      const { level, actionType, service, by } = event.data;
      return [
        {
          tone: "plain",
          text: `Autonomy of ${actionType} on ${printable(service, 80)} set to ${level} by ${printable(by, 80)}`,
        },
      ];
    }
    case "agent.faulted":
      return [
        {
          tone: "warn",
          text: `${event.data.agent} parked message ${event.data.seq}: ${printable(event.data.failure.message)}`,
        },
      ];
    case "audit.alarmed":
      return [
        {
          tone: "bad",
          text: `AUDIT ALARM: ${printable(event.data.says)}${event.data.stopsActions ? " No action starts until omega audit acknowledge." : ""}`,
        },
      ];
    case "audit.acknowledged":
      return [
        {
          tone: "good",
          text: `Alarm acknowledged by ${printable(event.data.by, 80)}: ${printable(event.data.reason)}`,
        },
      ];
    case "audit.erased":
      return [
        dim(
          `${printable(event.data.by, 80)} erased the content of audit entry ${event.data.index}: ${printable(event.data.reason)}`,
        ),
      ];
    default:
      return undefined;
  }
}

/** `file:line (function)`, as far as it is known. */
export function placeOf(location: Location | undefined): string | undefined {
  const { file, lineStart, function: name } = location ?? {};
  if (file === undefined) return name === undefined ? undefined : printable(name, 120);
  return printable(
    `${file}${lineStart === undefined ? "" : `:${lineStart}`}${name === undefined ? "" : ` (${name})`}`,
    200,
  );
}

export function targetName({ namespace, kind, name }: Target): string {
  const place = namespace === undefined ? name : `${namespace}/${name}`;
  return printable(kind === undefined ? place : `${kind} ${place}`, 120);
}

function dim(text: string): Told {
  return { tone: "dim", text };
}

function valueText(value: unknown): string {
  return printable(typeof value === "string" ? value : JSON.stringify(value), 120);
}

function reasonsOf(reasons: readonly string[]): string {
  return printable(reasons.join("; "), 300);
}
