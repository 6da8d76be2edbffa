import { loadActions, type AnyAction } from "../../agents/surgeon/src/actions/registry.ts";
import { KubernetesClient } from "../../agents/surgeon/src/adapters/kubernetes-client.ts";
import type { ActionCase } from "../conformance/actions/action-case.ts";
import { cases } from "../conformance/actions/cases/cases.ts";
import { Cluster, clusterChoices } from "../conformance/actions/cluster.ts";
import { promisesOf, type Setting } from "../conformance/actions/kit.ts";
import { mutants } from "../conformance/actions/mutants/mutants.ts";
import type { ProofResult, Report } from "./contract.ts";

export const about = "bugs planted in actions, one at a time, that the conformance kit catches";

/** Most of a check is waiting for controllers. */
const atOnce = 3;

/**
 * Runs the kit over each mutant until a promise breaks. Only a kit that finds nothing wrong with the actions as they are can be said to
 * have caught anything, so that is tried first.
 */
export async function run(report: Report): Promise<ProofResult> {
  const cluster = await clusterToUse();
  const kubernetes = new KubernetesClient({ kubeconfig: cluster.kubeconfig, callDeadlineMs: 10_000 });
  const setting: Setting = { cluster: () => cluster, kubernetes: () => kubernetes };
  try {
    const registry = await loadActions();
    const subject = (type: string): [AnyAction, ActionCase] => {
      const action = registry.get(type);
      const example = cases.find((one) => one.type === type);
      if (action === undefined || example === undefined) throw new Error(`no action, or no case, of ${type}`);
      return [action, example];
    };
    const types = [...new Set(mutants.map(({ type }) => type))];
    await inTurns(types, async (type) => {
      const broken = await firstBroken(...subject(type), setting);
      if (broken !== undefined) throw new Error(`${type} as it is breaks '${broken}': nothing can be caught with that`);
    });
    const missed: string[] = [];
    await inTurns(mutants, async ({ name, type, plant }) => {
      const [action, example] = subject(type);
      const broken = await firstBroken(plant(action), example, setting);
      if (broken === undefined) missed.push(name);
      report(
        `${broken === undefined ? "MISSED" : "caught"}  ${type}: ${name}${broken === undefined ? "" : ` (${broken})`}`,
      );
    });
    const planted = mutants.length;
    const caught = planted - missed.length;
    return { name: "mutants", tried: planted, held: caught, planted, caught, missed, actions: types.length };
  } finally {
    kubernetes.close();
    await cluster.close();
  }
}

/** The embedded control plane, unless a cluster is named: a proof that runs anywhere is run. */
async function clusterToUse(): Promise<Cluster> {
  const [embedded] = clusterChoices;
  if (process.env["OMEGA_TEST_KUBECONFIG"] !== undefined || embedded === undefined) return await Cluster.find();
  return await embedded.start();
}

/** The first promise that the action breaks. */
async function firstBroken(action: AnyAction, example: ActionCase, setting: Setting): Promise<string | undefined> {
  for (const { title, check } of promisesOf(action, example, setting)) {
    try {
      await check();
    } catch {
      return title;
    }
  }
  return undefined;
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of left) await work(item);
    }),
  );
}
