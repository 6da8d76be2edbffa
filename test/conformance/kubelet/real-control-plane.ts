import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

export interface ControlPlane {
  kubeconfig: string;
  stop: () => Promise<void>;
}

const binaries = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/** Why the binaries of a folder (the layout that KUBEBUILDER_ASSETS names) cannot be used; undefined when they can. */
export function missingBinaries(assets: string): string | undefined {
  const missing = binaries.filter((name) => !existsSync(join(assets, name)));
  return missing.length === 0 ? undefined : `${assets} lacks ${missing.join(", ")}`;
}

/** Starts a real control plane on loopback with its state in `folder`; resolves when the API server is ready. */
export async function startRealControlPlane(assets: string, folder: string): Promise<ControlPlane> {
  mkdirSync(folder, { recursive: true });
  const processes: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of processes.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGTERM");
      await once(child, "exit");
    }
  };
  const run = (name: string, args: string[]): void => {
    const log = openSync(join(folder, `${name}.log`), "a");
    processes.push(spawn(join(assets, name), args, { stdio: ["ignore", log, log] }));
    closeSync(log);
  };
  try {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const token = randomBytes(16).toString("hex");
    const serviceAccountKey = join(folder, "service-account.key");
    spawnSync("openssl", ["genrsa", "-out", serviceAccountKey, "2048"]);
    writeFileSync(join(folder, "tokens.csv"), `${token},admin,admin,system:masters\n`, { mode: 0o600 });
    const etcd = `http://127.0.0.1:${client}`;
    const etcdPeer = `http://127.0.0.1:${peer}`;
    run("etcd", [
      "--data-dir",
      join(folder, "etcd"),
      "--listen-client-urls",
      etcd,
      "--advertise-client-urls",
      etcd,
      "--listen-peer-urls",
      etcdPeer,
      "--initial-advertise-peer-urls",
      etcdPeer,
      "--initial-cluster",
      `default=${etcdPeer}`,
    ]);
    run("kube-apiserver", [
      `--etcd-servers=${etcd}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${folder}/certs`,
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-signing-key-file=${serviceAccountKey}`,
      `--service-account-key-file=${serviceAccountKey}`,
      `--token-auth-file=${folder}/tokens.csv`,
      "--authorization-mode=RBAC",
      "--service-cluster-ip-range=10.96.0.0/16",
    ]);
    await ready(port, token, join(folder, "kube-apiserver.log"));
    const kubeconfig = writeKubeconfig(folder, port, token);
    const common = [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--bind-address=127.0.0.1"];
    run("kube-controller-manager", [
      ...common,
      `--secure-port=${await freePort()}`,
      `--cert-dir=${folder}/certs-controllers`,
      `--service-account-private-key-file=${serviceAccountKey}`,
      `--root-ca-file=${folder}/certs/apiserver.crt`,
    ]);
    run("kube-scheduler", [...common, `--secure-port=${await freePort()}`, `--cert-dir=${folder}/certs-scheduler`]);
    return { kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function writeKubeconfig(folder: string, port: number, token: string): string {
  const authority = readFileSync(join(folder, "certs/apiserver.crt")).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "test", cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority-data": authority } },
    ],
    users: [{ name: "admin", user: { token } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    "current-context": "test",
  };
  const file = join(folder, "kubeconfig");
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 }); // JSON is YAML.
  return file;
}

async function ready(port: number, token: string, log: string): Promise<void> {
  const options = { rejectUnauthorized: false, headers: { authorization: `Bearer ${token}` }, agent: false as const };
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const status = await new Promise((resolve) => {
      get(`https://127.0.0.1:${port}/readyz`, options, (response) => resolve(response.resume().statusCode)).on(
        "error",
        resolve,
      );
    });
    if (status === 200) return;
    await delay(200);
  }
  throw new Error(`kube-apiserver did not get ready: ${readFileSync(log, "utf8").slice(-2000)}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
