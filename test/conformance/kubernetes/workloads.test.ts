// The controllers: rolling updates, revisions, evictions, scheduling, garbage.
import assert from "node:assert/strict";
import { test } from "node:test";
import { until, type Loose } from "./cluster-under-test.ts";
import { deploymentOf, expectations, isReady, type Scene } from "./scene.ts";

async function rolledOut(scene: Scene, name: string): Promise<void> {
  await scene.playKubelet(name, `${name} is rolled out`, () => scene.rolledOut(name));
}

function conditionOf(object: Loose, type: string): Loose {
  return object.status.conditions?.find((each: Loose) => each.type === type);
}

const image = (name: string): Loose => ({
  spec: { template: { spec: { containers: [{ name: "main", image: name }] } } },
});
const revisionKey = "deployment.kubernetes.io/revision";

expectations("workloads", (scene) => {
  test("a deployment makes a set, and the set pods, named and owned as ever", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("made"));
    await rolledOut(scene(), "made");
    const [set, ...others] = await scene().replicaSets("made");
    assert.equal(others.length, 0);
    const hash = set.metadata.labels["pod-template-hash"];
    assert.equal(set.metadata.name, `made-${hash}`);
    assert.equal(set.metadata.annotations[revisionKey], "1");
    assert.equal(set.metadata.annotations["deployment.kubernetes.io/desired-replicas"], "2");
    assert.equal(set.metadata.annotations["deployment.kubernetes.io/max-replicas"], "3");
    assert.equal(set.spec.selector.matchLabels["pod-template-hash"], hash);
    const pods = await scene().pods("made");
    assert.equal(pods.length, 2);
    for (const pod of pods) {
      assert.match(pod.metadata.name, new RegExp(`^${set.metadata.name}-[a-z0-9]{5}$`));
      assert.equal(pod.metadata.generateName, `${set.metadata.name}-`);
      const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: set.metadata.name, uid: set.metadata.uid };
      assert.deepEqual(pod.metadata.ownerReferences, [{ ...owner, controller: true, blockOwnerDeletion: true }]);
      assert.equal(pod.metadata.labels["pod-template-hash"], hash);
    }
    const { body } = await scene().get(scene().deployment("made"));
    assert.equal(body.metadata.annotations[revisionKey], "1");
    assert.equal(conditionOf(body, "Available").reason, "MinimumReplicasAvailable");
    assert.equal(conditionOf(body, "Progressing").reason, "NewReplicaSetAvailable");
    assert.equal(
      conditionOf(body, "Progressing").message,
      `ReplicaSet "${set.metadata.name}" has successfully progressed.`,
    );
    const { body: events } = await scene().get(
      `${scene().core}/events?fieldSelector=involvedObject.name%3Dmade,reason%3DScalingReplicaSet`,
    );
    assert.equal(events.items[0].message, `Scaled up replica set ${set.metadata.name} from 0 to 2`);
  });

  test("a rolling update keeps within its bounds", async () => {
    const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
    await scene().post(`${scene().apps}/deployments`, deploymentOf("rolling", { replicas: 3, strategy }));
    await rolledOut(scene(), "rolling");
    await scene().patch("strategic", scene().deployment("rolling"), image("shop:2"));
    await until(
      "one pod more is made",
      async () => (await scene().pods("rolling")).filter((pod) => !isReady(pod)).length === 1,
    );
    const stalled = await scene().get(scene().deployment("rolling"));
    assert.equal(stalled.body.status.availableReplicas, 3, "nothing goes before something better is there");
    let most = 0;
    let least = Number.POSITIVE_INFINITY;
    await scene().playKubelet("rolling", "rolling is rolled out", async () => {
      const sets = await scene().replicaSets("rolling");
      const sum = (of: (set: Loose) => number): number => sets.reduce((total, set) => total + of(set), 0);
      most = Math.max(
        most,
        sum((set) => set.spec.replicas),
      );
      least = Math.min(least, (await scene().pods("rolling")).filter(isReady).length);
      return scene().rolledOut("rolling");
    });
    assert.ok(most <= 4, `at most 4 pods are asked for, not ${most}`);
    assert.ok(least >= 3, `at least 3 pods are ready, not ${least}`);
    const sets = await scene().replicaSets("rolling");
    const sizes = new Map(sets.map((set) => [set.metadata.annotations[revisionKey], set.spec.replicas]));
    assert.deepEqual(
      sizes,
      new Map([
        ["1", 0],
        ["2", 3],
      ]),
    );
  });

  test("a template that was here before takes its old set under a new revision", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("back", { replicas: 1 }));
    await rolledOut(scene(), "back");
    await scene().patch("strategic", scene().deployment("back"), image("shop:2"));
    await rolledOut(scene(), "back");
    await scene().patch("strategic", scene().deployment("back"), image("shop:1"));
    await rolledOut(scene(), "back");
    const sets = await scene().replicaSets("back");
    assert.equal(sets.length, 2);
    const first = sets.find((set) => set.spec.template.spec.containers[0].image === "shop:1");
    assert.equal(first.metadata.annotations[revisionKey], "3");
    assert.equal(first.metadata.annotations["deployment.kubernetes.io/revision-history"], "1");
    assert.equal(first.spec.replicas, 1);
    const { body } = await scene().get(scene().deployment("back"));
    assert.equal(body.metadata.annotations[revisionKey], "3");
  });

  test("old revisions are kept up to the limit", async () => {
    await scene().post(
      `${scene().apps}/deployments`,
      deploymentOf("history", { replicas: 1, revisionHistoryLimit: 1 }),
    );
    for (const version of ["shop:1", "shop:2", "shop:3", "shop:4"]) {
      await scene().patch("strategic", scene().deployment("history"), image(version));
      await rolledOut(scene(), "history");
    }
    await until("two sets are left", async () => (await scene().replicaSets("history")).length === 2);
    const revisions = (await scene().replicaSets("history")).map((set) => set.metadata.annotations[revisionKey]);
    assert.deepEqual(new Set(revisions), new Set(["3", "4"]));
  });

  test("Recreate takes all away before it makes anew", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("recreate", { strategy: { type: "Recreate" } }));
    await rolledOut(scene(), "recreate");
    await scene().patch("strategic", scene().deployment("recreate"), image("shop:2"));
    await scene().playKubelet("recreate", "recreate is rolled out", async () => {
      const images = new Set((await scene().pods("recreate")).map((pod) => pod.spec.containers[0].image));
      assert.ok(images.size <= 1, "old and new are never there together");
      return scene().rolledOut("recreate");
    });
  });

  test("a paused deployment waits; scaling is still done", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("paused", { replicas: 1 }));
    await rolledOut(scene(), "paused");
    await scene().patch("merge", scene().deployment("paused"), { spec: { paused: true } });
    await scene().patch("strategic", scene().deployment("paused"), {
      ...image("shop:2"),
      spec: { ...image("shop:2").spec, replicas: 2 },
    });
    await until("two old pods are there", async () => (await scene().pods("paused")).length === 2);
    assert.equal((await scene().replicaSets("paused")).length, 1);
    await scene().patch("merge", scene().deployment("paused"), { spec: { paused: null } });
    await rolledOut(scene(), "paused");
    assert.equal((await scene().replicaSets("paused")).length, 2);
  });

  test("a rollout that stands still says so after its deadline", async () => {
    await scene().post(
      `${scene().apps}/deployments`,
      deploymentOf("stuck", { replicas: 1, progressDeadlineSeconds: 1 }),
    );
    const found = await until("the deadline is exceeded", async () => {
      const { body } = await scene().get(scene().deployment("stuck"));
      return conditionOf(body, "Progressing")?.reason === "ProgressDeadlineExceeded" ? body : undefined;
    });
    assert.equal(conditionOf(found, "Progressing").status, "False");
    assert.match(conditionOf(found, "Progressing").message, /^ReplicaSet "stuck-\w+" has timed out progressing\.$/);
  });

  test("the scale subresource reads, writes, refuses and dry-runs", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("scaled", { replicas: 1 }));
    const path = `${scene().deployment("scaled")}/scale`;
    const { body: scale } = await scene().get(path);
    assert.equal(scale.kind, "Scale");
    assert.equal(scale.apiVersion, "autoscaling/v1");
    assert.deepEqual(scale.spec, { replicas: 1 });
    assert.equal(scale.status.selector, "app=scaled");
    const dry = await scene().patch("merge", `${path}?dryRun=All`, { spec: { replicas: 5 } });
    assert.equal(dry.body.spec.replicas, 5);
    const stale = await scene().put(path, {
      ...scale,
      metadata: { ...scale.metadata, resourceVersion: "1" },
      spec: { replicas: 4 },
    });
    assert.equal(stale.code, 409);
    assert.equal((await scene().get(path)).body.spec.replicas, 1);
    const negative = await scene().patch("merge", path, { spec: { replicas: -1 } });
    assert.equal(negative.code, 422);
    const done = await scene().patch("merge", path, { spec: { replicas: 2 } });
    assert.equal(done.body.spec.replicas, 2);
    await until("two pods are there", async () => (await scene().pods("scaled")).length === 2);
    assert.equal((await scene().get(scene().deployment("scaled"))).body.metadata.generation, 2);
  });

  test("an eviction needs the budget's leave", async () => {
    const budgets = `/apis/policy/v1/namespaces/${scene().namespace}/poddisruptionbudgets`;
    await scene().post(`${scene().apps}/deployments`, deploymentOf("guarded"));
    await rolledOut(scene(), "guarded");
    await scene().post(budgets, {
      metadata: { name: "guard" },
      spec: { minAvailable: 2, selector: { matchLabels: { app: "guarded" } } },
    });
    const allowed = (count: number): Promise<unknown> =>
      until(`${count} disruptions are allowed`, async () => {
        const { body } = await scene().get(`${budgets}/guard`);
        return (
          body.status?.observedGeneration === body.metadata.generation &&
          body.status.disruptionsAllowed === count &&
          body.status.currentHealthy === 2
        );
      });
    await allowed(0);
    const [pod] = await scene().pods("guarded");
    const path = `${scene().core}/pods/${pod.metadata.name}/eviction`;
    const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: pod.metadata.name } };
    const refused = await scene().post(path, eviction);
    assert.equal(refused.code, 429);
    assert.equal(refused.body.reason, "TooManyRequests");
    assert.equal(refused.body.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    const cause = {
      reason: "DisruptionBudget",
      message: "The disruption budget guard needs 2 healthy pods and has 2 currently",
    };
    assert.deepEqual(refused.body.details.causes, [cause]);
    const refusedDry = await scene().post(`${path}?dryRun=All`, eviction);
    assert.equal(refusedDry.code, 429, "a dry run is refused all the same");
    await scene().patch("merge", `${budgets}/guard`, { spec: { minAvailable: 1 } });
    await allowed(1);
    const dry = await scene().post(`${path}?dryRun=All`, eviction);
    assert.equal(dry.code, 201);
    assert.equal(
      (await scene().get(`${scene().core}/pods/${pod.metadata.name}`)).body.metadata.deletionTimestamp,
      undefined,
    );
    const done = await scene().post(path, eviction);
    assert.equal(done.code, 201);
    await until("another pod takes its place", async () => {
      const pods = await scene().pods("guarded");
      return pods.length === 2 && pods.every((each) => each.metadata.uid !== pod.metadata.uid);
    });
  });

  test("dependents go with their owner, or are orphaned when asked", async () => {
    for (const name of ["owner", "orphaner", "waiter"]) {
      await scene().post(`${scene().apps}/deployments`, deploymentOf(name, { replicas: 1 }));
      await until(`${name} has a pod`, async () => (await scene().pods(name)).length === 1);
    }
    await scene().delete(scene().deployment("owner"));
    await until(
      "sets and pods of owner are gone",
      async () => (await scene().replicaSets("owner")).length + (await scene().pods("owner")).length === 0,
    );
    await scene().delete(scene().deployment("orphaner"), { propagationPolicy: "Orphan" });
    await until("orphaner is gone", async () => (await scene().get(scene().deployment("orphaner"))).code === 404);
    const [orphan] = await scene().replicaSets("orphaner");
    assert.equal(orphan.metadata.ownerReferences, undefined);
    await scene().delete(scene().deployment("waiter"), { propagationPolicy: "Foreground" });
    await until("waiter is gone", async () => (await scene().get(scene().deployment("waiter"))).code === 404);
    assert.equal((await scene().replicaSets("waiter")).length, 0);
  });

  test("a set adopts and releases pods by their labels", async () => {
    await scene().post(`${scene().apps}/deployments`, deploymentOf("labels", { replicas: 1 }));
    await until("a pod is there", async () => (await scene().pods("labels")).length === 1);
    const [pod] = await scene().pods("labels");
    await scene().patch("merge", `${scene().core}/pods/${pod.metadata.name}`, {
      metadata: { labels: { app: "quarantine" } },
    });
    await until("another pod takes its place", async () => (await scene().pods("labels")).length === 1);
    await until("the released pod has no owner", async () => {
      const { body } = await scene().get(`${scene().core}/pods/${pod.metadata.name}`);
      return (body.metadata.ownerReferences ?? []).length === 0;
    });
  });

  test("pods are bound to ready, schedulable nodes; a bound pod goes by its grace period", async () => {
    const node = `expect-${scene().namespace}`;
    const now = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const ready = {
      type: "Ready",
      status: "True",
      reason: "KubeletReady",
      message: "",
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    };
    const made = await scene().post("/api/v1/nodes", {
      metadata: { name: node, labels: { "expect/node": node } },
      status: {
        conditions: [ready],
        capacity: { cpu: "4", memory: "8Gi", pods: "50" },
        allocatable: { cpu: "4", memory: "8Gi", pods: "50" },
      },
    });
    assert.equal(made.code, 201);
    try {
      const dry = await scene().patch("strategic", `/api/v1/nodes/${node}?dryRun=All`, {
        spec: { unschedulable: true },
      });
      assert.equal(dry.body.spec.unschedulable, true);
      await scene().patch("strategic", `/api/v1/nodes/${node}`, { spec: { unschedulable: true } });
      const body = deploymentOf("placed", { replicas: 1 });
      body.spec.template.spec.nodeSelector = { "expect/node": node };
      body.spec.template.spec.terminationGracePeriodSeconds = 7;
      await scene().post(`${scene().apps}/deployments`, body);
      await until("the pod is said to be unschedulable", async () => {
        const [pod] = await scene().pods("placed");
        return pod !== undefined && conditionOf(pod, "PodScheduled")?.reason === "Unschedulable";
      });
      await scene().patch("strategic", `/api/v1/nodes/${node}`, { spec: { unschedulable: null } });
      const pod = await until("the pod is bound", async () => {
        const [each] = await scene().pods("placed");
        return each?.spec.nodeName === node ? each : undefined;
      });
      assert.equal(conditionOf(pod, "PodScheduled").status, "True");
      const path = `${scene().core}/pods/${pod.metadata.name}`;
      const again = await scene().post(`${path}/binding`, {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name: pod.metadata.name },
        target: { kind: "Node", name: "x" },
      });
      assert.equal(again.code, 409);
      const onNode = await scene().get(
        `/api/v1/pods?fieldSelector=spec.nodeName%3D${node},status.phase!%3DFailed&labelSelector=app%3Dplaced`,
      );
      const nowhere = await scene().get(`${scene().core}/pods?fieldSelector=spec.nodeName%3Dnowhere`);
      assert.deepEqual(nowhere.body.items, []);
      assert.deepEqual(
        onNode.body.items.map((each: Loose) => each.metadata.name),
        [pod.metadata.name],
      );
      const leaving = await scene().delete(path);
      assert.equal(leaving.code, 200);
      assert.equal(leaving.body.metadata.deletionGracePeriodSeconds, 7);
      assert.equal((await scene().get(path)).code, 200, "it is there until its kubelet lets go");
      await scene().delete(scene().deployment("placed"));
      const last = await scene().delete(path, { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } });
      assert.equal(last.code, 200);
      assert.equal((await scene().get(path)).code, 404);
    } finally {
      await scene().delete(`/api/v1/nodes/${node}`);
    }
  });

  test("a pod's spec is fixed but for its image", async () => {
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "fixed" },
      spec: { nodeSelector: { no: "where" }, containers: [{ name: "main", image: "a:1" }] },
    };
    assert.equal((await scene().post(`${scene().core}/pods`, body)).code, 201);
    const path = `${scene().core}/pods/fixed`;
    const changed = await scene().patch("strategic", path, { spec: { containers: [{ name: "main", image: "a:2" }] } });
    assert.equal(changed.code, 200);
    const { code, body: refused } = await scene().patch("merge", path, { spec: { restartPolicy: "Never" } });
    assert.equal(code, 422);
    assert.match(refused.message, /pod updates may not change fields other than `spec\.containers\[\*\]\.image`/);
    await scene().delete(path);
    assert.equal((await scene().get(path)).code, 404, "a pod that is nowhere goes at once");
  });

  test("a namespace takes its contents along", async () => {
    const name = `${scene().namespace}-gone`;
    await scene().post("/api/v1/namespaces", { metadata: { name } });
    await scene().post(`/api/v1/namespaces/${name}/configmaps`, { metadata: { name: "inside" } });
    const { body } = await scene().delete(`/api/v1/namespaces/${name}`);
    assert.equal(body.status.phase, "Terminating");
    await until("the namespace is gone", async () => (await scene().get(`/api/v1/namespaces/${name}`)).code === 404);
    assert.equal((await scene().get(`/api/v1/namespaces/${name}/configmaps/inside`)).code, 404);
    const kept = await scene().delete("/api/v1/namespaces/default");
    assert.equal(kept.code, 403);
  });
});
