import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { fail, ok, reasonOf, type Outcome } from "@omega/shared/outcome.ts";
import { parse } from "yaml";
import { z } from "zod";

/** Where Kubernetes puts a pod's own credentials, and the variables that tell it the API server's address. */
export interface PodAccount {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}
const ownPod: PodAccount = {
  folder: "/var/run/secrets/kubernetes.io/serviceaccount",
  environment: process.env,
};
const execDeadlineMs = 15_000;

/** How to reach one API server as one user. */
export interface Connection {
  readonly server: URL;
  readonly ca?: Buffer | undefined;
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly serverName?: string | undefined;
  readonly verify: boolean;
  /** The bearer token, read anew each time: service account tokens rotate. */
  token(): Promise<Outcome<string | undefined>>;
}

const clusterSchema = z.looseObject({
  server: z.url({ protocol: /^https?$/ }),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().default(false),
  "tls-server-name": z.string().optional(),
});
const execSchema = z.looseObject({
  command: z.string(),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
});
const userSchema = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  exec: execSchema.optional(),
});
const kubeconfigSchema = z.looseObject({
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterSchema })),
  users: z.array(z.looseObject({ name: z.string(), user: userSchema.nullish() })).default([]),
  contexts: z.array(
    z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: z.string().default("") }) }),
  ),
  "current-context": z.string().optional(),
});
const credentialSchema = z.looseObject({
  status: z.looseObject({ token: z.string(), expirationTimestamp: z.iso.datetime({ offset: true }).optional() }),
});

/**
 * Reads where the API server is: the kubeconfig at `path`, or, with none, this pod's service account. Failure `terminal/no_cluster`
 * names what is missing or wrong.
 */
export function readConnection(path: string, context?: string, pod: PodAccount = ownPod): Outcome<Connection> {
  try {
    if (path !== "") return fromKubeconfig(path, context);
    if (existsSync(join(pod.folder, "token"))) return ok(inCluster(pod));
    return fail("terminal", "no_cluster", "No kubeconfig is configured, and this is no pod with a service account.");
  } catch (error) {
    return fail("terminal", "no_cluster", `${path}: ${reasonOf(error)}`);
  }
}

function fromKubeconfig(path: string, wanted?: string): Outcome<Connection> {
  const config = kubeconfigSchema.safeParse(parse(readFileSync(path, "utf8")));
  if (!config.success) return fail("terminal", "no_cluster", `${path}: ${z.prettifyError(config.error)}`);
  const name = wanted ?? config.data["current-context"];
  const context = config.data.contexts.find((entry) => entry.name === name)?.context;
  if (context === undefined) return fail("terminal", "no_cluster", `${path} has no context '${name ?? ""}'.`);
  const cluster = config.data.clusters.find((entry) => entry.name === context.cluster)?.cluster;
  if (cluster === undefined) return fail("terminal", "no_cluster", `${path} has no cluster '${context.cluster}'.`);
  const user = config.data.users.find((entry) => entry.name === context.user)?.user ?? {};
  const file = (relative: string): Buffer =>
    readFileSync(isAbsolute(relative) ? relative : join(dirname(path), relative));
  const pem = (inline: string | undefined, relative: string | undefined): Buffer | undefined => {
    if (inline !== undefined) return Buffer.from(inline, "base64");
    return relative === undefined ? undefined : file(relative);
  };
  return ok({
    server: new URL(cluster.server),
    ca: pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    cert: pem(user["client-certificate-data"], user["client-certificate"]),
    key: pem(user["client-key-data"], user["client-key"]),
    serverName: cluster["tls-server-name"],
    verify: !cluster["insecure-skip-tls-verify"],
    token: tokenOf(user, file),
  });
}

function tokenOf(user: z.infer<typeof userSchema>, file: (relative: string) => Buffer): Connection["token"] {
  const { exec, tokenFile, token } = user;
  if (exec !== undefined) return execToken(exec);
  return () => {
    if (tokenFile === undefined) return Promise.resolve(ok(token));
    try {
      return Promise.resolve(ok(file(tokenFile).toString("utf8").trim()));
    } catch (error) {
      return Promise.resolve(fail("terminal", "unauthorized", `${tokenFile}: ${reasonOf(error)}`));
    }
  };
}

/** A client-go credential plugin (`aws eks get-token` and the like); its token is kept until a minute before it expires. */
function execToken(plugin: z.infer<typeof execSchema>): Connection["token"] {
  let kept: { token: string; until: number } | undefined;
  return async () => {
    if (kept !== undefined && kept.until > performance.now()) return ok(kept.token);
    try {
      const environment = Object.fromEntries((plugin.env ?? []).map(({ name, value }) => [name, value]));
      const { stdout } = await promisify(execFile)(plugin.command, plugin.args ?? [], {
        timeout: execDeadlineMs,
        env: { ...process.env, ...environment },
      });
      const { status } = credentialSchema.parse(JSON.parse(stdout));
      const expiresAt = status.expirationTimestamp;
      const lifeMs = expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(expiresAt) - Date.now();
      kept = { token: status.token, until: performance.now() + lifeMs - 60_000 };
      return ok(status.token);
    } catch (error) {
      return fail("terminal", "unauthorized", `The credential plugin ${plugin.command} failed: ${reasonOf(error)}`);
    }
  };
}

function inCluster({ folder, environment }: PodAccount): Connection {
  const host = environment["KUBERNETES_SERVICE_HOST"] ?? "kubernetes.default.svc";
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "443";
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    ca: readFileSync(join(folder, "ca.crt")),
    verify: true,
    token: tokenOf({ tokenFile: join(folder, "token") }, (path) => readFileSync(path)),
  };
}
