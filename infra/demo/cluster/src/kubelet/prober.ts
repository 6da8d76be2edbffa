import { spawn } from "node:child_process";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import type { Container, Probe } from "./wire.ts";

export type ProbeKind = "startup" | "readiness" | "liveness";

/** What a probe is made against. */
export interface ProbeTarget {
  container: Container;
  podIP: string;
  env: Record<string, string>;
  cwd: string;
}

const outputMax = 1024;

/** One try: undefined for success, else what the Unhealthy event says. */
export async function tryProbe(probe: Probe, target: ProbeTarget): Promise<string | undefined> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  if (probe.httpGet !== undefined) return tryHttp(probe.httpGet, target, timeoutMs);
  if (probe.tcpSocket !== undefined) {
    return tryTcp(probe.tcpSocket.host ?? target.podIP, portOf(probe.tcpSocket.port, target.container), timeoutMs);
  }
  if (probe.exec !== undefined) return tryExec(probe.exec.command ?? [], target, timeoutMs);
  return "probe of an unsupported kind";
}

/** A port by number or by the name that the container gives it; 0 when there is no such name. */
export function portOf(port: unknown, container: Container): number {
  if (typeof port === "number") return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  return named ?? (Number(port) || 0);
}

/**
 * Runs one probe of one container run by its period, thresholds and initial delay, until stopped. `onResult` hears each
 * crossing of a threshold (the first readiness success, the n-th liveness failure), `onFailure` each failed try.
 */
export class Prober {
  readonly #probe: Probe;
  readonly #target: ProbeTarget;
  readonly #onFailure: (message: string) => void;
  readonly #onResult: (healthy: boolean) => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #successes = 0;
  #failures = 0;

  constructor(
    probe: Probe,
    target: ProbeTarget,
    onFailure: (message: string) => void,
    onResult: (healthy: boolean) => void,
  ) {
    this.#probe = probe;
    this.#target = target;
    this.#onFailure = onFailure;
    this.#onResult = onResult;
    this.#schedule((probe.initialDelaySeconds ?? 0) * 1000);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#round(), delayMs);
  }

  async #round(): Promise<void> {
    const trouble = await tryProbe(this.#probe, this.#target);
    // The container may have ended while the answer was on its way; then it says nothing about the next run.
    if (this.#stopped) return;
    if (trouble === undefined) {
      this.#failures = 0;
      this.#successes += 1;
      if (this.#successes === (this.#probe.successThreshold ?? 1)) this.#onResult(true);
    } else {
      this.#successes = 0;
      this.#failures += 1;
      this.#onFailure(trouble);
      if (this.#failures === (this.#probe.failureThreshold ?? 3)) this.#onResult(false);
    }
    if (!this.#stopped) this.#schedule((this.#probe.periodSeconds ?? 10) * 1000);
  }
}

function tryHttp(
  get: NonNullable<Probe["httpGet"]>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  const secure = get.scheme === "HTTPS";
  const headers = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const url = `${secure ? "https" : "http"}://${get.host ?? target.podIP}:${portOf(get.port, target.container)}${get.path ?? "/"}`;
  return new Promise((resolve) => {
    const request = (secure ? https : http).get(
      url,
      {
        agent: false,
        headers: { "user-agent": "kube-probe/omega", accept: "*/*", connection: "close", ...headers },
        rejectUnauthorized: false, // As the real kubelet: a probe asks for life, not for identity.
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        response.on("error", () => undefined).resume();
        const status = response.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`);
      },
    );
    request.on("error", (error) => {
      const why =
        error.name === "AbortError" || error.name === "TimeoutError"
          ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
          : error.message;
      resolve(`Get "${url}": ${why}`);
    });
  });
}

function tryTcp(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutMs });
    const answer = (trouble: string | undefined): void => {
      socket.destroy();
      resolve(trouble);
    };
    socket.once("connect", () => answer(undefined));
    socket.once("timeout", () => answer(`dial tcp ${host}:${port}: i/o timeout`));
    socket.once("error", (error) => answer(`dial tcp ${host}:${port}: ${error.message}`));
  });
}

function tryExec(command: string[], { env, cwd }: ProbeTarget, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command[0] ?? "", command.slice(1), {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString("utf8")).slice(0, outputMax);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(undefined);
      resolve(signal === null ? output.trim() || `exit status ${code}` : `command timed out: ${command.join(" ")}`);
    });
  });
}
