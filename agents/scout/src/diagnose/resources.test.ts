import assert from "node:assert/strict";
import { test } from "node:test";
import { resourceNamed } from "../../test/logged-traces.ts";
import { Attributes } from "../telemetry/attributes.ts";
import type { MetricPoint } from "../telemetry/model.ts";
import { MetricWindow } from "../window/metric-window.ts";
import { resourceSuspects, tellsOfResources } from "./resources.ts";

const onsetMs = 1_795_000_000_000;
const minuteMs = 60_000;

/** A point a minute: twenty from before the onset, then `after`. */
const measured = (
  window: MetricWindow,
  service: string,
  name: string,
  before: (minute: number) => number,
  after: readonly number[],
  of: Partial<MetricPoint> = {},
): void => {
  const values = [...Array.from({ length: 20 }, (_, minute) => before(minute)), ...after];
  for (const [at, value] of values.entries()) {
    const timeMs = onsetMs + (at - 20) * minuteMs + 1000;
    const attributes = Attributes.none;
    window.add({ name, unit: "%", kind: "gauge", timeMs, value, attributes, resource: resourceNamed(service), ...of });
  }
};
const suspects = (window: MetricWindow, slow: string[] = []) =>
  resourceSuspects(window, onsetMs, onsetMs + 3 * minuteMs, new Set(slow));

test("what is used up is suspected, what stays below its limit and what is the node's are not", () => {
  const window = new MetricWindow(Number.POSITIVE_INFINITY);
  measured(window, "contacts", "k8s.pod.cpu_limit_utilization", (at) => 1 + (at % 3) * 0.2, [40, 99, 100]);
  measured(window, "quiet", "k8s.pod.cpu_limit_utilization", (at) => 1 + (at % 3) * 0.2, [3, 3, 4]);
  measured(window, "other", "k8s.node.cpu_utilization", () => 1, [99, 99, 99]);
  const found = suspects(window, ["contacts"]);
  assert.deepEqual(
    found.filter(({ confidence }) => confidence > 0.05).map(({ service, kind }) => [service, kind]),
    [["contacts", "cpu"]],
  );
  assert.ok((found[0]?.confidence ?? 0) > 0.8);
  assert.match(found[0]?.evidence[0]?.says ?? "", /rose from 1\.2 % to 99 %/);
});

test("a rise that nobody outside notices counts for less", () => {
  const window = new MetricWindow(Number.POSITIVE_INFINITY);
  measured(window, "batch", "k8s.pod.memory_limit_utilization", (at) => 20 + (at % 2), [50, 50, 50]);
  const [unfelt] = suspects(window);
  const [felt] = suspects(window, ["batch"]);
  assert.equal(felt?.kind, "memory");
  assert.ok((unfelt?.confidence ?? 1) < 0.5 * (felt?.confidence ?? 0));
});

test("one point that stands out is no rise, and a counter is read as its rate", () => {
  const window = new MetricWindow(Number.POSITIVE_INFINITY);
  measured(window, "spike", "k8s.pod.cpu_limit_utilization", () => 2, [2, 90, 2]);
  const steady = { unit: "s", kind: "sum" } as const;
  measured(window, "counter", "process.cpu.time", (at) => at * 6, [120, 126, 132], steady);
  assert.deepEqual(suspects(window, ["spike", "counter"]), []);
});

test("old points leave, and a series without any is forgotten", () => {
  const window = new MetricWindow(5 * minuteMs);
  measured(window, "shop", "k8s.pod.cpu.usage", () => 1, [1]);
  window.expire(onsetMs + minuteMs);
  assert.ok([...window.all()].every(({ points }) => points.length > 0 && points.length <= 6));
  window.expire(onsetMs + 60 * minuteMs);
  assert.deepEqual([...window.all()], []);
});

test("a metric that nothing is judged by is not worth keeping", () => {
  const kept = ["k8s.pod.cpu_limit_utilization", "v8js.memory.heap.used", "container.filesystem.usage"];
  const dropped = ["http.server.request.duration", "nodejs.eventloop.delay.p99", "k8s.node.cpu.utilization"];
  assert.deepEqual([...kept, ...dropped].filter(tellsOfResources), kept);
});
