// Brings everything that Omega needs, once: each step prints a line, and a second run goes straight to its command.

import { delimiter, join } from "node:path";
import { alone } from "./lock.mjs";
import { adviceOn, findOrInstallNatsServer } from "./nats-server.mjs";
import { root } from "./places.mjs";
import { readStamp, writeStamp } from "./stamp.mjs";
import { step } from "./steps.mjs";
import { checkMachine, findNode, installPnpm, installWorkspace } from "./toolchain.mjs";

/** Makes sure that everything is there. Returns `{node, env}`: the Node to run the product with, and the environment for it. */
export async function setUp() {
  const found = readStamp() ?? (await alone(async () => readStamp() ?? (await install())));
  const env = {
    ...process.env,
    OMEGA_NATS_SERVER: found.natsServer,
    PATH: [join(root, "node_modules/.bin"), process.env.PATH].filter(Boolean).join(delimiter),
  };
  return { node: found.node, env };
}

async function install() {
  process.stderr.write("Setting up Omega (once; everything goes into .omega/ and node_modules/)\n");
  await step("machine", () => checkMachine());
  await step("package manager", async () => `pnpm ${await installPnpm()}`);
  await step("dependencies", () => installWorkspace());
  let node;
  await step("Node for the product", () => {
    node = findNode();
    return `Node ${node.version}`;
  });
  let server;
  await step("nats-server", async () => {
    server = await findOrInstallNatsServer();
    const advice = adviceOn(server.version);
    return `${server.version} at ${server.path}${advice ? ` (${advice})` : ""}`;
  });
  const found = { node: node.path, natsServer: server.path };
  writeStamp(found);
  return found;
}
