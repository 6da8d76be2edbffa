import { agentConfigSchema } from "@omega/shared/agent-config.ts";
import { z } from "zod";
import { auditConfigSchema } from "./audit/config.ts";

/** Scribe's config file: infra/config/scribe.yaml. */
export const scribeConfigSchema = agentConfigSchema.extend({
  postmortems: z
    .strictObject({
      folder: z
        .string()
        .min(1)
        .default(".omega/postmortems")
        .describe(
          "Each post-mortem is also written here as `<incident id>.md`; the event on the stream stays the original.",
        ),
    })
    .prefault({}),
  audit: auditConfigSchema.prefault({}),
});
export type ScribeConfig = z.infer<typeof scribeConfigSchema>;
