import type { ActionCase } from "../action-case.ts";
import { namespace } from "../cluster.ts";
import { nodeSelectorOf } from "../pretended-kubelet.ts";

const core = `/api/v1/namespaces/${namespace}`;
const scalers = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers`;

function onConfigMap(before: Record<string, string> | undefined, data: Record<string, string | null>): ActionCase {
  return {
    type: "k8s.patch-configmap",
    async arrange(cluster, name) {
      const metadata = { name };
      await cluster.create(`${core}/configmaps`, {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata,
        ...(before === undefined ? {} : { data: before }),
      });
      return { namespace, name, data };
    },
    object: (name) => `${core}/configmaps/${name}`,
    foreignChange: (cluster, name) =>
      cluster.patch(`${core}/configmaps/${name}`, { data: { "timeout.ms": "by hand" } }, "merge-patch"),
  };
}

const evictPod: ActionCase = {
  type: "k8s.evict-pod",
  irreversible: true,
  async arrange(cluster, name) {
    // Any controller will do, as long as it exists: an owner that does not would have the pod collected.
    await cluster.create(`${core}/configmaps`, { apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
    const owner = await cluster.get<{ metadata: { uid: string } }>(`${core}/configmaps/${name}`);
    const reference = { apiVersion: "v1", kind: "ConfigMap", name, uid: owner.metadata.uid, controller: true };
    await cluster.create(`${core}/pods`, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, ownerReferences: [reference] },
      spec: {
        terminationGracePeriodSeconds: 1,
        nodeSelector: nodeSelectorOf(namespace),
        containers: [{ name: "main", image: "shop/payments:1.4.0" }],
      },
    });
    await cluster.until(`${name} runs`, async () => {
      const pod = await cluster.get<{ status?: { phase?: string } }>(`${core}/pods/${name}`);
      return pod.status?.phase === "Running";
    });
    return { namespace, name };
  },
  object: (name) => `${core}/pods/${name}`,
  foreignChange: (cluster, name) => cluster.delete(`${core}/pods/${name}`),
};

const cordon: ActionCase = {
  type: "k8s.cordon",
  twoValued: true,
  async arrange(cluster, name) {
    await cluster.create("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
    return { name };
  },
  object: (name) => `/api/v1/nodes/${name}`,
  // Controllers annotate and taint nodes as they see fit, cordoned ones among others.
  booksOfControllers: ["/spec/taints", "/metadata/annotations", "/metadata/labels"],
  foreignChange: (cluster, name) => cluster.patch(`/api/v1/nodes/${name}`, { spec: { unschedulable: true } }),
};

const hpaBounds: ActionCase = {
  type: "k8s.hpa-bounds",
  async arrange(cluster, name) {
    await cluster.create(scalers, {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name }, maxReplicas: 4 },
    });
    return { namespace, name, minReplicas: 2, maxReplicas: 6 };
  },
  object: (name) => `${scalers}/${name}`,
  foreignChange: (cluster, name) => cluster.patch(`${scalers}/${name}`, { spec: { maxReplicas: 9 } }),
};

export const otherCases: readonly ActionCase[] = [
  onConfigMap({ "timeout.ms": "50", kept: "yes" }, { "timeout.ms": "2000", added: "now" }),
  onConfigMap({ "timeout.ms": "50" }, { "timeout.ms": null }),
  onConfigMap(undefined, { "timeout.ms": "2000", other: "x" }),
  evictPod,
  cordon,
  hpaBounds,
];
