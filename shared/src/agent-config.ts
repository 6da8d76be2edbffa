import { z } from "zod";

/** What every agent's config file has. */
export const agentConfigSchema = z.strictObject({
  bus: z.strictObject({
    servers: z.array(z.string().min(1)).min(1).default(["nats://127.0.0.1:4222"]),
    credentials: z
      .string()
      .min(1)
      .optional()
      .describe(
        "File with this process's nkey seed or NATS credentials; without it `<role>.nk` in the keys folder, where that is.",
      ),
  }),
  keys: z
    .string()
    .min(1)
    .describe("Folder of this process's private key and, in `trusted/`, of the public keys it believes."),
  log: z
    .strictObject({ level: z.enum(["trace", "debug", "info", "warn", "error", "fatal"]).default("info") })
    .prefault({}),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;
