import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import { NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer, type RunningNatsServer } from "@omega/shared/nats-server.ts";
import { freePort } from "@omega/cli/demo/free-port.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";
import { Archive } from "./audit-archive.ts";

type Role = "coordinator" | "scout" | "scribe" | "surgeon";

const historyLostCode = 75;
/** Losing its lease while the server was away ends a Coordinator as well. */
const endings: Readonly<Record<Role, readonly number[]>> = {
  coordinator: [historyLostCode, 1],
  scout: [historyLostCode],
  scribe: [historyLostCode],
  surgeon: [historyLostCode],
};
/** Passes after the stream was swapped: a Coordinator that still believed in the lost incident would say so. */
const diagnosisMs = 6000;

describe("a stream that goes back in time under running agents", { timeout: 120_000 }, () => {
  const archives: Archive[] = [];
  after(async () => {
    for (const archive of archives) await archive.close();
  });

  const open = async (): Promise<{ archive: Archive; start: (role: Role) => Promise<AgentProcess> }> => {
    const archive = await Archive.open();
    archives.push(archive);
    const { url } = archive.installed.server;
    const rules = { stormMs: 0, settleMs: 0, namespaces: { allow: ["shop"] }, waits: { diagnosisMs } };
    const config = { bus: { servers: [url] }, keys: archive.path("keys"), rules };
    writeFileSync(archive.path("coordinator.yaml"), JSON.stringify(config));
    const otlpPort = await freePort();
    return {
      archive,
      async start(role) {
        const environment = {
          OMEGA_NATS_URL: url,
          OMEGA_KEYS: archive.path("keys"),
          OMEGA_OTLP_PORT: String(otlpPort),
          OMEGA_SOURCE_ROOT: archive.folder,
          OMEGA_POSTMORTEMS: archive.path("postmortems"),
          OMEGA_AUDIT: archive.path("audit"),
          OMEGA_AUDIT_BLOBS: archive.path("blobs"),
          OMEGA_KUBECONFIG: archive.path("no-kubeconfig"),
        };
        const args = role === "coordinator" ? ["--config", archive.path("coordinator.yaml")] : [];
        const agent = startAgent(role, environment, args);
        archive.scribes.push(agent);
        const isUp = (): boolean => agent.log().includes('"msg":"up"');
        await until(
          `${role} is up`,
          () => isUp() || agent.process.exitCode !== null,
          () => agent.log(),
        );
        assert.ok(isUp(), agent.log());
        return agent;
      },
    };
  };

  for (const grown of [false, true]) {
    const title = grown ? "and then holds more messages than they know, others" : "and ends before what they know";
    // All agents run the same loop; that each is in it is seen once.
    const roles = grown
      ? (["coordinator", "surgeon"] as const)
      : (["coordinator", "scout", "scribe", "surgeon"] as const);
    it(`${title}: they end, say nothing that rests on what was lost, and fold it anew`, async () => {
      const { archive, start } = await open();
      const { installed, stage } = archive;
      const port = Number(new URL(installed.server.url).port);
      const agents = new Map<Role, AgentProcess>();
      for (const role of roles) agents.set(role, await start(role));
      let server: RunningNatsServer = installed.server;
      const restart = async (storeDir: string): Promise<void> => {
        await server.stop();
        server = await startNatsServer({ storeDir, port });
      };
      try {
        await server.stop();
        cpSync(installed.storeDir, archive.path("yesterday"), { recursive: true });
        server = await startNatsServer({ storeDir: installed.storeDir, port });
        await until("the stage is back", () => isSaid(stage, "after the backup"));
        // A server that was only away has the same past: nobody minds.
        const signal = { signalId: "sig-lost", service: "lost" };
        await stage.say("scout", "signal.detected", { causeId: "lost", data: signal });
        const opened = async () =>
          (await stage.of("incident.opened")).find(({ data }) => data.signal.service === "lost");
        await until("the incident is opened", async () => (await opened()) !== undefined);
        const incident = (await opened())?.incidentid;
        if (agents.has("scribe")) await archive.untilLogged(await archive.bus.lastSeq());
        for (const role of roles) assert.equal(agents.get(role)?.process.exitCode, null, agents.get(role)?.log());

        if (grown) await growOnTheSide(archive, await archive.bus.lastSeq());
        await restart(archive.path("yesterday"));
        for (const [role, agent] of agents) {
          await until(
            `${role} ends`,
            () => agent.process.exitCode !== null,
            () => agent.log(),
          );
          assert.ok(endings[role].includes(agent.process.exitCode ?? -1), `${role}: ${agent.log()}`);
          if (agent.process.exitCode === historyLostCode) assert.match(agent.log(), /the stream went back in time/);
        }
        await until("the stage is back", () => isSaid(stage, "after the restore"));
        const before = await stage.history();
        assert.ok(before.every(({ incidentid }) => incidentid !== incident));

        for (const role of roles) agents.set(role, await start(role));
        await stage.say("scout", "signal.detected", { causeId: "new", data: { signalId: "sig-new", service: "new" } });
        await until("a new incident is opened", async () =>
          (await stage.of("incident.opened")).some(({ data }) => data.signal.service === "new"),
        );
        if (agents.has("scribe")) await stage.first("audit.alarmed", () => agents.get("scribe")?.log() ?? "");
        assert.ok((await stage.history()).every(({ incidentid }) => incidentid !== incident));
      } finally {
        for (const agent of agents.values()) await agent.kill();
        await server.stop();
      }
    });
  }
});

/** The older copy goes on elsewhere, until it is longer than what the agents know. */
async function growOnTheSide(archive: Archive, known: number): Promise<void> {
  const aside = await startNatsServer({ storeDir: archive.path("yesterday") });
  const connected = await NatsBus.connect({ servers: [aside.url], name: "aside" });
  assert.ok(connected.ok, JSON.stringify(connected));
  const stage = new Stage(connected.value, archive.path("keys"));
  for (let number = 0; (await connected.value.lastSeq()) < known + 5; number += 1)
    await stage.say("scout", "signal.cleared", { causeId: `aside-${number}` });
  await connected.value.close();
  await aside.stop();
}

async function isSaid(stage: Stage, causeId: string): Promise<boolean> {
  return await stage.say("scout", "signal.cleared", { causeId }).then(
    () => true,
    () => false,
  );
}
