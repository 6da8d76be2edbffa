import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { systemClock } from "@omega/shared/clock.ts";
import { readConfig } from "@omega/shared/config-file.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { builtPage } from "./built-page.ts";
import { consoleConfigSchema, type ConsoleConfig } from "./config.ts";
import { Console } from "./console.ts";
import { serveHttp } from "./http-server.ts";
import { PageFiles } from "./page-files.ts";
import { rulesIn } from "./settings.ts";
import { makeSignInLink, SignIn } from "./sign-in.ts";

const standard = fileURLToPath(new URL("../../infra/config/console.yaml", import.meta.url));

function fromCommandLine(): ConsoleConfig | undefined {
  let path: string;
  try {
    path = parseArgs({ options: { config: { type: "string", default: standard } } }).values.config;
  } catch (error) {
    process.stderr.write(`console: ${reasonOf(error)}\nusage: node console/src/main.ts [--config FILE]\n`);
    process.exitCode = 64;
    return undefined;
  }
  const config = readConfig(path, consoleConfigSchema, process.env);
  if (config.ok) return config.value;
  process.stderr.write(`console: ${config.failure.code}\n${config.failure.message}\n`);
  process.exitCode = 78;
  return undefined;
}

/** Exit codes: 0 after SIGTERM or SIGINT, 64 a bad command line, 78 a bad config, 1 a port that is taken, a page that can't be built, or a bug. */
async function run(config: ConsoleConfig): Promise<void> {
  const log = createLog("console", config.log.level);
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => stopping.abort());
  const { host, port, origin } = config.http;
  const signIn = new SignIn(config.state, config.signIn, () => systemClock.now());
  const page = new PageFiles(config.page === "" ? await builtPage((what) => log.info(what)) : config.page);
  const rules = rulesIn(config.settings, process.env);
  const served = new Console(config, rules, { clock: systemClock, ids: systemIds, log });
  const http = await serveHttp({ console: served, signIn, page, log, origin }, { host, port });
  writeFileSync(join(config.state, "address"), `${http.origin}\n`);
  log.info({ origin: http.origin }, "up");
  const { link } = config.signIn;
  // The first line on standard output is for whoever started it; the log never holds a token.
  process.stdout.write(`${makeSignInLink(config.state, http.origin, link, systemClock.now())}\n`);
  await served.run(stopping.signal);
  await http.close();
}

const config = fromCommandLine();
if (config !== undefined) {
  try {
    await run(config);
  } catch (error) {
    process.stderr.write(`console: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}
