import { z } from "zod";

/**
 * The CloudEvents 1.0 JSON envelope (https://github.com/cloudevents/spec, v1.0.2, JSON format 1.1) with Omega's extension
 * attributes. Extension names are lower-case letters and digits only, as the specification demands.
 */
export const envelopeSchema = z.strictObject({
  specversion: z.literal("1.0"),
  /** Derived from cause and key (shared/src/ids.ts), so that a handler that runs twice says the same event once. */
  id: z.string().min(1).max(128),
  /** `/omega/<role>/<instance>`. */
  source: z.string().min(1).max(256),
  type: z.string().min(3).max(64),
  /** The incident, service or process it is about. */
  subject: z.string().min(1).max(256),
  /** When it was said, RFC 3339 with milliseconds, UTC. */
  time: z.iso.datetime({ precision: 3 }),
  datacontenttype: z.literal("application/json"),
  /** Version of `data`; lower ones are upcast when read. */
  dataversion: z.number().int().min(1),
  incidentid: z.string().min(1).max(128).optional(),
  /** Id of the event that this one follows from. */
  causationid: z.string().min(1).max(128).optional(),
  /** W3C Trace Context, so that an incident is one trace across the processes. */
  traceparent: z
    .string()
    .regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
    .optional(),
  data: z.unknown(),
  /** Names the Ed25519 key: `<role>-<first 16 hex digits of SHA-256 of the raw public key>`. */
  keyid: z.string().regex(/^[a-z]+-[0-9a-f]{16}$/),
  /** Ed25519 over the RFC 8785 canonical JSON of the envelope without `sig`; base64url without padding, 86 characters. */
  sig: z.string().regex(/^[A-Za-z0-9_-]{86}$/),
});

export type Envelope = z.infer<typeof envelopeSchema>;
