import { readFileSync } from "node:fs";
import type { OutgoingHttpHeaders } from "node:http";
import type { RequestOptions } from "node:https";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";

/** Where the API server is, and how to be somebody there. */
export interface Connection {
  server: URL;
  tls: { ca?: Buffer; cert?: Buffer; key?: Buffer; rejectUnauthorized: boolean; servername?: string };
  /** Fresh for each request: a token file or an exec plugin may have changed its mind. */
  headers: () => Promise<OutgoingHttpHeaders>;
}

interface Named<T> {
  name?: string;
  cluster?: T;
  user?: T;
  context?: T;
}

/**
 * Reads a kubeconfig file: the current context's cluster and user, with certificates inline or by path, tokens, token
 * files, basic authentication, and (through client-node, loaded only then) exec plugins and auth providers. Throws with
 * the file's name and what is missing.
 */
export function readKubeconfig(file: string): Connection {
  const text = readFileSync(file, "utf8");
  const config: unknown = parse(text);
  if (!isRecord(config)) throw new Error(`${file}: not a kubeconfig (expected a YAML mapping)`);
  const current = config["current-context"];
  const context = pick(config["contexts"], current, "context");
  if (context === undefined) throw new Error(`${file}: current-context ${JSON.stringify(current)} names no context`);
  const cluster = pick(config["clusters"], context["cluster"], "cluster");
  if (cluster === undefined) throw new Error(`${file}: context ${String(current)} names no cluster`);
  const server = cluster["server"];
  if (typeof server !== "string" || !URL.canParse(server))
    throw new Error(`${file}: the cluster's server is not a URL`);
  const user = pick(config["users"], context["user"], "user") ?? {};
  const bytes = (holder: Record<string, unknown>, key: string): Buffer | undefined =>
    fileOrInline(holder, key, dirname(file));
  const ca = bytes(cluster, "certificate-authority");
  const cert = bytes(user, "client-certificate");
  const key = bytes(user, "client-key");
  const servername = cluster["tls-server-name"];
  return {
    server: new URL(server),
    tls: {
      rejectUnauthorized: cluster["insecure-skip-tls-verify"] !== true,
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(typeof servername === "string" ? { servername } : {}),
    },
    headers: authorization(file, user),
  };
}

function authorization(file: string, user: Record<string, unknown>): () => Promise<OutgoingHttpHeaders> {
  const { token, tokenFile, username, password } = user;
  if (typeof token === "string" && token !== "") return () => Promise.resolve({ authorization: `Bearer ${token}` });
  if (typeof tokenFile === "string") {
    const path = isAbsolute(tokenFile) ? tokenFile : join(dirname(file), tokenFile);
    return () => Promise.resolve({ authorization: `Bearer ${readFileSync(path, "utf8").trim()}` });
  }
  if (typeof username === "string") {
    const basic = Buffer.from(`${username}:${typeof password === "string" ? password : ""}`).toString("base64");
    return () => Promise.resolve({ authorization: `Basic ${basic}` });
  }
  if (user["exec"] === undefined && user["auth-provider"] === undefined) return () => Promise.resolve({});
  const loading = import("@kubernetes/client-node").then(({ KubeConfig }) => {
    const config = new KubeConfig();
    config.loadFromFile(file);
    return config;
  });
  return async () => {
    const options: RequestOptions = {};
    await (await loading).applyToHTTPSOptions(options);
    return isRecord(options.headers) ? { ...options.headers } : {};
  };
}

function pick(
  list: unknown,
  name: unknown,
  field: "cluster" | "user" | "context",
): Record<string, unknown> | undefined {
  if (!Array.isArray(list)) return undefined;
  const entries: Named<unknown>[] = list;
  const found = entries.find((entry) => entry.name === name)?.[field];
  return isRecord(found) ? found : undefined;
}

function fileOrInline(holder: Record<string, unknown>, key: string, base: string): Buffer | undefined {
  const inline = holder[`${key}-data`];
  if (typeof inline === "string" && inline !== "") return Buffer.from(inline, "base64");
  const path = holder[key];
  if (typeof path !== "string" || path === "") return undefined;
  return readFileSync(isAbsolute(path) ? path : join(base, path));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
