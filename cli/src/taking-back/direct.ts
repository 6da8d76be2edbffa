import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import type { CommandContext } from "../commands/context.ts";
import { installation } from "../home.ts";

export interface DirectOptions {
  readonly direct?: boolean;
  readonly config?: string;
  readonly kubeconfig?: string;
}

/** A process of its own that takes back what the stream wants taken back, while `work` watches the stream. */
export async function besideDirect<T>(
  context: CommandContext,
  url: string,
  options: DirectOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (options.direct !== true) return await work();
  const program = join(installation, "agents", "surgeon", "src", "direct-main.ts");
  const config = options.config === undefined ? [] : ["--config", resolve(options.config)];
  const child = spawn(process.execPath, [program, ...config], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      OMEGA_NATS_URL: url,
      OMEGA_KEYS: context.home.keys,
      ...(options.kubeconfig === undefined ? {} : { OMEGA_KUBECONFIG: resolve(options.kubeconfig) }),
    },
  });
  const ended = once(child, "exit");
  try {
    return await work();
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}
