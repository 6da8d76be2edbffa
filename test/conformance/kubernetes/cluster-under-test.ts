// The clusters that the expectations run against: the embedded control plane always, and a real one where there is one. A real one is either started
// here from KUBEBUILDER_ASSETS (the envtest convention: a folder with etcd, kube-apiserver, kube-controller-manager and kube-scheduler) or given by
// OMEGA_TEST_KUBECONFIG, in which case nothing but a namespace of our own is touched.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";

export interface Cluster {
  url: string;
  kubeconfig: string;
  adminToken: string;
  /** The token of the user "reader", who is bound to nothing; undefined on a cluster that we did not start. */
  readerToken: string | undefined;
  stop(): Promise<void>;
}

export interface Candidate {
  name: string;
  /** Why it cannot be had here, if so. */
  skip: string | false;
  start(): Promise<Cluster>;
}

const entry = new URL("../../../infra/demo/cluster/src/control-plane/main.ts", import.meta.url).pathname;
const assets = process.env["KUBEBUILDER_ASSETS"];
const givenKubeconfig = process.env["OMEGA_TEST_KUBECONFIG"];

function whyNoRealCluster(): string | false {
  if (givenKubeconfig !== undefined)
    return existsSync(givenKubeconfig) ? false : `OMEGA_TEST_KUBECONFIG names ${givenKubeconfig}, which is not there`;
  if (assets === undefined) {
    return "no real cluster: set KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver, kube-controller-manager and kube-scheduler, or OMEGA_TEST_KUBECONFIG";
  }
  const missing = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"].filter(
    (name) => !existsSync(join(assets, name)),
  );
  return missing.length === 0 ? false : `KUBEBUILDER_ASSETS (${assets}) lacks ${missing.join(", ")}`;
}

export const candidates: Candidate[] = [
  { name: "embedded", skip: false, start: startEmbedded },
  {
    name: "real",
    skip: whyNoRealCluster(),
    start: () => (givenKubeconfig === undefined ? startReal(assets ?? "") : useGiven(givenKubeconfig)),
  },
];

function tokensFile(dir: string, rows: string[]): string {
  const file = join(dir, "tokens.csv");
  writeFileSync(file, rows.join("\n") + "\n", { mode: 0o600 });
  return file;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

async function startEmbedded(): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), "omega-embedded-"));
  const readerToken = randomBytes(16).toString("hex");
  const tokens = tokensFile(dir, [`${readerToken},reader,reader,"readers"`]);
  const child = spawn(process.execPath, [entry, "--state", join(dir, "state"), "--tokens", tokens], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), "line"),
    once(child, "exit").then(([code]) =>
      Promise.reject(new Error(`the control plane ended with ${String(code)} before it was ready`)),
    ),
  ])) as [string];
  const { url, kubeconfig } = JSON.parse(line) as { url: string; kubeconfig: string };
  const stop = async (): Promise<void> => {
    await ended(child);
    rmSync(dir, { recursive: true, force: true });
  };
  return { url, kubeconfig, adminToken: tokenIn(kubeconfig), readerToken, stop };
}

function configOf(kubeconfig: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return config;
}

function tokenIn(kubeconfig: string): string {
  const token = configOf(kubeconfig).getCurrentUser()?.token;
  if (token === undefined) throw new Error(`${kubeconfig}: its user has no token`);
  return token;
}

function useGiven(kubeconfig: string): Promise<Cluster> {
  const url = configOf(kubeconfig).getCurrentCluster()?.server;
  if (url === undefined) throw new Error(`${kubeconfig}: it names no server`);
  return Promise.resolve({
    url,
    kubeconfig,
    adminToken: tokenIn(kubeconfig),
    readerToken: undefined,
    stop: () => Promise.resolve(),
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function startReal(bin: string): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), "omega-kube-"));
  mkdirSync(join(dir, "certs"));
  const [client, peer, api, kcm, ks] = await Promise.all([freePort(), freePort(), freePort(), freePort(), freePort()]);
  const [adminToken, readerToken] = [randomBytes(16).toString("hex"), randomBytes(16).toString("hex")];
  const tokens = tokensFile(dir, [
    `${adminToken},admin,admin,system:masters`,
    `${readerToken},reader,reader,"readers"`,
  ]);
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = join(dir, "sa.key");
  writeFileSync(key, privateKey.export({ type: "pkcs1", format: "pem" }), { mode: 0o600 });
  const children: ChildProcess[] = [];
  const run = (name: string, args: string[]): void => {
    const child = spawn(join(bin, name), args, { stdio: ["ignore", "pipe", "pipe"] });
    const log = createWriteStream(join(dir, `${name}.txt`));
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    children.unshift(child);
  };
  const stop = async (): Promise<void> => {
    for (const child of children) await ended(child);
    rmSync(dir, { recursive: true, force: true });
  };
  const peerUrl = `http://127.0.0.1:${peer}`;
  const clientUrl = `http://127.0.0.1:${client}`;
  const url = `https://127.0.0.1:${api}`;
  const peers = [
    "--listen-peer-urls",
    peerUrl,
    "--initial-advertise-peer-urls",
    peerUrl,
    "--initial-cluster",
    `default=${peerUrl}`,
  ];
  const etcdFlags = `--data-dir ${join(dir, "etcd")} --listen-client-urls ${clientUrl} --advertise-client-urls ${clientUrl} --unsafe-no-fsync`;
  run("etcd", [...etcdFlags.split(" "), ...peers]);
  run("kube-apiserver", [
    `--etcd-servers=${clientUrl}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${api}`,
    `--cert-dir=${join(dir, "certs")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-signing-key-file=${key}`,
    `--service-account-key-file=${key}`,
    `--token-auth-file=${tokens}`,
    "--authorization-mode=RBAC",
    "--anonymous-auth=false",
    "--service-cluster-ip-range=10.96.0.0/16",
  ]);
  const kubeconfig = join(dir, "kubeconfig");
  try {
    await until(
      "the real API server is ready",
      async () => (await call({ url, adminToken }, "GET", "/readyz").catch(() => undefined))?.code === 200,
      60_000,
    );
  } catch (error) {
    await stop();
    throw error;
  }
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "test",
    contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
    clusters: [{ name: "test", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "admin", user: { token: adminToken } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const local = ["--leader-elect=false", "--bind-address=127.0.0.1", `--kubeconfig=${kubeconfig}`];
  const rootCa = `--root-ca-file=${join(dir, "certs", "apiserver.crt")}`;
  run("kube-controller-manager", [
    ...local,
    `--service-account-private-key-file=${key}`,
    rootCa,
    `--secure-port=${kcm}`,
    `--cert-dir=${join(dir, "kcm")}`,
  ]);
  run("kube-scheduler", [...local, `--secure-port=${ks}`, `--cert-dir=${join(dir, "ks")}`]);
  return { url, kubeconfig, adminToken, readerToken, stop };
}

// oxlint-disable-next-line typescript/no-explicit-any -- answers are looked into freely by the expectations
export type Loose = any;

export interface Answer {
  code: number;
  body: Loose;
  headers: Record<string, string | string[] | undefined>;
}

export interface CallOptions {
  body?: unknown;
  contentType?: string;
  accept?: string;
  /** The admin's if left out; "" sends none. */
  token?: string;
}

export const contentTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** One HTTP request; whatever the status, the body is parsed as JSON if it is that. */
export async function call(
  cluster: Pick<Cluster, "url" | "adminToken">,
  method: string,
  path: string,
  options: CallOptions = {},
): Promise<Answer> {
  const { token = cluster.adminToken, body, contentType = "application/json", accept = "application/json" } = options;
  const headers: Record<string, string> = { accept };
  if (token !== "") headers["authorization"] = `Bearer ${token}`;
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  if (bytes !== undefined)
    Object.assign(headers, { "content-type": contentType, "content-length": String(bytes.length) });
  const sent = request(new URL(path, cluster.url), { method, headers, rejectUnauthorized: false, agent: false });
  sent.end(bytes);
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  const text = (await response.toArray()).join("");
  let parsed: unknown = text;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Watches and plain texts are no single JSON document.
  }
  return { code: response.statusCode ?? 0, body: parsed, headers: response.headers };
}

export interface WatchEvent {
  type: string;
  object: Loose;
}

/** The events of a watch until it ends by itself; the path must say timeoutSeconds. */
export async function watched(cluster: Cluster, path: string): Promise<WatchEvent[]> {
  const { body } = await call(cluster, "GET", path);
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as WatchEvent);
}

/** Looks again until it holds. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`not so after ${withinMs} ms: ${what}`);
    await pause(50);
  }
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

const run = promisify(execFile);

/** Why kubectl tests cannot run, or false. */
export async function whyNoKubectl(): Promise<string | false> {
  return run("kubectl", ["version", "--client"]).then(
    () => false,
    () => "kubectl is not on the PATH (Debian: apt-get install kubernetes-client)",
  );
}

export async function kubectl(cluster: Cluster, namespace: string, args: string[], input?: string): Promise<Ran> {
  const promise = run("kubectl", ["--kubeconfig", cluster.kubeconfig, "--namespace", namespace, ...args], {
    timeout: 60_000,
  });
  if (input !== undefined) promise.child.stdin?.end(input);
  else promise.child.stdin?.end();
  return promise.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Error & { code?: number; stdout?: string; stderr?: string }) => ({
      code: typeof error.code === "number" ? error.code : 1,
      stdout: error.stdout ?? "",
      stderr: error.stderr ?? error.message,
    }),
  );
}
