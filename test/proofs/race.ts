import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@omega/shared/clock.ts";
import { createLog } from "@omega/shared/log.ts";
import { loadActions } from "../../agents/surgeon/src/actions/registry.ts";
import { openClients } from "../../agents/surgeon/src/clients.ts";
import { surgeonConfigSchema } from "../../agents/surgeon/src/config.ts";
import { until } from "../agent-processes.ts";
import { clusterChoices } from "../conformance/actions/cluster.ts";
import { SshWorld } from "../conformance/remote-actions/ssh-world.ts";
import { RealSshd, sshdMissing } from "../conformance/ssh/real-sshd.ts";
import { SurgeonStage } from "../integration/surgeon-stage.ts";
import { installedBus } from "../nats-servers.ts";
import type { ProofResult, Report } from "./contract.ts";
import { RecordingProxy } from "./race/recording-proxy.ts";
import { offerAndOrder, type Bench, type Say } from "./undo/crash.ts";
import {
  allowedNamespaces,
  isSameWorld,
  kubernetesKinds,
  RemoteTargets,
  type Kind,
  type Place,
  type World,
} from "./undo/places.ts";

export const about =
  "the panic button pressed at a random moment of running incidents: no effect starts after control.frozen, and none is left half done";

const presses = 500;
const actionsEach = 3;
/** Longer than most of what is ordered takes, so that presses fall before, into and after it. */
const pressWithinMs = 120;
/** Whatever was done since the press before. */
const windowMs = 30_000;

export async function run(report: Report): Promise<ProofResult> {
  return await race(presses, report);
}

interface Standing {
  readonly kind: Kind;
  readonly place: Place;
  readonly before: World;
}

async function stands(kind: Kind): Promise<Standing> {
  const place = await kind.arrange();
  return { kind, place, before: await place.world() };
}

/** How many of the actions had not begun, were being done, or were done when the button was pressed. */
type Moments = Record<"not begun" | "under way" | "done", number>;

export async function race(rounds: number, report: Report): Promise<ProofResult> {
  const missing = sshdMissing();
  const [embedded] = clusterChoices;
  if (missing !== undefined || embedded === undefined) throw new Error(missing ?? "no cluster is known");
  const [cluster, sshd, installed] = await Promise.all([embedded.start(), RealSshd.start(), installedBus()]);
  const stage = new SurgeonStage(installed, await installed.connect());
  const remote = new RemoteTargets(new SshWorld(sshd));
  const kubeconfig = join(stage.folder, "through-the-proxy");
  const proxy = await new RecordingProxy(cluster.kubeconfig).listen(kubeconfig);
  try {
    await remote.open();
    const kinds = [...kubernetesKinds(cluster), ...remote.kinds()];
    const standing = await Promise.all(kinds.map((kind) => stands(kind)));
    const config = stage.configure({ kubernetes: { kubeconfig }, namespaces: allowedNamespaces, ...remote.config() });
    const open = openClients(surgeonConfigSchema.parse(config), createLog("proof", "fatal"), {});
    const bench: Bench = { registry: await loadActions(), namespaces: allowedNamespaces, clients: open.clients };
    const changesAt = (place: Place): number[] => arrivals(place, [...proxy.changes, ...remote.changes()]);
    stage.start();
    await stage.heard("agent.started", () => true);
    const moments: Moments = { "not begun": 0, "under way": 0, done: 0 };
    const wrong: string[] = [];
    const gone: Standing[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      const targets = chosen(standing);
      const found = await pressOnce(stage, targets, { bench, changesAt, moments });
      for (const used of targets.filter(({ kind }) => kind.once)) {
        gone.push(used);
        standing[standing.indexOf(used)] = await stands(used.kind);
      }
      for (const one of found) report(`WRONG  press ${round}: ${one}`);
      wrong.push(...found);
      if (round % 50 === 0) report(`${round} presses; ${momentsText(moments)}; ${wrong.length} wrong`);
    }
    open.close();
    // What came late, however late, shows now.
    const last = await whatIsNotAsBefore([...gone, ...standing]);
    for (const one of last) report(`WRONG  at the end: ${one}`);
    wrong.push(...last);
    return { name: "race", tried: rounds, held: Math.max(0, rounds - wrong.length), wrong: wrong.length, ...moments };
  } finally {
    await stage.close();
    await proxy.close();
    await remote.close();
    await cluster.close();
    await sshd.stop();
  }
}

const momentsText = (moments: Moments): string =>
  Object.entries(moments)
    .map(([moment, count]) => `${count} ${moment}`)
    .join(", ");

interface Watched {
  readonly bench: Bench;
  readonly moments: Moments;
  readonly changesAt: (place: Place) => number[];
}

/** Orders a few actions, presses at a random moment, and looks at the world. Answers what is wrong. */
async function pressOnce(
  stage: SurgeonStage,
  targets: readonly Standing[],
  { bench, moments, changesAt }: Watched,
): Promise<string[]> {
  const say: Say = (role, draft, causeId) => stage.sayDraft(role, draft, causeId);
  const since = Date.now();
  const ordered = await Promise.all(
    targets.map(async ({ place }) => ({ place, id: (await offerAndOrder(place, bench, say)).id })),
  );
  await systemClock.sleep(Math.random() * pressWithinMs);
  for (const { id } of ordered) {
    const deed = stage.deeds.byId.get(id);
    moments[deed === undefined ? "not begun" : deed.ended === undefined ? "under way" : "done"] += 1;
  }
  const panicId = await stage.say("operator", "control.panic-pressed", { by: "somebody", windowMs });
  const frozen = await stage.heard("control.frozen", ({ data }) => data.panicId === panicId);
  await stage.heard("control.panic-reported", ({ data }) => data.panicId === panicId && data.final);
  const frozenAt = Date.parse(frozen.time);
  const wrong = await whatIsNotAsBefore(targets);
  for (const { place, id } of ordered) {
    if (frozen.data.inFlight.includes(id)) continue;
    const undoBegan = stage.events.find(({ type, data }) => type === "undo.started" && isOf(data, id));
    const undoAt = undoBegan === undefined ? Number.POSITIVE_INFINITY : Date.parse(undoBegan.time);
    const late = changesAt(place).filter((at) => at >= since && at > frozenAt && at < undoAt);
    if (late.length > 0)
      wrong.push(`${place.kind}: a change arrived ${(late[0] ?? 0) - frozenAt} ms after control.frozen`);
  }
  await stage.say("operator", "control.resumed", { by: "somebody", reason: "the next press" });
  return wrong;
}

const isOf = (data: unknown, actionId: string): boolean => (data as { actionId?: string }).actionId === actionId;

async function whatIsNotAsBefore(targets: readonly Standing[]): Promise<string[]> {
  const wrong: string[] = [];
  for (const { place, before } of targets) {
    const now = await place.world();
    if (!isSameWorld(now, before))
      wrong.push(
        `${place.kind} is not as before: ${JSON.stringify(before)} became ${JSON.stringify(now)}`.slice(0, 4000),
      );
    else if (!(await settles(place))) wrong.push(`${place.kind}: its instances are not as it says`);
  }
  return wrong;
}

async function settles(place: Place): Promise<boolean> {
  try {
    await until("its instances are as it says", () => place.ended());
    return true;
  } catch {
    return false;
  }
}

/** When changes of this place arrived where they are made. */
function arrivals({ address }: Place, changes: readonly { path: string; at: number }[]): number[] {
  if (address === undefined) return [];
  const noted = existsSync(address) ? readFileSync(address, "utf8").split("\n").filter(Boolean).map(Number) : [];
  return [...noted, ...changes.filter(({ path }) => path === address).map(({ at }) => at)];
}

function chosen(all: readonly Standing[]): Standing[] {
  const left = [...all];
  return Array.from({ length: actionsEach }, () => left.splice(Math.floor(Math.random() * left.length), 1)).flat();
}
