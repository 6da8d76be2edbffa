import { workQueues } from "@omega/bus-schemas/streams.ts";
import { runAgentProcess } from "@omega/shared/agent-process.ts";
import { systemClock } from "@omega/shared/clock.ts";
import { loadLogSigner } from "@omega/shared/audit/log-key.ts";
import { FolderShelf } from "./adapters/folder-shelf.ts";
import { StructuralMemory } from "./adapters/structural-memory.ts";
import { keepAuditLog } from "./audit/audit-log.ts";
import { Witnesses } from "./audit/witnesses.ts";
import { scribeConfigSchema } from "./config.ts";
import { decide } from "./decide.ts";
import { handler } from "./handle.ts";
import { evolve, initialState } from "./state.ts";

const version = "0.1.0";

await runAgentProcess({
  role: "scribe",
  version,
  configSchema: scribeConfigSchema,
  compose({ config, log, bus, keyring, instance, signal }) {
    const signer = loadLogSigner(config.keys, config.audit.origin);
    const witnesses = Witnesses.fromPolicyFile(config.audit, systemClock, log);
    if (!signer.ok || !witnesses.ok) {
      for (const outcome of [signer, witnesses]) if (!outcome.ok) process.stderr.write(`${outcome.failure.message}\n`);
      return Promise.resolve(undefined);
    }
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
        ackWaitMs: workQueues.scribe.ackWaitMs,
        deliveriesMax: 5,
        concurrency: workQueues.scribe.concurrency,
        initialState,
        evolve,
        decide,
        perform,
      },
      beside: (agent) =>
        keepAuditLog(
          {
            bus,
            clock: systemClock,
            logger: log,
            keyring,
            instance,
            config: config.audit,
            signer: signer.value,
            witnesses: witnesses.value,
            say: (draft, causeId) => agent.say(draft, causeId),
          },
          signal,
        ),
    });
  },
});
