/** Runs the shop's images directly, each on a loopback address of its own, for tests that need no cluster. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as elapse } from "node:timers/promises";
import { shopImages } from "../images.ts";

const healthy: Record<string, string> = {
  "shop-db": "18.6.0",
  inventory: "2.0.0",
  recommendations: "1.1.0",
  cart: "1.2.0",
  payments: "1.4.0",
  checkout: "3.1.0",
  storefront: "2.3.0",
};

export interface LocalService {
  process: ChildProcess;
  address: string;
  version: string;
  /** From spawn to the first positive readiness probe. */
  startedInMs: number;
}

export interface LocalShop extends AsyncDisposable {
  url: string;
  services: Map<string, LocalService>;
}

export interface LocalShopOptions {
  /** Where telemetry goes; without one the processes run with the SDK disabled. */
  otlpEndpoint?: string;
  /** Versions that differ from the healthy ones, by service. */
  versions?: Record<string, string>;
  env?: Record<string, string>;
}

/** Starts all services and answers once every one of them is ready; throws with its output when one is not. */
export async function startLocalShop(options: LocalShopOptions = {}): Promise<LocalShop> {
  const images = shopImages();
  const subnet = await freeSubnet();
  const names = Object.keys(healthy);
  const addressOf = (name: string) => `${subnet}.${names.indexOf(name) + 1}`;
  const discovery = Object.fromEntries(
    names.flatMap((name) => {
      const prefix = name.toUpperCase().replaceAll("-", "_");
      const port = name === "shop-db" ? "5432" : "8080";
      return [
        [`${prefix}_SERVICE_HOST`, addressOf(name)],
        [`${prefix}_SERVICE_PORT`, port],
      ];
    }),
  );
  const services = new Map<string, LocalService>();
  const shop: LocalShop = {
    url: `http://${addressOf("storefront")}:8080`,
    services,
    async [Symbol.asyncDispose]() {
      await Promise.all([...services.values()].map(({ process: child }) => stop(child)));
    },
  };
  try {
    await Promise.all(
      names.map(async (name) => {
        const version = options.versions?.[name] ?? healthy[name] ?? "";
        const image = images[`shop/${name}:${version}`];
        const [command, ...args] = image?.command ?? [];
        if (image === undefined || command === undefined) throw new Error(`no image shop/${name}:${version}`);
        const address = addressOf(name);
        const child = spawn(command, args, {
          cwd: image.cwd,
          env: {
            ...image.env,
            ...discovery,
            ...telemetryOf(name, options.otlpEndpoint),
            EXCHANGE_RATES: "EUR=1,USD=1.09,GBP=0.85,SEK=11.4",
            POD_IP: address,
            DRAIN_MS: "300",
            ...options.env,
          },
          stdio: ["ignore", "pipe", "pipe"],
        });
        const spawnedAt = performance.now();
        services.set(name, { process: child, address, version, startedInMs: 0 });
        const output: string[] = [];
        for (const stream of [child.stdout, child.stderr]) {
          stream.setEncoding("utf8").on("data", (text: string) => {
            output.push(text);
            if (output.length > 50) output.shift();
          });
        }
        await ready(name, `http://${address}:8080/healthz/ready`, child, output);
        services.set(name, { process: child, address, version, startedInMs: performance.now() - spawnedAt });
      }),
    );
  } catch (failure) {
    await shop[Symbol.asyncDispose]();
    throw failure;
  }
  return shop;
}

function telemetryOf(name: string, endpoint: string | undefined): Record<string, string> {
  if (endpoint === undefined) return { OTEL_SDK_DISABLED: "true" };
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_SERVICE_NAME: name,
    OTEL_RESOURCE_ATTRIBUTES: `k8s.namespace.name=shop,k8s.deployment.name=${name},k8s.pod.name=${name}-0`,
    OTEL_BSP_SCHEDULE_DELAY: "200",
    OTEL_BLRP_SCHEDULE_DELAY: "200",
    OTEL_METRIC_EXPORT_INTERVAL: "1000",
  };
}

/** Asks for a TERM, then insists. */
export async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const insist = setTimeout(() => child.kill("SIGKILL"), 8_000);
  await exited;
  clearTimeout(insist);
  return child.exitCode;
}

async function ready(name: string, url: string, child: ChildProcess, output: string[]): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (child.exitCode !== null) throw new Error(`${name} left with ${child.exitCode}:\n${output.join("")}`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await elapse(50);
  }
  throw new Error(`${name} was not ready within 30 s:\n${output.join("")}`);
}

/** A /24 of loopback where nobody listens on the shop's ports: other shops may run on the same machine. */
async function freeSubnet(): Promise<string> {
  for (;;) {
    const subnet = `127.${randomInt(16, 250)}.${randomInt(1, 250)}`;
    if ((await free(`${subnet}.1`, 5432)) && (await free(`${subnet}.2`, 8080))) return subnet;
  }
}

function free(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, host, () => server.close(() => resolve(true)));
  return promise;
}
