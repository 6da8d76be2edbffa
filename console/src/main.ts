import { rmSync, writeFileSync } from "node:fs";
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

interface CommandLine {
  readonly config: ConsoleConfig;
  /** Print the address alone: whoever keeps what this process prints must not keep a token. */
  readonly addressOnly: boolean;
}

function fromCommandLine(): CommandLine | undefined {
  let path: string;
  let addressOnly: boolean;
  try {
    const options = {
      config: { type: "string", default: standard },
      "address-only": { type: "boolean", default: false },
    } as const;
    ({ config: path, "address-only": addressOnly } = parseArgs({ options }).values);
  } catch (error) {
    process.stderr.write(
      `console: ${reasonOf(error)}\nusage: node console/src/main.ts [--config FILE] [--address-only]\n`,
    );
    process.exitCode = 64;
    return undefined;
  }
  const config = readConfig(path, consoleConfigSchema, process.env);
  if (config.ok) return { config: config.value, addressOnly };
  process.stderr.write(`console: ${config.failure.code}\n${config.failure.message}\n`);
  process.exitCode = 78;
  return undefined;
}

/** Exit codes: 0 after SIGTERM or SIGINT, 64 a bad command line, 78 a bad config, 1 a port that is taken, a page that can't be built, or a bug. */
async function run({ config, addressOnly }: CommandLine): Promise<void> {
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

const given = fromCommandLine();
if (given !== undefined) {
  try {
    await run(given);
  } catch (error) {
    process.stderr.write(`console: ${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}
