import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import type { Candidate } from "@omega/bus-schemas/vocabulary.ts";
import { timeText } from "@omega/shared/clock.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";
import { flags, gitHub } from "../conformance/remote-actions/webhook-servers.ts";
import { RealSshd, sshdMissing } from "../conformance/ssh/real-sshd.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";

const missing = sshdMissing();

describe("remedies outside Kubernetes, with no cluster at all", { skip: missing ?? false }, () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-remedies-"));
  const quarantine = mkdtempSync("/dev/shm/omega-remedies-");
  const logs = join(folder, "logs");
  const keys = join(folder, "keys");
  const switches = flags({ etags: true });
  const pipeline = gitHub({ token: "t0ken" });
  let installed: InstalledBus;
  let stage: Stage;
  let sshd: RealSshd;
  let surgeon: AgentProcess;

  before(async () => {
    installed = await installedBus();
    stage = new Stage(await installed.connect(), keys);
    for (const role of ["coordinator", "operator"] as const) loadSigner(keys, role);
    sshd = await RealSshd.start();
    await switches.server.listen();
    await pipeline.server.listen();
    switches.flags.set("new-checkout", { enabled: true, note: "kept", version: 1 });
    mkdirSync(logs);
    writeFileSync(join(logs, "old.log"), "x".repeat(4096));
    utimesSync(join(logs, "old.log"), 1_700_000_000, 1_700_000_000);
    const local = { allowHttp: true, allowAddresses: ["127.0.0.0/8"], pollMs: 20 };
    const { pollMs: _pollMs, ...unpolled } = local;
    const config = {
      bus: { servers: [installed.server.url] },
      keys,
      ssh: {
        knownHosts: sshd.knownHosts,
        hosts: { "web-1": sshd.host() },
        disks: { logs: { hosts: ["web-1"], path: logs, names: ["*.log"], olderThanMinutes: 60, quarantine } },
      },
      webhooks: {
        targets: {
          "roll-back-shop": {
            kind: "github-workflow",
            ...local,
            url: pipeline.server.url,
            auth: { kind: "bearer", secret: { env: "TEST_GITHUB_TOKEN" } },
            says: "rolls the shop back",
            repository: "acme/shop",
            workflow: "rollback.yml",
            ref: "main",
            params: { version: { type: "text", pattern: "[0-9.]+" } },
          },
          switches: {
            kind: "feature-flag",
            ...unpolled,
            url: switches.server.url,
            path: "/flags/{flag}",
            flags: ["new-checkout"],
          },
        },
      },
      remedies: {
        "free-logs": {
          when: { services: ["payments"], kinds: ["disk"] },
          action: "ssh.free-disk",
          params: { host: "{host}", disk: "logs" },
          says: "Old logs fill the disk",
        },
        "flag-off": {
          when: { services: ["payments"], changes: ["*"] },
          action: "webhook.feature-flag",
          params: { target: "switches", flag: "{change}", value: false },
          says: "The flag goes back",
          weight: 90,
        },
        pipeline: {
          when: { services: ["payments"], kinds: ["code"] },
          action: "webhook.github-workflow",
          params: { target: "roll-back-shop", values: { version: "{healthyVersion}" } },
          says: "The pipeline puts the last good release out",
        },
      },
    };
    const path = join(folder, "surgeon.yaml");
    writeFileSync(path, JSON.stringify(config));
    surgeon = startAgent("surgeon", { TEST_GITHUB_TOKEN: "t0ken" }, ["--config", path]);
    await until(
      "Surgeon is up",
      () => surgeon.log().includes('"up"'),
      () => surgeon.log(),
    );
  });
  after(async () => {
    await surgeon.kill();
    await sshd.stop();
    await switches.server.close();
    await pipeline.server.close();
    await installed.close();
    for (const path of [folder, quarantine]) rmSync(path, { recursive: true, force: true });
  });

  async function proposedFor(name: string, changes: Partial<Candidate>): Promise<EventOf<"remediation.proposed">> {
    const cause = { rank: 1, service: "payments", kind: "code", confidence: 0.9, evidence: [], ...changes };
    const data = { cause, recalled: [], tried: [] };
    const id = await stage.say("coordinator", "remediation.requested", {
      incidentid: `inc-${name}`,
      causeId: name,
      data,
    });
    let found: EventOf<"remediation.proposed"> | undefined;
    await until(
      "options are proposed",
      async () => {
        found = (await stage.of("remediation.proposed")).find(({ causationid }) => causationid === id);
        return found !== undefined;
      },
      () => surgeon.log(),
      40_000,
    );
    assert.ok(found !== undefined);
    return found;
  }

  /** Orders the first option, as if a person had approved it where it can't be taken back; answers the type of its result. */
  async function resultOf(name: string, { data }: EventOf<"remediation.proposed">): Promise<string> {
    const option = data.options[0];
    assert.ok(option !== undefined, JSON.stringify(data));
    const { optionId, actionType, target, plan, planHash } = option;
    const [incidentid, soon] = [`inc-${name}`, timeText(Date.now() + 60_000)];
    const say = async (role: "coordinator" | "operator", type: Parameters<Stage["say"]>[1], more: object) =>
      await stage.say(role, type, { incidentid, causeId: `${name} ${type}`, data: { optionId, planHash, ...more } });
    await say("coordinator", "approval.requested", { expiresAt: soon, reasons: [] });
    await say("operator", "approval.granted", { by: "ada" });
    const by = { kind: "person", name: "ada" };
    await say("coordinator", "remediation.authorized", { by, reasons: [], policy: undefined });
    const order = { actionId: `act-${name}`, actionType, target, plan, fence: 7, notAfter: soon };
    await say("coordinator", "action.ordered", order);
    let type = "";
    await until(
      "the action has a result",
      async () => {
        const results = (await stage.history()).filter(({ type: of }) =>
          /^action\.(succeeded|failed|conf|outc)/.test(of),
        );
        const result = results.find((event) => (event.data as { actionId?: string }).actionId === `act-${name}`);
        type =
          result === undefined ? "" : result.type === "action.succeeded" ? result.type : JSON.stringify(result.data);
        return result !== undefined;
      },
      () => surgeon.log(),
      40_000,
    );
    return type;
  }

  it("a full disk of a host: old logs leave it by SSH, through a real sshd", async () => {
    const evidence = [{ kind: "metric" as const, ref: "metric:system.filesystem.utilization@web-1", says: "99 %" }];
    const proposed = await proposedFor("disk", { kind: "disk", evidence });
    const [option] = proposed.data.options;
    assert.deepEqual([option?.actionType, option?.dryRun], ["ssh.free-disk", "simulated"]);
    assert.match(option?.reasons[0] ?? "", /^Old logs fill the disk \(remedy 'free-logs' for faults of kind disk/);
    assert.equal(await resultOf("disk", proposed), "action.succeeded");
    assert.ok(!existsSync(join(logs, "old.log")));
  });

  it("a flag that the change list blames is switched off", async () => {
    const proposed = await proposedFor("flag", { kind: "change", change: { id: "new-checkout" } });
    assert.equal(proposed.data.options[0]?.actionType, "webhook.feature-flag");
    assert.equal(await resultOf("flag", proposed), "action.succeeded");
    assert.equal(switches.flags.get("new-checkout")?.enabled, false);
  });

  it("a flag that the target does not name is refused with the reason", async () => {
    const { options, refused } = (await proposedFor("other-flag", { kind: "change", change: { id: "other" } })).data;
    assert.deepEqual(options, []);
    const reasons = refused
      .filter(({ actionType }) => actionType === "webhook.feature-flag")
      .map(({ reason }) => reason);
    assert.match(reasons.join(), /does not name the flag 'other'/);
  });

  it("a bad release is rolled back by the pipeline, with the healthy version", async () => {
    const proposed = await proposedFor("release", { version: "1.5.0", healthyVersion: "1.4.0" });
    assert.equal(proposed.data.options[0]?.actionType, "webhook.github-workflow");
    assert.equal(proposed.data.options[0]?.reversible, "none");
    assert.equal(await resultOf("release", proposed), "action.succeeded");
    assert.equal(pipeline.runs[0]?.inputs["version"], "1.4.0");
  });
});
