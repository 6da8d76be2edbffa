import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import { rulesSchema } from "@omega/coordinator/config.ts";
import { replay, type Replay } from "@omega/coordinator/replay.ts";
import type { StoredMessage } from "@omega/shared/bus.ts";
import { openEvent } from "@omega/shared/event-codec.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { recordLine, type RecordedEvent } from "@omega/shared/recording.ts";
import { Keyring } from "@omega/shared/signing.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";

const residentMaxMb = 160;
const replayMain = fileURLToPath(import.meta.resolve("@omega/coordinator/replay.ts"));
const shipped = fileURLToPath(new URL("../../infra/config/policies", import.meta.url));

describe("the Coordinator's policies", () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-policies-"));
  const keys = join(folder, "keys");
  const policies = join(folder, "policies");
  let installed: InstalledBus;
  let bus: NatsBus;
  let stage: Stage;
  let agent: AgentProcess;

  before(async () => {
    installed = await installedBus();
    bus = await installed.connect();
    stage = new Stage(bus, keys);
    cpSync(shipped, policies, { recursive: true });
    const config = join(folder, "coordinator.yaml");
    writeFileSync(
      config,
      [
        `bus: {servers: ["${installed.server.url}"]}`,
        `keys: ${keys}`,
        `policies: ${policies}`,
        "policiesPollMs: 50",
        "rules: {settleMs: 0, stormMs: 0, namespaces: {allow: [shop]}}",
      ].join("\n"),
    );
    agent = startAgent("coordinator", {}, ["--config", config]);
    await stage.first("policy.loaded", () => agent.log());
  });
  after(async () => {
    await agent.kill();
    await installed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** An incident of its own that gets as far as a proposal; resolves with what was decided on it. */
  async function decided(
    service: string,
  ): Promise<EventOf<"remediation.authorized"> | EventOf<"remediation.denied"> | EventOf<"approval.requested">> {
    const data = { signalId: `sig-${service}`, service };
    await stage.say("scout", "signal.detected", { causeId: service, data });
    const found = async () => (await stage.of("incident.opened")).find((each) => each.data.signal.service === service);
    await until(
      "it is opened",
      async () => (await found()) !== undefined,
      () => agent.log(),
    );
    const incidentid = (await found())?.incidentid ?? "";
    await stage.say("scribe", "memory.recalled", { incidentid, causeId: service });
    await stage.say("scout", "diagnosis.reached", { incidentid, causeId: service });
    const requested = async (): Promise<boolean> =>
      (await stage.of("remediation.requested")).some((event) => event.incidentid === incidentid);
    await until("repairs are asked for", requested, () => agent.log());
    await stage.say("surgeon", "remediation.proposed", { incidentid, causeId: service });
    const decisions = async () =>
      [
        ...(await stage.of("remediation.authorized")),
        ...(await stage.of("remediation.denied")),
        ...(await stage.of("approval.requested")),
      ].find((event) => event.incidentid === incidentid);
    await until(
      "it is decided",
      async () => (await decisions()) !== undefined,
      () => agent.log(),
    );
    const decision = await decisions();
    assert.ok(decision);
    return decision;
  }

  async function recorded(): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    for await (const message of bus.read({ fromSeq: 1, toSeq: await bus.lastSeq() })) messages.push(message);
    return messages;
  }

  const write = (text: string): void => writeFileSync(join(policies, "own.cedar"), text);

  it("are on the stream before the first decision, which names them", async () => {
    const [loaded] = await stage.of("policy.loaded");
    const decision = await decided("first");
    assert.equal(decision.type, "remediation.authorized");
    assert.equal(decision.data.policy?.hash, loaded?.data.hash);
  });

  it("stay in force, loudly, when a change has a mistake", async () => {
    const [loaded] = await stage.of("policy.loaded");
    write('@id("stop") @reason("stop")\nforbid (principal, action, resource)\nwhen { context.riks == 1 };\n');
    const refused = await stage.first("policy.refused", () => agent.log());
    assert.equal(refused.data.keeps, loaded?.data.hash);
    assert.deepEqual(
      refused.data.mistakes.map(({ file, line, column }) => [file, line, column]),
      [["own.cedar", 3, 8]],
    );
    assert.match(agent.log(), /"level":50.*own\.cedar.*the old set stays/);
    assert.equal((await decided("second")).data.policy?.hash, loaded?.data.hash);
  });

  it("change without a restart once the mistake is mended", async () => {
    write('@id("stop") @reason("change freeze till Monday")\nforbid (principal, action, resource);\n');
    await until(
      "they are loaded",
      async () => (await stage.of("policy.loaded")).length === 2,
      () => agent.log(),
    );
    const decision = await decided("third");
    assert.equal(decision.type, "remediation.denied");
    assert.deepEqual(decision.data.reasons, ["change freeze till Monday (policy stop)"]);
  });

  it("are replayed from the stream: the folder of today has no say in decisions of then", async () => {
    rmSync(join(policies, "own.cedar"));
    await until(
      "the first set is back",
      async () => (await stage.of("policy.loaded")).length === 3,
      () => agent.log(),
    );
    const recording: RecordedEvent[] = [];
    const keyring = new Keyring(keys);
    for (const { seq, storedAt, body, subject } of await recorded()) {
      const opened = openEvent(body, subject, keyring);
      if (opened.ok) recording.push({ seq, storedAt, event: opened.value });
    }
    const rules = rulesSchema.parse({ settleMs: 0, stormMs: 0, namespaces: { allow: ["shop"] } });
    const again = replay(recording, rules);
    assert.deepEqual(again.differing, []);
    assert.ok(again.decisions >= 12, `${again.decisions} decisions`);
    // Were the set not an input from the stream, taking it off would change nothing.
    const without = replay(
      recording.filter(({ event }) => event.type !== "policy.loaded"),
      rules,
    );
    assert.ok(without.differing.length > 0);
  });

  it("stand beside the rules, which are on the stream too: replay needs no file, also where they changed at a restart", async () => {
    assert.equal((await stage.of("rules.loaded")).length, 1);
    await agent.stop();
    const config = join(folder, "coordinator.yaml");
    writeFileSync(config, readFileSync(config, "utf8").replace("allow: [shop]", "allow: [nothing]"));
    agent = startAgent("coordinator", {}, ["--config", config]);
    await until(
      "other rules are loaded",
      async () => (await stage.of("rules.loaded")).length === 2,
      () => agent.log(),
    );
    const denied = await decided("elsewhere");
    assert.equal(denied.type, "remediation.denied");
    await agent.stop();
    agent = startAgent("coordinator", {}, ["--config", config]);
    const starts = async () => (await stage.of("agent.started")).length;
    await until(
      "it is up again",
      async () => (await starts()) === 3,
      () => agent.log(),
    );
    const recording = await recorded();
    assert.equal((await stage.of("rules.loaded")).length, 2, "the same rules are not said again");
    const file = join(folder, "recording.jsonl");
    writeFileSync(file, recording.map((message) => `${recordLine(message)}\n`).join(""));
    const told = JSON.parse(execFileSync(process.execPath, [replayMain, file]).toString()) as Replay;
    assert.deepEqual(told.differing, []);
    assert.ok(told.decisions >= 16, `${told.decisions} decisions`);
    const without = recording.filter(({ subject }) => !subject.endsWith("rules.loaded"));
    writeFileSync(file, without.map((message) => `${recordLine(message)}\n`).join(""));
    const blind = spawnSync(process.execPath, [replayMain, file]);
    assert.equal(blind.status, 1, "were the rules no input from the stream, taking them off would change nothing");
  });

  it(`leave the process under ${residentMaxMb} MB resident`, () => {
    const kibibytes = Number(execFileSync("ps", ["-o", "rss=", "-p", String(agent.process.pid)]).toString());
    assert.ok(kibibytes / 1024 < residentMaxMb, `${kibibytes / 1024} MB`);
    process.stdout.write(`# resident: ${Math.round(kibibytes / 1024)} MB\n`);
  });
});
