import { deploymentOf, deployments, imagePatch, settled, type ActionCase } from "../action-case.ts";
import { namespace } from "../cluster.ts";

export const rolloutUndo: ActionCase = {
  type: "k8s.rollout-undo",
  async arrange(cluster, name) {
    await cluster.create(deployments, deploymentOf(name));
    await settled(cluster, name);
    await cluster.patch(`${deployments}/${name}`, imagePatch("shop/payments:1.5.0"));
    await settled(cluster, name);
    return { namespace, name, toRevision: 1 };
  },
  object: (name) => `${deployments}/${name}`,
  async foreignChange(cluster, name) {
    await cluster.patch(`${deployments}/${name}`, imagePatch("shop/payments:1.6.0"));
  },
};
