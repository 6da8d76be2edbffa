import { systemClock } from "@omega/shared/clock.ts";
import type { Deed } from "@omega/shared/panic/deeds.ts";
import { createLog } from "@omega/shared/log.ts";
import { loadActions } from "../../../agents/surgeon/src/actions/registry.ts";
import { openClients } from "../../../agents/surgeon/src/clients.ts";
import { surgeonConfigSchema } from "../../../agents/surgeon/src/config.ts";
import { until } from "../../agent-processes.ts";
import type { Cluster } from "../../conformance/actions/cluster.ts";
import { SshWorld } from "../../conformance/remote-actions/ssh-world.ts";
import type { RealSshd } from "../../conformance/ssh/real-sshd.ts";
import { SurgeonStage } from "../../integration/surgeon-stage.ts";
import { installedBus } from "../../nats-servers.ts";
import {
  actAndDie,
  changesOf,
  crashSteps,
  titleOfStep,
  type Bench,
  type Changes,
  type CrashStep,
  type Say,
} from "./crash.ts";
import {
  allowedNamespaces,
  foreigners,
  isSameWorld,
  kubernetesKinds,
  RemoteTargets,
  type Foreign,
  type Kind,
  type Place,
  type World,
} from "./places.ts";

/**
 * Who takes it back: the Surgeon that came after the dead one, which first goes on with what it finds; `omega panic --direct`, with no
 * process of Omega alive; or a Surgeon that is killed and started again in the middle of it.
 */
export const rescuers = ["alive", "direct", "restarted"] as const;
export type Rescuer = (typeof rescuers)[number];

export interface Cell {
  readonly kind: string;
  readonly step: CrashStep;
  readonly foreign: Foreign;
}

export interface Tried extends Cell {
  readonly rescuer: Rescuer;
  /** `wrong`: the world is not as it must be, or nobody was told that it is not. */
  readonly came: "restored" | "reported" | "wrong";
  readonly says: string;
}

/** What the cells share: targets that are there once. */
export interface Surroundings {
  readonly cluster: Cluster;
  /** Absent: only the kinds on Kubernetes. */
  readonly sshd: RealSshd | undefined;
}

export function titleOfCell({ kind, step, foreign }: Cell): string {
  return `${kind}, died at '${titleOfStep(step)}', then ${foreign}`;
}

export interface Counted {
  readonly kind: Kind;
  readonly changes: Changes;
}

/** Each kind with how many changes it makes. */
export async function countChanges(around: Surroundings): Promise<Counted[]> {
  const targets = await openTargets(around);
  const counted: Counted[] = [];
  const places = await Promise.all(targets.kinds.map(async (kind) => ({ kind, place: await kind.arrange() })));
  const noBus = { bus: { servers: ["nats://127.0.0.1:4222"] }, keys: "none" };
  const config = surgeonConfigSchema.parse({ ...noBus, ...targets.config() });
  const open = openClients(config, createLog("proof", "fatal"), {});
  try {
    const bench = { registry: await loadActions(), namespaces: allowedNamespaces, clients: open.clients };
    for (const { kind, place } of places) counted.push({ kind, changes: await changesOf(place, bench) });
  } finally {
    open.close();
    await targets.close();
  }
  return counted;
}

/** Every kind, dead at each of its steps, with this stranger. */
export function cellsWith(foreign: Foreign, counted: readonly Counted[]): Cell[] {
  return counted
    .filter(({ kind }) => kind.foreigners.includes(foreign))
    .flatMap(({ kind, changes }) => crashSteps(changes).map((step): Cell => ({ kind: kind.kind, step, foreign })));
}

/** Every kind with every stranger once; steps take turns. */
export function oneOfEach(counted: readonly Counted[]): Cell[] {
  const all = foreigners.map((foreign) => cellsWith(foreign, counted));
  return counted.flatMap(({ kind }, row) =>
    all.flatMap((cells, column) => {
      const own = cells.filter((cell) => cell.kind === kind.kind);
      return own.filter((_, index) => index === (row + 3 * column) % own.length);
    }),
  );
}

/** So many of them, evenly spread. */
export function spread<T>(all: readonly T[], count: number): T[] {
  return all.filter(
    (_, index) => Math.floor((index * count) / all.length) !== Math.floor(((index - 1) * count) / all.length),
  );
}

/** Arrangements and crashes at once; most of each is waiting for controllers. */
const atOnce = 6;
const actionsMax = 1000;

interface InHand {
  readonly cell: Cell;
  readonly place: Place;
  readonly actionId: string;
  readonly before: World;
  /** Right after what a stranger did. */
  readonly after: World;
}

/** All cells on one bus, with one press of the panic button. */
export async function tryCells(cells: readonly Cell[], rescuer: Rescuer, around: Surroundings): Promise<Tried[]> {
  if (cells.length > actionsMax) throw new Error(`${cells.length} cells: a Surgeon remembers ${actionsMax} actions`);
  const targets = await openTargets(around);
  const installed = await installedBus();
  const stage = new SurgeonStage(installed, await installed.connect());
  try {
    const places = await inTurns(cells, (cell) => {
      const kind = targets.kinds.find((one) => one.kind === cell.kind);
      if (kind === undefined) throw new Error(`no kind ${cell.kind}`);
      return kind.arrange();
    });
    const config = surgeonConfigSchema.parse(stage.configure(targets.config()));
    const open = openClients(config, createLog("proof", "fatal"), {});
    const bench: Bench = { registry: await loadActions(), namespaces: allowedNamespaces, clients: open.clients };
    const say: Say = (role, draft, causeId) => stage.sayDraft(role, draft, causeId);
    const inHand = await inTurns(cells, async (cell, index): Promise<InHand> => {
      const place = places[index];
      if (place === undefined) throw new Error("a cell without a place");
      const before = await place.world();
      const id = await actAndDie(place, cell.step, bench, say);
      if (cell.foreign !== "nothing") await place.strangers[cell.foreign]?.();
      return { cell, place, actionId: id, before, after: await place.world() };
    });
    open.close();
    await rescued(stage, rescuer, cells.length);
    return await inTurns(inHand, async (one) => {
      const deed = stage.deeds.byId.get(one.actionId);
      return { ...one.cell, rescuer, ...(await judged(one, deed)) };
    });
  } finally {
    await stage.close();
    await targets.close();
  }
}

const reportedWithinMs = 300_000;

async function rescued(stage: SurgeonStage, rescuer: Rescuer, count: number): Promise<void> {
  const press = (): Promise<string> =>
    stage.say("operator", "control.panic-pressed", { by: "somebody", windowMs: 86_400_000 });
  const settledOf = (): number =>
    [...stage.deeds.byId.values()].filter(({ undo }) => !["none", "wanted", "undoing"].includes(undo.state)).length;
  let panicId: string;
  switch (rescuer) {
    case "alive":
      stage.start();
      // What was interrupted is gone on with first.
      await until(
        "every action has ended or is being taken back",
        () => [...stage.deeds.byId.values()].every(({ ended, undo }) => ended !== undefined || undo.state !== "none"),
        () => "",
        reportedWithinMs,
      );
      panicId = await press();
      break;
    case "direct":
      panicId = await press();
      stage.start("direct");
      break;
    case "restarted":
      panicId = await press();
      for (const share of [0.1, 0.4, 0.7]) {
        stage.start();
        await until("some are taken back", () => settledOf() >= count * share, undefined, reportedWithinMs);
        await stage.end("SIGKILL");
      }
      stage.start();
  }
  await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId, reportedWithinMs);
  await stage.end("SIGTERM");
}

async function judged(
  { cell, place, before, after }: InHand,
  deed: Deed | undefined,
): Promise<Pick<Tried, "came" | "says">> {
  const state = deed?.undo.state ?? "forgotten";
  const world = await place.world();
  const told = `${state}: ${deed?.undo.says ?? ""}`;
  const wrong = (what: string): Pick<Tried, "came" | "says"> => ({
    came: "wrong",
    says: [`${what}; ${told}`, `before ${short(before)}`, `then ${short(after)}`, `now ${short(world)}`].join("\n  "),
  });
  const restored = isSameWorld(world, { own: before.own, beside: after.beside });
  if (cell.foreign === "nothing" || cell.foreign === "other field") {
    if (!restored) return wrong("the world is not as it was before");
    if (state !== "undone") return wrong("it is as it was before, and people are told otherwise");
    if (!(await comes(() => place.ended()))) return wrong("its instances are not as it says");
    return { came: "restored", says: told };
  }
  // A stranger may have put back what was there before, so that nothing is left of what Omega did.
  if (cell.foreign !== "same field" && restored && state === "undone") return { came: "restored", says: told };
  if (!isSameWorld(world, after)) return wrong("what a stranger did was touched");
  if (cell.foreign === "deleted" && place.seesDeletion && state !== "gone")
    return wrong("people are not told that it is gone");
  return ["conflicted", "gone", "failed"].includes(state) ? { came: "reported", says: told } : wrong("nobody is told");
}

const short = (world: World): string => JSON.stringify(world).slice(0, 2000);

async function comes(holds: () => Promise<boolean>): Promise<boolean> {
  for (const giveUpAt = Date.now() + 30_000; Date.now() < giveUpAt; await systemClock.sleep(50))
    if (await holds()) return true;
  return false;
}

interface Targets {
  readonly kinds: readonly Kind[];
  config(): object;
  close(): Promise<void>;
}

async function openTargets({ cluster, sshd }: Surroundings): Promise<Targets> {
  const onCluster = kubernetesKinds(cluster);
  const base = { kubernetes: { kubeconfig: cluster.kubeconfig }, namespaces: allowedNamespaces };
  if (sshd === undefined) return { kinds: onCluster, config: () => base, close: () => Promise.resolve() };
  const remote = new RemoteTargets(new SshWorld(sshd));
  await remote.open();
  return {
    kinds: [...onCluster, ...remote.kinds()],
    config: () => ({ ...base, ...remote.config() }),
    close: () => remote.close(),
  };
}

async function inTurns<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const [index, item] of left) results[index] = await work(item, index);
    }),
  );
  return results;
}
