import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { test, type TestContext } from "node:test";
import { backends, forward } from "./service-connection.ts";
import type { Pod, Service } from "./wire.ts";

const shop: Service = {
  metadata: { namespace: "shop", name: "cart" },
  spec: { selector: { app: "cart" }, ports: [{ port: 80, targetPort: "http" }] },
};

function pod(name: string, podIP: string, ready: boolean, more: NonNullable<Pod["metadata"]> = {}): [string, Pod] {
  const metadata = { name, namespace: "shop", labels: { app: "cart" }, ...more };
  const conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
  const containers = [{ name: "cart", ports: [{ name: "http", containerPort: 8080 }] }];
  return [name, { metadata, status: { podIP, conditions }, spec: { containers } }];
}

test("the backends are the ready pods that the selector names and that are not ending", () => {
  const pods = new Map([
    pod("b", "127.64.0.2", true),
    pod("a", "127.64.0.1", true),
    pod("unready", "127.64.0.3", false),
    pod("ending", "127.64.0.4", true, { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    pod("other", "127.64.0.5", true, { labels: { app: "payments" } }),
    pod("elsewhere", "127.64.0.6", true, { namespace: "test" }),
  ]);
  assert.deepEqual(backends(shop, 80, pods), [
    { host: "127.64.0.1", port: 8080 },
    { host: "127.64.0.2", port: 8080 },
  ]);
});

async function listening(t: TestContext, server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  return { host: "127.0.0.1", port: typeof address === "object" && address !== null ? address.port : 0 };
}

test("a refused connect goes to the next backend, and a half-closed connection still gets its answer", async (t) => {
  const gone = createServer();
  const refused = await listening(t, gone);
  gone.close();
  await once(gone, "close");
  const echo = await listening(
    t,
    createServer({ allowHalfOpen: true }, (socket) => void socket.resume().on("end", () => socket.end("answer"))),
  );
  const proxy = await listening(
    t,
    createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void forward(client, [refused, echo])),
  );
  const client = connect(proxy).setEncoding("utf8");
  client.end("question");
  const [answer] = await once(client, "data");
  assert.equal(answer, "answer");
  await once(client, "close");
});

test("with no backend the client is reset", async (t) => {
  const proxy = await listening(
    t,
    createServer({ pauseOnConnect: true }, (client) => void forward(client, [])),
  );
  const [error] = await once(connect(proxy), "error").catch((reason: unknown) => [reason]);
  assert.equal(Object(error).code, "ECONNRESET");
});
