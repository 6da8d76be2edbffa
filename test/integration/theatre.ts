import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DataOf, Draft, EventOf, EventType, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import type { Role } from "@omega/bus-schemas/define-event.ts";
import { agentEnvironment, agentNodeFlags } from "@omega/shared/agent-launch.ts";
import { timeText } from "@omega/shared/clock.ts";
import { openEvent, sealEvent } from "@omega/shared/event-codec.ts";
import { systemIds } from "@omega/shared/ids.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { Keyring, loadSigner } from "@omega/shared/signing.ts";
import { deploymentOf, deployments, imagePatch, settled } from "../conformance/actions/action-case.ts";
import { Cluster, namespace } from "../conformance/actions/cluster.ts";
import type { InstalledBus } from "../nats-servers.ts";

const main = fileURLToPath(new URL("../../agents/surgeon/src/main.ts", import.meta.url));

/** Surgeon as its own process, and a test that speaks for the Coordinator and for a person. */
export class Theatre {
  readonly cluster: Cluster;
  readonly installed: InstalledBus;
  readonly bus: NatsBus;
  readonly folder = mkdtempSync(join(tmpdir(), "omega-surgeon-"));
  readonly #keys = join(this.folder, "keys");
  readonly events: OmegaEvent[] = [];
  readonly #ending = new AbortController();
  readonly #following: Promise<void>;
  #surgeon: ChildProcess | undefined;

  constructor(given: Cluster, installed: InstalledBus, bus: NatsBus) {
    this.cluster = given;
    this.installed = installed;
    this.bus = bus;
    writeFileSync(
      join(this.folder, "surgeon.yaml"),
      JSON.stringify({
        bus: { servers: [installed.server.url] },
        keys: this.#keys,
        kubernetes: { kubeconfig: given.kubeconfig },
        namespaces: { allow: [namespace] },
        // No Scout is here to ask; canary.test.ts has one.
        canary: { judgedBy: "readiness" },
        log: { level: "warn" },
      }),
    );
    for (const role of ["coordinator", "operator"] as const) loadSigner(this.#keys, role);
    this.#following = this.#follow();
  }

  start(): void {
    this.#surgeon = spawn(process.execPath, [...agentNodeFlags, main, "--config", join(this.folder, "surgeon.yaml")], {
      env: { ...process.env, ...agentEnvironment },
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#surgeon;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  residentMb(): number {
    const status = readFileSync(`/proc/${this.#surgeon?.pid ?? 0}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** Says something as a role and answers its event id. */
  async say<Type extends EventType>(role: Role, type: Type, data: DataOf<Type>, incidentid?: string): Promise<string> {
    const draft = { type, data, ...(incidentid === undefined ? {} : { incidentid }) } as Draft;
    const sealed = sealEvent(draft, {
      signer: loadSigner(this.#keys, role),
      source: `/omega/${role}/test`,
      now: Date.now(),
      causeId: systemIds.random(),
    });
    const published = await this.bus.publish(sealed);
    assert.ok(published.ok);
    return sealed.id;
  }

  /** Follows the stream with one consumer for the life of the test. */
  async #follow(): Promise<void> {
    const keyring = new Keyring(this.#keys);
    for await (const message of this.bus.read({ fromSeq: 1, signal: this.#ending.signal })) {
      const opened = openEvent(message.body, message.subject, keyring);
      if (opened.ok) this.events.push(opened.value);
    }
  }

  async heard<Type extends EventType>(type: Type, matches: (event: EventOf<Type>) => boolean): Promise<EventOf<Type>> {
    let found: EventOf<Type> | undefined;
    await this.cluster.until(`${type} is heard`, () => {
      const ofType = this.events.filter((event) => event.type === type) as unknown as EventOf<Type>[];
      found = ofType.find(matches);
      return found !== undefined;
    });
    assert.ok(found !== undefined);
    return found;
  }

  async result(actionId: string): Promise<OmegaEvent> {
    let found: OmegaEvent | undefined;
    await this.cluster.until(`a result of ${actionId}`, () => {
      found = this.results(actionId)[0];
      return found !== undefined;
    });
    assert.ok(found !== undefined);
    return found;
  }

  results(actionId: string): OmegaEvent[] {
    const types = ["action.succeeded", "action.failed", "action.conflicted", "action.outcome-unknown"];
    return this.events.filter(
      (event) => types.includes(event.type) && (event.data as { actionId?: string }).actionId === actionId,
    );
  }

  /** A deployment whose version 1.5.0 fails and 1.4.0 did not; the options for it. */
  async propose(name: string, replicas: number, marks: object = {}): Promise<EventOf<"remediation.proposed">> {
    await this.cluster.create(deployments, deploymentOf(name, replicas));
    await this.cluster.patch(`${deployments}/${name}`, { metadata: marks });
    await settled(this.cluster, name);
    await this.cluster.patch(`${deployments}/${name}`, imagePatch("shop/payments:1.5.0"));
    await settled(this.cluster, name);
    const cause = {
      rank: 1,
      service: name,
      kind: "code" as const,
      confidence: 0.9,
      version: "1.5.0",
      healthyVersion: "1.4.0",
      evidence: [],
    };
    const id = await this.say(
      "coordinator",
      "remediation.requested",
      { cause, recalled: [], tried: [] },
      `inc-${name}`,
    );
    return await this.heard("remediation.proposed", (event) => event.causationid === id);
  }

  async order(
    proposed: EventOf<"remediation.proposed">,
    actionId: string,
    changes: Partial<DataOf<"action.ordered">> = {},
  ): Promise<void> {
    const option = proposed.data.options[0];
    assert.ok(option !== undefined, JSON.stringify(proposed.data));
    const { optionId, actionType, target, plan, planHash } = option;
    const notAfter = timeText(Date.now() + 60_000);
    const data = { actionId, optionId, actionType, target, plan, planHash, fence: 7, notAfter, ...changes };
    await this.say("coordinator", "action.ordered", data, proposed.incidentid);
  }

  async image(name: string): Promise<string> {
    const object = await this.cluster.get<{ spec: { template: { spec: { containers: { image: string }[] } } } }>(
      `${deployments}/${name}`,
    );
    return object.spec.template.spec.containers[0]?.image ?? "";
  }

  async close(): Promise<void> {
    await this.end("SIGTERM");
    this.#ending.abort();
    await this.#following;
    await this.installed.close();
    await this.cluster.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
