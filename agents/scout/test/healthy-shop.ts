import { Engine } from "../src/engine.ts";
import type { DetectionConfig } from "../src/detect/tuning.ts";
import { simulate } from "./shop-simulation.ts";
import type { Gauge } from "./shop-simulation.ts";
import type { Told } from "./trace-builder.ts";

const minuteMs = 60_000;

/** A normal value from two even ones (Box and Muller). */
const normal = (noise: () => number): number => Math.sqrt(-2 * Math.log(1 - noise())) * Math.cos(2 * Math.PI * noise());

/**
 * A shop on an ordinary day: traffic that swells and ebbs by a third within the half hour, durations with a long tail, pauses of a garbage
 * collector, one request in five hundred that fails, a cron job each ten minutes, two healthy rollouts after which a process warms up, a
 * heap that saws, a pool that breathes, a disk that fills by a thousandth an hour. Nothing of it is an incident.
 */
export const healthyShop = (options: {
  seed: number;
  seconds: number;
  requestsPerSecond?: number;
  detection?: DetectionConfig;
}) => {
  const { seed, seconds, detection = {} } = options;
  const startMs = Date.parse("2026-11-24T03:00:00Z");
  const requestsPerSecond = options.requestsPerSecond ?? 15;
  const minuteOf = (nowMs: number): number => (nowMs - startMs) / minuteMs;
  const pace = (nowMs: number): number => 1 + 0.33 * Math.sin((2 * Math.PI * minuteOf(nowMs)) / 30);
  const rollouts = [8.3, 19.7];
  const sinceRollout = (minute: number): number => minute - (rollouts.findLast((at) => at <= minute) ?? -60);
  const charge = (nowMs: number, noise: () => number): Partial<Told> => {
    const minute = minuteOf(nowMs);
    const pause = (nowMs / 1000) % 47 < 0.15 ? 120 * noise() : 0;
    const cold = sinceRollout(minute) < 0.25 ? 1.5 : 1;
    return {
      ms: 25 * cold * Math.exp(0.45 * normal(noise)) + pause,
      version: `1.${4 + rollouts.filter((at) => at <= minute).length}.0`,
    };
  };
  const gauges = (nowMs: number, noise: () => number): Gauge[] => {
    const minute = minuteOf(nowMs);
    const cron = minute % 10 < 0.5 ? 0.15 : 0;
    return ["storefront", "checkout", "inventory", "payments"].flatMap((service, at): Gauge[] => {
      const warm = 1 - Math.exp(-(service === "payments" ? sinceRollout(minute) : minute + 60) / 3);
      const pool = { "db.client.connection.pool.name": "main" };
      return [
        { service, name: "process.cpu.utilization", value: 0.2 * pace(nowMs) + cron * noise() + 0.02 * normal(noise) },
        {
          service,
          name: "v8js.memory.heap.used",
          unit: "By",
          value: 2 ** 20 * (40 + 40 * warm + 25 * ((minute * (1.3 + at / 7)) % 1) + 2 * noise()),
        },
        { service, name: "v8js.memory.heap.limit", unit: "By", value: 2 ** 20 * 256 },
        {
          service,
          name: "db.client.connection.count",
          unit: "{connection}",
          value: Math.round(6 * pace(nowMs) + 2 * noise()),
          attributes: { ...pool, "db.client.connection.state": "used" },
        },
        { service, name: "db.client.connection.max", unit: "{connection}", value: 20, attributes: pool },
        { service, name: "system.filesystem.utilization", value: 0.62 + (0.001 * minute) / 60 + 0.0001 * noise() },
      ];
    });
  };
  return simulate({
    seed,
    seconds,
    requestsPerSecond,
    errorRatio: 0.002,
    charge,
    gauges,
    pace,
    startMs,
    engine: new Engine({ sourceRoots: [], detection }),
  });
};
