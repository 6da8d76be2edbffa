import { workQueues } from "@omega/bus-schemas/streams.ts";
import { runAgentProcess } from "@omega/shared/agent-process.ts";
import { openModel } from "@omega/shared/model/open-model.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { RepositorySource } from "./adapters/repository-source.ts";
import { scoutConfigSchema } from "./config.ts";
import { decide } from "./decide.ts";
import type { Effect } from "./decide.ts";
import { Engine } from "./engine.ts";
import { perform } from "./handle.ts";
import { listen } from "./intake/receiver.ts";
import { evolve, initialState } from "./state.ts";
import type { State } from "./state.ts";
import { watch } from "./watch.ts";

const version = "0.1.0";

await runAgentProcess({
  role: "scout",
  version,
  configSchema: scoutConfigSchema,
  async compose({ config, log, signal }) {
    const clock = systemClock;
    const engine = new Engine({ window: config.window, sourceRoots: config.sourceRoots, detection: config.detection });
    const stopping = new AbortController();
    const untilStopped = AbortSignal.any([signal, stopping.signal]);
    const receiver = await listen({
      host: config.otlp.host,
      port: config.otlp.port,
      limits: { bodyBytesMax: config.otlp.bodyBytesMax },
      sink: (harvest) => engine.ingest(harvest, clock.now()),
    });
    log.info({ host: config.otlp.host, port: receiver.port }, "receiving OTLP");
    const model = openModel(config.model, { clock, log });
    const around = {
      telemetry: engine,
      clock,
      diagnoseWithinMs: config.diagnoseWithinMs,
      source: new RepositorySource(config.repositories),
      reviewers: model === undefined ? undefined : { model, plainWords: config.model.plainWords },
      stopping: untilStopped,
    };
    let watching: Promise<void> = Promise.resolve();
    return {
      definition: {
        role: "scout" as const,
        version,
        ackWaitMs: workQueues.scout.ackWaitMs,
        deliveriesMax: 20,
        concurrency: workQueues.scout.concurrency,
        initialState,
        evolve,
        decide: (event, state: State) => decide(event, state),
        perform: (effect: Effect, context) => perform(around, effect, context),
      },
      started: async (agent) => {
        engine.adopt([...agent.state().signals.values()], clock.now());
        watching = watch(engine, agent, clock, log, untilStopped);
        await Promise.resolve();
      },
      stopped: async () => {
        stopping.abort();
        await watching;
        await receiver.close();
      },
    };
  },
});
