import { definitionOf, type Draft, type OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Envelope } from "@omega/bus-schemas/envelope.ts";
import { parseEvent } from "@omega/bus-schemas/parse-event.ts";
import { aboutOf, subjectFor } from "@omega/bus-schemas/subjects.ts";
import { z } from "zod";
import { canonicalJson } from "./canonical-json.ts";
import { timeText } from "./clock.ts";
import { deriveId } from "./ids.ts";
import { fail, ok, type Outcome } from "./outcome.ts";
import { reaches, verifySignature, type Keyring, type Signer, type TrustedKey } from "./signing.ts";

/** A signed event ready for the bus. */
export interface SealedEvent {
  readonly id: string;
  readonly subject: string;
  readonly body: Uint8Array;
  readonly event: OmegaEvent;
}

export interface SealContext {
  readonly signer: Signer;
  /** `/omega/<role>/<instance>`. */
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Id of the event it follows from; with the draft's key it decides the id. */
  readonly causeId: string;
  readonly traceparent?: string | undefined;
}

/** Turns a draft into a signed event. Throws when the draft doesn't fit its own schema: a bug of the speaker, caught before it is said. */
export function sealEvent(draft: Draft, context: SealContext): SealedEvent {
  const definition = definitionOf(draft.type);
  if (definition === undefined) throw new Error(`no event type '${draft.type}' exists`);
  if (!definition.saidBy.includes(context.signer.role))
    throw new Error(`${context.signer.role} may not say ${draft.type}`);
  const data = definition.schema.safeParse(draft.data);
  if (!data.success) throw new Error(`${draft.type} does not fit its schema: ${z.prettifyError(data.error)}`);
  const unsigned: Omit<Envelope, "sig"> = {
    specversion: "1.0",
    id: deriveId(context.causeId, draft.key ?? draft.type),
    source: context.source,
    type: draft.type,
    subject: aboutOf(draft),
    time: timeText(context.now),
    datacontenttype: "application/json",
    dataversion: definition.version,
    ...(draft.incidentid === undefined ? {} : { incidentid: draft.incidentid }),
    causationid: context.causeId,
    ...(context.traceparent === undefined ? {} : { traceparent: context.traceparent }),
    data: data.data,
    keyid: context.signer.keyId,
  };
  const text = canonicalJson(unsigned);
  const envelope: Envelope = { ...unsigned, sig: context.signer.sign(text) };
  return {
    id: envelope.id,
    subject: subjectFor(envelope),
    body: Buffer.from(withSignature(text, envelope.sig)),
    // The schema of this very type accepted the data.
    event: envelope as OmegaEvent,
  };
}

/**
 * Reads a message and believes it only if a trusted key signed it, that key's role may say this type, and it came on the subject that
 * belongs to it. `storedAt` is when the stream stored it: what an event says of its own time is not believed of an expired key. Failures are
 * terminal: `not_json`, `bad_envelope`, `unknown_event_type`, `unknown_version`, `bad_payload`, `unknown_key`, `expired_key`,
 * `bad_signature`, `not_its_to_say`, `wrong_subject`.
 */
export function openEvent(
  body: Uint8Array,
  subject: string,
  keyring: Keyring,
  storedAt: number = Number.NEGATIVE_INFINITY,
): Outcome<OmegaEvent> {
  const parsed = parseEvent(body);
  if (!parsed.ok) return fail("terminal", parsed.failure.code, parsed.failure.message);
  const { event, original } = parsed;
  const key = keyring.find(original.keyid);
  if (key === undefined) return fail("terminal", "unknown_key", `Key ${original.keyid} is not trusted here.`);
  if (key.notAfter !== undefined && Math.max(Date.parse(original.time), storedAt) > key.notAfter) {
    return fail("terminal", "expired_key", `Key ${key.keyId} expired at ${timeText(key.notAfter)}.`);
  }
  if (!isSigned(body, original, key)) {
    return fail(
      "terminal",
      "bad_signature",
      `The signature of ${original.type} ${original.id} does not fit its bytes.`,
    );
  }
  const definition = definitionOf(event.type);
  if (definition?.saidBy.includes(key.role) !== true) {
    return fail("terminal", "not_its_to_say", `A ${key.role} key may not say ${event.type}.`);
  }
  if (key.personRole !== undefined && !reaches(key.personRole, definition.personNeeds)) {
    const says = `Key ${key.keyId} is a ${key.personRole}'s; ${event.type} needs a ${definition.personNeeds}'s.`;
    return fail("terminal", "not_its_to_say", says);
  }
  const expected = subjectFor(event);
  if (expected !== subject)
    return fail("terminal", "wrong_subject", `${event.type} came on ${subject}, but belongs on ${expected}.`);
  return ok(event);
}

/*
 * In canonical order `sig` stands right before `source`, and behind it come plain strings only, in which a quote is always escaped. So
 * the last `,"source":"` and the last `,"sig":"` of a canonical text are those of the envelope, and the signed text is had by cutting
 * instead of by serialising again: half of the cost of reading an event.
 */
const beforeSource = ',"source":"';
const beforeSignature = ',"sig":"';

function withSignature(unsigned: string, signature: string): string {
  const at = unsigned.lastIndexOf(beforeSource);
  return `${unsigned.slice(0, at)}${beforeSignature}${signature}"${unsigned.slice(at)}`;
}

/** Whoever published the envelope in another form of JSON is believed too: then the canonical text is made anew. */
function isSigned(body: Uint8Array, original: Envelope, key: TrustedKey): boolean {
  const text = new TextDecoder().decode(body);
  const at = text.lastIndexOf(beforeSignature);
  const cut = at < 0 ? "" : text.slice(0, at) + text.slice(at + beforeSignature.length + original.sig.length + 1);
  if (cut !== "" && verifySignature(key, cut, original.sig)) return true;
  const { sig, ...unsigned } = original;
  return verifySignature(key, canonicalJson(unsigned), sig);
}
