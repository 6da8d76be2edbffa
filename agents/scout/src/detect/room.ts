import type { Attributes } from "../telemetry/attributes.ts";
import type { MetricSeries } from "../window/metric-window.ts";

/** What can run out. */
export type Room = "memory" | "disk" | "connections" | "file descriptors" | "threads" | "queue" | "cpu";

const rooms: readonly (readonly [Room, RegExp])[] = [
  ["connections", /connection|(?:^|[._])pool(?:$|[._])/i],
  ["file descriptors", /file_descriptor|open_fds|(?:^|[._])fds?(?:$|[._])/i],
  ["memory", /memory|heap|(?:^|[._])rss(?:$|[._])/i],
  ["disk", /disk|filesystem|volume|inode/i],
  ["threads", /thread|goroutine/i],
  ["queue", /queue|backlog|(?:^|[._])lag(?:$|[._])/i],
  ["cpu", /cpu|eventloop/i],
];

/** Whether a metric tells of something that can run out, or of its limit. */
export const roomOf = (metric: string): Room | undefined => rooms.find(([, words]) => words.test(metric))?.[0];

const share = /utili[sz]ation|(?:^|[._])percent$|used_percent|ratio/i;
const used = new Set(["used", "usage", "count", "current", "active", "working_set", "rss", "size", "open", "in_use"]);
const limits = ["limit", "max", "capacity", "quota"];
/** States of which a used amount is the sum: what is free, cached or idle is room. */
const freeStates = /^(?:free|idle|available|cached|buffered|reserved|inactive|slab_reclaimable)$/i;

const partsOf = (metric: string): { stem: string; last: string } => {
  const at = metric.lastIndexOf(".");
  return at < 0 ? { stem: "", last: metric } : { stem: metric.slice(0, at), last: metric.slice(at + 1) };
};

const isState = (name: string): boolean => name === "state" || name.endsWith(".state");

/** What sets series of one metric apart, but for the state that a limit doesn't have. */
const placeOf = (attributes: Attributes): string =>
  JSON.stringify([...attributes.entries()].filter(([name]) => !isState(name)).sort(([a], [b]) => a.localeCompare(b)));

const isFree = (attributes: Attributes): boolean =>
  [...attributes.entries()].some(
    ([name, value]) => isState(name) && typeof value === "string" && freeStates.test(value),
  );

export interface Bounded {
  readonly series: MetricSeries;
  readonly room: Room;
  readonly limit: number;
  /** Where the limit is known from: a metric's name, or the config. */
  readonly limitFrom: string;
}

/** Limits that Kubernetes reports under another stem than what is used. */
const kubernetesLimits: readonly (readonly [RegExp, string])[] = [
  [/^(?:container|k8s\.pod)\.memory\.(?:usage|working_set|rss)$/, "k8s.container.memory_limit"],
  [/^(?:container|k8s\.pod)\.cpu\.usage$/, "k8s.container.cpu_limit"],
  [/^k8s\.volume\.(?:usage|used)$/, "k8s.volume.capacity"],
];

/**
 * The series whose limit is known: shares of one (utilization, percent), a used amount with a sibling `limit`, `max`, `capacity` or
 * `quota` of the same place (`db.client.connection.count` and `.max`, `jvm.memory.used` and `.limit`), and those that the config names.
 */
export function* boundedSeries(
  all: Iterable<MetricSeries>,
  configured: (service: string) => Readonly<Record<string, number>>,
): Generator<Bounded> {
  const series = [...all];
  const newest = new Map<string, number>();
  for (const each of series) {
    if (!limits.some((word) => each.name.endsWith(word))) continue;
    const value = each.points.at(-1)?.value;
    if (value !== undefined && value > 0)
      newest.set(`${each.service}\n${each.instance}\n${each.name}\n${placeOf(each.attributes)}`, value);
  }
  for (const each of series) {
    const { service, instance, name, unit, attributes } = each;
    const own = configured(service)[name];
    const room = roomOf(name);
    if (own !== undefined) yield { series: each, room: room ?? "queue", limit: own, limitFrom: "the config" };
    if (own !== undefined || room === undefined || isFree(attributes)) continue;
    const limitOf = (metric: string, place: string): number | undefined =>
      newest.get(`${service}\n${instance}\n${metric}\n${place}`);
    if (share.test(name)) {
      const limit = unit === "%" || /percent/i.test(name) ? 100 : 1;
      yield { series: each, room, limit, limitFrom: "its unit" };
      continue;
    }
    const { stem, last } = partsOf(name);
    if (!used.has(last)) continue;
    const place = placeOf(attributes);
    const names = limits.map((word) => `${stem}.${word}`);
    for (const [pattern, limit] of kubernetesLimits) if (pattern.test(name)) names.push(limit);
    for (const metric of names) {
      const limit = limitOf(metric, place) ?? limitOf(metric, "[]");
      if (limit === undefined) continue;
      yield { series: each, room, limit, limitFrom: metric };
      break;
    }
  }
}
