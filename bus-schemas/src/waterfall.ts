import { z } from "zod";
import { locationSchema, timeSchema, traceIdSchema } from "./vocabulary.ts";

const spanIdSchema = z.string().regex(/^[0-9a-f]{16}$/);

/** One span of a waterfall. Times count from the trace's start, with the error of its host's clock taken out. */
const barSchema = z.strictObject({
  spanId: spanIdSchema,
  /** Absent for a root, and where the parent never arrived. */
  parentSpanId: spanIdSchema.optional(),
  /** How deep it lies, 0 for a root: what is indented when spans between were left out. */
  depth: z.number().int().min(0),
  service: z.string().min(1).max(256),
  operation: z.string().max(256),
  kind: z.enum(["internal", "server", "client", "producer", "consumer"]),
  startMs: z.number(),
  durationMs: z.number().min(0),
  failed: z.boolean(),
  /** Type and message of its exception, or its status message. */
  error: z.string().max(300).optional(),
  /** `file:line`, where the span itself tells it. */
  place: z.string().max(300).optional(),
  /** By how much its host's clock was off, where it shows. */
  skewMs: z.number().optional(),
  /** It names a parent that never arrived. */
  orphan: z.literal(true).optional(),
});

export const waterfallSchema = z.strictObject({
  traceId: traceIdSchema,
  startedAt: timeSchema,
  durationMs: z.number().min(0),
  /** Depth first, callers before callees, earliest first. */
  spans: z.array(barSchema).min(1).max(256),
  /** Spans that were left out: neither failing, nor long, nor on the way to the culprit. */
  omitted: z.number().int().min(0),
  /** Where the fault is, of a diagnosed trace. */
  culprit: z
    .strictObject({ spanId: spanIdSchema, location: locationSchema.optional(), says: z.string().max(1024) })
    .optional(),
  /** Services whose clocks were off, spans without parents and the like, in words. */
  notes: z.array(z.string().max(512)).max(16),
});
export type Waterfall = z.infer<typeof waterfallSchema>;
