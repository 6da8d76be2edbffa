import { runAgentProcess, type Composition } from "@omega/shared/agent-process.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { readPolicyFolder } from "@omega/shared/policy/policy-set.ts";
import { configSchema } from "./config.ts";
import type { NoEffect } from "./decide.ts";
import { coordinator, rulesAnnouncement, version } from "./definition.ts";
import type { State } from "./state.ts";
import { announcementOf, report, watchPolicies } from "./policy-watch.ts";

await runAgentProcess({
  role: "coordinator",
  version,
  configSchema,
  leads: true,
  compose: ({ config, log, signal }): Promise<Composition<State, NoEffect>> => {
    const { policies: folder, policiesPollMs: pollMs } = config;
    const first = readPolicyFolder(folder);
    let watching: Promise<void> = Promise.resolve();
    return Promise.resolve({
      definition: {
        ...coordinator(config.rules),
        // On the stream before the first decision: whoever replays it meets the same policies.
        opening(state) {
          report(log, folder, first, state.policies);
          const draft = announcementOf(first, state.policies);
          return [...rulesAnnouncement(config.rules, state.rules), ...(draft === undefined ? [] : [draft])];
        },
      },
      started(agent) {
        watching = watchPolicies({
          folder,
          pollMs,
          log,
          signal,
          clock: systemClock,
          inForce: () => agent.state().policies,
          say: (draft) => agent.say(draft, systemIds.random()),
        });
        return Promise.resolve();
      },
      stopped: () => watching,
    });
  },
});
