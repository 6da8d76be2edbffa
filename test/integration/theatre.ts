import assert from "node:assert/strict";
import type { DataOf, EventOf, OmegaEvent } from "@omega/bus-schemas/catalogue.ts";
import { timeText } from "@omega/shared/clock.ts";
import type { NatsBus } from "@omega/shared/nats-bus.ts";
import { deploymentOf, deployments, imagePatch, settled } from "../conformance/actions/action-case.ts";
import { namespace, type Cluster } from "../conformance/actions/cluster.ts";
import type { InstalledBus } from "../nats-servers.ts";
import { SurgeonStage } from "./surgeon-stage.ts";

/** Surgeon at work on a cluster, and a test that speaks for the Coordinator and for a person. */
export class Theatre extends SurgeonStage {
  readonly cluster: Cluster;

  constructor(given: Cluster, installed: InstalledBus, bus: NatsBus) {
    super(installed, bus);
    this.cluster = given;
    this.configure({ kubernetes: { kubeconfig: given.kubeconfig }, namespaces: { allow: [namespace] } });
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

  override async close(): Promise<void> {
    await super.close();
    await this.cluster.close();
  }
}
