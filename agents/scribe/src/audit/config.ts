import { entryBytesMax } from "@omega/tlog/tiles.ts";
import { z } from "zod";

const milliseconds = (fallback: number) => z.number().int().min(10).max(3_600_000).default(fallback);

/** The part `audit` of Scribe's config file. */
export const auditConfigSchema = z.strictObject({
  folder: z
    .string()
    .min(1)
    .default(".omega/audit")
    .describe("The log's files, as a tlog-tiles client expects them to be served; keep `state/` in it to oneself."),
  blobs: z
    .string()
    .min(1)
    .default(".omega/audit-blobs")
    .describe("Content that is kept out of the log, by salted hash; never publish this folder."),
  origin: z
    .string()
    .min(1)
    .max(200)
    .default("omega/audit")
    .describe(
      "Name of the log and of its key; unique in the world when witnesses are to watch it, e.g. `omega.example.com/audit`.",
    ),
  intervalMs: milliseconds(200).describe(
    "A batch is written when its first message has waited so long, or when it is full.",
  ),
  batchEntries: z.number().int().min(1).max(4096).default(256),
  entryBytes: z
    .number()
    .int()
    .min(1024)
    .max(entryBytesMax)
    .default(entryBytesMax)
    .describe("Entries longer than this go into the blob store."),
  erasable: z
    .array(z.string())
    .max(64)
    .default(["postmortem.written", "model.consulted"])
    .describe("Event types that always go there, so that their content can be erased one day."),
  announceMs: milliseconds(10_000).describe(
    "At most so often the stream is told of a checkpoint; plans that were authorised are told of at once.",
  ),
  onLostHistory: z
    .enum(["refuse", "alarm"])
    .default("refuse")
    .describe(
      "What an alarm about the past means: `refuse`, no new action until a person acknowledges it, or `alarm`, only the alarm.",
    ),
  witnessPolicy: z
    .string()
    .default("")
    .describe("A policy file (c2sp.org/tlog-policy) whose witnesses are asked to cosign; absent or empty: none."),
  witnessTimeoutMs: milliseconds(3000).describe(
    "How long witnesses may take, and how long after one that failed they are asked again.",
  ),
  witnessRetryMs: milliseconds(5000),
});
export type AuditConfig = z.infer<typeof auditConfigSchema>;
