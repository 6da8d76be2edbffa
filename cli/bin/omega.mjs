#!/usr/bin/env node
// Starts the `omega` command from whatever Node is at hand: sets up what is missing, then runs it under the pinned one.

import { main } from "../../infra/bootstrap/commands.mjs";

process.exitCode = await main(["omega", ...process.argv.slice(2)]);
