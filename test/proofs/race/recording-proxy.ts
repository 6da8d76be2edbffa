import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { readKubeconfig } from "@omega/demo-cluster/kubelet/kubeconfig.ts";

/** Stands in front of an API server and notes when a change of which object arrived. Dry-runs change nothing. */
export class RecordingProxy {
  readonly changes: { path: string; at: number }[] = [];
  /** As if there were no API server. */
  away = false;
  readonly #server: Server;
  /** Lets go of idle connections before the API server does. */
  readonly #agent = new Agent({ keepAlive: true, timeout: 2000 });

  constructor(kubeconfig: string) {
    const { server, tls, headers } = readKubeconfig(kubeconfig);
    this.#server = createServer((incoming, outgoing) => {
      if (this.away) {
        incoming.socket.destroy();
        return;
      }
      const at = Date.now();
      const url = new URL(incoming.url ?? "/", server);
      if (incoming.method !== "GET" && !url.searchParams.has("dryRun")) this.changes.push({ path: url.pathname, at });
      void headers().then((own) => {
        const { host: _host, ...theirs } = incoming.headers;
        const { method } = incoming;
        const onward = request(
          url,
          { ...tls, agent: this.#agent, method, headers: { ...theirs, ...own } },
          (answer) => {
            outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(outgoing);
          },
        );
        onward.on("error", () => outgoing.destroy());
        outgoing.on("close", () => onward.destroy());
        incoming.pipe(onward);
      });
    });
    // Whoever has an idle connection to it keeps it.
    this.#server.keepAliveTimeout = 0;
  }

  /** Writes a kubeconfig that leads through it. */
  async listen(kubeconfig: string): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "here",
      contexts: [{ name: "here", context: { cluster: "here", user: "nobody" } }],
      clusters: [{ name: "here", cluster: { server: url } }],
      users: [{ name: "nobody", user: {} }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }
}
