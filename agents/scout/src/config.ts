import { z } from "zod";
import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { modelConfigSchema } from "@omega/shared/model/config.ts";

/** Scout's config file. */
export const scoutConfigSchema = agentConfigSchema.extend({
  /** Where OTLP/HTTP is received. */
  otlp: z
    .strictObject({
      host: z.string().min(1).default("127.0.0.1"),
      port: z.coerce.number().int().min(0).max(65_535).default(4318),
      bodyBytesMax: z
        .number()
        .int()
        .min(1024)
        .default(16 * 1024 * 1024),
    })
    .prefault({}),
  /** How much of the recent past is kept in memory. */
  window: z
    .strictObject({
      tracesMax: z.number().int().min(100).default(20_000),
      bytesMax: z
        .number()
        .int()
        .min(1_048_576)
        .default(48 * 1024 * 1024),
      ageMsMax: z.number().int().min(60_000).default(600_000),
    })
    .prefault({}),
  /** Folders that paths in stack traces are told relative to, e.g. the repository's root. */
  sourceRoots: z.array(z.string().min(1)).default([]),
  /** Checkouts on this disk in which those paths are looked up, to show the code around a failing line and its last change. */
  repositories: z.array(z.string().min(1)).default([]),
  /** Gives second opinions on diagnoses; none unless it has a name. */
  model: modelConfigSchema.prefault({}),
  /** How long a diagnosis may wait for telemetry that shows the fault. */
  diagnoseWithinMs: z.number().int().min(0).default(12_000),
});
export type ScoutConfig = z.infer<typeof scoutConfigSchema>;
