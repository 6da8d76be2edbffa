// The control plane as its own process: node main.ts --state DIR [--port N] [--kubeconfig FILE] [--tokens FILE]
// Prints one line of JSON when it is ready: {"url", "kubeconfig", "pid"}. SIGTERM and SIGINT stop it in order.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import type { ControlPlaneOptions } from "./embedded-control-plane.ts";
import { relaunchWithCompileCache } from "./relaunch.ts";

function optionsFromArguments(): ControlPlaneOptions {
  const { values } = parseArgs({
    options: {
      state: { type: "string" },
      port: { type: "string", default: "0" },
      kubeconfig: { type: "string" },
      tokens: { type: "string" },
    },
  });
  if (values.state === undefined) throw new Error("--state DIR is required: the directory that keeps the cluster");
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a number from 0 to 65535, not ${JSON.stringify(values.port)}`);
  return {
    stateDir: resolve(values.state),
    port,
    ...(values.kubeconfig === undefined ? {} : { kubeconfig: values.kubeconfig }),
    ...(values.tokens === undefined ? {} : { tokensFile: values.tokens }),
  };
}

try {
  const options = optionsFromArguments();
  relaunchWithCompileCache(options.stateDir, import.meta.filename);
  const { startControlPlane } = await import("./embedded-control-plane.ts");
  const controlPlane = await startControlPlane(options);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void controlPlane.close().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const { url, kubeconfig } = controlPlane;
  process.stdout.write(`${JSON.stringify({ url, kubeconfig, pid: process.pid })}\n`);
} catch (error) {
  process.stderr.write(`control plane: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
