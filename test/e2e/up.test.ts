import assert from "node:assert/strict";
import { once } from "node:events";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { OmegaUnderTest, processesNaming } from "./omega.ts";

const config = fileURLToPath(new URL("../../infra/config", import.meta.url));
const upSchema = z.object({
  url: z.string(),
  console: z.string(),
  processes: z.array(z.object({ name: z.string(), pid: z.number() })),
});
const statusSchema = z.object({
  frozen: z.boolean(),
  agents: z.array(z.object({ agent: z.string(), pid: z.number(), up: z.boolean() })),
});

async function startedOmega(omega: OmegaUnderTest): Promise<{
  up: z.infer<typeof upSchema>;
  stop: () => Promise<number | null>;
}> {
  const { child, ended } = omega.start(["up", "--json", "--port", "0", "--otlp-port", "0", "--console-port", "0"]);
  const line = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("\n")) resolve(said);
    });
    void ended.then(({ stderr }) => reject(new Error(`omega up ended:\n${stderr}`)), reject);
  });
  return {
    up: upSchema.parse(JSON.parse(line)),
    stop: async () => {
      child.kill("SIGINT");
      return (await ended).code;
    },
  };
}

test(
  "one command starts six processes; a killed agent comes back; Ctrl-C ends them all",
  { timeout: 90_000 },
  async (t) => {
    const omega = new OmegaUnderTest(t);
    const { up, stop } = await startedOmega(omega);
    assert.equal(new Set(up.processes.map(({ pid }) => pid)).size, 6);
    const [origin = "", token] = up.console.split("/sign-in#");
    const redeemed = await fetch(`${origin}/api/sign-in`, {
      method: "POST",
      headers: { origin, "content-type": "application/json" },
      body: JSON.stringify({ token }),
    });
    assert.equal(redeemed.status, 200);
    assert.match(redeemed.headers.get("set-cookie") ?? "", /HttpOnly; SameSite=Strict/);
    const viewer = await omega.run("console", "--name", "vic", "--role", "viewer");
    assert.match(viewer.stdout, new RegExp(`^${origin}/sign-in#[\\w-]{43}\n$`));

    const statusNow = async (): Promise<z.infer<typeof statusSchema>> =>
      statusSchema.parse(JSON.parse((await omega.run("status", "--json")).stdout));
    const before = await statusNow();
    assert.equal(before.frozen, false);
    assert.ok(before.agents.every((agent) => agent.up));

    const scribe = before.agents.find(({ agent }) => agent === "scribe")?.pid ?? 0;
    process.kill(scribe, "SIGKILL");
    for (;;) {
      const after = (await statusNow()).agents.find(({ agent }) => agent === "scribe");
      if (after?.up === true && after.pid !== scribe) break;
      await pause(100);
    }

    const second = await omega.run("up", "--port", "0");
    assert.equal(second.code, 69);
    assert.match(second.stderr, /is up in .* already \(process \d+/);

    const listed = await omega.run("incidents", "ls", "--json");
    assert.deepEqual(JSON.parse(listed.stdout), []);
    const unknown = await omega.run("approve", "inc-nowhere");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no incident inc-nowhere/);

    assert.equal(await stop(), 0);
    assert.deepEqual(processesNaming(omega.home), []);
  },
);

test("what is missing or wrong is named, with an exit code", { timeout: 90_000 }, async (t) => {
  const omega = new OmegaUnderTest(t);
  const missing = await omega.start(["up", "--port", "0"], { OMEGA_NATS_SERVER: "/nowhere/nats-server" }).ended;
  assert.equal(missing.code, 69);
  assert.match(missing.stderr, /OMEGA_NATS_SERVER=\/nowhere\/nats-server doesn't run/);

  const squatter = createServer().listen(0, "127.0.0.1");
  t.after(() => squatter.close());
  await once(squatter, "listening");
  const address = squatter.address();
  assert.ok(typeof address === "object" && address !== null);
  const busy = await omega.run("up", "--port", String(address.port));
  assert.equal(busy.code, 69);
  assert.match(busy.stderr, new RegExp(`port ${address.port} .*is busy`));

  const folder = join(omega.home, "config");
  cpSync(config, folder, { recursive: true });
  const scribe = join(folder, "scribe.yaml");
  writeFileSync(scribe, `${readFileSync(scribe, "utf8")}colour: blue\n`);
  const bad = await omega.run("up", "--port", "0", "--otlp-port", "0", "--config", folder);
  assert.equal(bad.code, 78);
  assert.match(bad.stderr, /scribe\.yaml:\d+:1: unknown key 'colour'/);

  const down = await omega.run("status", "--server", "nats://127.0.0.1:1");
  assert.equal(down.code, 69);
  assert.match(down.stderr, /Start it with: omega up/);
  assert.equal((await omega.run("up", "--port", "seventy")).code, 64);
  const nobody = await omega.run("console");
  assert.equal(nobody.code, 69);
  assert.match(nobody.stderr, /No console answers\. Start it with: omega up/);
  assert.equal((await omega.run("dance")).code, 64);
  assert.equal((await omega.run("--help")).code, 0);
  assert.deepEqual(processesNaming(omega.home), []);
});
