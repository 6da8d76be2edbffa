import { fileURLToPath } from "node:url";

/**
 * How an agent is started to be small: a small young generation and one malloc arena keep it tens of megabytes smaller and cost it
 * nothing; compiled code and stripped types are kept between starts, which spares loading the type stripper.
 */
export const agentNodeFlags = ["--max-semi-space-size=2"] as const;

export const agentEnvironment = {
  MALLOC_ARENA_MAX: "1",
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../../.omega/cache/compiled-agents", import.meta.url)),
} as const;
