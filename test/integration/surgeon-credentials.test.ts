import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { TLSSocket } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { startControlPlane } from "@omega/demo-cluster/control-plane/embedded-control-plane.ts";
import { KubernetesClient } from "@omega/surgeon/adapters/kubernetes-client.ts";
import { parse } from "yaml";
import { z } from "zod";

const callDeadlineMs = 5000;
const deployments = { kind: "Deployment", namespace: "default" } as const;
const kubeconfigSchema = z.looseObject({
  clusters: z.tuple([z.object({ cluster: z.looseObject({ server: z.string() }) })]),
});

describe("how Surgeon says who it is", () => {
  const folder = mkdtempSync(join(tmpdir(), "omega-credentials-"));
  let plane: Awaited<ReturnType<typeof startControlPlane>>;
  let cluster: { server: string } & Record<string, unknown>;
  before(async () => {
    plane = await startControlPlane({ stateDir: join(folder, "plane") });
    cluster = kubeconfigSchema.parse(parse(readFileSync(plane.kubeconfig, "utf8"))).clusters[0].cluster;
  });
  after(async () => {
    await plane.close();
    rmSync(folder, { recursive: true, force: true });
  });

  let count = 0;
  /** A kubeconfig for this cluster with that user. */
  const kubeconfigOf = (user: object, of: object = cluster): string => {
    count += 1;
    const path = join(folder, `kubeconfig-${count}`);
    const config = {
      clusters: [{ name: "test", cluster: of }],
      users: [{ name: "surgeon", user }],
      contexts: [{ name: "test", context: { cluster: "test", user: "surgeon" } }],
      "current-context": "test",
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  };
  const listed = async (
    options: Omit<ConstructorParameters<typeof KubernetesClient>[0], "callDeadlineMs">,
  ): Promise<string> => {
    const client = new KubernetesClient({ ...options, callDeadlineMs });
    const found = await client.list(deployments);
    client.close();
    return found.ok ? "listed" : found.failure.code;
  };

  it("by a token in the kubeconfig; a wrong one is refused", async () => {
    assert.equal(await listed({ kubeconfig: kubeconfigOf({ token: plane.adminToken }) }), "listed");
    assert.equal(await listed({ kubeconfig: kubeconfigOf({ token: "stranger" }) }), "unauthorized");
  });

  it("by a token file, read anew when it rotates", async () => {
    writeFileSync(join(folder, "token"), "expired");
    const client = new KubernetesClient({ kubeconfig: kubeconfigOf({ tokenFile: "token" }), callDeadlineMs });
    const before = await client.list(deployments);
    assert.equal(before.ok ? "" : before.failure.code, "unauthorized");
    writeFileSync(join(folder, "token"), `${plane.adminToken}\n`);
    assert.ok((await client.list(deployments)).ok);
    client.close();
  });

  it("by a credential plugin, run once for as long as its token is good", async () => {
    const plugin = join(folder, "plugin.sh");
    const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
    const credential = { kind: "ExecCredential", status: { token: plane.adminToken, expirationTimestamp } };
    writeFileSync(plugin, `#!/bin/sh\necho run >> "$RUNS"\necho '${JSON.stringify(credential)}'\n`);
    chmodSync(plugin, 0o755);
    const env = [{ name: "RUNS", value: join(folder, "runs") }];
    const client = new KubernetesClient({
      kubeconfig: kubeconfigOf({ exec: { command: plugin, env } }),
      callDeadlineMs,
    });
    assert.ok((await client.list(deployments)).ok);
    assert.ok((await client.list(deployments)).ok);
    client.close();
    assert.equal(readFileSync(join(folder, "runs"), "utf8"), "run\n");
    assert.equal(await listed({ kubeconfig: kubeconfigOf({ exec: { command: "/nowhere" } }) }), "unauthorized");
  });

  it("by its pod's service account, where no kubeconfig is configured", async () => {
    const account = join(folder, "serviceaccount");
    mkdirSync(account);
    const { hostname, port } = new URL(cluster.server);
    const environment = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const pod = { folder: account, environment };
    assert.equal(await listed({ kubeconfig: "", pod }), "no_cluster");
    const authority = String(cluster["certificate-authority-data"]);
    writeFileSync(join(account, "ca.crt"), Buffer.from(authority, "base64"));
    writeFileSync(join(account, "token"), plane.adminToken);
    assert.equal(await listed({ kubeconfig: "", pod }), "listed");
  });

  it("and does not speak to a server whose certificate it does not trust", async () => {
    const { "certificate-authority-data": _left, ...untrusted } = cluster;
    const path = kubeconfigOf({ token: plane.adminToken }, untrusted);
    assert.notEqual(await listed({ kubeconfig: path }), "listed");
    const told = kubeconfigOf({ token: plane.adminToken }, { ...untrusted, "insecure-skip-tls-verify": true });
    assert.equal(await listed({ kubeconfig: told }), "listed");
  });

  it("by a client certificate", async () => {
    const [cert, key] = [join(folder, "client.crt"), join(folder, "client.key")];
    const subject = ["-subj", "/CN=surgeon", "-addext", "subjectAltName=IP:127.0.0.1"];
    const made = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "1",
      ...subject,
      "-keyout",
      key,
      "-out",
      cert,
    ];
    assert.equal(spawnSync("openssl", made).status, 0);
    const tls = { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert), requestCert: true };
    const server: Server = createServer(tls, (request, response) => {
      const name = (request.socket as TLSSocket).getPeerCertificate().subject.CN;
      response.setHeader("content-type", "application/json");
      response.statusCode = name === "surgeon" ? 200 : 401;
      response.end(JSON.stringify({ kind: "DeploymentList", apiVersion: "apps/v1", metadata: {}, items: [] }));
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const of = { server: `https://127.0.0.1:${address.port}`, "certificate-authority": cert };
    assert.equal(
      await listed({ kubeconfig: kubeconfigOf({ "client-certificate": cert, "client-key": key }, of) }),
      "listed",
    );
    assert.notEqual(await listed({ kubeconfig: kubeconfigOf({}, of) }), "listed");
    server.closeAllConnections();
    server.close();
  });
});
