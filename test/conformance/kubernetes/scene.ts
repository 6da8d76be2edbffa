// A namespace of its own for each test file, with the objects that most expectations begin with. The tests play the kubelet by writing pod statuses.
import { after, before, describe } from "node:test";
import { call, candidates, contentTypes, until, type Answer, type Cluster, type Loose } from "./cluster-under-test.ts";

export class Scene {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  get core(): string {
    return `/api/v1/namespaces/${this.namespace}`;
  }

  get apps(): string {
    return `/apis/apps/v1/namespaces/${this.namespace}`;
  }

  deployment(name: string): string {
    return `${this.apps}/deployments/${name}`;
  }

  get(path: string): Promise<Answer> {
    return call(this.cluster, "GET", path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return call(this.cluster, "POST", path, { body });
  }

  put(path: string, body: unknown): Promise<Answer> {
    return call(this.cluster, "PUT", path, { body });
  }

  delete(path: string, body?: unknown): Promise<Answer> {
    return call(this.cluster, "DELETE", path, body === undefined ? {} : { body });
  }

  patch(type: keyof typeof contentTypes, path: string, body: unknown): Promise<Answer> {
    return call(this.cluster, "PATCH", path, { body, contentType: contentTypes[type] });
  }

  async pods(app: string): Promise<Loose[]> {
    const { body } = await this.get(`${this.core}/pods?labelSelector=app%3D${app}`);
    return body.items;
  }

  async replicaSets(app: string): Promise<Loose[]> {
    const { body } = await this.get(`${this.apps}/replicasets?labelSelector=app%3D${app}`);
    return body.items;
  }

  /** What a kubelet would say of a pod whose containers run and are ready. */
  async makeReady(pod: Loose): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const conditions = ["Ready", "ContainersReady"].map((type) => ({ type, status: "True", lastTransitionTime: now }));
    await this.patch("strategic", `${this.core}/pods/${pod.metadata.name}/status`, {
      status: { phase: "Running", conditions },
    });
  }

  /** Makes every pod of an app ready, over and over, until the condition holds. */
  async playKubelet(app: string, what: string, holds: () => Promise<boolean>): Promise<void> {
    await until(what, async () => {
      for (const pod of await this.pods(app))
        if (!isReady(pod) && pod.metadata.deletionTimestamp === undefined) await this.makeReady(pod);
      return holds();
    });
  }

  async rolledOut(name: string): Promise<boolean> {
    const { body } = await this.get(this.deployment(name));
    const { spec, status, metadata } = body;
    return (
      status.observedGeneration === metadata.generation &&
      status.updatedReplicas === spec.replicas &&
      status.replicas === spec.replicas &&
      status.availableReplicas === spec.replicas
    );
  }
}

export function isReady(pod: Loose): boolean {
  return pod.status.conditions?.some((each: Loose) => each.type === "Ready" && each.status === "True") === true;
}

export function deploymentOf(name: string, spec: Loose = {}): Loose {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: { app: name } },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            {
              name: "main",
              image: "shop:1",
              env: [
                { name: "A", value: "1" },
                { name: "B", value: "2" },
              ],
              ports: [{ containerPort: 80 }],
            },
          ],
        },
      },
      ...spec,
    },
  };
}

/** Runs the expectations against each cluster; one that cannot be had is skipped, saying why. */
export function expectations(title: string, body: (scene: () => Scene) => void): void {
  for (const candidate of candidates) {
    if (candidate.skip !== false)
      process.stdout.write(`# skipped: ${title} on the ${candidate.name} cluster: ${candidate.skip}\n`);
    describe(`${title} (${candidate.name})`, { skip: candidate.skip }, () => {
      let scene: Scene | undefined;
      before(async () => {
        const cluster = await candidate.start();
        scene = new Scene(cluster, `expect-${process.pid}-${Date.now() % 100_000}`);
        await scene.post("/api/v1/namespaces", {
          apiVersion: "v1",
          kind: "Namespace",
          metadata: { name: scene.namespace },
        });
        // A real cluster refuses pods until their service account is there.
        const account = `${scene.core}/serviceaccounts/default`;
        await until("the default service account is there", async () => (await scene?.get(account))?.code === 200);
      });
      after(async () => {
        await scene?.delete(`/api/v1/namespaces/${scene.namespace}`);
        await scene?.cluster.stop();
      });
      body(() => {
        if (scene === undefined) throw new Error("the cluster is not up");
        return scene;
      });
    });
  }
}
