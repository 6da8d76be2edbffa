import { connect, type Socket } from "node:net";
import { portOf } from "./prober.ts";
import type { Pod, Service } from "./wire.ts";

const connectTimeoutMs = 1000;

/** Where a pod listens for a service. */
export interface Backend {
  host: string;
  port: number;
}

/** The ready pods of a service in name order; terminating ones get no new connections. Pure. */
export function backends(service: Service, port: number, pods: ReadonlyMap<string, Pod>): Backend[] {
  const selector = Object.entries(service.spec?.selector ?? {});
  const target = service.spec?.ports?.find((known) => known.port === port)?.targetPort ?? port;
  const found: Backend[] = [];
  for (const pod of pods.values()) {
    const { metadata, status, spec } = pod;
    if (metadata?.namespace !== service.metadata?.namespace || metadata?.deletionTimestamp !== undefined) continue;
    if (!selector.every(([key, value]) => metadata?.labels?.[key] === value)) continue;
    const ready = status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True");
    if (ready !== true || status?.podIP === undefined) continue;
    const number = (spec?.containers ?? []).map((container) => portOf(target, container)).find((known) => known > 0);
    if (number !== undefined) found.push({ host: status.podIP, port: number });
  }
  return found.toSorted((a, b) => (a.host < b.host ? -1 : 1));
}

/**
 * Joins a client to the first backend that takes the connection. Only the connect is tried elsewhere: once bytes may
 * have reached a pod, a second try could do the same thing twice. With no backend the client is reset.
 */
export async function forward(client: Socket, candidates: Backend[]): Promise<void> {
  client.on("error", () => client.destroy());
  for (const candidate of candidates) {
    const upstream = await tryConnect(candidate);
    if (upstream === undefined) continue;
    if (client.destroyed) return void upstream.destroy();
    return join(client, upstream);
  }
  client.resetAndDestroy();
}

function join(client: Socket, upstream: Socket): void {
  client.setNoDelay(true);
  // pipe() hands on the end of each direction by itself, so half-closed connections work; an error ends both.
  client.pipe(upstream).pipe(client);
  upstream.on("error", () => client.resetAndDestroy());
  client.on("error", () => upstream.resetAndDestroy());
  client.on("close", () => upstream.destroy());
  upstream.on("close", () => client.end());
}

function tryConnect({ host, port }: Backend): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error("connect timed out")), connectTimeoutMs);
    const onError = (): void => {
      clearTimeout(timer);
      resolve(undefined);
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeListener("error", onError);
      resolve(socket);
    });
  });
}
