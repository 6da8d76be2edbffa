import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemClock } from "./clock.ts";
import { leadOnce } from "./lease.ts";
import { MemoryBus } from "./memory-bus.ts";

const options = (holder: string, signal = new AbortController().signal) => ({
  key: "coordinator",
  holder,
  ttlMs: 600,
  clock: systemClock,
  signal,
  onTrouble: (reason: string) => assert.fail(reason),
});

describe("a lease", () => {
  it("has one leader; the next one leads after it, with a higher fence", async () => {
    const leases = new MemoryBus(systemClock, 600).leases();
    const first = await leadOnce(leases, options("one"));
    assert.ok(first);
    const impatient = new AbortController();
    const refused = leadOnce(leases, options("two", impatient.signal));
    await systemClock.sleep(1500);
    assert.ok(!first.lost.aborted, "it is renewed");
    impatient.abort();
    assert.equal(await refused, undefined);
    const waiting = leadOnce(leases, options("two"));
    await first.release();
    const second = await waiting;
    assert.ok(second && second.fence > first.fence);
    await second.release();
  });

  it("is lost when somebody else has taken it", async () => {
    const leases = new MemoryBus(systemClock, 600).leases();
    const first = await leadOnce(leases, options("one"));
    assert.ok(first);
    // What a partition does: the lease ran out and was given to another.
    await leases.release("coordinator", first.fence);
    assert.ok(await leases.create("coordinator", "two"));
    await new Promise<void>((resolve) => first.lost.addEventListener("abort", () => resolve()));
  });
});
