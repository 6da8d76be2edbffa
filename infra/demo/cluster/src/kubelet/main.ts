import { parseArgs } from "node:util";
import { Kubelet, type KubeletSettings } from "./kubelet.ts";
import { stderrLog } from "./log.ts";
import { endPods } from "./state-lock.ts";
import { readServiceTable, servicesFile } from "./service-table.ts";

const usage = `usage: node infra/demo/cluster/src/kubelet/main.ts --kubeconfig FILE --state-dir DIR --images FILE [options]
       node infra/demo/cluster/src/kubelet/main.ts --state-dir DIR --print-services | --end-pods

  --nodes N               nodes to register (1)
  --node-name NAME        their name, followed by -1, -2, … (omega)
  --port PORT             of the endpoint that the API server reads logs from (0: a free one)
  --backoff-first-ms MS   first wait before a crashed container is started again (10000)
  --backoff-max-ms MS     longest such wait (300000)
  --leave-pods            on SIGTERM or SIGINT leave the pods' processes running
  --print-services        print where services listen, as JSON, and exit
  --end-pods              end the processes that a kubelet left (--leave-pods, or it was killed), and exit
`;

function readArguments() {
  return parseArgs({
    options: {
      kubeconfig: { type: "string", default: process.env["KUBECONFIG"] ?? "" },
      "state-dir": { type: "string", default: "" },
      images: { type: "string", default: "" },
      nodes: { type: "string", default: "1" },
      "node-name": { type: "string", default: "omega" },
      port: { type: "string", default: "0" },
      "backoff-first-ms": { type: "string", default: "10000" },
      "backoff-max-ms": { type: "string", default: "300000" },
      "leave-pods": { type: "boolean", default: false },
      "print-services": { type: "boolean", default: false },
      "end-pods": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  }).values;
}

type Arguments = ReturnType<typeof readArguments>;

function settingsOf(values: Arguments): KubeletSettings {
  for (const name of ["kubeconfig", "state-dir", "images"] as const) {
    if (values[name] === "") throw new Error(`--${name} is missing`);
  }
  const count = wholeNumber(values, "nodes", 1, 20);
  return {
    kubeconfig: values.kubeconfig,
    stateDir: values["state-dir"],
    images: values.images,
    nodes: Array.from({ length: count }, (_, index) => `${values["node-name"]}-${index + 1}`),
    port: wholeNumber(values, "port", 0, 65_535),
    backoffFirstMs: wholeNumber(values, "backoff-first-ms", 1, 3_600_000),
    backoffMaxMs: wholeNumber(values, "backoff-max-ms", 1, 3_600_000),
  };
}

function wholeNumber(
  values: Arguments,
  name: "nodes" | "port" | "backoff-first-ms" | "backoff-max-ms",
  min: number,
  max: number,
): number {
  const text = values[name];
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

async function main(): Promise<void> {
  const values = readArguments();
  if (values.help) return void process.stdout.write(usage);
  if (values["print-services"]) {
    if (values["state-dir"] === "") throw new Error("--state-dir is missing");
    const table = readServiceTable(servicesFile(values["state-dir"]));
    return void process.stdout.write(`${JSON.stringify(table, null, 2)}\n`);
  }
  if (values["end-pods"]) {
    if (values["state-dir"] === "") throw new Error("--state-dir is missing");
    return endPods(values["state-dir"]);
  }
  const settings = settingsOf(values);
  const kubelet = new Kubelet(settings, stderrLog);
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    void kubelet.stop(values["leave-pods"]).then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const { port } = await kubelet.start();
  // The one line on standard output: whoever started this process waits for it.
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, nodes: settings.nodes, port })}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`kubelet: ${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exit(2);
}
