import { z } from "zod";
import { definitionOf, type OmegaEvent } from "./catalogue.ts";
import type { EventDefinition } from "./define-event.ts";
import { envelopeSchema, type Envelope } from "./envelope.ts";

/** Why bytes are no event. The codes are stable. */
export interface ParseFailure {
  readonly code: "not_json" | "bad_envelope" | "unknown_event_type" | "unknown_version" | "bad_payload";
  /** Names the place, e.g. `data.options[0].risk: Invalid option`. */
  readonly message: string;
}

export type Parsed =
  | { readonly ok: true; readonly event: OmegaEvent; readonly original: Envelope }
  | { readonly ok: false; readonly failure: ParseFailure };

/**
 * Reads one message of the stream: JSON, envelope, known type, upcast to the current version, payload. `original` is the envelope as
 * it was signed; `find` is the catalogue, unless told. Says nothing of signatures, which need a keyring (shared/src/signing.ts).
 */
export function parseEvent(
  bytes: Uint8Array,
  find: (type: string) => EventDefinition | undefined = definitionOf,
): Parsed {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return failed(
      "not_json",
      `The message is not UTF-8 JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const envelope = envelopeSchema.safeParse(json);
  if (!envelope.success) return failed("bad_envelope", placesOf(envelope.error));
  const original = envelope.data;
  const definition = find(original.type);
  if (definition === undefined) return failed("unknown_event_type", `No event type '${original.type}' exists.`);
  if (original.dataversion > definition.version) {
    return failed(
      "unknown_version",
      `${original.type} version ${original.dataversion} is newer than this process knows (${definition.version}); upgrade it.`,
    );
  }
  if (definition.scope === "incident" && original.incidentid === undefined) {
    return failed("bad_envelope", `incidentid: ${original.type} needs one`);
  }
  let current: unknown = original.data;
  for (let version = original.dataversion; version < definition.version; version += 1) {
    current = definition.upcasters[version]?.(current);
  }
  const data = definition.schema.safeParse(current);
  if (!data.success) return failed("bad_payload", `${original.type}: ${placesOf(data.error, "data")}`);
  // The catalogue guarantees that `data` fits `type`, which the compiler cannot see through a map.
  return { ok: true, event: { ...original, data: data.data } as OmegaEvent, original };
}

function failed(code: ParseFailure["code"], message: string): Parsed {
  return { ok: false, failure: { code, message: message.slice(0, 2048) } };
}

function placesOf(error: z.ZodError, prefix = ""): string {
  return error.issues
    .slice(0, 8)
    .map((issue) => {
      const path = issue.path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
      return `${`${prefix}${path}`.replace(/^\./, "") || "envelope"}: ${issue.message}`;
    })
    .join("; ");
}
