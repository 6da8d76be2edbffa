import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { missingBinaries, startRealControlPlane } from "../conformance/kubelet/real-control-plane.ts";
import { OmegaUnderTest, processesNaming } from "./omega.ts";

const summarySchema = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  incidents: z.array(
    z.object({
      id: z.string(),
      service: z.string(),
      location: z.object({ file: z.string(), line: z.number() }).nullable(),
      action: z.string().nullable(),
      outcome: z.string(),
      detectMs: z.number().nullable(),
      diagnoseMs: z.number().nullable(),
      resolveMs: z.number().nullable(),
      decidedWithoutModel: z.boolean().nullable(),
      faultToResolvedMs: z.number().nullable(),
      recalled: z.number(),
      postmortem: z.string().nullable(),
    }),
  ),
  processes: z.array(z.object({ name: z.string(), pid: z.number(), rssMb: z.number() })),
});

const recordedSchema = z.object({ event: z.object({ incidentid: z.string().optional(), traceparent: z.string() }) });

const agents = ["scout", "coordinator", "surgeon", "scribe"];
/** What README promises of an agent, in MiB. */
const agentRssMax = 160;

test("the demo heals the same defective release twice, and leaves nothing running", { timeout: 300_000 }, async (t) => {
  const omega = new OmegaUnderTest(t);
  const { code, stdout, stderr } = await omega.run("demo", "--json");
  const summary = summarySchema.parse(JSON.parse(stdout));
  const logs = join(omega.home, "demo", "run", "logs");
  assert.ok(summary.ok, `${summary.error ?? stderr}\n${omega.logs(logs)}`);
  assert.equal(code, 0);
  assert.equal(stdout.trim().split("\n").length, 1, "one line of JSON and nothing else");

  assert.equal(summary.incidents.length, 2);
  for (const incident of summary.incidents) {
    assert.equal(incident.service, "payments");
    assert.match(incident.location?.file ?? "", /payments\/voucher-books\.ts$/);
    assert.equal(incident.action, "k8s.rollout-undo");
    assert.equal(incident.outcome, "healed");
    assert.equal(incident.decidedWithoutModel, true);
    // Machines that run tests are shared and noisy: the time is shown, and the promise is measured where it is quiet.
    t.diagnostic(`fault to resolved: ${incident.faultToResolvedMs} ms`);
    const text = readFileSync(incident.postmortem ?? "", "utf8");
    assert.match(text, /^# Post-mortem: /);
    assert.match(text, new RegExp(`voucher-books\\.ts:${incident.location?.line ?? 0}`));
  }
  const [first, second] = summary.incidents;
  assert.equal(first?.recalled, 0, "memory begins empty");
  assert.ok((second?.recalled ?? 0) > 0, "the second incident is recognised");

  const pids = new Set(summary.processes.map(({ pid }) => pid));
  assert.ok(pids.size >= 5, `${pids.size} processes`);
  for (const agent of agents) {
    const used = summary.processes.find(({ name }) => name === agent)?.rssMb ?? Infinity;
    assert.ok(used < agentRssMax, `${agent} held ${used} MiB`);
  }

  const traces = new Map<string, Set<string>>();
  for (const line of readFileSync(join(omega.home, "demo", "recording.jsonl"), "utf8")
    .trim()
    .split("\n")) {
    const { event } = recordedSchema.parse(JSON.parse(line));
    if (event.incidentid === undefined) continue;
    const seen = traces.get(event.incidentid) ?? new Set();
    traces.set(event.incidentid, seen.add(event.traceparent.split("-")[1] ?? ""));
  }
  assert.deepEqual(
    [...traces.values()].map(({ size }) => size),
    [1, 1],
    "one incident is one trace across the processes",
  );

  const replayed = await omega.run("replay", "--json", "--file", join(omega.home, "demo", "recording.jsonl"));
  assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
  assert.equal(existsSync(join(omega.home, "demo", "run", "run.json")), false);
  assert.deepEqual(processesNaming(omega.home), []);
});

const assets = process.env["KUBEBUILDER_ASSETS"] ?? "";
const whyNotReal =
  assets === ""
    ? "no real control plane: set KUBEBUILDER_ASSETS to a folder with its binaries"
    : missingBinaries(assets);

test(
  "the same demo heals on a real control plane, and deletes what it made there",
  { timeout: 400_000, skip: whyNotReal ?? false },
  async (t) => {
    const omega = new OmegaUnderTest(t);
    const folder = mkdtempSync(join(tmpdir(), "omega-e2e-kube-"));
    const plane = await startRealControlPlane(assets, folder);
    t.after(async () => {
      await plane.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    const { code, stdout, stderr } = await omega.run("demo", "--json", "--kubeconfig", plane.kubeconfig);
    const summary = summarySchema.parse(JSON.parse(stdout));
    assert.ok(summary.ok, `${summary.error ?? stderr}\n${omega.logs(join(omega.home, "demo", "run", "logs"))}`);
    assert.equal(code, 0);
    assert.deepEqual(
      summary.incidents.map(({ service, action, outcome }) => `${service} ${action ?? ""} ${outcome}`),
      ["payments k8s.rollout-undo healed", "payments k8s.rollout-undo healed"],
    );
    const again = await omega.run("demo", "--json", "--kubeconfig", join(folder, "none"));
    assert.notEqual(again.code, 0, "a kubeconfig that is not there");
    assert.deepEqual(processesNaming(omega.home), []);
  },
);

test("an interrupted demo leaves nothing running either", { timeout: 120_000 }, async (t) => {
  const omega = new OmegaUnderTest(t);
  const { child, ended } = omega.start(["demo"]);
  await new Promise<void>((resolve, reject) => {
    let told = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      if (told.includes("shop applied")) resolve();
    });
    child.once("close", () => reject(new Error(`it ended before the shop was applied:\n${told}`)));
  });
  child.kill("SIGINT");
  const { code } = await ended;
  assert.equal(code, 130);
  assert.deepEqual(processesNaming(omega.home), []);
});
