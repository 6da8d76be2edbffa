import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { Stage, startAgent, until } from "../agent-processes.ts";
import { installedBus } from "../nats-servers.ts";
import { OmegaUnderTest } from "./omega.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The entry that docs/audit.md proves and erases. */
const erasedIndex = 41;

/** A Scribe that has logged an incident; entry 41 is its post-mortem. */
async function audited(t: TestContext): Promise<{ omega: OmegaUnderTest; url: string }> {
  const omega = new OmegaUnderTest(t);
  const installed = await installedBus();
  const stage = new Stage(await installed.connect(), join(omega.home, "keys"));
  const opening = await stage.say("scout", "signal.detected", { causeId: "telemetry" });
  const incidentid = "inc-20261124-1a2b3c";
  let cause = await stage.say("coordinator", "incident.opened", { incidentid, causeId: opening });
  for (let number = 2; number < erasedIndex; number += 1) {
    const data = { signal: { signalId: `sig-${number}`, service: "s", operation: "o", kind: "alert", says: "more" } };
    cause = await stage.say("coordinator", "incident.extended", { incidentid, causeId: cause, data });
  }
  await stage.say("scribe", "postmortem.written", { incidentid, causeId: cause });
  const scribe = startAgent("scribe", {
    OMEGA_NATS_URL: installed.server.url,
    OMEGA_KEYS: join(omega.home, "keys"),
    OMEGA_POSTMORTEMS: join(omega.home, "postmortems"),
    OMEGA_AUDIT: join(omega.home, "audit"),
    OMEGA_AUDIT_BLOBS: join(omega.home, "audit-blobs"),
  });
  t.after(async () => {
    await scribe.kill();
    await installed.close();
  });
  const size = async (): Promise<number> => {
    const { code, stdout } = await omega.run("audit", "verify", "--json");
    return code === 0 ? (JSON.parse(stdout) as { size: number }).size : 0;
  };
  await until(
    "it is logged",
    async () => (await size()) > erasedIndex,
    () => scribe.log(),
  );
  return { omega, url: installed.server.url };
}

test("every command of docs/audit.md works, and a changed byte is found at its entry", async (t) => {
  const { omega, url } = await audited(t);
  const bin = join(omega.home, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "omega"), `#!/bin/sh\nexec '${process.execPath}' '${root}cli/src/main.ts' "$@"\n`);
  chmodSync(join(bin, "omega"), 0o755);
  const work = join(omega.home, "work");
  mkdirSync(work);
  const document = readFileSync(join(root, "docs/audit.md"), "utf8");
  const blocks = [...document.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = ""]) => commands);
  assert.ok(blocks.length >= 7);
  const path = [bin, join(process.execPath, ".."), process.env["PATH"]].join(delimiter);
  const ran = blocks.map((commands) => {
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", commands], {
      cwd: work,
      env: { ...process.env, PATH: path, OMEGA_HOME: omega.home, OMEGA_NATS_URL: url },
      encoding: "utf8",
    });
    assert.equal(status, 0, `${commands}\n${stdout}\n${stderr}`);
    return stdout;
  });
  const all = ran.join("\n");
  assert.match(all, /Signature Verified Successfully/);
  assert.match(all, /Erased the content of entry 41/);
  assert.match(all, /1 with (erased content|content that is not here)/);

  const still = await omega.run("audit", "check-proof", join(work, "entry.tlog-proof"));
  assert.equal(still.code, 0, "the proof of an erased entry stays valid");
  const shown = await omega.run("audit", "show", "last", "--json");
  const { chapters } = JSON.parse(shown.stdout) as { chapters: { title: string; claims: { evidence: unknown[] }[] }[] };
  assert.ok((chapters[0]?.claims[0]?.evidence.length ?? 0) > 0, "what was seen has evidence");

  const bundle = join(work, "for-the-auditor", "log", "tile", "entries", "000.p");
  const [name = ""] = readdirSync(bundle);
  const bytes = readFileSync(join(bundle, name));
  bytes[bytes.indexOf("sig-7")] = 0x53;
  writeFileSync(join(bundle, name), bytes);
  const log = join(work, "for-the-auditor", "log");
  const verdict = await omega.run("audit", "verify", "--json", "--log", log);
  assert.equal(verdict.code, 1);
  assert.equal((JSON.parse(verdict.stdout) as { index: number }).index, 7);
});

test("what is not there is said, with the exit code of its kind", async (t) => {
  const omega = new OmegaUnderTest(t);
  const none = await omega.run("audit", "ls");
  assert.equal(none.code, 69);
  assert.match(none.stderr, /holds no \*\.vkey of an audit log/);
  assert.equal((await omega.run("audit", "ls", "--limit", "x")).code, 64);
  assert.equal((await omega.run("audit", "erase", "1")).code, 64);
});
