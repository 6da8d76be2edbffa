import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { AppsV1Api, KubeConfig } from "@kubernetes/client-node";
import type { EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { freePort } from "@omega/cli/demo/free-port.ts";
import { IncidentWatch } from "@omega/cli/demo/incident-watch.ts";
import { DemoWorld } from "@omega/cli/demo/world.ts";
import { homeAt, installation, makeHome } from "@omega/cli/home.ts";
import type { IncidentView } from "@omega/shared/incident-view.ts";
import { Machine } from "@omega/cli/machine.ts";
import { paymentsVoucherBooks as fault } from "@omega/demo-faults/payments-voucher-books.ts";
import { connectShop } from "@omega/demo-faults/shop-cluster.ts";
import { systemClock } from "@omega/shared/clock.ts";

/**
 * Where each agent is killed: in the middle of what only it can do. Four incidents are as many as the rules let run alone on one target
 * in an hour.
 */
const deaths: readonly (readonly [string, EventType])[] = [
  ["surgeon", "action.started"],
  ["coordinator", "remediation.requested"],
  ["scribe", "incident.opened"],
  ["scout", "incident.opened"],
];
const baselineMs = 15_000;
const incidentMs = 120_000;
const calmMs = 60_000;

describe("kill -9 of one agent in mid-incident", { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-kill-"));
  const home = homeAt(folder);
  const watch = new IncidentWatch(systemClock);
  const interrupted = new AbortController().signal;
  const seen: OmegaEvent[] = [];
  let world: DemoWorld;
  let machine: Machine | undefined;
  let onEvent: (event: OmegaEvent) => void = () => undefined;

  /** How often the pod template was changed: each rollout, forth or back, is one revision. */
  const revision = async (): Promise<number> => {
    const config = new KubeConfig();
    config.loadFromFile(world.kubeconfig);
    const { metadata } = await config
      .makeApiClient(AppsV1Api)
      .readNamespacedDeployment({ name: "payments", namespace: "shop" });
    return Number(metadata?.annotations?.["deployment.kubernetes.io/revision"]);
  };
  const calm = async (): Promise<void> => {
    await watch.until(() => (watch.calm ? true : undefined), AbortSignal.timeout(calmMs));
    await systemClock.sleep(baselineMs);
  };
  const logs = (): string =>
    readdirSync(home.logs)
      .map((name) => `== ${name}\n${readFileSync(join(home.logs, name), "utf8").split("\n").slice(-8).join("\n")}`)
      .join("\n");

  before(async () => {
    makeHome(home);
    world = new DemoWorld({ home, ratePerSecond: 20, interrupted, tell: () => undefined });
    await world.startCluster();
    const otlpPort = await freePort();
    machine = await Machine.start(
      {
        home,
        port: 0,
        configFolder: join(installation, "infra", "config"),
        environment: {
          OMEGA_KUBECONFIG: world.kubeconfig,
          OMEGA_OTLP_PORT: String(otlpPort),
          OMEGA_SOURCE_ROOT: installation,
        },
        clock: systemClock,
        tell: () => undefined,
      },
      interrupted,
    );
    watch.start(machine.session, 1, (event) => {
      seen.push(event);
      onEvent(event);
    });
    await world.startShop(`http://127.0.0.1:${otlpPort}`);
    await world.startLoad();
    await systemClock.sleep(baselineMs);
  });

  after(async () => {
    await watch.stop();
    await world.stop();
    await machine?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [agent, trigger] of deaths) {
    it(`${agent}, right after ${trigger}: the incident is healed, by one effect`, async () => {
      const known = new Set(watch.incidents.keys());
      const revisionBefore = await revision();
      let killed = 0;
      onEvent = (event) => {
        const pid = machine?.rows().find(({ name }) => name === agent)?.pid;
        if (event.type !== trigger || killed > 0 || known.has(event.incidentid ?? "") || pid === undefined) return;
        process.kill(pid, "SIGKILL");
        killed += 1;
      };
      const faultAt = Date.now();
      await fault.inject(connectShop(world.kubeconfig));
      const over = await watch.until(() => {
        const incident = watch.openedSince(faultAt, known);
        return incident?.status === "resolved" || incident?.status === "escalated" ? incident : undefined;
      }, AbortSignal.timeout(incidentMs));
      assert.equal(killed, 1, `it was not killed\n${storyOf(watch.openedSince(faultAt, known))}\n${logs()}`);
      assert.equal(over?.outcome, "healed", `${storyOf(watch.openedSince(faultAt, known))}\n${logs()}`);
      assert.equal((await connectShop(world.kubeconfig).read("payments")).version, "1.4.0");
      assert.equal(await revision(), revisionBefore + 2, "one rollout forth by the fault, one back by Omega");
      const started = over?.events.filter(({ type }) => type === "action.started").map(({ id }) => id) ?? [];
      assert.equal(new Set(started).size, 1);
      assert.equal([...watch.incidents.keys()].filter((id) => !known.has(id)).length, 1, "a storm is one incident");
      await calm();
    });
  }
});

function storyOf(incident: IncidentView | undefined): string {
  return (incident?.events ?? [])
    .map(({ time, type, data }) => `${time} ${type} ${JSON.stringify(data).slice(0, 160)}`)
    .join("\n");
}
