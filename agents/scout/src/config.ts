import { z } from "zod";
import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { detectionSchema } from "./detect/config.ts";
import { modelConfigSchema } from "@omega/shared/model/config.ts";

/** Scout's config file. */
export const scoutConfigSchema = agentConfigSchema.extend({
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
    .prefault({})
    .describe("Where OTLP/HTTP is received."),
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
    .prefault({})
    .describe("How much of the recent past is kept in memory."),
  detection: detectionSchema.prefault({}).describe("What counts as unusual, for all services and for single ones."),
  sourceRoots: z
    .array(z.string().min(1))
    .default([])
    .describe("Folders that paths in stack traces are told relative to, e.g. the repository's root."),
  repositories: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Checkouts on this disk in which those paths are looked up, to show the code around a failing line and its last change.",
    ),
  model: modelConfigSchema.prefault({}).describe("Gives second opinions on diagnoses; none unless it has a name."),
  diagnoseWithinMs: z
    .number()
    .int()
    .min(0)
    .default(12_000)
    .describe("How long a diagnosis may wait for telemetry that shows the fault."),
});
export type ScoutConfig = z.infer<typeof scoutConfigSchema>;
