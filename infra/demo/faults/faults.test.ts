import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { KubeConfig, KubernetesObjectApi, PatchStrategy } from "@kubernetes/client-node";
import { shopImages } from "@omega/demo-shop/images.ts";
import { shopManifests } from "@omega/demo-shop/manifests.ts";
import type { Fault } from "./fault.ts";
import { faultNamed, faults } from "./faults.ts";
import { connectShop, type ShopCluster } from "./shop-cluster.ts";

/** Records what a fault would ask of the cluster. */
async function askedOf(act: Fault["inject"]): Promise<string[]> {
  const asked: string[] = [];
  await act({
    rollOut: async (service, version) => void asked.push(`shop/${service}:${version}`),
    configure: async (service, setting, value) => void asked.push(`${service}-settings ${setting}=${value}`),
    read: async () => ({ version: "", settings: {} }),
  } satisfies ShopCluster);
  return asked;
}

test("every fault starts from what the manifests say, and ends at something else that exists", async () => {
  const images = shopImages();
  const manifests = JSON.stringify(shopManifests());
  for (const fault of faults) {
    const [before] = await askedOf(fault.revert);
    const [injected] = await askedOf(fault.inject);
    assert.notEqual(before, injected);
    if (before?.startsWith("shop/") === true) {
      assert.ok(manifests.includes(`"image":"${before}"`), before);
      assert.ok(images[injected ?? ""], injected);
    } else {
      const [, setting, value] = /^\S+ (\w+)=(.*)$/.exec(before ?? "") ?? [];
      assert.ok(manifests.includes(`"${setting}":"${value}"`), before);
    }
  }
});

test("an unknown fault is refused with the names that exist", () => {
  assert.throws(() => faultNamed("gremlins"), /no fault "gremlins"; there are payments-voucher-books, /);
});

const kubeconfig = process.env["OMEGA_TEST_KUBECONFIG"];
const skip = kubeconfig === undefined && "set OMEGA_TEST_KUBECONFIG to a cluster where namespace shop may be written";

suite("against a Kubernetes API server", { skip }, () => {
  test("takes the manifests, and each fault there and back", async () => {
    assert.ok(kubeconfig !== undefined);
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    const api = KubernetesObjectApi.makeApiClient(config);
    for (const object of shopManifests()) {
      await api.patch(object, undefined, undefined, "faults-test", true, PatchStrategy.ServerSideApply);
    }
    const shop = connectShop(kubeconfig);
    for (const fault of faults) {
      const before = await shop.read(fault.service);
      await fault.inject(shop);
      assert.notDeepEqual(await shop.read(fault.service), before, fault.name);
      await fault.revert(shop);
      await fault.revert(shop);
      assert.deepEqual(await shop.read(fault.service), before, fault.name);
    }
  });
});
