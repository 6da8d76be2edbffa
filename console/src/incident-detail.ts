import { readFileSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import type { EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Location } from "@omega/bus-schemas/vocabulary.ts";
import { reasoningOf, type LoggedEvent } from "@omega/shared/audit/reasoning.ts";
import { canonicalHash } from "@omega/shared/canonical-json.ts";
import { pendingApproval } from "@omega/shared/incident-view.ts";
import { targetName } from "@omega/shared/timeline.ts";
import type { Recorded } from "./incident-records.ts";
import { metricsOf } from "./metric-series.ts";
import type { IncidentCard, IncidentDetail, SourceExcerpt } from "./wire.ts";

const linesAround = 6;
const sourceBytesMax = 2_000_000;
/** Beyond so many events the chain is told from the first and the last ones: a person reads no more, and all stand in the timeline. */
const reasonedMax = 300;
/** Repairs are shown of the last rounds of planning; the earlier ones stand in the timeline. */
const roundsShown = 3;
const marksMax = 100;

/** An incident as a person looks into it. `others` are signals and memories that stand outside of it. */
export function incidentDetail(parts: {
  readonly seq: number;
  readonly card: IncidentCard;
  readonly records: readonly Recorded[];
  readonly others: readonly Recorded[];
  readonly sourceRoot: string;
}): IncidentDetail {
  const { seq, card, records, others, sourceRoot } = parts;
  const events = records.map(({ event }) => event);
  const last = <Type extends OmegaEvent["type"]>(type: Type): EventOf<Type> | undefined =>
    events.findLast((event): event is Extract<OmegaEvent, EventOf<Type>> => event.type === type);
  const diagnosis = last("diagnosis.reached");
  const rounds = events.filter((event) => event.type === "remediation.proposed");
  const proposed = rounds.slice(-roundsShown);
  const recalled = last("memory.recalled");
  const trace = last("trace.recorded")?.data;
  const postmortem = last("postmortem.written")?.data.text;
  const pending = questionIn(records, card);
  const location = card.location ?? diagnosis?.data.candidates[0]?.location;
  const source = location === undefined ? undefined : excerptOf(location, sourceRoot);
  return {
    seq,
    card,
    events: records.length,
    ...(diagnosis === undefined ? {} : { diagnosis: diagnosed(diagnosis) }),
    ...(trace === undefined ? {} : { trace }),
    ...(source === undefined ? {} : { source }),
    options: proposed.flatMap(({ data }) => data.options.map(({ plan: _plan, params: _params, ...option }) => option)),
    refused: proposed.flatMap(({ data }) => data.refused),
    earlierRounds: rounds.length - proposed.length,
    ...(pending === undefined ? {} : { pending }),
    ...(recalled === undefined ? {} : { recalled: { says: recalled.data.says, matches: recalled.data.matches } }),
    metrics: metricsOf([...others.map(({ event }) => event), ...events], diagnosis?.data.candidates[0]?.service),
    marks: marksOf(card, records),
    reasoning: reasoningOf(card.id, loggedIn(records, others)),
    ...(postmortem === undefined ? {} : { postmortem }),
  };
}

/** What waits for a person in an incident. */
export function questionIn(records: readonly Recorded[], { status }: IncidentCard): IncidentDetail["pending"] {
  const asked = pendingApproval({ events: records.map(({ event }) => event), status })?.request;
  if (asked === undefined) return undefined;
  const { optionId, planHash, expiresAt, reasons } = asked.data;
  return { requestId: asked.id, optionId, planHash, expiresAt: Date.parse(expiresAt), reasons };
}

function diagnosed({ data }: EventOf<"diagnosis.reached">): NonNullable<IncidentDetail["diagnosis"]> {
  const { says, verdict, candidates, model, blastRadius, traceIds } = data;
  return {
    says,
    verdict,
    candidates,
    traceIds,
    ...(model === undefined ? {} : { model }),
    services: blastRadius.services,
    trafficShare: blastRadius.trafficShare,
  };
}

/** The chain refers to entries by their place in the stream, and by the hash of the whole event. */
function loggedIn(records: readonly Recorded[], others: readonly Recorded[]): LoggedEvent[] {
  const shown =
    records.length <= reasonedMax
      ? records
      : [...records.slice(0, reasonedMax / 2), ...records.slice(-reasonedMax / 2)];
  return [...others, ...shown]
    .toSorted((one, other) => one.seq - other.seq)
    .map(({ seq, event }) => ({ index: seq, leaf: canonicalHash(event), event }));
}

function marksOf(card: IncidentCard, records: readonly Recorded[]): IncidentDetail["marks"] {
  const marks: IncidentDetail["marks"][number][] = [{ at: card.onset, says: "onset", kind: "onset" }];
  for (const { event } of records) {
    const at = Date.parse(event.time);
    if (event.type === "action.started")
      marks.push({ at, says: `${event.data.actionType} on ${targetName(event.data.target)}`, kind: "action" });
    if (event.type === "undo.started") marks.push({ at, says: "taken back", kind: "undo" });
  }
  return marks.length <= marksMax ? marks : [...marks.slice(0, 1), ...marks.slice(-marksMax)];
}

/** Lines around the one at fault; nothing where the file is not here, or lies outside of the root. */
export function excerptOf({ file, lineStart }: Location, sourceRoot: string): SourceExcerpt | undefined {
  if (sourceRoot === "" || file === undefined || lineStart === undefined) return undefined;
  let text: string;
  try {
    const root = realpathSync(sourceRoot);
    const path = realpathSync(join(root, file));
    // The path came over the bus out of somebody's telemetry; links are resolved before it is compared.
    if (!path.startsWith(`${root}${sep}`) || !/\.[cm]?[jt]sx?$|\.(py|go|rs|java|kt|rb|cs)$/.test(path))
      return undefined;
    if (statSync(path).size > sourceBytesMax) return undefined;
    text = readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
  const all = text.split("\n");
  if (lineStart > all.length) return undefined;
  const first = Math.max(1, lineStart - linesAround);
  return { file, firstLine: first, line: lineStart, lines: all.slice(first - 1, lineStart + linesAround) };
}
