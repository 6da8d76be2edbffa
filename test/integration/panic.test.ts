import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { deployments, imagePatch } from "../conformance/actions/action-case.ts";
import { Cluster, namespace } from "../conformance/actions/cluster.ts";
import { installedBus } from "../nats-servers.ts";
import { Theatre } from "./theatre.ts";

const cli = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));
const cluster = await Cluster.find();
const natsCli = process.env["NATS_CLI"] ?? "";

const endSchema = z.object({
  undone: z.number(),
  left: z.number(),
  items: z.array(
    z.object({
      actionId: z.string(),
      state: z.string(),
      differs: z.array(z.object({ changedBy: z.string().optional() })),
    }),
  ),
});

describe("panic and undo, with a real Surgeon, bus and command", () => {
  let theatre: Theatre;
  const unique = process.pid;
  before(async () => {
    const installed = await installedBus();
    theatre = new Theatre(cluster, installed, await installed.connect());
    theatre.start();
  });
  after(() => theatre.close());

  async function omega(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [cli, ...words, "--server", theatre.installed.server.url], {
      env: { ...process.env, OMEGA_HOME: theatre.folder, NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, errors]: [string[], string[]] = [[], []];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => errors.push(chunk.toString()));
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stdout: out.join(""), stderr: errors.join("") };
  }

  async function healed(name: string, replicas = 0): Promise<string> {
    const proposed = await theatre.propose(name, replicas);
    await theatre.order(proposed, `act-${name}`);
    assert.equal((await theatre.result(`act-${name}`)).type, "action.succeeded");
    assert.equal(await theatre.image(name), "shop/payments:1.4.0");
    return `act-${name}`;
  }

  const resume = async (): Promise<void> => {
    const { code, stderr } = await omega("resume", "--reason", "a test");
    assert.equal(code, 0, stderr);
  };

  it("--dry-run lists what would be taken back with its fields, and changes nothing", async () => {
    const name = `listed-${unique}`;
    await healed(name);
    const { code, stdout } = await omega("panic", "--dry-run");
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`to undo +k8s\\.rollout-undo on Deployment ${namespace}/${name}`));
    assert.match(stdout, /- shop\/payments:1\.4\.0\n +\+ shop\/payments:1\.5\.0/);
    assert.equal(await theatre.image(name), "shop/payments:1.4.0");
    assert.ok(!theatre.events.some(({ type }) => type === "control.panic-pressed"));
  });

  it("takes back the window, leaves a foreign change alone and says whose it is, and stays frozen over a restart", async () => {
    const [mine, theirs] = [`mine-${unique}`, `theirs-${unique}`];
    await healed(mine);
    await healed(theirs);
    await cluster.patch(`${deployments}/${theirs}`, imagePatch("shop/payments:hotfix"));
    const { code, stdout, stderr } = await omega("panic", "--json", "--reason", "a test");
    assert.equal(code, 1, stderr);
    const end = endSchema.parse(JSON.parse(stdout));
    const stateOf = (name: string): string | undefined =>
      end.items.find(({ actionId }) => actionId === `act-${name}`)?.state;
    assert.deepEqual([stateOf(mine), stateOf(theirs)], ["undone", "conflicted"]);
    assert.equal(end.items.find(({ state }) => state === "conflicted")?.differs[0]?.changedBy, "somebody-else");
    assert.equal(await theatre.image(mine), "shop/payments:1.5.0");
    assert.equal(await theatre.image(theirs), "shop/payments:hotfix");
    const report = await theatre.heard("control.panic-reported", ({ data }) => data.final);
    assert.equal(report.data.conflicted, 1);
    await theatre.end("SIGKILL");
    theatre.start();
    const name = `refrozen-${unique}`;
    const proposed = await theatre.propose(name, 0);
    await theatre.order(proposed, `act-${name}`);
    const refused = await theatre.result(`act-${name}`);
    assert.ok(refused.type === "action.failed" && refused.data.failure.code === "frozen");
    await resume();
    assert.equal((await omega("resume", "--reason", "again")).code, 1, "it is not frozen any more");
  });

  it("takes an action back that is in the middle of a rollout", async () => {
    const name = `midway-${unique}`;
    const proposed = await theatre.propose(name, 3);
    await theatre.order(proposed, `act-${name}`);
    await theatre.heard("action.started", ({ data }) => data.actionId === `act-${name}`);
    const { code, stdout, stderr } = await omega("panic", "--json", "--window", "0s");
    assert.equal(code, 0, stderr + stdout);
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
    await resume();
  });

  it("--direct does it with Surgeon dead in mid-action, and the late Surgeon changes nothing", async () => {
    const name = `direct-${unique}`;
    const earlier = await healed(`earlier-${unique}`);
    const proposed = await theatre.propose(name, 3);
    await theatre.order(proposed, `act-${name}`);
    await theatre.heard("action.started", ({ data }) => data.actionId === `act-${name}`);
    await theatre.end("SIGKILL");
    const silent = await omega("panic", "--json");
    assert.equal(silent.code, 69, "nobody is there");
    const { code, stdout, stderr } = await omega(
      "panic",
      "--direct",
      "--json",
      "--config",
      join(theatre.folder, "surgeon.yaml"),
    );
    // What somebody else changed in the test before is in the window too, and stays.
    assert.equal(code, 1, stderr + stdout);
    const states = new Map(endSchema.parse(JSON.parse(stdout)).items.map(({ actionId, state }) => [actionId, state]));
    assert.deepEqual([states.get(`act-${name}`), states.get(earlier)], ["undone", "undone"]);
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
    theatre.start();
    const result = await theatre.result(`act-${name}`);
    assert.equal(result.type, "action.outcome-unknown");
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
    await resume();
  });

  it("undo takes back one action, or all of an incident, by a person's order", async () => {
    const name = `person-${unique}`;
    const actionId = await healed(name);
    const shown = await omega("undo", actionId, "--dry-run");
    assert.equal(shown.code, 0, shown.stderr);
    const { code, stdout, stderr } = await omega("undo", `inc-${name}`, "--json");
    assert.equal(code, 0, stderr);
    assert.equal(endSchema.parse(JSON.parse(stdout)).undone, 1);
    assert.equal(await theatre.image(name), "shop/payments:1.5.0");
    assert.equal((await omega("undo", actionId)).code, 1, "it was taken back already");
    assert.equal((await omega("undo", "act-nobody")).code, 1);
  });

  it("refuses a press that nobody entitled has signed, and says so on the stream", async () => {
    const body = z.record(z.string(), z.json()).parse(JSON.parse((await omega("panic", "--print")).stdout));
    const forged = JSON.stringify({ ...body, id: `forged-${unique}` });
    const subject = "omega.control.panic-pressed";
    const published = await theatre.bus.publish({ id: `forged-${unique}`, subject, body: Buffer.from(forged) });
    assert.ok(published.ok);
    const refused = await theatre.heard("control.refused", ({ data }) => data.seq === published.value.seq);
    assert.equal(refused.data.failure.code, "bad_signature");
    const name = `unfrozen-${unique}`;
    await healed(name);
  });

  it(
    "is pressed by plain nats pub of a signed event",
    { skip: natsCli === "" ? "set NATS_CLI to the nats command" : false },
    async () => {
      const { stdout } = await omega("panic", "--print", "--window", "0s");
      const pub = spawnSync(
        natsCli,
        ["--server", theatre.installed.server.url, "pub", "omega.control.panic-pressed", stdout.trim()],
        { encoding: "utf8" },
      );
      assert.equal(pub.status, 0, pub.stderr);
      const { id } = z.object({ id: z.string() }).parse(JSON.parse(stdout));
      await theatre.heard("control.frozen", ({ data }) => data.panicId === id);
      await resume();
    },
  );
});
