import { readConfig } from "@omega/shared/config-file.ts";
import { surgeonConfigSchema } from "../config.ts";
import { allowListFor } from "./allow-list.ts";

/** `node agents/surgeon/src/ssh/print-allow-list.ts CONFIG HOST`: what the forced command of that host's key may run. */
const [path, host] = process.argv.slice(2);
if (path === undefined || host === undefined) refuse("usage: print-allow-list.ts CONFIG HOST");
else {
  const config = readConfig(path, surgeonConfigSchema, process.env);
  if (!config.ok) refuse(config.failure.message);
  else if (!Object.hasOwn(config.value.ssh.hosts, host)) refuse(`${path}: no host '${host}' under ssh.hosts`);
  else process.stdout.write(allowListFor(config.value.ssh, host));
}

function refuse(reason: string): void {
  process.stderr.write(`${reason}\n`);
  process.exitCode = 2;
}
