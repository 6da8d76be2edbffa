import { z } from "zod";
import type { StoredMessage } from "../bus.ts";
import { canonicalJson } from "../canonical-json.ts";
import { fail, ok, type Outcome } from "../outcome.ts";

/**
 * Entries of the audit log: one message of the stream each, as RFC 8785 canonical JSON, so that there is one spelling and its hash can be
 * made again from the stream.
 *
 *     {"event":{…},"seq":118,"storedAt":1795489200000,"subject":"omega.incident.…"}      the envelope, byte for byte as published
 *     {"bytes":"<base64>","seq":…}                                                       a message that is no canonical JSON
 *     {"about":{…},"blob":{"bytes":70211,"salted":"<hex>"},"seq":…}                      content kept in the blob store
 *
 * The first form is also a line of a recording (recording.ts), so `omega replay` reads what the log holds.
 */
export type AuditEntry = { readonly seq: number; readonly storedAt: number; readonly subject: string } & (
  | { readonly kind: "inline"; readonly body: Uint8Array }
  | { readonly kind: "blob"; readonly blob: BlobReference; readonly about: EntryAbout }
);

/** Content that is elsewhere, under the SHA-256 of a random salt and the content, 64 hex digits. */
export interface BlobReference {
  readonly salted: string;
  /** Length of the content. */
  readonly bytes: number;
}

/** What stays readable of an event whose content is elsewhere or erased: who said what, when, and why. */
export type EntryAbout = z.infer<typeof aboutSchema>;

/** Limits as in the envelope: whoever publishes junk must not make an entry too long for the log. */
const attribute = z.string().max(256).optional();
const aboutSchema = z.strictObject({
  id: attribute,
  type: attribute,
  time: attribute,
  incidentid: attribute,
  causationid: attribute,
  keyid: attribute,
});

const place = { seq: z.number().int().min(1), storedAt: z.number().int().min(0), subject: z.string() };
const entrySchema = z.union([
  z.strictObject({ ...place, event: z.unknown() }),
  z.strictObject({ ...place, bytes: z.base64() }),
  z.strictObject({
    ...place,
    about: aboutSchema,
    blob: z.strictObject({ salted: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.number().int().min(0) }),
  }),
]);

/** More than sequence, time and the longest subject of a NATS server take. */
const tailBytesMax = 8192;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The entry of a message with all of its bytes inside. It may be longer than a log takes (`entryBytesMax` of tlog). */
export function inlineEntry({ seq, storedAt, subject, body }: StoredMessage): Uint8Array {
  const tail = `,"seq":${seq},"storedAt":${storedAt},"subject":${canonicalJson(subject)}}`;
  const text = canonicalText(body);
  if (text !== undefined) return Buffer.from(`{"event":${text}${tail}`);
  return Buffer.from(`{"bytes":"${Buffer.from(body).toString("base64")}"${tail}`);
}

/** The entry of a message whose content went into a blob store. */
export function blobEntry({ seq, storedAt, subject, body }: StoredMessage, blob: BlobReference): Uint8Array {
  return Buffer.from(canonicalJson({ about: aboutOf(body), blob, seq, storedAt, subject }));
}

/** The sequence that an entry is about, without taking it apart; `undefined` for bytes that are no entry. */
export function seqOf(entry: Uint8Array): number | undefined {
  const end = Buffer.from(entry.subarray(-tailBytesMax)).toString("utf8");
  const seq = /,"seq":([1-9][0-9]{0,15}),"storedAt":[0-9]{1,16},"subject":"(?:[^"\\]|\\.)*"\}$/.exec(end)?.[1];
  return seq === undefined ? undefined : Number(seq);
}

/** Takes an entry apart. Failure `terminal/bad_entry`: not an entry, or not in its one spelling. */
export function parseEntry(bytes: Uint8Array): Outcome<AuditEntry> {
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    return fail("terminal", "bad_entry", `the entry is not UTF-8 JSON: ${String(error)}`);
  }
  const parsed = entrySchema.safeParse(json);
  if (!parsed.success) return fail("terminal", "bad_entry", `the entry is ${z.prettifyError(parsed.error)}`);
  const { seq, storedAt, subject } = parsed.data;
  const at = { seq, storedAt, subject };
  if ("blob" in parsed.data) {
    const { blob, about } = parsed.data;
    return isSame(bytes, Buffer.from(canonicalJson(parsed.data)))
      ? ok({ kind: "blob", ...at, blob, about })
      : notCanonical();
  }
  if ("event" in parsed.data && parsed.data.event === undefined)
    return fail("terminal", "bad_entry", "the entry holds no event");
  const body =
    "bytes" in parsed.data ? Buffer.from(parsed.data.bytes, "base64") : Buffer.from(canonicalJson(parsed.data.event));
  return isSame(bytes, inlineEntry({ ...at, body })) ? ok({ kind: "inline", ...at, body }) : notCanonical();
}

function notCanonical(): Outcome<never> {
  return fail("terminal", "bad_entry", "the entry is not in RFC 8785 canonical form");
}

/** The text of a message that is canonical JSON already, as everything that Omega publishes is. */
function canonicalText(body: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(body);
    return canonicalJson(JSON.parse(text)) === text ? text : undefined;
  } catch {
    return undefined;
  }
}

function aboutOf(body: Uint8Array): EntryAbout {
  try {
    const parsed = aboutSchema.strip().safeParse(JSON.parse(decoder.decode(body)));
    return parsed.success ? parsed.data : {};
  } catch {
    return {};
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
