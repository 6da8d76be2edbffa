import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { omegaStream } from "@omega/bus-schemas/streams.ts";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "nats";
import { installedBus, natsPrograms, type InstalledBus } from "../nats-servers.ts";
import { busContract } from "./bus-contract.ts";

for (const program of natsPrograms()) {
  busContract(`NatsBus on nats-server ${program.version}`, async () => {
    const installed = await installedBus(program);
    return { bus: await installed.connect(), close: () => installed.close() };
  });

  describe(`the stream on nats-server ${program.version}`, () => {
    let installed: InstalledBus;
    before(async () => {
      installed = await installedBus(program);
    });
    after(() => installed.close());
    const config = () => ({ servers: [installed.server.url], name: "test" });

    it("is installed again without a change", async () => {
      assert.deepEqual(await installBus(config()), { ok: true, value: undefined });
    });

    it("that differs from what is asked is named field by field, and left alone", async () => {
      const different = await installBus({ ...config(), limits: { maxBytes: 4096 } });
      assert.ok(!different.ok);
      assert.equal(different.failure.code, "stream_differs");
      assert.match(different.failure.message, /max_bytes: is 2147483648, should be 4096/);
    });

    it("lets nobody delete or purge history", async () => {
      const bus = await installed.connect();
      const published = await bus.publish({ id: "kept", subject: "omega.control.resumed", body: Buffer.from("kept") });
      assert.ok(published.ok);
      const connection = await connect({ servers: installed.server.url });
      const manager = await jetstreamManager(connection);
      await assert.rejects(manager.streams.deleteMessage(omegaStream.name, published.value.seq));
      await assert.rejects(manager.streams.purge(omegaStream.name));
      await connection.close();
    });

    it("that is missing, and a server that is, are told apart", async () => {
      const none = await NatsBus.connect({ servers: ["nats://127.0.0.1:1"], name: "test" });
      assert.ok(!none.ok && none.failure.code === "bus_unreachable" && none.failure.message.includes("127.0.0.1:1"));
      const connection = await connect({ servers: installed.server.url });
      await (await jetstreamManager(connection)).streams.delete(omegaStream.name);
      await connection.close();
      const missing = await NatsBus.connect(config());
      assert.ok(!missing.ok && missing.failure.code === "stream_missing");
    });
  });
}
