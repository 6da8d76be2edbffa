/** What people do to the shop in production, through the Kubernetes API and nothing else. */
import { AppsV1Api, CoreV1Api, KubeConfig, PatchStrategy, setHeaderOptions } from "@kubernetes/client-node";

const namespace = "shop";
const strategicMerge = setHeaderOptions("Content-Type", PatchStrategy.StrategicMergePatch);
const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);

/** The shop as the owners of its services may change it. */
export interface ShopCluster {
  /** Rolls a service out in another version. Answers once the API server has taken it, not when the pods are there. */
  rollOut(service: string, version: string): Promise<void>;
  /** Changes one setting of a service, and restarts its pods the way `kubectl rollout restart` does. */
  configure(service: string, setting: string, value: string): Promise<void>;
  /** The version and the settings that the API server has on record. */
  read(service: string): Promise<{ version: string; settings: Record<string, string> }>;
}

/** Connects with a kubeconfig file; the API's refusals (401, 403, 404 …) reject the calls. */
export function connectShop(kubeconfigFile: string): ShopCluster {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfigFile);
  const apps = config.makeApiClient(AppsV1Api);
  const core = config.makeApiClient(CoreV1Api);

  return {
    async rollOut(service, version) {
      const body = {
        metadata: { annotations: { "kubernetes.io/change-cause": `${service} ${version}` } },
        spec: {
          template: {
            metadata: { labels: { "app.kubernetes.io/version": version } },
            spec: { containers: [{ name: service, image: `shop/${service}:${version}` }] },
          },
        },
      };
      await apps.patchNamespacedDeployment({ name: service, namespace, body }, strategicMerge);
    },

    async configure(service, setting, value) {
      const body = { data: { [setting]: value } };
      await core.patchNamespacedConfigMap({ name: `${service}-settings`, namespace, body }, merge);
      const restart = { "kubectl.kubernetes.io/restartedAt": new Date().toISOString() };
      await apps.patchNamespacedDeployment(
        { name: service, namespace, body: { spec: { template: { metadata: { annotations: restart } } } } },
        strategicMerge,
      );
    },

    async read(service) {
      const deployment = await apps.readNamespacedDeployment({ name: service, namespace });
      const settings = await core.readNamespacedConfigMap({ name: `${service}-settings`, namespace });
      const image = deployment.spec?.template.spec?.containers[0]?.image ?? "";
      return { version: image.slice(image.lastIndexOf(":") + 1), settings: settings.data ?? {} };
    },
  };
}
