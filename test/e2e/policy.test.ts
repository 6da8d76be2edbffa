import assert from "node:assert/strict";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import type { EventType } from "@omega/bus-schemas/catalogue.ts";
import { installBus, NatsBus } from "@omega/shared/nats-bus.ts";
import { startNatsServer } from "@omega/shared/nats-server.ts";
import { Stage } from "../agent-processes.ts";
import { OmegaUnderTest } from "./omega.ts";

const shipped = fileURLToPath(new URL("../../infra/config/policies", import.meta.url));

describe("omega policy", () => {
  it("check passes the shipped policies and names every mistake of others", async (t) => {
    const omega = new OmegaUnderTest(t);
    const good = await omega.run("policy", "check");
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, /^\d+ policies in \d+ files, no mistake\nset [0-9a-f]{64}\n$/);
    const folder = join(omega.home, "policies");
    cpSync(shipped, folder, { recursive: true });
    writeFileSync(
      join(folder, "own.cedar"),
      '@id("x") @reason("x")\nforbid (principal, action, resource)\nwhen { context.riks };\n',
    );
    const bad = await omega.run("policy", "check", folder);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, new RegExp(`^${folder}/own\\.cedar:3:8: .*did you mean .risk`));
    const json = await omega.run("policy", "check", folder, "--json");
    assert.equal(json.code, 1);
    assert.deepEqual(
      (JSON.parse(json.stdout) as { mistakes: { line: number }[] }).mistakes.map(({ line }) => line),
      [3],
    );
    const explained = await omega.run("policy", "explain", "--dir", folder, "--action", "k8s.scale");
    assert.equal(explained.code, 78);
  });

  it("explain tells decision, policies and reasons", async (t) => {
    const omega = new OmegaUnderTest(t);
    const decide = async (...args: string[]): Promise<{ decision: string; by: string; policies: { id: string }[] }> => {
      const { code, stdout, stderr } = await omega.run("policy", "explain", "--action", "k8s.scale", "--json", ...args);
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout) as { decision: string; by: string; policies: { id: string }[] };
    };
    const told = async (...args: string[]): Promise<string> => {
      const { decision, by, policies } = await decide(...args);
      return [decision, by, ...policies.map(({ id }) => id)].join(" ");
    };
    assert.equal(await told("--namespace", "shop"), "allow policies repairs-run-alone");
    assert.equal(await told("--namespace", "shop", "--risk", "high"), "ask policies above-low-risk-asks");
    assert.equal(await told("--namespace", "other"), "forbid policies only-allow-listed-namespaces");
    assert.equal(await told("--namespace", "kube-system"), "forbid invariants");
    assert.equal(await told("--namespace", "shop", "--frozen"), "forbid invariants");
    assert.equal(await told("--namespace", "shop", "--exhausted", "repeats"), "ask invariants");
    assert.equal(await told("--namespace", "shop", "--person", "ada"), "allow policies people-approve");
    const { stdout } = await omega.run(
      "policy",
      "explain",
      "--action",
      "k8s.scale",
      "--namespace",
      "shop",
      "--risk",
      "high",
    );
    assert.match(stdout, /asks a person\n +forbid +above-low-risk-asks +alone\.cedar:\d+\n +high risk asks a person/);
    const wrong = await omega.run("policy", "explain", "--action", "k8s.scale", "--risk", "hgih");
    assert.equal(wrong.code, 64);
    assert.match(wrong.stderr, /context\.risk/);
  });
});

async function stageFor(t: TestContext): Promise<{ omega: OmegaUnderTest; stage: Stage; url: string }> {
  const omega = new OmegaUnderTest(t);
  const server = await startNatsServer({ storeDir: join(omega.home, "nats") });
  assert.ok((await installBus({ servers: [server.url], name: "test" })).ok);
  const bus = await NatsBus.connect({ servers: [server.url], name: "test" });
  assert.ok(bus.ok);
  t.after(async () => {
    await bus.value.close();
    await server.stop();
  });
  return { omega, stage: new Stage(bus.value, join(omega.home, "keys")), url: server.url };
}

test("omega autonomy shows what raised and lowered it, and a person sets it", async (t) => {
  const { omega, stage, url } = await stageFor(t);
  const nothing = await omega.run("autonomy", "--server", url);
  assert.match(nothing.stdout, /nothing was earned or lost yet/);
  const story: readonly (readonly ["surgeon" | "coordinator" | "scout", EventType])[] = [
    ["coordinator", "remediation.requested"],
    ["surgeon", "remediation.proposed"],
    ["coordinator", "action.ordered"],
    ["scout", "recovery.failed"],
    ["coordinator", "undo.ordered"],
  ];
  for (const [role, type] of story) await stage.say(role, type, { incidentid: "inc-1", causeId: type });
  const lowered = await omega.run("autonomy", "--server", url);
  assert.equal(lowered.code, 0, lowered.stderr);
  assert.match(lowered.stdout, /k8s\.rollout-undo +payments +approve +0 +1 +auto → approve at /);
  const level = ["autonomy", "set", "k8s.rollout-undo", "payments"];
  const set = await omega.run(...level, "auto", "--reason", "mended", "--by", "ada", "--server", url);
  assert.equal(set.code, 0, set.stderr);
  const { stdout } = await omega.run("autonomy", "--json", "--server", url);
  const [record] = JSON.parse(stdout) as { level: string; changes: { why: string }[] }[];
  assert.equal(record?.level, "auto");
  assert.deepEqual(record?.changes.at(-1)?.why, "set by ada: mended");
  const wrong = await omega.run(...level, "always", "--reason", "x", "--server", url);
  assert.equal(wrong.code, 64);
  assert.match(wrong.stderr, /'always' is none of observe, suggest, approve, auto/);
});
