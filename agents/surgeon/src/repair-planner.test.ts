import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Candidate, MemoryMatch } from "@omega/bus-schemas/vocabulary.ts";
import type { Workload } from "./inventory.ts";
import { containersOf } from "./kubernetes/deployment.ts";
import type { JsonObject } from "./kubernetes/json-pointer.ts";
import { considerWorkload, inOrder, type Request } from "./repair-planner.ts";

const cause: Candidate = {
  rank: 1,
  service: "payments",
  kind: "code",
  confidence: 0.9,
  version: "1.5.0",
  healthyVersion: "1.4.0",
  evidence: [],
};
const ofKind = (kind: Candidate["kind"]): Candidate => ({
  rank: 1,
  service: "payments",
  kind,
  confidence: 0.9,
  evidence: [],
});
const requestedAt = "2026-11-24T03:00:00.000Z";

function templateOf(version: string, memory = "128Mi"): JsonObject {
  const container = { name: "main", image: `shop/payments:${version}`, resources: { limits: { memory } } };
  return { metadata: { labels: {} }, spec: { containers: [container] } };
}

/** `payments` with these versions as its revisions, the oldest first and the newest in force. */
function payments(versions: readonly string[], changes: Partial<Workload> = {}): Workload {
  const revisions = versions.map((version, index) => ({
    revision: index + 1,
    replicaSet: `payments-${index + 1}`,
    template: templateOf(version),
    version,
  }));
  const template = templateOf(versions.at(-1) ?? "");
  return {
    service: "payments",
    deployment: {
      ref: { kind: "Deployment", namespace: "shop", name: "payments" },
      object: { metadata: { name: "payments", uid: "5e0c", resourceVersion: "1" } },
      replicas: 2,
      paused: false,
      selector: {},
      template,
      revision: versions.length,
    },
    version: versions.at(-1),
    revisions: revisions.toReversed(),
    containers: containersOf(template),
    changedSettings: [],
    scaler: undefined,
    ...changes,
  };
}

function consider(changes: Partial<Request>, inventory: readonly Workload[] = [payments(["1.4.0", "1.5.0"])]) {
  const request = { cause, recalled: [], tried: [], requestedAt, ...changes };
  return inOrder(request, considerWorkload(request, inventory));
}

const types = ({ repairs }: ReturnType<typeof consider>): string[] => repairs.map(({ actionType }) => actionType);
const reason = ({ refused }: ReturnType<typeof consider>, type: string): string =>
  refused.find(({ actionType }) => actionType === type)?.reason ?? "";

function recalled(actionType: string, outcome: "verified" | "failed" | "undone"): MemoryMatch {
  const target = { system: "kubernetes" as const, namespace: "shop", kind: "Deployment", name: "payments" };
  const fixes = [{ actionType, target, outcome }];
  return { incidentId: "inc-7", similarity: 1, says: "", rootCause: "", fixes };
}

describe("a fault in a version", () => {
  it("goes back to the revision with the healthy version, not to the newest before", () => {
    const { repairs } = consider({}, [payments(["1.4.0", "1.4.9", "1.5.0"])]);
    assert.deepEqual(repairs[0]?.params, { namespace: "shop", name: "payments", toRevision: 1 });
  });
  it("takes the newest of two revisions with the healthy version", () => {
    const { repairs } = consider({}, [payments(["1.4.0", "1.3.0", "1.4.0", "1.5.0"])]);
    assert.equal(repairs[0]?.params["toRevision"], 3);
  });
  it("that is not in force any more rolls nothing back", () =>
    assert.match(
      reason(consider({}, [payments(["1.4.0", "1.5.0", "1.6.0"])]), "k8s.rollout-undo"),
      /1\.6\.0 is in force/,
    ));
  it("whose healthy version is not kept rolls nothing back", () =>
    assert.match(reason(consider({}, [payments(["1.3.0", "1.5.0"])]), "k8s.rollout-undo"), /1\.4\.0 is kept/));
  it("of the first revision has nowhere to go back to", () =>
    assert.match(reason(consider({}, [payments(["1.5.0"])]), "k8s.rollout-undo"), /no earlier revision/));
  it("with no version named goes one back, and says what is not known", () => {
    const [repair] = consider({ cause: ofKind("code") }).repairs;
    assert.equal(repair?.params["toRevision"], 1);
    assert.match(repair?.warnings[0] ?? "", /No telemetry/);
  });
  it("does not go back to the same pods", () =>
    assert.match(
      reason(consider({ cause: ofKind("change") }, [payments(["1.5.0", "1.5.0"])]), "k8s.rollout-undo"),
      /same pods/,
    ));
});

describe("other causes", () => {
  it("memory: restart, then more memory", () => {
    const considered = consider({ cause: ofKind("memory") }, [payments(["1.5.0"])]);
    assert.deepEqual(types(considered), ["k8s.rollout-restart", "k8s.set-resources"]);
    assert.deepEqual(considered.repairs[0]?.params["restartedAt"], requestedAt);
    assert.deepEqual(considered.repairs[1]?.params["limits"], { memory: "256Mi" });
  });
  it("memory of a new version: its healthy predecessor first", () =>
    assert.deepEqual(types(consider({ cause: { ...cause, kind: "memory" } })), [
      "k8s.rollout-undo",
      "k8s.rollout-restart",
      "k8s.set-resources",
    ]));
  it("cpu: more replicas", () => {
    const [repair] = consider({ cause: ofKind("cpu") }, [payments(["1.5.0"])]).repairs;
    assert.deepEqual(repair?.params, { namespace: "shop", name: "payments", replicas: 3 });
  });
  it("cpu under an autoscaler: wider bounds", () => {
    const scaler = { name: "payments-hpa", minReplicas: 1, maxReplicas: 4 };
    const [repair] = consider({ cause: ofKind("cpu") }, [payments(["1.5.0"], { scaler })]).repairs;
    assert.deepEqual(repair?.params, { namespace: "shop", name: "payments-hpa", minReplicas: 3, maxReplicas: 6 });
  });
  it("network: nothing, and the reasons", () => {
    const considered = consider({ cause: ofKind("network") });
    assert.deepEqual(types(considered), []);
    assert.equal(considered.refused.length, 3);
  });
});

describe("a setting that changed", () => {
  const setting = {
    configMap: "payments-settings",
    container: "main",
    name: "TIMEOUT_MS",
    before: "2000",
    after: "45",
    seenAt: Date.parse(requestedAt) - 60_000,
  };
  const changed = payments(["1.5.0"], { changedSettings: [setting] });
  it("is put back where it counts at once, then in the config map", () => {
    const { repairs } = consider({ cause: ofKind("error") }, [changed]);
    assert.deepEqual(
      repairs.slice(0, 2).map(({ actionType }) => actionType),
      ["k8s.set-env", "k8s.patch-configmap"],
    );
    assert.deepEqual(repairs[0]?.params["env"], { TIMEOUT_MS: "2000" });
    assert.deepEqual(repairs[1]?.params["data"], { TIMEOUT_MS: "2000" });
  });
  it("comes after a version that explains the fault", () => {
    const both = payments(["1.4.0", "1.5.0"], { changedSettings: [setting] });
    assert.equal(types(consider({}, [both]))[0], "k8s.rollout-undo");
  });
  it("two hours ago is not suspected", () => {
    const old = payments(["1.5.0"], { changedSettings: [{ ...setting, seenAt: setting.seenAt - 7_200_000 }] });
    assert.deepEqual(types(consider({ cause: ofKind("error") }, [old])), []);
  });
});

describe("memory of earlier incidents", () => {
  const leak = { cause: ofKind("memory") };
  const inventory = [payments(["1.4.0", "1.5.0"])];
  it("moves a verified fix up and says why", () => {
    assert.deepEqual(types(consider(leak, inventory))[0], "k8s.rollout-restart");
    const considered = consider({ ...leak, recalled: [recalled("k8s.rollout-undo", "verified")] }, inventory);
    assert.equal(considered.repairs[0]?.actionType, "k8s.rollout-undo");
    assert.match(considered.repairs[0]?.reasons.at(-1) ?? "", /healed incident inc-7 \(similarity 1\.00\)/);
  });
  it("moves a fix down that did not hold, and warns", () => {
    const considered = consider({ ...leak, recalled: [recalled("k8s.rollout-restart", "undone")] }, inventory);
    assert.equal(considered.repairs[0]?.actionType, "k8s.rollout-undo");
    const moved = considered.repairs.find(({ actionType }) => actionType === "k8s.rollout-restart");
    assert.match(moved?.warnings.at(-1) ?? "", /taken back in incident inc-7/);
  });
  it("never adds what the diagnosis does not allow", () => {
    const considered = consider({ cause: ofKind("network"), recalled: [recalled("k8s.rollout-undo", "verified")] });
    assert.deepEqual(types(considered), []);
  });
});

describe("what is left out", () => {
  it("is what this incident tried already", () => {
    const considered = consider({ tried: ["k8s.rollout-undo payments"] });
    assert.deepEqual(types(considered), []);
    assert.match(reason(considered, "k8s.rollout-undo"), /tried it already/);
  });
  it("is a service that nothing runs, or that runs in two places", () => {
    assert.match(reason(consider({}, []), "k8s.rollout-undo"), /No deployment/);
    const twice = [payments(["1.4.0", "1.5.0"]), payments(["1.4.0", "1.5.0"])];
    assert.match(reason(consider({}, twice), "k8s.rollout-undo"), /several places/);
  });
});
