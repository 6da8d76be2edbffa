/** `node main.ts list`, `node main.ts inject|revert NAME [--kubeconfig FILE]` ($KUBECONFIG unless given). */
import { parseArgs } from "node:util";
import { faultNamed, faults } from "./faults.ts";
import { connectShop } from "./shop-cluster.ts";

const usage = "usage: node main.ts list | inject NAME | revert NAME [--kubeconfig FILE]";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kubeconfig: { type: "string" } },
});
try {
  process.stdout.write(`${await run(positionals)}\n`);
} catch (failure) {
  process.stderr.write(`faults: ${failure instanceof Error ? failure.message : String(failure)}\n`);
  process.exitCode = 1;
}

async function run([verb, name]: string[]): Promise<string> {
  if (verb === "list") return faults.map((fault) => `${fault.name}: ${fault.change}`).join("\n");
  if ((verb !== "inject" && verb !== "revert") || name === undefined) throw new Error(usage);
  const fault = faultNamed(name);
  const kubeconfig = values.kubeconfig ?? process.env["KUBECONFIG"];
  if (kubeconfig === undefined) throw new Error("which cluster? give --kubeconfig FILE or set KUBECONFIG");
  await fault[verb](connectShop(kubeconfig));
  return verb === "inject" ? fault.change : `${fault.service} is as it was before`;
}
