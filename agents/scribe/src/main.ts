import { runAgentProcess } from "@omega/shared/agent-process.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { FolderShelf } from "./adapters/folder-shelf.ts";
import { StructuralMemory } from "./adapters/structural-memory.ts";
import { scribeConfigSchema } from "./config.ts";
import { decide } from "./decide.ts";
import { handler } from "./handle.ts";
import { evolve, initialState } from "./state.ts";

const version = "0.1.0";

await runAgentProcess({
  role: "scribe",
  version,
  configSchema: scribeConfigSchema,
  compose({ config, log }) {
    const perform = handler({
      memory: new StructuralMemory(),
      shelf: new FolderShelf(config.postmortems.folder),
      clock: systemClock,
      log,
    });
    return Promise.resolve({
      definition: {
        role: "scribe" as const,
        version,
        ackWaitMs: 10_000,
        deliveriesMax: 5,
        // Strict order: an incident is remembered before the next one asks.
        concurrency: 1,
        initialState,
        evolve,
        decide,
        perform,
      },
    });
  },
});
