import assert from "node:assert/strict";
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
  const answered = outcomes.get("201") ?? 0;
  const exitCode = await stop(payments.process);
  await callers;

  assert.equal(exitCode, 0);
  assert.ok((outcomes.get("201") ?? 0) > answered, "requests are still answered while it drains");
  assert.deepEqual([...outcomes.keys()].toSorted(), ["201", "ECONNREFUSED"], JSON.stringify([...outcomes]));
});
