// Events as the controllers record them: the same thing said again counts up instead of making a new object.
import { createHash } from "node:crypto";
import type { Api } from "../api/api.ts";
import { optionsFor } from "../api/api.ts";
import { apiVersionOf, resourceNamed, resourceOfKind } from "../api/resources.ts";
import { timestamp } from "../clock.ts";
import type { KubeObject } from "../objects.ts";

const events = resourceNamed("", "events");
/** kube-apiserver's --event-ttl. */
const keptMs = 3_600_000;

export type Record = (about: KubeObject, type: "Normal" | "Warning", reason: string, message: string) => void;

export function eventRecorder(api: Api, component: string): Record {
  return (about, type, reason, message) => {
    const { name, namespace = "default", uid, resourceVersion } = about.metadata;
    const said = createHash("sha256").update([component, uid, type, reason, message].join("\u0000")).digest("hex");
    const eventName = `${name}.${said.slice(0, 16)}`;
    const now = timestamp(api.clock.now());
    const earlier = api.store.get(events.storedAs, namespace, eventName);
    if (earlier !== undefined) {
      const count = Number(earlier["count"] ?? 1) + 1;
      api.modify(
        { resource: events, namespace, name: eventName, subresource: "" },
        (event) => ({ ...event, count, lastTimestamp: now }),
        component,
      );
      return;
    }
    const resource = resourceOfKind(about.apiVersion, about.kind);
    const involvedObject = { kind: about.kind, namespace: about.metadata.namespace, name, uid, resourceVersion };
    const body = {
      metadata: { name: eventName, namespace },
      involvedObject: {
        ...involvedObject,
        apiVersion: resource === undefined ? about.apiVersion : apiVersionOf(resource),
      },
      type,
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: "",
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
    };
    api.create(events, namespace, JSON.parse(JSON.stringify(body)), optionsFor(component));
  };
}

/** Removes events that nobody has repeated for an hour. */
export function expireEvents(api: Api): void {
  const horizon = api.clock.now() - keptMs;
  for (const event of api.store.list(events.storedAs)) {
    const last = event["lastTimestamp"] ?? event["eventTime"] ?? event.metadata.creationTimestamp;
    if (typeof last === "string" && Date.parse(last) < horizon)
      api.store.remove(events.storedAs, event.metadata.namespace, event.metadata.name);
  }
}
