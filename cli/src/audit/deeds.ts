import { userInfo } from "node:os";
import type { Draft, EventOf } from "@omega/bus-schemas/catalogue.ts";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import type { BusSession } from "../bus-session.ts";
import { withBus, type CommandContext } from "../commands/context.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { counted } from "@omega/shared/durations.ts";
import { AuditFolder, type FolderOptions } from "./audit-folder.ts";

export interface DeedOptions extends FolderOptions {
  readonly reason: string;
  readonly by?: string;
  readonly server?: string;
}

/** Says first and erases then: a crash in between leaves content that is said to be gone, and the same command ends it. */
export async function erase(context: CommandContext, index: number, options: DeedOptions): Promise<void> {
  const folder = await AuditFolder.open(context, options);
  const { entry } = await folder.entry(index);
  if (entry.kind !== "blob") {
    throw new CommandFailure(
      exitCode.failed,
      `Entry ${index} holds its content itself, and what is in the log can't be erased. Scribe's audit.erasable names the types kept outside.`,
    );
  }
  const { salted } = entry.blob;
  if ((await folder.blobs.get(salted)).kind === "erased") {
    context.note(`The content of entry ${index} is not there any more.`);
    return;
  }
  const by = options.by ?? userInfo().username;
  const { origin } = folder.checkpoint;
  const data = { origin, index, seq: entry.seq, blob: salted, by, reason: options.reason };
  const eventId = await withBus(context, options, (session) =>
    sayAs(context, session, by, { type: "audit.erased", data }, `erase ${origin} ${salted}`),
  );
  await folder.blobs.erase(salted);
  if (options.json === true) context.say(JSON.stringify({ ...data, eventId }));
  else {
    context.say(
      `Erased the content of entry ${index} (${counted(entry.blob.bytes, "byte")}). Its hash and every proof stay.`,
    );
    context.note(
      `The stream OMEGA keeps its own copy at sequence ${entry.seq}, and backups theirs: docs/audit.md says more.`,
    );
  }
}

export async function acknowledge(context: CommandContext, options: DeedOptions): Promise<void> {
  await withBus(context, options, async (session) => {
    const open = standingAlarms((await session.events()).map(({ event }) => event));
    if (open.length === 0) {
      context.note("No alarm of the audit log stands.");
      return;
    }
    const by = options.by ?? userInfo().username;
    for (const { id, data } of open) {
      const draft: Draft = { type: "audit.acknowledged", data: { alarmId: id, by, reason: options.reason } };
      await sayAs(context, session, by, draft, id);
      if (options.json !== true) context.say(`Acknowledged: ${data.says}`);
    }
    if (options.json === true) context.say(JSON.stringify({ acknowledged: open.map(({ id }) => id), by }));
  });
}

/** Alarms of the past that nobody has acknowledged; one about writing ends by itself. */
export function standingAlarms(events: readonly { readonly type: string }[]): EventOf<"audit.alarmed">[] {
  const alarms = new Map<string, EventOf<"audit.alarmed">>();
  for (const event of events) {
    if (isOf(event, "audit.alarmed")) alarms.set(event.id, event);
    if (event.type === "audit.checkpointed") {
      for (const [id, { data }] of alarms) if (data.code === "log_unwritable") alarms.delete(id);
    }
    if (isOf(event, "audit.acknowledged")) alarms.delete(event.data.alarmId);
  }
  return [...alarms.values()];
}

function isOf<Type extends "audit.alarmed" | "audit.acknowledged">(
  event: { readonly type: string },
  type: Type,
): event is EventOf<Type> {
  return event.type === type;
}

async function sayAs(
  context: CommandContext,
  session: BusSession,
  by: string,
  draft: Draft,
  causeId: string,
): Promise<string> {
  const sealed = sealEvent(draft, {
    signer: loadSigner(context.home.keys, "operator"),
    source: `/omega/operator/${encodeURIComponent(by).slice(0, 200)}`,
    now: context.clock.now(),
    causeId,
  });
  const published = await session.bus.publish({ id: sealed.id, subject: sealed.subject, body: sealed.body });
  if (!published.ok)
    throw new CommandFailure(exitCode.unavailable, `It may not have been stored: ${published.failure.message}`);
  return sealed.id;
}
