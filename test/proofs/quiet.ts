import { rulesSchema } from "@omega/coordinator/config.ts";
import { openOrExtend } from "@omega/coordinator/incident-life.ts";
import { initialState } from "@omega/coordinator/state.ts";
import type { EventOf } from "@omega/bus-schemas/catalogue.ts";
import { signalDraft } from "@omega/scout/watch.ts";
import { healthyShop } from "@omega/scout/test/healthy-shop.ts";
import type { ProofResult, Report } from "./contract.ts";

export const about =
  "half an hour of a healthy shop, with rollouts and garbage collections, raises no incident, whatever the seed";

const seconds = 1800;
const firstSeed = 20_261_124;
const runs = 8;

export async function run(report: Report): Promise<ProofResult> {
  const rules = rulesSchema.parse({});
  let [held, requests, signals, incidents] = [0, 0, 0, 0];
  const seeds = Array.from({ length: runs }, (_, at) => firstSeed + at);
  for (const seed of seeds) {
    const shop = healthyShop({ seed, seconds });
    const told = shop.changes.filter(({ change }) => change === "detected");
    // The Coordinator's own rule says what would be an incident.
    const opened = told.filter((change) => {
      const { data } = signalDraft(shop.engine, change) as Pick<EventOf<"signal.detected">, "data">;
      const event = { id: change.signal.signalId, type: "signal.detected", data } as EventOf<"signal.detected">;
      const moment = { now: change.atMs, fence: 1 };
      return openOrExtend(event, initialState, moment, rules).some(({ type }) => type === "incident.opened");
    });
    requests += shop.requests;
    signals += told.length;
    incidents += opened.length;
    if (opened.length === 0) held += 1;
    report(
      `seed ${seed}: ${shop.requests} requests in ${seconds / 60} simulated minutes, ${told.length} signals, ${opened.length} incidents`,
    );
    for (const { atMs, says } of told) report(`  ${new Date(atMs).toISOString().slice(11, 19)}  ${says}`);
  }
  const hours = (runs * seconds) / 3600;
  return await Promise.resolve({
    name: "quiet",
    tried: runs,
    held,
    seeds,
    simulatedMinutes: (runs * seconds) / 60,
    requests,
    incidents,
    signals,
    signalsPerHour: Number((signals / hours).toFixed(2)),
  });
}
