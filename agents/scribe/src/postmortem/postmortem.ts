import { diagnosisOf, durationMs, eventsOf, signalsOf } from "../incident-facts.ts";
import { placeOf } from "../memory-of.ts";
import type { IncidentRecord } from "../state.ts";
import { rootCauseSection } from "./cause.ts";
import { followUps } from "./follow-ups.ts";
import { code, inline, list, table } from "./markdown.ts";
import { consideredSection, doneSection, verifiedSection } from "./repair.ts";
import { secondOpinionSection } from "./second-opinion.ts";
import { timelineSection } from "./timeline.ts";
import { count, dateTime, percent, span, targetName } from "./words.ts";
import { attemptsOf } from "../incident-facts.ts";

/** The schema's ceiling is 262,144 characters; a post-mortem nobody can read helps nobody. */
const textMax = 200_000;
const signalsShown = 12;

/**
 * The post-mortem of an incident as Markdown. Every statement is a fact of an event of this incident; what no event says is left out
 * or named as unknown.
 */
export function postmortem(record: IncidentRecord): string {
  const sections = [
    heading(record),
    section("Summary", summary(record)),
    section("Impact", impact(record)),
    section("Timeline", timelineSection(record)),
    section("Root cause", rootCauseSection(record)),
    section("Second opinion", secondOpinionSection(record)),
    section("What was done", doneSection(record)),
    section("How it was verified", verifiedSection(record)),
    section("What else was considered", consideredSection(record)),
    section("What memory knew", recallText(record)),
    section("Follow-ups", list(followUps(record))),
  ];
  const text = `${sections.filter((each) => each !== "").join("\n\n")}\n`;
  return text.length <= textMax ? text : `${text.slice(0, textMax)}\n\n(Cut here: the stream holds the rest.)\n`;
}

function section(title: string, body: string): string {
  return body === "" ? "" : `## ${title}\n\n${body}`;
}

function heading(record: IncidentRecord): string {
  const { title, severity, onset } = record.opened.data;
  const resolved = eventsOf(record, "incident.resolved").at(-1);
  const rows = [
    ["Incident", code(record.id)],
    ["Severity", severity],
    ["Status", statusOf(record)],
    ["Onset", `${dateTime(onset)} UTC`],
    ...(resolved === undefined
      ? [["Duration so far", span(durationMs(record))]]
      : [
          ["Resolved", `${dateTime(resolved.time)} UTC`],
          ["Detected after", span(resolved.data.detectMs)],
          ...(resolved.data.diagnoseMs === undefined
            ? []
            : [["Diagnosed after a further", span(resolved.data.diagnoseMs)]]),
          ["Onset to resolution", span(resolved.data.resolveMs)],
          [
            "Reasoning",
            resolved.data.decidedWithoutModel
              ? "deterministic, decided without a model"
              : "with a model's second opinion",
          ],
        ]),
  ];
  return `# Post-mortem: ${inline(title)}\n\n${table(["", ""], rows)}`;
}

function statusOf(record: IncidentRecord): string {
  const resolved = eventsOf(record, "incident.resolved").at(-1);
  if (resolved === undefined) return "given to a person";
  const taken = attemptsOf(record).some(({ outcome }) => outcome === "undone");
  const approved = eventsOf(record, "approval.granted").at(-1);
  const who = approved === undefined ? "without a person" : `approved by ${inline(approved.data.by)}`;
  const words = { healed: `healed, ${who}`, prevented: `prevented, ${who}`, subsided: "subsided by itself" };
  return `${words[resolved.data.outcome]}${taken ? "; an action was taken back" : ""}`;
}

function summary(record: IncidentRecord): string {
  const { signal } = record.opened.data;
  const diagnosis = diagnosisOf(record);
  const sentences = [inline(signal.says)];
  const cause = diagnosis?.data.verdict === "cause" ? diagnosis.data.candidates[0] : undefined;
  const place = placeOf(cause?.location);
  if (diagnosis === undefined) sentences.push("No diagnosis was reached.");
  else sentences.push(`Diagnosis: ${inline(diagnosis.data.says)}`);
  if (place !== undefined && diagnosis?.data.says.includes(cause?.location?.file ?? place) !== true) {
    sentences.push(`The failing line is ${code(place)}.`);
  }
  for (const { order, outcome } of attemptsOf(record)) {
    const came = {
      verified: "fresh telemetry confirmed recovery",
      failed: "it did not help",
      undone: "it was taken back",
      open: "its outcome is not known",
    };
    sentences.push(`Omega ran ${code(order.actionType)} on ${inline(targetName(order.target))}; ${came[outcome]}.`);
  }
  const resolved = eventsOf(record, "incident.resolved").at(-1);
  const escalated = eventsOf(record, "incident.escalated").at(-1);
  if (resolved !== undefined) {
    sentences.push(`From onset to resolution it took **${span(resolved.data.resolveMs)}**.`);
  } else if (escalated !== undefined) {
    sentences.push(`Omega stopped acting and asked for a person: ${inline(escalated.data.says)}`);
  }
  return sentences.map((sentence) => (/[.!?…*]$/.test(sentence) ? sentence : `${sentence}.`)).join(" ");
}

function impact(record: IncidentRecord): string {
  const signals = signalsOf(record);
  const radius = diagnosisOf(record)?.data.blastRadius;
  const lines: string[] = [];
  if (radius !== undefined && radius.services.length > 0) {
    const names = radius.services.slice(0, signalsShown).map((name) => code(name));
    const more = radius.services.length - names.length;
    lines.push(
      `Services touched: ${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}; **${percent(radius.trafficShare)}** of the traffic seen.`,
    );
  }
  lines.push(`It lasted ${span(durationMs(record))}, from onset to the end of Omega's work.`);
  lines.push(
    ...signals
      .slice(0, signalsShown)
      .map((each) => `${code(each.service)} ${code(each.operation)}: ${inline(each.says)}`),
  );
  const more = Math.max(0, signals.length - signalsShown) + record.extensionsDropped;
  if (more > 0) lines.push(`${count(more, "further signal")} of the same storm.`);
  return list(lines);
}

function recallText(record: IncidentRecord): string {
  const recalled = eventsOf(record, "memory.recalled").at(-1);
  if (recalled === undefined) return "No recall was made in time.";
  const { matches, says } = recalled.data;
  if (matches.length === 0) return inline(says, 1024);
  const rows = matches.map((match) => [
    code(match.incidentId),
    match.similarity.toFixed(2),
    inline(match.rootCause, 200),
    match.fixes.map(({ actionType, outcome }) => `${code(actionType)} ${outcome}`).join(", ") || "none",
    match.resolveMs === undefined ? "" : span(match.resolveMs),
  ]);
  return `${inline(says, 1024)}\n\n${table(["Incident", "Similarity", "Root cause", "Repairs", "Time to fix"], rows)}`;
}
