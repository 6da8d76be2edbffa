import assert from "node:assert/strict";
import { test } from "node:test";
import { unavailableWhileRolling } from "./disruption.ts";

const deployment = (replicas: number, strategy?: object): Parameters<typeof unavailableWhileRolling>[0] =>
  ({
    metadata: { name: "payments", uid: "u", resourceVersion: "1" },
    spec: { replicas, ...(strategy === undefined ? {} : { strategy }) },
  }) as Parameters<typeof unavailableWhileRolling>[0];
const rolling = (maxSurge: number | string, maxUnavailable: number | string): object => ({
  type: "RollingUpdate",
  rollingUpdate: { maxSurge, maxUnavailable },
});

test("a rolling update takes away what its strategy lets be unavailable, rounded down", () => {
  const cases: [number, object | undefined, number][] = [
    [8, undefined, 2],
    [2, undefined, 0],
    [10, rolling(1, "30%"), 3],
    [10, rolling(0, 4), 4],
    [3, rolling(1, 5), 3],
    [7, rolling("1%", 0), 0],
    [3, rolling(0, "10%"), 1],
    [4, { type: "Recreate" }, 4],
  ];
  for (const [replicas, strategy, unavailable] of cases) {
    assert.deepEqual(
      unavailableWhileRolling(deployment(replicas, strategy)),
      { unavailable, of: replicas },
      JSON.stringify({ replicas, strategy }),
    );
  }
});
