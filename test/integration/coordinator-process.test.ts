import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";

describe("the Coordinator's process", () => {
  let installed: InstalledBus;
  let stage: Stage;
  const folder = mkdtempSync(join(tmpdir(), "omega-coordinator-"));
  const keys = join(folder, "keys");
  const running: AgentProcess[] = [];
  const start = (...args: string[]): AgentProcess => {
    const agent = startAgent("coordinator", { OMEGA_NATS_URL: installed.server.url, OMEGA_KEYS: keys }, args);
    running.push(agent);
    return agent;
  };

  before(async () => {
    installed = await installedBus();
    stage = new Stage(await installed.connect(), keys);
  });
  after(async () => {
    for (const agent of running) await agent.kill();
    await installed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("killed with -9 in mid-incident and started again, orders once and finishes", async () => {
    const first = start();
    await stage.say("scout", "signal.detected", { causeId: "one" });
    const { incidentid = "" } = await stage.first("incident.opened", () => first.log());
    await stage.say("scribe", "memory.recalled", { incidentid, causeId: "one" });
    await stage.say("scout", "diagnosis.reached", { incidentid, causeId: "one" });
    const requested = await stage.first("remediation.requested");
    await first.kill();
    await stage.say("surgeon", "remediation.proposed", { incidentid, causeId: requested.id });
    const second = start();
    const ordered = await stage.first("action.ordered", () => second.log());
    await second.kill();
    const third = start();
    const { actionId } = ordered.data;
    await stage.say("surgeon", "action.succeeded", { incidentid, causeId: ordered.id, data: { actionId } });
    await stage.first("verification.requested", () => third.log());
    await stage.say("scout", "recovery.confirmed", { incidentid, causeId: "verdict", data: { actionId } });
    const resolved = await stage.first("incident.resolved");
    assert.equal(resolved.data.outcome, "healed");
    assert.equal((await stage.of("action.ordered")).length, 1);
    assert.equal((await stage.of("incident.opened")).length, 1);
    assert.equal(await third.stop(), 0);
  });

  it("has one leader of two; the other takes over with a higher fence", async () => {
    const started = async (): Promise<number> =>
      (await stage.of("agent.started")).filter((event) => event.data.agent === "coordinator").length;
    const before = await started();
    const two = [start(), start()];
    await until("one leads", async () => (await started()) === before + 1);
    const order = async (name: string): Promise<number> => {
      const signalId = `sig-${name}`;
      await stage.say("scout", "signal.detected", { causeId: name, data: { signalId, service: name } });
      const opened = async () =>
        (await stage.of("incident.opened")).find((event) => event.data.signal.service === name);
      await until(
        "it is opened",
        async () => (await opened()) !== undefined,
        () => two.map((agent) => agent.log()).join("\n"),
      );
      const incidentid = (await opened())?.incidentid ?? "";
      await stage.say("scribe", "memory.recalled", { incidentid, causeId: name });
      await stage.say("scout", "diagnosis.reached", { incidentid, causeId: name });
      const requested = async () =>
        (await stage.of("remediation.requested")).some((event) => event.incidentid === incidentid);
      await until("repairs are asked for", requested);
      await stage.say("surgeon", "remediation.proposed", { incidentid, causeId: name });
      const orders = async () => (await stage.of("action.ordered")).find((event) => event.incidentid === incidentid);
      await until("one is ordered", async () => (await orders()) !== undefined);
      const ordered = await orders();
      assert.ok(ordered);
      // The incident is ended, so that the next signal opens its own.
      await stage.say("scout", "recovery.confirmed", {
        incidentid,
        causeId: name,
        data: { actionId: ordered.data.actionId },
      });
      return ordered.data.fence;
    };
    const lowFence = await order("search");
    const leader = (await stage.of("agent.started")).findLast((event) => event.data.agent === "coordinator");
    await two.find((agent) => agent.process.pid === leader?.data.pid)?.kill();
    await until("the other leads", async () => (await started()) === before + 2);
    assert.ok((await order("billing")) > lowFence);
    for (const agent of two) await agent.kill();
  });

  it("outlives the server: kill -9 of nats-server loses nothing and the incident goes on", async () => {
    const agent = start();
    await until(
      "it is up",
      () => agent.log().includes('"up"'),
      () => agent.log(),
    );
    const port = Number(new URL(installed.server.url).port);
    await installed.server.kill();
    const again = await startNatsServer({ storeDir: installed.storeDir, port });
    try {
      await until("the stage is back", async () => {
        const said = await stage
          .say("scout", "signal.detected", { causeId: "back", data: { signalId: "sig-back", service: "backoffice" } })
          .catch(() => undefined);
        return said !== undefined;
      });
      await until(
        "the incident is opened",
        async () => (await stage.of("incident.opened")).some((event) => event.data.signal.service === "backoffice"),
        () => agent.log(),
        30_000,
      );
      await agent.stop();
    } finally {
      await again.stop();
    }
  });

  it("says where a bad config is wrong and exits with 78", async () => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, "bus:\n  servers: []\nkeys: k\nrules:\n  attemptMax: 3\n");
    const agent = start("--config", path);
    await until("it exits", () => agent.process.exitCode !== null);
    assert.equal(agent.process.exitCode, 78);
    assert.match(agent.log(), new RegExp(`${path}:5:3: unknown key 'rules\\.attemptMax'`));
  });

  it("without a server waits and says for whom", async () => {
    const agent = startAgent("coordinator", { OMEGA_NATS_URL: "nats://127.0.0.1:1", OMEGA_KEYS: keys });
    running.push(agent);
    await until("it says so", () => agent.log().includes("waiting for the bus"));
    assert.match(agent.log(), /bus_unreachable.*127\.0\.0\.1:1/);
    assert.equal(await agent.stop(), 0);
  });
});
