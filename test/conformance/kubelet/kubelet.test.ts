import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { containerExpectations } from "./container-expectations.ts";
import { startEmbeddedControlPlane } from "./embedded-control-plane.ts";
import { type ControlPlane, missingBinaries, startRealControlPlane } from "./real-control-plane.ts";
import { rolloutExpectations } from "./rollout-expectations.ts";
import { survivalExpectations } from "./survival-expectations.ts";
import { World } from "./world.ts";

// The same expectations of running pods on each control plane, so that the embedded one cannot drift from the real one.

const kubectlMissing =
  spawnSync("kubectl", ["version", "--client"]).error === undefined
    ? undefined
    : "no kubectl on the PATH (Debian: apt-get install kubernetes-client)";

const embeddedMain = join(import.meta.dirname, "../../../infra/demo/cluster/src/control-plane/main.ts");
const given = process.env["OMEGA_TEST_KUBECONFIG"];
const assets = process.env["KUBEBUILDER_ASSETS"];

function whyNotReal(): string | undefined {
  if (given !== undefined) return undefined;
  if (assets === undefined)
    return "set KUBEBUILDER_ASSETS to a folder of control plane binaries, or OMEGA_TEST_KUBECONFIG to a cluster's";
  return missingBinaries(assets);
}

function startReal(folder: string): Promise<ControlPlane> {
  if (given !== undefined) return Promise.resolve({ kubeconfig: given, stop: () => Promise.resolve() });
  return startRealControlPlane(assets ?? "", folder);
}

function expectations(name: string, skip: string | undefined, start: (folder: string) => Promise<ControlPlane>): void {
  describe(`running pods on ${name}`, { skip: kubectlMissing ?? skip ?? false }, () => {
    let folder: string;
    let controlPlane: ControlPlane | undefined;
    let world: World | undefined;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "omega-control-plane-"));
      controlPlane = await start(folder);
      world = new World(controlPlane.kubeconfig);
      await world.startKubelet();
    });
    after(async () => {
      await world?.close();
      await controlPlane?.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const current = (): World => {
      if (world === undefined) throw new Error("the control plane did not start");
      return world;
    };
    rolloutExpectations(current);
    containerExpectations(current);
    survivalExpectations(current);
  });
}

expectations(
  "the embedded control plane",
  existsSync(embeddedMain) ? undefined : "the embedded control plane is not in this checkout",
  (folder) => startEmbeddedControlPlane(embeddedMain, folder),
);
expectations("a real control plane", whyNotReal(), startReal);
