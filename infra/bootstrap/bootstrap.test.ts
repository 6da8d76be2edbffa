// The set-up's answers to a machine that lacks something, run as a person runs it. What it does when all is well is shown by every
// other test: none runs without it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A clone with nothing set up: only what the set-up itself needs. */
function bareClone(t: TestContext): string {
  const clone = mkdtempSync(join(tmpdir(), "omega-clone-"));
  t.after(() => rmSync(clone, { recursive: true, force: true }));
  for (const path of ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", "infra/bootstrap", "cli/bin"]) {
    cpSync(join(root, path), join(clone, path), { recursive: true });
  }
  return clone;
}

function call(cwd: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

test("an npm registry out of reach stops it with npm's words and what to try", (t) => {
  const clone = bareClone(t);
  const env = {
    HOME: join(clone, "home"),
    npm_config_registry: "http://127.0.0.1:9/",
    npm_config_cache: join(clone, "cache"),
    npm_config_fetch_retries: "0",
  };
  const { status, stdout, stderr } = call(clone, ["infra/bootstrap/run.mjs", "demo"], env);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(
    stderr,
    /Set-up stopped at: package manager\nnpm could not install pnpm \d+\.\d+\.\d+\. It said:\n[^]*ECONNREFUSED/,
  );
  assert.match(stderr, /\* Behind a proxy: set HTTPS_PROXY/);
  assert.ok(!stderr.includes("\u001b"), "no colour where there is no terminal");
  assert.ok(!existsSync(join(clone, ".omega/setup.json")), "an unfinished set-up leaves no stamp");
  assert.ok(!existsSync(join(clone, ".omega/setup.lock")), "nor its lock");
});

test("the launcher stops the same way", (t) => {
  const clone = bareClone(t);
  const env = { PATH: join(clone, "no-programs") };
  const { status, stderr } = call(clone, ["cli/bin/omega.mjs", "status"], env);
  assert.equal(status, 1);
  // Without npm on the PATH the usual folders are still looked at, so this names either npm itself or what npm then lacks.
  assert.match(stderr, /Set-up stopped at: package manager/);
});

test("an unknown command lists the commands", (t) => {
  const { status, stderr } = call(bareClone(t), ["infra/bootstrap/run.mjs", "tset"]);
  assert.equal(status, 2);
  assert.equal(stderr, "run.mjs: there is no command tset; there are omega, demo, test, bench, prove, check, verify\n");
});

test("a named nats-server that is too old is refused, not replaced by another", (t) => {
  const clone = bareClone(t);
  const old = join(clone, "nats-server");
  writeFileSync(old, '#!/bin/sh\necho "nats-server: v2.8.4"\n');
  chmodSync(old, 0o755);
  const module = pathToFileURL(join(clone, "infra/bootstrap/nats-server.mjs")).href;
  const find = `import(${JSON.stringify(module)}).then((it) => it.findOrInstallNatsServer()).catch((e) => console.log(e.step + ": " + e.message))`;
  assert.match(
    call(clone, ["-e", find], { OMEGA_NATS_SERVER: old }).stdout,
    /^nats-server: OMEGA_NATS_SERVER names .*v2\.8\.4\n$/,
  );
  assert.match(
    call(clone, ["-e", find], { OMEGA_NATS_SERVER: "/nowhere" }).stdout,
    /which is no nats-server 2\.9\.10 or later: it does not run/,
  );
});

test("one set-up at a time; a lock whose process is gone is taken over", (t) => {
  const clone = bareClone(t);
  mkdirSync(join(clone, ".omega"));
  const gone = call(clone, ["-e", "console.log(process.pid)"]).stdout.trim();
  writeFileSync(join(clone, ".omega/setup.lock"), gone);
  const module = pathToFileURL(join(clone, "infra/bootstrap/lock.mjs")).href;
  // Ten at once, in one process for speed: `alone` knows nothing of the others but the file.
  const race = `
    const { alone } = await import(${JSON.stringify(module)});
    let inside = 0, most = 0, done = 0;
    const work = async () => { most = Math.max(most, ++inside); await new Promise((go) => setTimeout(go, 5)); inside--; done++; };
    await Promise.all(Array.from({ length: 10 }, () => alone(work)));
    console.log(most, done);`;
  assert.equal(call(clone, ["--input-type=module", "-e", race]).stdout, "1 10\n");
});
