import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ControlPlane } from "./real-control-plane.ts";

/**
 * Starts the embedded control plane as a process of its own with its state in `folder`; rejects with what it printed if
 * it ends at once.
 */
export async function startEmbeddedControlPlane(main: string, folder: string): Promise<ControlPlane> {
  const child = spawn(process.execPath, [main, "--state", folder], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString("utf8")).slice(-4000);
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, "line"), exited.then(() => [undefined])]);
  if (typeof line !== "string") throw new Error(`the embedded control plane ended before it was ready: ${said}`);
  const { kubeconfig }: { kubeconfig: string } = JSON.parse(line);
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  return { kubeconfig, stop };
}
