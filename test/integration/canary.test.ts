import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import { systemClock, timeText } from "@omega/shared/clock.ts";
import { loadSigner } from "@omega/shared/signing.ts";
import { Stage, startAgent, until, type AgentProcess } from "../agent-processes.ts";
import { deploymentOf, deployments, imagePatch, settled } from "../conformance/actions/action-case.ts";
import { Cluster, namespace } from "../conformance/actions/cluster.ts";
import { installedBus, type InstalledBus } from "../nats-servers.ts";

const replicas = 3;
const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });

/** One request that a pod served, as OTLP JSON. */
function request(service: string, pod: string, failed: boolean): string {
  const startMs = Date.now() - 30;
  const span = {
    traceId: randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    parentSpanId: "",
    name: "POST /charges",
    kind: 2,
    startTimeUnixNano: `${startMs}000000`,
    endTimeUnixNano: `${startMs + 20}000000`,
    attributes: [attribute("http.request.method", "POST")],
    status: failed ? { code: 2 } : {},
  };
  const attributes = [attribute("service.name", service), attribute("k8s.pod.name", pod)];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] });
}

/** How the pods of a deployment answer: each pod that there is serves one request in turn. */
type Behaviour = "well" | "failing" | "silent";

describe("the first new pod, judged by its own spans", () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-canary-"));
  const keys = join(folder, "keys");
  const running: AgentProcess[] = [];
  let installed: InstalledBus;
  let stage: Stage;
  let cluster: Cluster;
  let surgeon: AgentProcess;
  let otlpPort = 0;
  let traffic: { stop(): Promise<void> } | undefined;

  const logs = (): string => running.map((agent) => agent.log()).join("\n");
  const startSurgeon = async (): Promise<AgentProcess> => {
    const agent = startAgent("surgeon", {}, ["--config", join(folder, "surgeon.yaml")]);
    running.push(agent);
    await until(
      "Surgeon is up",
      () => agent.log().includes('"up"'),
      () => agent.log(),
    );
    return agent;
  };

  before(async () => {
    installed = await installedBus();
    cluster = await Cluster.find();
    stage = new Stage(await installed.connect(), keys);
    for (const role of ["coordinator", "operator", "scout", "surgeon"] as const) loadSigner(keys, role);
    const config = {
      bus: { servers: [installed.server.url] },
      keys,
      kubernetes: { kubeconfig: cluster.kubeconfig },
      namespaces: { allow: [namespace] },
      canary: { judgeMs: 8000 },
    };
    writeFileSync(join(folder, "surgeon.yaml"), JSON.stringify(config));
    const scout = startAgent("scout", {
      OMEGA_NATS_URL: installed.server.url,
      OMEGA_KEYS: keys,
      OMEGA_OTLP_PORT: "0",
      OMEGA_SOURCE_ROOT: "/srv/shop",
    });
    running.push(scout);
    await until(
      "Scout is up",
      () => scout.log().includes('"up"'),
      () => scout.log(),
    );
    otlpPort = Number(/"port":(\d+)/.exec(scout.log())?.[1]);
    surgeon = await startSurgeon();
  });
  after(async () => {
    await traffic?.stop();
    for (const agent of running) await agent.kill();
    await cluster.close();
    await installed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function podsOf(name: string): Promise<string[]> {
    const { items } = await cluster.get<{ items: { metadata: { name: string; deletionTimestamp?: string } }[] }>(
      `/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${name}`,
    );
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((pod) => pod.metadata.name)
      .toSorted();
  }

  /** A deployment of which version 1.5.0 fails; its rollback is proposed and ordered. */
  async function orderedRollback(name: string, newPods: Behaviour): Promise<{ old: string[]; incidentid: string }> {
    await cluster.create(deployments, deploymentOf(name, replicas));
    await settled(cluster, name);
    await cluster.patch(`${deployments}/${name}`, imagePatch("shop/payments:1.5.0"));
    await settled(cluster, name);
    await until("the pods of before are gone", async () => (await podsOf(name)).length === replicas);
    const old = await podsOf(name);
    let served = 0;
    await traffic?.stop();
    traffic = repeated(150, async () => {
      for (const pod of await podsOf(name)) {
        served += 1;
        const fails = old.includes(pod) || newPods === "failing" ? served % 3 === 0 : false;
        if (!old.includes(pod) && newPods === "silent") continue;
        const body = request(name, pod, fails);
        const headers = { "content-type": "application/json" };
        await fetch(`http://127.0.0.1:${otlpPort}/v1/traces`, { method: "POST", headers, body });
      }
    });
    const incidentid = `inc-${name}`;
    const signal = {
      signalId: `sig-${name}`,
      service: name,
      operation: "POST /charges",
      kind: "error-ratio",
      says: "",
    };
    const onset = timeText(Date.now() - 1000);
    await stage.say("coordinator", "incident.opened", { incidentid, causeId: name, data: { onset, signal } });
    const cause = {
      rank: 1,
      service: name,
      kind: "code",
      confidence: 0.9,
      version: "1.5.0",
      healthyVersion: "1.4.0",
      evidence: [],
    };
    const asked = { incidentid, causeId: `${name} asked`, data: { cause, recalled: [], tried: [] } };
    const requestId = await stage.say("coordinator", "remediation.requested", asked);
    let proposed: EventOf<"remediation.proposed"> | undefined;
    await until(
      "a rollback is proposed",
      async () => {
        proposed = (await stage.of("remediation.proposed")).find(({ causationid }) => causationid === requestId);
        return proposed !== undefined;
      },
      logs,
    );
    const option = proposed?.data.options[0];
    assert.ok(option !== undefined, JSON.stringify(proposed?.data));
    const { optionId, actionType, target, plan, planHash } = option;
    const notAfter = timeText(Date.now() + 60_000);
    const order = { actionId: `act-${name}`, optionId, actionType, target, plan, planHash, fence: 7, notAfter };
    await stage.say("coordinator", "action.ordered", { incidentid, causeId: `${name} ordered`, data: order });
    return { old, incidentid };
  }

  async function ended(name: string): Promise<{ verdict: string; says: string; type: string; code: string }> {
    const ofAction = <Event extends { data: { actionId: string } }>(events: Event[]): Event | undefined =>
      events.find(({ data }) => data.actionId === `act-${name}`);
    let type = "";
    let code = "";
    await until(
      "the action has a result",
      async () => {
        const failed = ofAction(await stage.of("action.failed"));
        const result = failed ?? ofAction(await stage.of("action.succeeded"));
        type = result?.type ?? "";
        code = failed?.data.failure.code ?? "";
        return result !== undefined;
      },
      logs,
      60_000,
    );
    const end = ofAction(await stage.of("canary.ended"));
    return { verdict: end?.data.verdict ?? "", says: end?.data.says ?? "", type, code };
  }

  it("that serves well is followed by the rest", async () => {
    const name = `well-${process.pid}`;
    const { old } = await orderedRollback(name, "well");
    const { verdict, says, type } = await ended(name);
    assert.deepEqual([verdict, type], ["success", "action.succeeded"]);
    assert.match(says, /^0 of \d+ requests to the first new pod failed \(0 %; in the incident \d+ %\)/);
    await settled(cluster, name);
    const pods = await podsOf(name);
    assert.equal(pods.filter((pod) => old.includes(pod)).length, 0);
  });

  it("that is ready and answers with errors is taken back, and every other pod is the one it was", async () => {
    const name = `failing-${process.pid}`;
    const { old, incidentid } = await orderedRollback(name, "failing");
    const { verdict, says, type, code } = await ended(name);
    assert.deepEqual([verdict, type, code], ["failed", "action.failed", "canary_failed"]);
    assert.match(says, /^[1-9]\d* of \d+ requests to the first new pod failed/);
    await settled(cluster, name);
    assert.deepEqual(await podsOf(name), old);
    const told = (await stage.history()).filter((event) => event.incidentid === incidentid).map(({ type: of }) => of);
    const order = ["action.started", "canary.held", "canary.judged", "canary.ended", "action.failed"];
    assert.deepEqual(
      told.filter((of) => order.includes(of)),
      order,
    );
  });

  it("of which there are no spans is taken back: not known is no", async () => {
    const name = `silent-${process.pid}`;
    const { old } = await orderedRollback(name, "silent");
    const { verdict, says, code } = await ended(name);
    assert.deepEqual([verdict, says], ["inconclusive", "No request to the first new pod was seen."]);
    assert.equal(code, "canary_inconclusive");
    await settled(cluster, name);
    assert.deepEqual(await podsOf(name), old);
  });

  it("is judged once more by whoever takes over from a Surgeon that was killed meanwhile", async () => {
    const name = `taken-over-${process.pid}`;
    const { old } = await orderedRollback(name, "well");
    await until(
      "the first pod is held",
      async () => (await stage.of("canary.held")).some(({ data }) => data.actionId === `act-${name}`),
      logs,
    );
    await surgeon.kill();
    surgeon = await startSurgeon();
    const { verdict, type } = await ended(name);
    assert.deepEqual([verdict, type], ["success", "action.succeeded"]);
    await settled(cluster, name);
    assert.equal((await podsOf(name)).filter((pod) => old.includes(pod)).length, 0);
    const held = (await stage.of("canary.held")).filter(({ data }) => data.actionId === `act-${name}`);
    assert.equal(new Set(held.map(({ id }) => id)).size, 1);
  });
});

/** Does it again and again with a pause; `stop` resolves when none of it runs any more, and rejects with what went wrong in it. */
function repeated(pauseMs: number, work: () => Promise<void>): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await work();
      await systemClock.sleep(pauseMs, stopping.signal);
    }
  })();
  // Told by `stop`.
  running.catch(() => undefined);
  return {
    stop() {
      stopping.abort();
      return running;
    },
  };
}
