import { rmSync } from "node:fs";
import { join } from "node:path";
import { connectShop } from "@omega/demo-faults/shop-cluster.ts";
import { paymentsVoucherBooks as fault } from "@omega/demo-faults/payments-voucher-books.ts";
import { tokenFor } from "@omega/bus-schemas/subjects.ts";
import type { CommandContext } from "../commands/context.ts";
import { signInLink } from "../commands/console.ts";
import { recordTo } from "../commands/replay.ts";
import { duration } from "@omega/shared/durations.ts";
import { reasonOf } from "@omega/shared/outcome.ts";
import { CommandFailure, exitCode } from "../exit-code.ts";
import { homeAt, installation, makeHome, type Home } from "../home.ts";
import type { IncidentView } from "@omega/shared/incident-view.ts";
import { clearLeftovers } from "../leftovers.ts";
import { Machine } from "../machine.ts";
import { Onsets } from "../onsets.ts";
import { timelineOf } from "@omega/shared/timeline.ts";
import { freePort } from "./free-port.ts";
import { IncidentWatch } from "./incident-watch.ts";
import { ResidentMemory } from "./resident-memory.ts";
import { incidentSummary, type DemoSummary, type IncidentSummary } from "./summary.ts";
import { DemoWorld } from "./world.ts";

export interface DemoOptions {
  readonly kubeconfig?: string;
  readonly ratePerSecond: number;
  /** Healthy traffic before the fault, so that there is something to compare with. */
  readonly baselineMs: number;
  /** How long one incident may take, from the fault to the resolution. */
  readonly incidentMs: number;
  /** Whether somebody is there to look at the console. */
  readonly console: boolean;
}

const calmMs = 60_000;
const postmortemMs = 15_000;

/**
 * The whole demo: a cluster with a shop under load, Omega beside it, the same defective release twice. Everything that it starts is gone
 * when it resolves or rejects; what stays is the folder with logs, post-mortems and the recorded stream.
 */
export class Demo {
  readonly home: Home;
  readonly #context: CommandContext;
  readonly #options: DemoOptions;
  readonly #tell: (line: string) => void;
  readonly #memory = new ResidentMemory();
  readonly #watch: IncidentWatch;
  readonly #incidents: IncidentSummary[] = [];
  #world: DemoWorld | undefined;
  #machine: Machine | undefined;
  #consoleShown: Promise<void> | undefined;

  constructor(context: CommandContext, options: DemoOptions, tell: (line: string) => void) {
    this.#context = context;
    this.#options = options;
    this.#tell = tell;
    this.home = homeAt(join(context.home.folder, "demo"));
    this.#watch = new IncidentWatch(context.clock);
  }

  async run(shown: (summary: DemoSummary) => Promise<void>): Promise<DemoSummary> {
    let error: string | undefined;
    try {
      await this.#prepare();
      await this.#raise();
      this.#incidents.push(await this.#incident("Incident 1: a new release", new Set()));
      await this.#calm();
      this.#incidents.push(
        await this.#incident(
          "Incident 2: the same release, rolled out again",
          new Set(this.#incidents.map(({ id }) => id)),
        ),
      );
    } catch (thrown) {
      if (!(thrown instanceof CommandFailure)) {
        await this.#tearDown();
        throw thrown;
      }
      error = thrown.message;
    }
    const healed = this.#incidents.filter(({ outcome }) => outcome === "healed").length;
    await this.#memory.stop();
    const summary: DemoSummary = {
      incidents: this.#incidents,
      processes: this.#memory.peaks(),
      ok: error === undefined && healed === 2,
      ...(error === undefined ? {} : { error }),
      logs: this.home.logs,
    };
    try {
      if (this.#machine !== undefined) await this.#record(this.#machine.url);
      await shown(summary);
    } finally {
      await this.#tearDown();
    }
    return summary;
  }

  /** A demo begins with an empty stream, so that memory is empty too; leftovers of a killed one are stopped first. */
  async #prepare(): Promise<void> {
    makeHome(this.home);
    await clearLeftovers(this.home, this.#context.clock, (name, what) => this.#tell(`${name}: ${what}`));
    rmSync(this.home.folder, { recursive: true, force: true });
    makeHome(this.home);
  }

  async #raise(): Promise<void> {
    const { clock, interrupted } = this.#context;
    const { kubeconfig, ratePerSecond } = this.#options;
    const world = new DemoWorld({
      home: this.home,
      ...(kubeconfig === undefined ? {} : { kubeconfig }),
      ratePerSecond,
      interrupted,
      tell: this.#tell,
    });
    this.#world = world;
    this.#memory.start(() => [...(this.#machine?.rows() ?? []), ...world.rows()], clock);
    await world.startCluster();
    const otlpPort = await freePort();
    this.#machine = await Machine.start(
      {
        home: this.home,
        port: 0,
        configFolder: join(installation, "infra", "config"),
        environment: {
          OMEGA_KUBECONFIG: world.kubeconfig,
          OMEGA_OTLP_PORT: String(otlpPort),
          OMEGA_SOURCE_ROOT: installation,
        },
        ...(this.#options.console ? { consolePort: 0 } : {}),
        alsoRunning: () => world.rows(),
        clock,
        tell: (name, what) => {
          if (!/^(runs as|stopped)/.test(what)) this.#tell(`${name}: ${what}`);
        },
      },
      interrupted,
    );
    if (this.#options.console) this.#consoleShown = this.#showConsole(this.#machine);
    const agents = this.#machine.rows().map(({ name, pid }) => `${name} ${pid ?? ""}`.trim());
    this.#tell(`Omega is up as ${agents.length} processes: ${agents.join(", ")}`);
    const onsets = new Onsets();
    this.#watch.start(this.#machine.session, 1, (event) => {
      const onset = onsets.of(event, this.#watch.incidents);
      for (const line of timelineOf(event, onset, this.#context.paint)) this.#tell(line);
    });
    await world.startShop(`http://127.0.0.1:${otlpPort}`);
    this.#machine.record();
    await world.startLoad();
    this.#machine.record();
    await this.#pause(this.#options.baselineMs);
    this.#tell(`healthy baseline: ${world.figures || "the visitors have said nothing yet"}`);
  }

  /** The demo goes on meanwhile, and without it where it does not come up. */
  async #showConsole(machine: Machine): Promise<void> {
    try {
      const address = await machine.startConsole();
      if (address !== undefined)
        this.#tell(`watch it in a browser, for one sign-in: ${await signInLink(this.home, "admin")}`);
      else if (!this.#context.interrupted.aborted)
        this.#tell(`the console did not come up; see ${join(this.home.logs, "console.log")}`);
    } catch (error) {
      this.#tell(`the console made no link: ${reasonOf(error)}`);
    }
  }

  /** Makes the change, and waits until Omega has healed what came of it. */
  async #incident(title: string, before: ReadonlySet<string>): Promise<IncidentSummary> {
    const { clock, interrupted, paint } = this.#context;
    this.#tell("");
    this.#tell(paint("strong", title));
    const faultAt = clock.now();
    await fault.inject(connectShop(this.#world?.kubeconfig ?? ""));
    this.#tell(paint("warn", `${fault.change}. Rolled out through the Kubernetes API; Omega is told nothing.`));
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(this.#options.incidentMs)]);
    const ended = (view: IncidentView | undefined): IncidentView | undefined =>
      view?.status === "resolved" || view?.status === "escalated" ? view : undefined;
    const over = await this.#watch.until(() => ended(this.#watch.openedSince(faultAt, before)), signal);
    if (interrupted.aborted) throw new CommandFailure(exitCode.interrupted, "interrupted");
    if (over === undefined) throw this.#notHealed(this.#watch.openedSince(faultAt, before));
    const written = await this.#watch.until(
      () => this.#watch.incidents.get(over.id)?.events.find(({ type }) => type === "postmortem.written"),
      AbortSignal.any([interrupted, AbortSignal.timeout(postmortemMs)]),
    );
    if (written === undefined)
      throw new CommandFailure(exitCode.failed, `${over.id} ended, but its post-mortem was not written.`);
    const file = join(this.home.postmortems, `${tokenFor(over.id)}.md`);
    const summary = incidentSummary(over.id, this.#watch.incidents.get(over.id)?.events ?? [], faultAt, file);
    if (over.status === "escalated") {
      this.#incidents.push(summary);
      throw new CommandFailure(
        exitCode.failed,
        `${over.id} was not healed but given to a person (${over.outcome ?? ""}).`,
      );
    }
    return summary;
  }

  #notHealed(incident: IncidentView | undefined): CommandFailure {
    const within = `within ${duration(this.#options.incidentMs)} of the fault`;
    const last = incident?.events.at(-1);
    return new CommandFailure(
      exitCode.failed,
      incident === undefined
        ? `No incident was opened ${within}.`
        : `${incident.id} was not over ${within}; the last that happened was ${last?.type ?? "nothing"}, by ${last?.source ?? "nobody"}.`,
    );
  }

  /** The second incident must not be a part of the first: waits until every signal is cleared and its failures have left the window. */
  async #calm(): Promise<void> {
    const { interrupted } = this.#context;
    this.#tell("");
    this.#tell("waiting until every signal is cleared");
    const calm = await this.#watch.until(
      () => (this.#watch.calm ? true : undefined),
      AbortSignal.any([interrupted, AbortSignal.timeout(calmMs)]),
    );
    if (calm === undefined && !interrupted.aborted) {
      this.#tell(`a signal still fires after ${duration(calmMs)}; going on all the same`);
    }
    await this.#pause(this.#options.baselineMs);
  }

  async #pause(ms: number): Promise<void> {
    await this.#context.clock.sleep(ms, this.#context.interrupted);
    if (this.#context.interrupted.aborted) throw new CommandFailure(exitCode.interrupted, "interrupted");
  }

  /** The stream as a file: `omega replay --file` folds it again. */
  async #record(url: string): Promise<void> {
    await recordTo(join(this.home.folder, "recording.jsonl"), { home: this.home, url }, this.#tell);
  }

  async #tearDown(): Promise<void> {
    await this.#memory.stop();
    await this.#watch.stop();
    await this.#world?.stop();
    await this.#machine?.stop();
    await this.#consoleShown;
    this.#world = undefined;
    this.#machine = undefined;
  }
}
