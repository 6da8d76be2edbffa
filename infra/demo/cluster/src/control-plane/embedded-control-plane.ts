// Puts the embedded control plane together: store, API, controllers and server. It keeps everything under one state directory.
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { Api } from "./api/api.ts";
import { createBootstrapObjects, keepServiceAccounts } from "./bootstrap-objects.ts";
import { certificateIn } from "./certificate.ts";
import { systemClock, type Clock } from "./clock.ts";
import { DeploymentController } from "./controllers/deployment.ts";
import { DisruptionController } from "./controllers/disruption.ts";
import { GarbageCollector } from "./controllers/garbage.ts";
import { NodeController } from "./controllers/nodes.ts";
import { ReplicaSetController } from "./controllers/replicaset.ts";
import { Scheduler } from "./controllers/scheduler.ts";
import { createApiServer } from "./http/server.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { parseTokens, type User } from "./rbac.ts";
import { Journal } from "./store/journal.ts";
import { Store } from "./store/store.ts";

export interface ControlPlaneOptions {
  /** Made if absent. Holds objects, certificate and admin token; one process at a time may use it. */
  stateDir: string;
  /** 0 takes a free one, which is then remembered in the kubeconfig only. */
  port?: number;
  /** Where to write the kubeconfig (mode 0600); in the state directory if not given. */
  kubeconfig?: string;
  /** More users, in the form of kube-apiserver's --token-auth-file. */
  tokensFile?: string;
  clock?: Clock;
  /** How long a node may be silent before it is NotReady; 40 s if not given. */
  nodeGraceMs?: number;
}

export interface ControlPlane {
  url: string;
  /** Path of the kubeconfig with the admin token. */
  kubeconfig: string;
  adminToken: string;
  /** Ends watches, waits for requests under way and writes the state. */
  close(): Promise<void>;
}

/** Fails with an Error that says what to do when the port or the state directory is taken, or a file is not what it should be. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const stateDir = resolve(options.stateDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const unlock = lock(stateDir);
  try {
    return await start(options, stateDir, unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

async function start(options: ControlPlaneOptions, stateDir: string, unlock: () => void): Promise<ControlPlane> {
  const clock = options.clock ?? systemClock;
  const adminToken = adminTokenIn(stateDir);
  const users = new Map<string, User>([
    [adminToken, { name: "admin", uid: "admin", groups: ["system:masters", "system:authenticated"] }],
  ]);
  if (options.tokensFile !== undefined) {
    for (const [token, user] of parseTokens(readFileSync(options.tokensFile, "utf8"), options.tokensFile))
      users.set(token, user);
  }
  const certificate = await certificateIn(stateDir, clock.now());
  const store = new Store(new Journal(stateDir));
  const api = new Api(store, clock);
  createBootstrapObjects(api);
  const { server, drain } = createApiServer({ api, users, ...certificate });
  const port = await listen(server, options.port ?? 0);
  keepServiceAccounts(api);
  const onError = (key: string, error: unknown): void => {
    process.stderr.write(
      `control plane: ${key}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  };
  const nodes = new NodeController(api, onError, options.nodeGraceMs);
  const controllers = [
    new DeploymentController(api, onError),
    new ReplicaSetController(api, onError),
    new Scheduler(api, onError),
    new GarbageCollector(api, onError),
    new DisruptionController(api, onError),
  ];
  const url = `https://127.0.0.1:${port}`;
  const kubeconfig = resolve(options.kubeconfig ?? join(stateDir, "kubeconfig"));
  writeKubeconfig(kubeconfig, { url, certificate: certificate.cert, token: adminToken });
  const close = async (): Promise<void> => {
    await drain();
    nodes.close();
    for (const controller of controllers) controller.queue.close();
    store.close();
    unlock();
  };
  return { url, kubeconfig, adminToken, close };
}

async function listen(server: ReturnType<typeof createApiServer>["server"], port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") {
      throw new Error(
        `port ${port} on 127.0.0.1 is taken; stop what listens there or choose another port (0 takes a free one)`,
        { cause: error },
      );
    }
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server listens on no port");
  return address.port;
}

function adminTokenIn(dir: string): string {
  const file = join(dir, "admin-token");
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const token = randomBytes(24).toString("base64url");
  writeFileSync(file, token, { mode: 0o600 });
  return token;
}

/** Takes the directory for this process. A lock whose process is gone is what a crash leaves, and is taken over. */
function lock(dir: string): () => void {
  const file = join(dir, "lock");
  try {
    const fd = openSync(file, "wx", 0o600);
    writeSync(fd, String(process.pid));
    closeSync(fd);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "EEXIST") throw error;
    const holder = Number(readFileSync(file, "utf8"));
    if (holder > 0 && isAlive(holder)) {
      throw new Error(`${dir} is in use by process ${holder}; stop it or choose another state directory`, {
        cause: error,
      });
    }
    rmSync(file, { force: true });
    return lock(dir);
  }
  return () => rmSync(file, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A killed process that nobody has waited for still has its number; Linux tells it apart.
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || !/\) [ZX] /.test(readFileSync(stat, "utf8"));
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
