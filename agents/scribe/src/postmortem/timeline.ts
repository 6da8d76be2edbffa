import type { DataOf, EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { IncidentEvent, IncidentRecord } from "../state.ts";
import { placeOf } from "../memory-of.ts";
import { code, inline, table } from "./markdown.ts";
import { clockTime, count, span, targetName } from "./words.ts";

const whatMax = 240;

export function timelineSection(record: IncidentRecord): string {
  const onset = Date.parse(record.opened.data.onset);
  const rows = record.events.map((event) => [
    clockTime(event.time),
    `+${((Date.parse(event.time) - onset) / 1000).toFixed(1)} s`,
    speakerOf(event),
    code(event.type),
    happened(event),
  ]);
  const begun = [
    clockTime(record.opened.data.onset),
    "0.0 s",
    "",
    "",
    "Onset, as far as it was known when the incident opened.",
  ];
  return `Times are UTC, offsets from the onset.\n\n${table(["Time", "After", "Who", "Event", "What"], [begun, ...rows])}`;
}

/** The role in `/omega/<role>/<instance>`. */
function speakerOf(event: IncidentEvent): string {
  return inline(event.source.split("/")[2] ?? event.source, 40);
}

function kept(event: EventOf<"trace.recorded"> | EventOf<"metrics.recorded">): string {
  if (event.type === "trace.recorded")
    return `Kept the trace ${code(event.data.traceId)}, ${count(event.data.spans.length, "span")}.`;
  return `Kept how requests to ${count(event.data.operations.length, "operation")} went since ${code(event.data.from)}.`;
}

function asked(event: EventOf<"remediation.requested">): string {
  const { service, kind, location } = event.data.cause;
  return `Repairs asked for: ${kind} fault of ${code(service)}${location === undefined ? "" : ` at ${code(placeOf(location) ?? "")}`}.`;
}

function proposed({ data: { options, refused } }: EventOf<"remediation.proposed">): string {
  const [best] = options;
  const target = best === undefined ? "" : inline(targetName(best.target), whatMax);
  const chosen = best === undefined ? "" : `; best: ${code(best.actionType)} on ${target}`;
  return `${count(options.length, "option")}, ${refused.length} refused${chosen}.`;
}

function firstPod(event: EventOf<"canary.held"> | EventOf<"canary.judged"> | EventOf<"canary.ended">): string {
  if (event.type !== "canary.held") return `First pod: ${event.data.verdict}. ${inline(event.data.says, whatMax)}`;
  return `Pod ${code(event.data.pod.name)} goes first, of ${event.data.of}; the others wait.`;
}

function answered(
  event: EventOf<"approval.granted"> | EventOf<"approval.denied"> | EventOf<"approval.refused">,
): string {
  const says = (text: string): string => inline(text, whatMax);
  switch (event.type) {
    case "approval.granted":
      return `Approved by ${says(event.data.by)}.`;
    case "approval.denied":
      return `Denied by ${says(event.data.by)}${event.data.comment === undefined ? "" : `: ${says(event.data.comment)}`}.`;
    case "approval.refused":
      return `The answer of ${says(event.data.by)} did not count (${code(event.data.reason)}): ${says(event.data.says)}`;
  }
}

function happened(event: IncidentEvent): string {
  const says = (text: string): string => inline(text, whatMax);
  switch (event.type) {
    case "incident.opened":
    case "incident.extended":
      return says(event.data.signal.says);
    case "incident.resolved":
    case "incident.escalated":
    case "diagnosis.reached":
    case "diagnosis.reviewed":
    case "memory.recalled":
    case "documentation.cited":
    case "action.succeeded":
    case "recovery.confirmed":
    case "recovery.failed":
    case "recovery.inconclusive":
    case "undo.done":
      return says(event.data.says);
    case "memory.stored":
      return says(event.data.rootCause);
    case "memory.forgotten":
      return `Taken out of memory by ${says(event.data.by)}: ${says(event.data.reason)}`;
    case "trace.recorded":
    case "metrics.recorded":
      return kept(event);
    case "canary.held":
    case "canary.judged":
    case "canary.ended":
      return firstPod(event);
    case "remediation.requested":
      return asked(event);
    case "remediation.proposed":
      return proposed(event);
    case "remediation.authorized":
      return `Allowed by ${event.data.by.kind} ${code(event.data.by.name)}: ${says(event.data.reasons.join("; "))}`;
    case "remediation.denied":
      return `Denied by ${event.data.by.kind} ${code(event.data.by.name)}: ${says(event.data.reasons.join("; "))}`;
    case "approval.requested":
      return `A person must decide: ${says(event.data.reasons.join("; "))}`;
    case "approval.granted":
    case "approval.denied":
    case "approval.refused":
      return answered(event);
    case "action.ordered":
    case "action.started":
      return `${code(event.data.actionType)} on ${says(targetName(event.data.target))}.`;
    case "action.failed":
    case "action.conflicted":
    case "action.outcome-unknown":
    case "undo.failed":
    case "undo.conflicted":
      return `${code(event.data.failure.code)}: ${says(event.data.failure.message)}`;
    case "undo.ordered":
      return `Take it back (${event.data.reason}), by ${event.data.by.kind} ${code(event.data.by.name)}.`;
    case "undo.started":
      return `Taking ${code(event.data.actionId)} back.`;
    case "verification.requested":
      return `Verify ${event.data.checks.map((each) => code(`${each.service} ${each.operation}`)).join(", ")}: ${count(event.data.terms.count, "measurement")}, ${span(event.data.terms.intervalMs)} apart.`;
    case "deadline.passed":
      return event.data.awaited === "settling"
        ? "The signals of the storm were gathered."
        : `No answer in time: ${code(event.data.awaited)}.`;
    case "postmortem.written":
      return "Post-mortem written.";
    case "model.consulted":
      return says(consulted(event.data));
  }
}

function consulted({ model, task, failure, usage }: DataOf<"model.consulted">): string {
  if (failure !== undefined) return `No answer of ${model} (${task}): ${failure.message}`;
  return `${model} was asked (${task}): ${usage.inputTokens + usage.outputTokens} tokens.`;
}
