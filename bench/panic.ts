import { performance } from "node:perf_hooks";
import type { OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { systemIds } from "@omega/shared/ids.ts";
import { createLog } from "@omega/shared/log.ts";
import type { JsonObject } from "../agents/surgeon/src/kubernetes/json-pointer.ts";
import { loadActions } from "../agents/surgeon/src/actions/registry.ts";
import { openClients } from "../agents/surgeon/src/clients.ts";
import { surgeonConfigSchema } from "../agents/surgeon/src/config.ts";
import { clusterChoices } from "../test/conformance/actions/cluster.ts";
import { SshWorld } from "../test/conformance/remote-actions/ssh-world.ts";
import { RealSshd, sshdMissing } from "../test/conformance/ssh/real-sshd.ts";
import { SurgeonStage } from "../test/integration/surgeon-stage.ts";
import { installedBus } from "../test/nats-servers.ts";
import { contextOf, offerAndOrder, offered, through, value, type Bench, type Say } from "../test/proofs/undo/crash.ts";
import { allowedNamespaces, kubernetesKinds, RemoteTargets, type Place } from "../test/proofs/undo/places.ts";
import type { BenchResult, BenchSkipped, Report } from "./contract.ts";

export const about =
  "a panic after 100 mixed actions on 20 targets, strangers in between: all undone, as a ratio to the sum of the bare inverse calls";

/** Targets of each kind, and what the action on them is asked for at each turn. */
const drill: readonly {
  readonly kind: string;
  readonly targets: number;
  readonly params: (turn: number) => JsonObject;
}[] = [
  { kind: "k8s.patch-configmap", targets: 7, params: (turn) => ({ data: { "timeout.ms": String(turn * 100) } }) },
  { kind: "k8s.set-env", targets: 4, params: (turn) => ({ env: { MODE: `turn-${turn}` } }) },
  { kind: "k8s.hpa-bounds", targets: 2, params: (turn) => ({ minReplicas: 2, maxReplicas: 5 + turn }) },
  { kind: "ssh.run-template", targets: 4, params: () => ({}) },
  { kind: "webhook.feature-flag", targets: 3, params: (turn) => ({ value: turn % 2 === 0 }) },
];
const turns = 5;
/** Strangers write to another field of these targets in the middle, and to the very field of those at the end. */
const otherField = [0, 8, 12, 14, 18];
const sameField = [3, 15];
const echoes = 20;

export async function run(report: Report): Promise<BenchResult | BenchSkipped> {
  const missing = sshdMissing();
  const [embedded] = clusterChoices;
  if (missing !== undefined || embedded === undefined)
    return { name: "panic", skipped: missing ?? "no cluster is known" };
  const [cluster, sshd, installed] = await Promise.all([embedded.start(), RealSshd.start(), installedBus()]);
  const stage = new SurgeonStage(installed, await installed.connect());
  const remote = new RemoteTargets(new SshWorld(sshd));
  try {
    await remote.open();
    const kinds = [...kubernetesKinds(cluster), ...remote.kinds()];
    const targets: Target[] = [];
    for (const { kind, targets: count, params } of drill) {
      const known = kinds.find((one) => one.kind === kind);
      if (known === undefined) throw new Error(`no kind ${kind}`);
      const places = await Promise.all(Array.from({ length: count }, () => known.arrange()));
      targets.push(...places.map((place) => ({ place, params })));
    }
    const { kubeconfig } = cluster;
    const config = stage.configure({ kubernetes: { kubeconfig }, namespaces: allowedNamespaces, ...remote.config() });
    const open = openClients(surgeonConfigSchema.parse(config), createLog("bench", "silent"), {});
    const bench: Bench = { registry: await loadActions(), namespaces: allowedNamespaces, clients: open.clients };
    stage.start();
    await stage.heard("agent.started", () => true);
    const roundTripMs = await echoed(stage);
    const began = Date.now();
    await act(stage, targets, bench);
    for (const index of sameField) await targets[index]?.place.strangers["same field"]?.();
    const acted = (Date.now() - began) / 1000;
    report(`${targets.length * turns} actions on ${targets.length} targets in ${acted.toFixed(1)} s; now the button`);
    const panic = await pressed(stage);
    for (const [system, ms] of panic.bySystem) report(`all of ${system} looked at or taken back after ${ms} ms`);
    const rssMb = stage.residentMb();
    await stage.end("SIGTERM");
    const untouched = targets.filter((_, index) => !sameField.includes(index));
    const floor = await bareInverseCalls(untouched, bench);
    open.close();
    return {
      name: "panic",
      figure: panic.undoneMs,
      unit: "ms from the press to all undone",
      floor,
      ratio: panic.undoneMs / floor,
      frozenMs: panic.frozenMs,
      busRoundTripMs: roundTripMs,
      undone: panic.undone,
      conflicted: panic.conflicted,
      surgeonRssMb: rssMb,
    };
  } finally {
    await stage.close();
    await remote.close();
    await cluster.close();
    await sshd.stop();
  }
}

interface Target {
  readonly place: Place;
  readonly params: (turn: number) => JsonObject;
}

/** As it is asked for at a turn; a command is told what to write. */
function atTurn({ place, params }: Target, turn: number): Place {
  const { values } = place.params as { values?: JsonObject };
  const written = values === undefined ? {} : { values: { ...values, mode: `turn ${turn}` } };
  return { ...place, params: { ...place.params, ...written, ...params(turn) } };
}

async function act(stage: SurgeonStage, targets: readonly Target[], bench: Bench): Promise<void> {
  const say: Say = (role, draft, causeId) => stage.sayDraft(role, draft, causeId);
  for (let turn = 1; turn <= turns; turn += 1) {
    const ordered = await Promise.all(targets.map((target) => offerAndOrder(atTurn(target, turn), bench, say)));
    for (const { id } of ordered) await stage.heard("action.succeeded", ({ data }) => data.actionId === id);
    if (turn === 3) for (const index of otherField) await targets[index]?.place.strangers["other field"]?.();
  }
}

async function pressed(
  stage: SurgeonStage,
): Promise<{ frozenMs: number; undoneMs: number; undone: number; conflicted: number; bySystem: Map<string, number> }> {
  const panicId = await stage.say("operator", "control.panic-pressed", { by: "somebody", windowMs: 300_000 });
  const frozen = await stage.heard("control.frozen", ({ data }) => data.panicId === panicId);
  const report = await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId && data.final);
  const at = (id: string): number => stage.storedAt.get(id) ?? Number.NaN;
  const { undone, conflicted } = report.data;
  const bySystem = new Map<string, number>();
  for (const { type, id, data } of stage.events) {
    if (type !== "undo.done" && type !== "undo.conflicted") continue;
    const system = stage.deeds.byId.get(data.actionId)?.target.system ?? "";
    bySystem.set(system, Math.max(bySystem.get(system) ?? 0, at(id) - at(panicId)));
  }
  return { frozenMs: at(frozen.id) - at(panicId), undoneMs: at(report.id) - at(panicId), undone, conflicted, bySystem };
}

/** From an event that is stored to one that somebody said as soon as it heard the first: what a freeze can't be faster than. */
async function echoed(stage: SurgeonStage): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < echoes; round += 1) {
    const instance = `echo-${round}`;
    const data = { agent: "surgeon" as const, instance, pid: process.pid, version: "0", foldedSeq: 0 };
    const { promise, resolve } = Promise.withResolvers<OmegaEvent>();
    stage.onHeard = (event) => {
      if (event.type !== "agent.started" || event.data.instance !== instance) return;
      stage.onHeard = undefined;
      resolve(stage.sayDraft("surgeon", { type: "agent.started", data, key: "echo" }, event.id));
    };
    const first = await stage.sayDraft("surgeon", { type: "agent.started", data }, systemIds.random());
    const echo = await promise;
    await stage.heard("agent.started", ({ id }) => id === echo.id);
    times.push((stage.storedAt.get(echo.id) ?? Number.NaN) - (stage.storedAt.get(first.id) ?? Number.NaN));
  }
  return times.reduce((sum, one) => sum + one, 0) / times.length;
}

/** Does the same once more in this process and takes it back; the sum of what only the calls took that changed the target back. */
async function bareInverseCalls(targets: readonly Target[], bench: Bench): Promise<number> {
  let sum = 0;
  const timed = through(bench.clients, async (changes, send) => {
    const began = performance.now();
    const answer = await send();
    if (changes) sum += performance.now() - began;
    return answer;
  });
  for (const target of targets) {
    const done: Awaited<ReturnType<typeof offered>>["planned"][] = [];
    for (let turn = 1; turn <= turns; turn += 1) {
      const { planned } = await offered(atTurn(target, turn), "inc-bare", bench);
      value(await planned.action.execute(contextOf(bench.clients, "inc-bare"), planned.plan), target.place.kind);
      done.unshift(planned);
    }
    for (const { action, plan } of done)
      value(await action.undo(contextOf(timed, "inc-bare"), plan), target.place.kind);
  }
  return sum;
}
