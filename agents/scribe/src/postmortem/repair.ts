import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { Change } from "@omega/bus-schemas/vocabulary.ts";
import { attemptsOf, eventsOf, type Attempt } from "../incident-facts.ts";
import type { IncidentRecord } from "../state.ts";
import { block, code, inline, list, table } from "./markdown.ts";
import { clockTime, span, targetName } from "./words.ts";

const changesShown = 40;

export function doneSection(record: IncidentRecord): string {
  const attempts = attemptsOf(record);
  if (attempts.length === 0) return "Nothing was changed.";
  return attempts.map((attempt, index) => attemptText(attempt, index + 1)).join("\n\n");
}

function attemptText({ order, option, authorized, approval, ending, undo }: Attempt, number: number): string {
  const facts: string[] = [];
  if (option !== undefined) {
    facts.push(...option.reasons.map((reason) => `Why: ${inline(reason)}`));
    facts.push(
      `Risk ${option.risk}, reversible: ${option.reversible}, dry run: ${option.dryRun}. ${inline(option.blastRadius.says)}`,
    );
    facts.push(...option.warnings.map((warning) => `Warning: ${inline(warning)}`));
  }
  if (authorized !== undefined) {
    const reasons = authorized.data.reasons.map((reason) => inline(reason)).join("; ");
    facts.push(
      `Allowed by ${authorized.data.by.kind} ${code(authorized.data.by.name)}${reasons === "" ? "" : `: ${reasons}`}.`,
    );
  }
  if (approval !== undefined) {
    const comment = approval.data.comment === undefined ? "" : `: ${inline(approval.data.comment)}`;
    facts.push(`Approved by ${inline(approval.data.by)} at ${clockTime(approval.time)} UTC${comment}.`);
  }
  facts.push(`Plan ${code(order.planHash)}, action ${code(order.actionId)}.`);
  if (ending?.type === "action.succeeded") {
    facts.push(`Done in ${span(ending.data.tookMs)}: ${inline(ending.data.says)}`);
  } else if (ending !== undefined) {
    facts.push(`${ending.type}: ${code(ending.data.failure.code)}, ${inline(ending.data.failure.message)}`);
  } else facts.push("No outcome was reported.");
  if (undo?.type === "undo.done") facts.push(`Taken back in ${span(undo.data.tookMs)}: ${inline(undo.data.says)}`);
  else if (undo !== undefined)
    facts.push(`${undo.type}: ${code(undo.data.failure.code)}, ${inline(undo.data.failure.message)}`);
  return [
    `### ${number}. ${code(order.actionType)} on ${inline(targetName(order.target))}`,
    ...(option === undefined || option.changes.length === 0 ? [] : [diff(option.changes)]),
    list(facts),
  ].join("\n\n");
}

/** The field-level diff of the dry run. */
function diff(changes: readonly Change[]): string {
  const lines: string[] = [];
  let object: string | undefined;
  for (const change of changes.slice(0, changesShown)) {
    if (change.object !== object) lines.push(`@@ ${change.object} @@`);
    object = change.object;
    lines.push(`  ${change.path}`);
    if (change.before !== undefined) lines.push(`- ${valueText(change.before)}`);
    if (change.after !== undefined) lines.push(`+ ${valueText(change.after)}`);
  }
  if (changes.length > changesShown) lines.push(`  and ${changes.length - changesShown} more fields`);
  return block("diff", lines);
}

function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function verifiedSection(record: IncidentRecord): string {
  const verdicts = eventsOf(record, "recovery.confirmed", "recovery.failed", "recovery.inconclusive");
  if (verdicts.length === 0) return "No verification was reported.";
  const terms = eventsOf(record, "verification.requested");
  return verdicts
    .map(({ type, data }) => {
      const request = terms.find((each) => each.data.actionId === data.actionId);
      const checked = request?.data.checks
        .map(({ service, operation }) => `${code(service)} ${code(operation)}`)
        .join(", ");
      const how =
        request === undefined
          ? ""
          : `Only telemetry that began after ${clockTime(request.data.after)} UTC counted; ${request.data.terms.count} good measurements, ` +
            `${span(request.data.terms.intervalMs)} apart, of ${checked ?? ""} were asked for.`;
      const rows = data.measurements.map(({ at, verdict, requests, failures, p95Ms }) => [
        clockTime(at),
        verdict,
        String(requests),
        String(failures),
        p95Ms === undefined ? "" : span(p95Ms),
      ]);
      return [
        `**${type}** for ${code(data.actionId)}: ${inline(data.says)}`,
        how,
        rows.length === 0 ? "" : table(["Time (UTC)", "Verdict", "Requests", "Failures", "p95"], rows),
      ]
        .filter((part) => part !== "")
        .join("\n\n");
    })
    .join("\n\n");
}

/** Options that were not run, and what Surgeon refused to propose. */
export function consideredSection(record: IncidentRecord): string {
  const ran = new Set(eventsOf(record, "action.ordered").map(({ data }) => data.planHash));
  const proposals = eventsOf(record, "remediation.proposed");
  const denied = eventsOf(record, "remediation.denied", "approval.denied");
  const others = proposals
    .flatMap(({ data }) => data.options)
    .filter(({ planHash }) => !ran.has(planHash))
    .map(({ actionType, target, planHash, reasons }) => {
      const no = denied.find(({ data }) => data.planHash === planHash);
      const why = no === undefined ? `not needed (${prose(reasons)})` : denialOf(no);
      return `${code(actionType)} on ${inline(targetName(target))}: ${why}.`;
    });
  const refused = proposals
    .flatMap(({ data }) => data.refused)
    .map(({ actionType, reason }) => `${code(actionType)}, not proposed: ${inline(reason)}`);
  return list([...new Set([...others, ...refused])]);
}

function denialOf(no: EventOf<"remediation.denied"> | EventOf<"approval.denied">): string {
  if (no.type === "remediation.denied") return `denied: ${prose(no.data.reasons)}`;
  return `denied by ${inline(no.data.by)}`;
}

function prose(reasons: readonly string[]): string {
  return reasons.map((reason) => inline(reason, 200)).join("; ");
}
