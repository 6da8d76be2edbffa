import assert from "node:assert/strict";
import { get } from "node:http";
import { test } from "node:test";
import { startLocalShop, stop } from "./local-shop.ts";

/** Callers who share fetch's pool of kept-alive connections, and never pause for long. */
const callersMax = 8;

test("a pod that is told to leave answers every request that reaches it, kept-alive connections included", async () => {
  await using shop = await startLocalShop({ env: { DRAIN_MS: "1500" } });
  const payments = shop.services.get("payments");
  assert.ok(payments);
  const url = `http://${payments.address}:8080/charges`;
  const charge = JSON.stringify({ orderId: "o-1", total: { minor: 100, currency: "EUR" } });
  const outcomes = new Map<string, number>();
  const gone = new Set<string>(["ECONNREFUSED"]);

  const call = async (): Promise<string> => {
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: charge,
      });
      await answer.arrayBuffer();
      return String(answer.status);
    } catch (failure) {
      const cause = failure instanceof Error ? failure.cause : undefined;
      return cause instanceof Error && "code" in cause ? String(cause.code) : String(failure);
    }
  };
  const caller = async (): Promise<void> => {
    for (;;) {
      const outcome = await call();
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (gone.has(outcome)) return;
    }
  };
  const callers = Promise.all(Array.from({ length: callersMax }, caller));
  while ((outcomes.get("201") ?? 0) < 50) await new Promise(setImmediate);
  const stopped = stop(payments.process);
  // The endpoint is still known to callers for a moment, and some of them come with new connections.
  const ready = `http://${payments.address}:8080/healthz/ready`;
  let readiness = await statusOnNewConnection(ready);
  while (readiness === 200) readiness = await statusOnNewConnection(ready);
  const exitCode = await stopped;
  await callers;

  assert.equal(exitCode, 0);
  assert.equal(readiness, 503, "new connections are taken while it drains, and readiness says no");
  assert.deepEqual([...outcomes.keys()].toSorted(), ["201", "ECONNREFUSED"], JSON.stringify([...outcomes]));
});

/** The status of a GET on a connection of its own; 0 when the connection is refused. */
function statusOnNewConnection(url: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  get(url, { agent: false }, (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  }).on("error", () => resolve(0));
  return promise;
}
