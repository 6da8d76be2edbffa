// events.k8s.io/v1 is another spelling of the same stored events as v1.
import { isJson, type Json, type KubeObject } from "../objects.ts";
import type { Resource } from "./resources.ts";

const renamed = [
  ["note", "message"],
  ["regarding", "involvedObject"],
  ["reportingController", "reportingComponent"],
  ["deprecatedCount", "count"],
  ["deprecatedFirstTimestamp", "firstTimestamp"],
  ["deprecatedLastTimestamp", "lastTimestamp"],
  ["deprecatedSource", "source"],
] as const;

/** The stored object as the resource shows it. */
export function viewOf(resource: Resource, stored: KubeObject): KubeObject {
  if (resource.type !== "EventsEvent") return stored;
  return rename(
    stored,
    renamed.map(([view, v1]) => [v1, view]),
    "events.k8s.io/v1",
  );
}

/** A body of the resource as it is stored. */
export function storedForm(resource: Resource, body: KubeObject): KubeObject {
  return resource.type === "EventsEvent" ? rename(body, renamed, "v1") : body;
}

function rename(event: KubeObject, names: readonly (readonly [string, string])[], apiVersion: string): KubeObject {
  const result: Json = {};
  const to = new Map(names);
  for (const [key, value] of Object.entries(event)) result[to.get(key) ?? key] = value;
  return { ...event, ...result, ...Object.fromEntries(names.map(([from]) => [from, undefined])), apiVersion };
}

/** What an event is about, under either spelling. */
export function regardingOf(event: KubeObject): Json {
  const about = event["involvedObject"] ?? event["regarding"];
  return isJson(about) ? about : {};
}
