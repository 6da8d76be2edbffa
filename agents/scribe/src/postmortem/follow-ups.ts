import { attemptsOf, diagnosisOf, eventsOf, signalsOf } from "../incident-facts.ts";
import { placeOf } from "../memory-of.ts";
import type { IncidentRecord } from "../state.ts";
import { code, inline } from "./markdown.ts";
import { span, targetName } from "./words.ts";

/** The one wait of the Coordinator that is meant to pass: it lets the signals of a storm gather. */
const settling = "settling";

/** What is left to do, each following from a fact of the incident; in the order in which it should be done. */
export function followUps(record: IncidentRecord): string[] {
  const items = [...forPeople(record), ...forTheCause(record), ...forTheRepair(record), ...forOmega(record)];
  return items.length === 0 ? ["None follows from what was recorded."] : items;
}

function forPeople(record: IncidentRecord): string[] {
  const resolved = eventsOf(record, "incident.resolved").at(-1);
  const escalated = eventsOf(record, "incident.escalated").at(-1);
  if (resolved !== undefined || escalated === undefined) return [];
  return [`**A person has to go on with this** (${code(escalated.data.reason)}): ${inline(escalated.data.says)}`];
}

function forTheCause(record: IncidentRecord): string[] {
  const diagnosis = diagnosisOf(record);
  const cause = diagnosis?.data.verdict === "cause" ? diagnosis.data.candidates[0] : undefined;
  if (cause === undefined) return ["Find the cause: the recorded evidence did not single one out."];
  const items: string[] = [];
  const place = placeOf(cause.location);
  if (place !== undefined && cause.kind === "code") {
    const error = cause.errorType === undefined ? "" : ` It throws ${code(cause.errorType)}.`;
    const input = cause.operation === undefined ? "" : ` with a test of ${code(cause.operation)} that fails today`;
    items.push(`Fix ${code(place)} in ${code(cause.service)}${input}.${error}`);
  }
  const earlier = eventsOf(record, "memory.recalled").at(-1)?.data.matches ?? [];
  const same = earlier.filter(({ location }) => location?.file !== undefined && location.file === cause.location?.file);
  if (same.length > 0) {
    const ids = same.map(({ incidentId }) => code(incidentId)).join(", ");
    items.push(
      `The same file failed before (${ids}): repairing the symptom has not kept it away. Give the fix of the code priority.`,
    );
  }
  const unseen = signalsOf(record).every(({ service }) => service !== cause.service);
  if (unseen)
    items.push(
      `${code(cause.service)} was at fault but raised no signal of its own: check its telemetry and thresholds.`,
    );
  return items;
}

function forTheRepair(record: IncidentRecord): string[] {
  const cause = diagnosisOf(record)?.data.candidates[0];
  return attemptsOf(record).flatMap(({ order, option, outcome, undo }) => {
    const name = `${code(order.actionType)} on ${inline(targetName(order.target))}`;
    if (undo !== undefined && undo.type !== "undo.done")
      return [`${name} could not be taken back (${code(undo.data.failure.code)}): look at the object by hand.`];
    if (outcome === "undone")
      return [`${name} was taken back: find out why it did not help before anybody repeats it.`];
    if (outcome !== "verified") return [];
    const moved = option?.changes.find(({ path }) => path.endsWith("/image"));
    const before = moved?.before;
    if (typeof before !== "string")
      return [`${name} changed the running system only: bring its source of truth (manifest, repository) in line.`];
    const version =
      cause?.version === undefined ? "" : ` Keep ${code(cause.version)} out of every environment until then.`;
    return [
      `${name} changed the cluster only: a manifest or pipeline that still names ${code(before)} brings the fault back at its next run.${version}`,
    ];
  });
}

function forOmega(record: IncidentRecord): string[] {
  const late = eventsOf(record, "deadline.passed").filter(({ data }) => data.awaited !== settling);
  const items = late.map(
    ({ data }) =>
      `Omega waited in vain for ${code(data.awaited)} (until ${data.dueAt.slice(11, 19)} UTC): find out which process was late.`,
  );
  const vague = eventsOf(record, "recovery.inconclusive").length;
  if (vague > 0)
    items.push("Verification had too little traffic to judge: add a probe or synthetic requests for this call.");
  const granted = eventsOf(record, "approval.granted").at(-1);
  const asked = eventsOf(record, "approval.requested").at(-1);
  if (granted !== undefined && asked !== undefined) {
    const waited = Date.parse(granted.time) - Date.parse(asked.time);
    items.push(
      `A person's approval took ${span(Math.max(0, waited))} of the incident: decide whether policy may allow this repair by itself.`,
    );
  }
  return items;
}
