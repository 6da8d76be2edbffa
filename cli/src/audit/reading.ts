import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import { Keyring } from "@omega/shared/signing.ts";
import { hashLeaf } from "@omega/tlog/merkle.ts";
import type { CommandContext } from "../commands/context.ts";
import { findIncident } from "../commands/incidents.ts";
import { incidentsIn } from "@omega/shared/incident-view.ts";
import { printable, table } from "@omega/shared/terminal.ts";
import { AuditFolder, bodyOf, type FolderOptions, type IndexedEntry } from "./audit-folder.ts";
import { reasoningOf, type LoggedEvent } from "@omega/shared/audit/reasoning.ts";
import { reasoningText } from "./reasoning-text.ts";

export interface ListOptions extends FolderOptions {
  readonly incident?: string;
  readonly limit: number;
}

interface Row {
  readonly index: number;
  readonly seq: number;
  readonly leaf: string;
  readonly time: string;
  readonly type: string;
  readonly incident: string | undefined;
  readonly id: string | undefined;
  readonly content: "inline" | "blob" | "erased" | "damaged";
  /** Whether a trusted key signed it. */
  readonly vouched: boolean;
}

export async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  const keyring = new Keyring(folder.keys);
  const rows: Row[] = [];
  for await (const each of folder.entries()) {
    const row = await rowOf(each, folder, keyring);
    if (options.incident !== undefined && row.incident?.startsWith(options.incident) !== true) continue;
    rows.push(row);
    if (rows.length > options.limit) rows.shift();
  }
  if (options.json === true) {
    context.say(JSON.stringify(rows));
    return;
  }
  const cells = rows.map(({ index, seq, leaf, time, type, incident, content, vouched }) => [
    String(index),
    String(seq),
    leaf.slice(0, 12),
    time.slice(0, 23).replace("T", " "),
    vouched ? content : content === "erased" ? "erased" : "NOT VOUCHED",
    printable(incident ?? "-", 40),
    printable(type, 80),
  ]);
  const head = ["entry", "seq", "hash", "time (UTC)", "content", "incident", "type"];
  const tones = (row: number, column: number) => (column === 4 && rows[row]?.vouched === false ? "warn" : "plain");
  for (const line of table(head, cells, context.paint, tones)) context.say(line);
}

async function rowOf({ index, bytes, entry }: IndexedEntry, folder: AuditFolder, keyring: Keyring): Promise<Row> {
  const leaf = Buffer.from(hashLeaf(bytes)).toString("hex");
  const at = { index, seq: entry.seq, leaf };
  const body = await bodyOf(entry, folder.blobs);
  const opened = typeof body === "string" ? undefined : openEvent(body, entry.subject, keyring, entry.storedAt);
  if (opened?.ok === true) {
    const { time, type, incidentid, id } = opened.value;
    return { ...at, time, type, incident: incidentid, id, content: entry.kind, vouched: true };
  }
  const about = entry.kind === "blob" ? entry.about : {};
  const content = typeof body === "string" ? body : entry.kind;
  const time = about.time ?? new Date(entry.storedAt).toISOString();
  const type = about.type ?? `unreadable message on ${entry.subject}`;
  return { ...at, time, type, incident: about.incidentid, id: about.id, content, vouched: false };
}

/** The believable events of the log, with their places. */
async function loggedEvents(folder: AuditFolder): Promise<LoggedEvent[]> {
  const keyring = new Keyring(folder.keys);
  const events: LoggedEvent[] = [];
  const seen = new Set<string>();
  for await (const { index, bytes, entry } of folder.entries()) {
    const body = await bodyOf(entry, folder.blobs);
    const opened = typeof body === "string" ? undefined : openEvent(body, entry.subject, keyring, entry.storedAt);
    if (opened?.ok !== true || seen.has(opened.value.id)) continue;
    seen.add(opened.value.id);
    events.push({ index, leaf: Buffer.from(hashLeaf(bytes)).toString("hex"), event: opened.value });
  }
  return events;
}

export async function show(context: CommandContext, id: string, options: FolderOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  const log = await loggedEvents(folder);
  const recorded = log.map(({ index, event }) => ({ seq: index + 1, storedAt: timeOf(event), event }));
  const incident = findIncident(incidentsIn(recorded), id);
  const chapters = reasoningOf(incident.id, log);
  const claims = chapters.flatMap((chapter) => chapter.claims);
  const unsupported = claims.filter(({ evidence }) => evidence.length === 0).length;
  const { origin, size, root } = folder.checkpoint;
  const rootHex = Buffer.from(root).toString("hex");
  if (options.json === true) {
    const log = { origin, size, root: rootHex };
    const { title, severity, status } = incident;
    context.say(JSON.stringify({ incident: incident.id, title, severity, status, log, unsupported, chapters }));
    return;
  }
  const { paint, say } = context;
  say(paint("strong", printable(incident.title)));
  say(paint("dim", `${incident.id}, ${incident.severity}, ${incident.status}`));
  say(paint("dim", `log ${printable(origin)}, ${size} entries, root ${rootHex}; omega audit verify checks it`));
  for (const line of reasoningText(chapters, paint)) say(line);
  say("");
  say(
    `${claims.length} claims, ${unsupported === 0 ? "all with evidence" : paint("warn", `${unsupported} without evidence`)}`,
  );
}

function timeOf(event: OmegaEvent): number {
  return Date.parse(event.time);
}
