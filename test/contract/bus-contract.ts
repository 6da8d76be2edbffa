import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { omegaStream } from "@omega/bus-schemas/streams.ts";
import type { Bus, Delivery, Outgoing, WorkQueue } from "@omega/shared/bus.ts";

let count = 0;
function message(text: string, id = `id-${(count += 1)}`): Outgoing {
  return { id, subject: "omega.control.resumed", body: new TextEncoder().encode(text) };
}
const textOf = (delivery: { body: Uint8Array }): string => new TextDecoder().decode(delivery.body);

/** Takes `wanted` deliveries, then stops. */
async function take(
  bus: Bus,
  queue: WorkQueue,
  wanted: number,
  each: (delivery: Delivery) => Promise<void> | void,
): Promise<string[]> {
  const stop = new AbortController();
  const texts: string[] = [];
  for await (const delivery of bus.work(queue, stop.signal)) {
    texts.push(`${textOf(delivery)}#${delivery.deliveries}`);
    await each(delivery);
    if (texts.length === wanted) break;
  }
  stop.abort();
  return texts;
}

/** What every Bus promises. `open` gives a bus on an empty stream. */
export function busContract(name: string, open: () => Promise<{ bus: Bus; close(): Promise<void> }>): void {
  describe(`${name} keeps the contract of a bus`, () => {
    let bus: Bus;
    let opened: { bus: Bus; close(): Promise<void> };
    before(async () => {
      opened = await open();
      bus = opened.bus;
    });
    after(() => opened.close());
    let queues = 0;
    const queue = (change: Partial<WorkQueue> = {}): WorkQueue => {
      queues += 1;
      return { durable: `contract-${queues}`, ackWaitMs: 1000, maxAckPending: 8, ...change };
    };
    const said = async (text: string, id?: string): Promise<number> => {
      const published = await bus.publish(message(text, id));
      assert.ok(published.ok, JSON.stringify(published));
      return published.value.seq;
    };

    it("stores in order and reads back the very bytes, from and to where asked", async () => {
      const first = await said("one");
      await said("two");
      const last = await said("thrée");
      assert.equal(await bus.lastSeq(), last);
      const read: string[] = [];
      for await (const stored of bus.read({ fromSeq: first, toSeq: last })) {
        read.push(`${stored.seq - first}:${textOf(stored)}`);
        assert.ok(Math.abs(stored.storedAt - Date.now()) < 60_000);
        assert.equal(stored.subject, "omega.control.resumed");
      }
      assert.deepEqual(read, ["0:one", "1:two", "2:thrée"]);
      for await (const stored of bus.read({ fromSeq: last + 1, toSeq: last })) assert.fail(`read ${stored.seq}`);
    });

    it("can be read any number of times", async () => {
      const seq = await said("again");
      for (let time = 0; time < omegaStream.maxConsumers + 1; time += 1) {
        for await (const stored of bus.read({ fromSeq: seq, toSeq: seq })) assert.equal(textOf(stored), "again");
      }
    });

    it("stores the same id once", async () => {
      const seq = await said("once", "same");
      const again = await bus.publish(message("once", "same"));
      assert.deepEqual(again, { ok: true, value: { seq, duplicate: true } });
      assert.equal(await bus.lastSeq(), seq);
    });

    it("follows what comes later, until it is told to stop", async () => {
      const stop = new AbortController();
      const from = (await bus.lastSeq()) + 1;
      const heard: string[] = [];
      const following = (async () => {
        for await (const stored of bus.read({ fromSeq: from, signal: stop.signal })) {
          heard.push(textOf(stored));
          if (heard.length === 2) stop.abort();
        }
      })();
      await said("later");
      await said("latest");
      await following;
      assert.deepEqual(heard, ["later", "latest"]);
    });

    it("refuses a message over the stream's limit for good", async () => {
      const large = { ...message(""), body: new Uint8Array(omegaStream.maxMessageBytes + 1) };
      const published = await bus.publish(large);
      assert.ok(!published.ok);
      assert.deepEqual([published.failure.kind, published.failure.code], ["terminal", "message_too_large"]);
    });

    it("delivers each message to each durable, and never again what was acknowledged", async () => {
      const one = queue();
      const start = await bus.lastSeq();
      await said("a");
      await said("b");
      const skip = start;
      const texts = await take(bus, one, skip + 2, (delivery) => delivery.ack());
      assert.deepEqual(texts.slice(-2), ["a#1", "b#1"]);
      assert.equal(await bus.ackFloor(one), start + 2);
      await said("c");
      assert.deepEqual(await take(bus, one, 1, (delivery) => delivery.ack()), ["c#1"]);
    });

    it("delivers again what was not acknowledged, sooner where asked, never what was ended", async () => {
      const again = queue({ ackWaitMs: 400 });
      await take(bus, again, await bus.lastSeq(), (delivery) => delivery.ack());
      await said("naked");
      let naks = 0;
      const texts = await take(bus, again, 3, (delivery) => {
        naks += 1;
        if (naks === 1) delivery.nak(10);
        if (naks === 3) delivery.term();
      });
      assert.deepEqual(texts, ["naked#1", "naked#2", "naked#3"]);
      // By then it would have come again.
      await delay(3 * again.ackWaitMs);
      await said("next");
      assert.deepEqual(await take(bus, again, 1, (delivery) => delivery.ack()), ["next#1"]);
    });

    it("keeps strict order with one message in work at a time", async () => {
      const strict = queue({ maxAckPending: 1 });
      await take(bus, strict, await bus.lastSeq(), (delivery) => delivery.ack());
      for (const text of ["1", "2", "3"]) await said(text);
      let held = false;
      const texts = await take(bus, strict, 4, async (delivery) => {
        if (textOf(delivery) === "1" && !held) {
          held = true;
          delivery.nak(100);
        } else await delivery.ack();
      });
      assert.deepEqual(texts, ["1#1", "1#2", "2#1", "3#1"]);
    });

    it("gives a lease to one, with a revision that only rises", async () => {
      const leases = bus.leases();
      const taken = await leases.create("contract", "one");
      assert.ok(taken !== undefined);
      assert.equal(await leases.create("contract", "two"), undefined);
      const renewed = await leases.update("contract", "one", taken);
      assert.ok(renewed !== undefined && renewed > taken);
      assert.equal(await leases.update("contract", "one", taken), undefined);
      await leases.release("contract", renewed);
      const next = await leases.create("contract", "two");
      assert.ok(next !== undefined && next > renewed);
      await leases.release("contract", next);
    });
  });
}
