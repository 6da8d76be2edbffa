import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sealEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import { startNatsServer, type RunningNatsServer } from "@omega/shared/nats-server.ts";
import { makePersonKey, type Signer } from "@omega/shared/signing.ts";
import { loadActions } from "../../agents/surgeon/src/actions/registry.ts";
import { openClients } from "../../agents/surgeon/src/clients.ts";
import { surgeonConfigSchema } from "../../agents/surgeon/src/config.ts";
import { clusterChoices, type Cluster } from "../conformance/actions/cluster.ts";
import { until } from "../agent-processes.ts";
import { installedBus } from "../nats-servers.ts";
import { RecordingProxy } from "../proofs/race/recording-proxy.ts";
import { offerAndOrder, type Bench, type Say } from "../proofs/undo/crash.ts";
import { allowedNamespaces, kubernetesKinds, type Kind, type Place } from "../proofs/undo/places.ts";
import { SurgeonStage } from "./surgeon-stage.ts";

describe("panic, when the world around it fails", () => {
  let cluster: Cluster;
  let stage: SurgeonStage;
  let proxy: RecordingProxy;
  let bench: Bench;
  let configMaps: Kind;
  let closeClients: () => void;
  let restarted: RunningNatsServer | undefined;
  before(async () => {
    const [embedded] = clusterChoices;
    assert.ok(embedded !== undefined);
    cluster = await embedded.start();
    const installed = await installedBus();
    stage = new SurgeonStage(installed, await installed.connect());
    const kubeconfig = join(stage.folder, "through-the-proxy");
    proxy = await new RecordingProxy(cluster.kubeconfig).listen(kubeconfig);
    const config = stage.configure({ kubernetes: { kubeconfig }, namespaces: allowedNamespaces });
    const { clients, close } = openClients(surgeonConfigSchema.parse(config), createLog("test", "fatal"), {});
    closeClients = close;
    bench = { registry: await loadActions(), namespaces: allowedNamespaces, clients };
    const kind = kubernetesKinds(cluster).find(({ actionType }) => actionType === "k8s.patch-configmap");
    assert.ok(kind !== undefined);
    configMaps = kind;
    stage.start();
    await stage.heard("agent.started", () => true);
  });
  after(async () => {
    closeClients();
    await stage.close();
    await restarted?.stop();
    await proxy.close();
    await cluster.close();
  });

  const say: Say = (role, draft, causeId) => stage.sayDraft(role, draft, causeId);
  const order = async (place: Place): Promise<string> => (await offerAndOrder(place, bench, say)).id;
  const press = (): Promise<string> =>
    stage.say("operator", "control.panic-pressed", { by: "somebody", windowMs: 60_000 });
  const resume = (): Promise<string> => stage.say("operator", "control.resumed", { by: "somebody", reason: "a test" });

  it("refuses a press by a key that may only look, and by one that has expired, and says so on the stream", async () => {
    const viewer = makePersonKey(stage.keys, "viewer", { personRole: "viewer" });
    const past = new Date(Date.now() - 60_000).toISOString();
    const expired = makePersonKey(stage.keys, "expired", { personRole: "admin", notAfter: past });
    const responder = makePersonKey(stage.keys, "responder", { personRole: "responder" });
    const pressAs = async (signer: Signer): Promise<{ id: string; seq: number }> => {
      const draft = { type: "control.panic-pressed", data: { by: "somebody", windowMs: 0 } } as const;
      const context = { signer, source: "/omega/operator/test", now: Date.now(), causeId: systemIds.random() };
      const sealed = sealEvent(draft, context);
      const published = await stage.bus.publish(sealed);
      assert.ok(published.ok);
      return { id: sealed.id, seq: published.value.seq };
    };
    for (const [signer, code] of [
      [viewer, "not_its_to_say"],
      [expired, "expired_key"],
    ] as const) {
      const { seq } = await pressAs(signer);
      const refused = await stage.heard("control.refused", ({ data }) => data.seq === seq);
      assert.equal(refused.data.failure.code, code);
    }
    assert.ok(!stage.events.some(({ type }) => type === "control.frozen"));
    const { id } = await pressAs(responder);
    await stage.heard("control.frozen", ({ data }) => data.panicId === id);
    await resume();
  });

  it("tries again what failed for its target being away, tells people at once, and reports anew", async () => {
    const place = await configMaps.arrange();
    const before = await place.world();
    const actionId = await order(place);
    await stage.heard("action.succeeded", ({ data }) => data.actionId === actionId);
    proxy.away = true;
    const panicId = await press();
    const failed = await stage.heard("undo.failed", ({ data }) => data.actionId === actionId);
    assert.ok(failed.data.retryAt !== undefined && failed.data.attempt === 1, JSON.stringify(failed.data));
    const first = await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId);
    assert.deepEqual([first.data.final, first.data.failed, first.data.undone], [false, 1, 0]);
    assert.notDeepEqual(await place.world(), before);
    proxy.away = false;
    const last = await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId && data.final);
    assert.deepEqual([last.data.failed, last.data.undone], [0, 1]);
    assert.deepEqual(await place.world(), before);
    await resume();
  });

  it("stays frozen when Surgeon and nats-server both die, and takes nothing back twice", async () => {
    const place = await configMaps.arrange();
    const before = await place.world();
    const first = await order(place);
    await stage.heard("action.succeeded", ({ data }) => data.actionId === first);
    const panicId = await press();
    await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId && data.final);
    assert.deepEqual(await place.world(), before);
    await stage.end("SIGKILL");
    const { server, storeDir } = stage.installed;
    const port = Number(new URL(server.url).port);
    await server.kill();
    restarted = await startNatsServer({ storeDir, port });
    stage.start();
    await until("the bus is back", async () => (await stage.bus.lastSeq().catch(() => 0)) > 0);
    const changes = proxy.changes.length;
    const second = await order(place);
    const refused = await stage.heard("action.failed", ({ data }) => data.actionId === second);
    assert.equal(refused.data.failure.code, "frozen");
    assert.equal(proxy.changes.length, changes, "nothing reached the cluster");
    assert.equal(stage.events.filter(({ type, data }) => type === "undo.done" && isOf(data, first)).length, 1);
    await resume();
    const third = await order(place);
    await stage.heard("action.succeeded", ({ data }) => data.actionId === third);
  });
});

const isOf = (data: unknown, actionId: string): boolean => (data as { actionId?: string }).actionId === actionId;
