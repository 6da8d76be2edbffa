import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@omega/shared/clock.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { configFromCommandLine } from "@omega/shared/process-config.ts";
import { builtPage } from "./built-page.ts";
import { consoleConfigSchema, type ConsoleConfig } from "./config.ts";
import { Console } from "./console.ts";
import { serveHttp } from "./http-server.ts";
import { PageFiles } from "./page-files.ts";
import { rulesIn } from "./settings.ts";
import { makeSignInLink, SignIn } from "./sign-in.ts";

/** Exit codes: 0 after SIGTERM or SIGINT, 64 a bad command line, 78 a bad config, 1 a port that is taken, a page that can't be built, or a bug. */
async function run(config: ConsoleConfig, addressOnly: boolean): Promise<void> {
  const log = createLog("console", config.log.level);
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort());
  const { host, port, origin } = config.http;
  const signIn = new SignIn(config.state, config.signIn, () => systemClock.now());
  const page = new PageFiles(config.page === "" ? await builtPage((what) => log.info(what)) : config.page);
  const rules = rulesIn(config.settings, process.env);
  const served = new Console(config, rules, { clock: systemClock, ids: systemIds, log });
  const http = await serveHttp({ console: served, signIn, page, log, origin }, { host, port });
  const address = join(config.state, "address");
  writeFileSync(address, `${http.origin}\n`);
  log.info({ origin: http.origin }, "up");
  const { link } = config.signIn;
  const told = addressOnly ? http.origin : makeSignInLink(config.state, http.origin, link, systemClock.now());
  process.stdout.write(`${told}\n`);
  await served.run(stopping.signal);
  await http.close();
  rmSync(address, { force: true });
}

const given = configFromCommandLine({
  name: "console",
  program: "console/src/main.ts",
  schema: consoleConfigSchema,
  // Print the address alone: whoever keeps what this process prints must not keep a token.
  flags: ["address-only"],
});
if (given !== undefined) {
  try {
    await run(given.config, given.flags.has("address-only"));
  } catch (error) {
    process.stderr.write(`console: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}
