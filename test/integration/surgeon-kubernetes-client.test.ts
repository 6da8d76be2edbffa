import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { KubernetesClient } from "../../agents/surgeon/src/adapters/kubernetes-client.ts";

const folder = mkdtempSync(join(tmpdir(), "omega-client-"));
after(() => rmSync(folder, { recursive: true }));

/** More than the client has connections: the rest wait for one. */
const atOnce = 48;

describe("Surgeon's Kubernetes client", () => {
  it("does not say of a write that waited for a connection and was then sent that it was not", async () => {
    let arrived = 0;
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        arrived += 1;
        const object = { metadata: { name: "x", uid: "1", resourceVersion: "1" } };
        // Those after the first of their connection arrive and get no answer.
        if (arrived > 16) request.socket.destroy();
        else response.setHeader("content-type", "application/json").end(JSON.stringify(object));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const kubeconfig = join(folder, "config");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        "current-context": "here",
        contexts: [{ name: "here", context: { cluster: "here", user: "me" } }],
        clusters: [{ name: "here", cluster: { server: url } }],
        users: [{ name: "me", user: {} }],
      }),
    );
    const client = new KubernetesClient({ kubeconfig, callDeadlineMs: 5000 });
    const ref = { kind: "ConfigMap", namespace: "shop", name: "x" } as const;
    const write = { fieldManager: "omega-test", dryRun: false };
    try {
      const outcomes = await Promise.all(
        Array.from({ length: atOnce }, () => client.patch(ref, [{ op: "add", path: "/data", value: {} }], write)),
      );
      const codes = outcomes.map((outcome) => (outcome.ok ? "ok" : outcome.failure.code));
      assert.equal(arrived, atOnce, "each was sent");
      assert.deepEqual(new Set(codes), new Set(["ok", "no_answer"]));
    } finally {
      client.close();
      server.close();
    }
  });
});
