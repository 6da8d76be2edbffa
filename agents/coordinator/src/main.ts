import { runAgentProcess } from "@omega/shared/agent-process.ts";
import { configSchema } from "./config.ts";
import { coordinator, version } from "./definition.ts";

await runAgentProcess({
  role: "coordinator",
  version,
  configSchema,
  leads: true,
  compose: ({ config }) => Promise.resolve({ definition: coordinator(config.rules) }),
});
