// Where the bootstrap reads and writes. All that it makes is under .omega/ and node_modules/, so deleting those two undoes it.

import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));

export const root = resolve(here, "../..");
export const state = join(root, ".omega");
export const stamp = join(state, "setup.json");
export const toolchain = { source: join(here, "toolchain"), target: join(state, "toolchain") };
export const pinnedNode = join(root, "node_modules/.bin/node");
export const launcher = join(root, "node_modules/.bin/omega");
export const natsServerRecord = join(state, "nats-server.json");
