import assert from "node:assert/strict";
import { test } from "node:test";
import { tracesOf } from "../../test/logged-traces.ts";
import type { LoggedSpan } from "../../test/logged-traces.ts";
import { NetworkGap } from "./network-gap.ts";

/** Two callers of `basic`, each with a healthy neighbour of its own; calls into `basic` lose `lostMs`. */
const request = (caller: string, lostMs: number): LoggedSpan => ({
  service: caller,
  name: `GET /${caller}`,
  steps: [
    { service: `${caller}-seats`, name: "GET /seats", steps: ["seats"] },
    {
      service: "basic",
      name: "GET /basic",
      lostMs,
      steps: [{ service: "stations", name: "GET /stations", steps: ["stations"] }],
    },
  ],
});

const gapOf = (lostMs: number): NetworkGap => {
  const gap = new NetworkGap();
  for (let number = 0; number < 20; number += 1) {
    for (const caller of ["travel", "travel2"]) {
      gap.learn(tracesOf(request(caller, 2 + (number % 3))), "before");
      gap.learn(tracesOf(request(caller, lostMs + (number % 3))), "after");
    }
  }
  return gap;
};

test("a service all of whose callers lose time on the way is suspected, not one of the callers", () => {
  const [top, second] = gapOf(1000).suspects();
  assert.equal(top?.service, "basic");
  assert.equal(top?.kind, "network");
  assert.ok((top?.confidence ?? 0) > 2 * (second?.confidence ?? 0));
  assert.match(top?.evidence[0]?.says ?? "", /basic.* are lost on the way in the middle/);
});

test("as usual is no suspicion", () => {
  assert.deepEqual(gapOf(2).suspects(), []);
});
