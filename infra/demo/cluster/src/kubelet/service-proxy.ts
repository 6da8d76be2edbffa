import { createServer, type Server, type Socket } from "node:net";
import type { Log } from "./log.ts";
import { loopbackAddress } from "./loopback.ts";
import { backends, forward } from "./service-connection.ts";
import { readServiceTable, type ServiceAddress, writeServiceTable } from "./service-table.ts";
import { objectKey, type Pod, type Service } from "./wire.ts";

const choicesMax = 16;
const retryMs = 2000;
const unprivilegedOffset = 10_000;

interface Listening {
  service: Service;
  signature: string;
  address: ServiceAddress;
  servers: Server[];
}

/**
 * kube-proxy's part: each service with a selector gets a loopback address of its own, where a TCP proxy hands
 * connections out to its ready pods in turn. Pods are found by selector and readiness, not by EndpointSlices: a real
 * API server refuses loopback addresses in those. Addresses follow from namespace and name alone; one already in use
 * (another cluster on this machine) makes way for the next in the name's own sequence, and what was chosen is kept in
 * `services.json`, also for processes outside the cluster.
 */
export class ServiceProxy {
  readonly #file: string;
  readonly #pods: ReadonlyMap<string, Pod>;
  readonly #log: Log;
  readonly #listening = new Map<string, Listening>();
  readonly #remembered: Record<string, ServiceAddress>;
  #turn = 0;
  #changes: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(file: string, pods: ReadonlyMap<string, Pod>, log: Log) {
    this.#file = file;
    this.#pods = pods;
    this.#log = log;
    this.#remembered = readServiceTable(file);
  }

  /** Brings the listeners to these services; resolves when all that can listen do. */
  update(services: ReadonlyMap<string, Service>): Promise<void> {
    this.#changes = this.#changes.then(() => this.#apply(services));
    return this.#changes;
  }

  /**
   * `<NAME>_SERVICE_HOST`, `<NAME>_SERVICE_PORT` and `<NAME>_SERVICE_PORT_<PORTNAME>` for the services of a namespace.
   */
  environment(namespace: string): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { service, address } of this.#listening.values()) {
      if (service.metadata?.namespace !== namespace) continue;
      const prefix = variableName(service.metadata.name ?? "");
      env[`${prefix}_SERVICE_HOST`] = address.host;
      env[`${prefix}_SERVICE_PORT`] = String(address.ports[0]?.listening ?? "");
      for (const { name, listening } of address.ports) {
        if (name !== undefined) env[`${prefix}_SERVICE_PORT_${variableName(name)}`] = String(listening);
      }
    }
    return env;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const { servers } of this.#listening.values()) for (const server of servers) server.close();
  }

  async #apply(services: ReadonlyMap<string, Service>): Promise<void> {
    if (this.#closed) return;
    for (const [key, entry] of this.#listening) {
      const service = services.get(key);
      if (service !== undefined && portSignature(service) === entry.signature) entry.service = service;
      else this.#drop(key, entry);
    }
    let missing = false;
    for (const [key, service] of services) {
      if (this.#listening.has(key) || !isProxied(service)) continue;
      const entry = await this.#listen(key, service);
      if (entry === undefined) missing = true;
      else this.#listening.set(key, entry);
    }
    this.#writeTable();
    clearTimeout(this.#retry);
    if (missing && !this.#closed) this.#retry = setTimeout(() => void this.update(services), retryMs);
  }

  async #listen(key: string, service: Service): Promise<Listening | undefined> {
    const before = this.#remembered[key]?.host;
    const hosts = Array.from({ length: choicesMax }, (_, choice) => loopbackAddress("service", key, choice));
    for (const host of new Set(before === undefined ? hosts : [before, ...hosts])) {
      const servers: Server[] = [];
      const ports: ServiceAddress["ports"] = [];
      for (const { name, port, protocol = "TCP" } of service.spec?.ports ?? []) {
        if (protocol !== "TCP") continue;
        const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
          this.#accept(key, port, socket),
        );
        const listening = await listenOn(server, host, port);
        if (listening === undefined) break;
        servers.push(server);
        ports.push({ ...(name === undefined ? {} : { name }), port, listening });
      }
      const wanted = service.spec?.ports?.filter(({ protocol = "TCP" }) => protocol === "TCP").length ?? 0;
      if (ports.length === wanted)
        return { service, signature: portSignature(service), address: { host, ports }, servers };
      for (const server of servers) server.close();
    }
    this.#log("no free loopback address for a service", { service: key, tried: choicesMax });
    return undefined;
  }

  #accept(key: string, port: number, client: Socket): void {
    const service = this.#listening.get(key)?.service;
    if (service === undefined) return void client.destroy();
    this.#turn = (this.#turn + 1) % Number.MAX_SAFE_INTEGER;
    const ready = backends(service, port, this.#pods);
    const first = ready.length === 0 ? 0 : this.#turn % ready.length;
    void forward(client, [...ready.slice(first), ...ready.slice(0, first)]);
  }

  #drop(key: string, { servers }: Listening): void {
    // Connections already made live until one of their ends closes them.
    for (const server of servers) server.close();
    this.#listening.delete(key);
  }

  #writeTable(): void {
    const table = Object.fromEntries([...this.#listening].map(([key, { address }]) => [key, address]));
    Object.assign(this.#remembered, table);
    writeServiceTable(this.#file, table);
  }
}

function isProxied({ spec, metadata }: Service): boolean {
  return (
    metadata?.deletionTimestamp === undefined &&
    Object.keys(spec?.selector ?? {}).length > 0 &&
    spec?.type !== "ExternalName" &&
    spec?.clusterIP !== "None"
  );
}

function portSignature(service: Service): string {
  const ports = service.spec?.ports?.map(({ name, port, protocol }) => [name, port, protocol]);
  return JSON.stringify([objectKey(service), service.metadata?.uid, ports, isProxied(service)]);
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll(/[^A-Z0-9_]/g, "_");
}

/** The port on which it listens now; without the right to a port below 1024, that is 10000 more. Undefined: taken. */
async function listenOn(server: Server, host: string, port: number): Promise<number | undefined> {
  const code = await tryListen(server, host, port);
  if (code === undefined) return port;
  if (code !== "EACCES") return undefined;
  return (await tryListen(server, host, port + unprivilegedOffset)) === undefined
    ? port + unprivilegedOffset
    : undefined;
}

function tryListen(server: Server, host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(error.code ?? "unknown");
    server.once("error", onError);
    server.listen({ host, port, backlog: 511 }, () => {
      server.removeListener("error", onError);
      resolve(undefined);
    });
  });
}
