import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { DataOf } from "@omega/bus-schemas/catalogue.ts";
import { timeText } from "@omega/shared/clock.ts";
import { Cluster, namespace } from "../conformance/actions/cluster.ts";
import { installedBus } from "../nats-servers.ts";
import { Theatre } from "./theatre.ts";

const residentMaxMb = 160;
const cluster = await Cluster.find();

describe("Surgeon on the bus, against a Kubernetes API", () => {
  let theatre: Theatre;
  const unique = process.pid;
  before(async () => {
    const installed = await installedBus();
    theatre = new Theatre(cluster, installed, await installed.connect());
    theatre.start();
  });
  after(() => theatre.close());

  it("proposes a proven rollback, does it when ordered, and takes it back", async () => {
    const name = `heals-${unique}`;
    const proposed = await theatre.propose(name, 2);
    const [option] = proposed.data.options;
    assert.equal(option?.actionType, "k8s.rollout-undo");
    assert.equal(option?.dryRun, "proven");
    assert.deepEqual(option?.changes, [
      {
        object: `Deployment ${namespace}/${name}`,
        path: "/spec/template/spec/containers/0/image",
        before: "shop/payments:1.5.0",
        after: "shop/payments:1.4.0",
      },
    ]);
    await theatre.order(proposed, `act-${name}`);
    assert.equal((await theatre.result(`act-${name}`)).type, "action.succeeded");
    assert.equal(await theatre.image(name), "shop/payments:1.4.0");
    const types = theatre.events.filter(({ incidentid }) => incidentid === `inc-${name}`);
    assert.ok(types.findIndex(({ type }) => type === "action.started") > 0, "the start is on the stream");
    const by = { kind: "process" as const, name: "coordinator" };
    const undo = { actionId: `act-${name}`, fence: 7, reason: "recovery-failed" as const, by };
    await theatre.say("coordinator", "undo.ordered", undo, `inc-${name}`);
    await theatre.heard("undo.done", (event) => event.data.actionId === `act-${name}`);
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
  });

  it("warns on the card when Argo CD or Flux owns the object", async () => {
    const owners: Record<string, object> = {
      "Argo CD": { annotations: { "argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/payments" } },
      Flux: { labels: { "kustomize.toolkit.fluxcd.io/name": "shop" } },
    };
    for (const [owner, marks] of Object.entries(owners)) {
      const proposed = await theatre.propose(`owned-${owner.slice(0, 4).trim().toLowerCase()}-${unique}`, 0, marks);
      const warnings = proposed.data.options.map(({ warnings }) => warnings.join());
      assert.ok(warnings.length > 0);
      for (const warning of warnings) assert.ok(warning.includes(`${owner} owns Deployment`), warning);
    }
    const unowned = await theatre.propose(`unowned-${unique}`, 0);
    assert.deepEqual(unowned.data.options[0]?.warnings, []);
  });

  it("does not act on the Coordinator's word alone that a person agreed", async () => {
    const name = `approved-${unique}`;
    const proposed = await theatre.propose(name, 0);
    const option = proposed.data.options[0];
    assert.ok(option !== undefined);
    const { optionId, planHash } = option;
    const expiresAt = timeText(Date.now() + 60_000);
    const incident = `inc-${name}`;
    await theatre.say("coordinator", "approval.requested", { optionId, planHash, expiresAt, reasons: [] }, incident);
    const by = { kind: "person" as const, name: "ada" };
    await theatre.say("coordinator", "remediation.authorized", { optionId, planHash, by, reasons: [] }, incident);
    await theatre.order(proposed, `act-${name}-1`);
    const refused = await theatre.result(`act-${name}-1`);
    assert.ok(refused.type === "action.failed" && refused.data.failure.code === "approval_missing");
    await theatre.say("operator", "approval.granted", { optionId, planHash, by: "ada" }, incident);
    await theatre.order(proposed, `act-${name}-2`);
    assert.equal((await theatre.result(`act-${name}-2`)).type, "action.succeeded");
    await theatre.order(proposed, `act-${name}-3`);
    const again = await theatre.result(`act-${name}-3`);
    assert.ok(again.type === "action.failed" && again.data.failure.code === "approval_used");
  });

  it("finishes an action once after kill -9 in its middle", async () => {
    const name = `killed-${unique}`;
    const proposed = await theatre.propose(name, 3);
    await theatre.order(proposed, `act-${name}`);
    await theatre.heard("action.started", (event) => event.data.actionId === `act-${name}`);
    await theatre.end("SIGKILL");
    theatre.start();
    assert.equal((await theatre.result(`act-${name}`)).type, "action.succeeded");
    assert.equal(await theatre.image(name), "shop/payments:1.4.0");
    assert.equal(theatre.results(`act-${name}`).length, 1);
  });

  it("refuses another plan, a stale fence, a late order and an option it never offered", async () => {
    const name = `refuses-${unique}`;
    const proposed = await theatre.propose(name, 0);
    const plan = structuredClone(proposed.data.options[0]?.plan ?? {});
    plan["instances"] = 9;
    const wrongs: Record<string, Partial<DataOf<"action.ordered">>> = {
      plan_hash_wrong: { plan },
      option_unknown: { optionId: "forged" },
      stale_fence: { fence: 6 },
      order_expired: { notAfter: timeText(Date.now() - 1000) },
    };
    for (const [code, wrong] of Object.entries(wrongs)) {
      await theatre.order(proposed, `act-${name}-${code}`, wrong);
      const result = await theatre.result(`act-${name}-${code}`);
      assert.ok(result.type === "action.failed" && result.data.failure.code === code, JSON.stringify(result.data));
    }
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
  });

  it("starts nothing between a panic and its resumption", async () => {
    const name = `frozen-${unique}`;
    const proposed = await theatre.propose(name, 0);
    const panicId = await theatre.say("operator", "control.panic-pressed", { by: "ada", windowMs: 0 });
    await theatre.heard("control.frozen", (event) => event.data.panicId === panicId);
    await theatre.order(proposed, `act-${name}-1`);
    const refused = await theatre.result(`act-${name}-1`);
    assert.ok(refused.type === "action.failed" && refused.data.failure.code === "frozen");
    await theatre.say("operator", "control.resumed", { by: "ada", reason: "a test" });
    await theatre.order(proposed, `act-${name}-2`);
    assert.equal((await theatre.result(`act-${name}-2`)).type, "action.succeeded");
    assert.equal(theatre.results(`act-${name}-1`).length, 1);
  });

  it(`stays below ${residentMaxMb} MB`, (context) => {
    const resident = theatre.residentMb();
    context.diagnostic(`resident ${resident.toFixed(1)} MB`);
    assert.ok(resident < residentMaxMb, `${resident} MB`);
  });
});
