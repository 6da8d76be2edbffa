import { workQueues } from "@omega/bus-schemas/streams.ts";
import type { RunningAgent } from "@omega/shared/agent.ts";
import { runAgentProcess } from "@omega/shared/agent-process.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { loadActions } from "./actions/registry.ts";
import { openClients } from "./clients.ts";
import { surgeonConfigSchema } from "./config.ts";
import { decide, type Effect } from "./decide.ts";
import { Handler } from "./handle.ts";
import { Keeper } from "./keeper.ts";
import { SettingsHistory } from "./settings-history.ts";
import { watchSettings } from "./settings-watch.ts";
import { evolve, initialState, type State } from "./state.ts";

const version = "0.1.0";

await runAgentProcess<typeof surgeonConfigSchema, State, Effect>({
  role: "surgeon",
  version,
  configSchema: surgeonConfigSchema,
  async compose({ config, log, signal, bus, keyring, instance }) {
    const registry = await loadActions();
    const { clients, close } = openClients(config, log, process.env);
    const history = new SettingsHistory();
    const agentThere = Promise.withResolvers<RunningAgent<State>>();
    // It ends after the agent has drained, for what drains still goes through its gate.
    const keeping = new AbortController();
    const keeper: Keeper = new Keeper({
      bus,
      keyring,
      clock: systemClock,
      log,
      signal: keeping.signal,
      instance,
      say: async (draft, causeId) => await (await agentThere.promise).say(draft, causeId),
      stopExecutions: () => handler.stopExecutions(),
    });
    let kept: Promise<void> = Promise.resolve();
    const handler = new Handler({
      keeper,
      registry,
      clients,
      clock: systemClock,
      log,
      namespaces: config.namespaces,
      history,
      remedies: config.remedies,
      canary: config.canary,
      proposeMs: config.deadlines.proposeMs,
      actionMs: config.deadlines.actionMs,
    });
    log.info({ actions: [...registry.keys()], namespaces: config.namespaces.allow }, "the catalogue is loaded");
    return {
      definition: {
        role: "surgeon",
        version,
        ackWaitMs: workQueues.surgeon.ackWaitMs,
        deliveriesMax: 8,
        concurrency: workQueues.surgeon.concurrency,
        initialState,
        evolve,
        decide: (event, state, moment) => decide(event, state, moment, { registry }),
        perform: (effect, context) => handler.perform(effect, context),
      },
      started: (agent) => {
        agentThere.resolve(agent);
        kept = keeper.run();
        void watchSettings({
          api: clients.kubernetes,
          namespaces: config.namespaces,
          history,
          clock: systemClock,
          log,
          signal,
        });
        return Promise.resolve();
      },
      stopped: async () => {
        keeping.abort();
        await kept;
        close();
      },
    };
  },
});
