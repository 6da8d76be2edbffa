// Watches: a stream of changes from a revision on, one JSON line each.
import type { ServerResponse } from "node:http";
import { gone } from "../api/failure.ts";
import { viewOf } from "../api/event-view.ts";
import { apiVersionOf, type Resource } from "../api/resources.ts";
import type { Predicate } from "../api/selectors.ts";
import type { Json, KubeObject } from "../objects.ts";
import type { Change, Store } from "../store/store.ts";

export interface WatchRequest {
  resource: Resource;
  namespace: string | undefined;
  matches: Predicate;
  /** "" or "0": begin with what there is. */
  resourceVersion: string;
  sendInitialEvents: boolean;
  bookmarks: boolean;
  timeoutMs: number;
  /** How an object is written: as it is, or as a table of one row. */
  render: (object: KubeObject, isFirst: boolean) => Json;
}

const bookmarkEveryMs = 60_000;
/** A watcher that reads this much slower than things change is cut off; it resumes or lists again. */
const backlogMaxBytes = 8 * 1024 * 1024;

/** Serves the watch until its timeout, the client's leaving, or the returned function. */
export function serveWatch(store: Store, request: WatchRequest, response: ServerResponse): () => void {
  response.writeHead(200, { "content-type": "application/json" });
  response.flushHeaders();
  let isFirst = true;
  let subscribed: () => void = () => undefined;
  const timers: NodeJS.Timeout[] = [];
  const end = (): void => {
    subscribed();
    for (const timer of timers) clearTimeout(timer);
    response.end();
  };
  const send = (type: string, object: Json): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
    if (response.writableLength > backlogMaxBytes) end();
  };
  const show = (type: string, object: KubeObject): void => {
    send(type, request.render(viewOf(request.resource, object), isFirst));
    isFirst = false;
  };
  const bookmark = (annotations?: Record<string, string>): void => {
    const metadata = {
      resourceVersion: String(store.revision),
      creationTimestamp: null,
      ...(annotations === undefined ? {} : { annotations }),
    };
    send("BOOKMARK", { kind: request.resource.kind, apiVersion: apiVersionOf(request.resource), metadata });
  };
  const onChange = (change: Change): void => {
    const seen = visible(change, request);
    if (seen !== undefined) show(seen.type, seen.object);
  };

  const fromNow = request.resourceVersion === "" || request.resourceVersion === "0";
  if (request.sendInitialEvents || fromNow) {
    for (const object of store.list(request.resource.storedAs, request.namespace))
      if (request.matches(object)) show("ADDED", object);
    if (request.sendInitialEvents) bookmark({ "k8s.io/initial-events-end": "true" });
  } else {
    const missed = store.changesSince(request.resource.storedAs, Number(request.resourceVersion));
    if (missed === undefined) {
      send("ERROR", gone(`too old resource version: ${request.resourceVersion} (${store.revision})`).status());
      response.end();
      return () => undefined;
    }
    for (const change of missed) onChange(change);
  }
  subscribed = store.subscribe((change) => {
    if (change.storedAs === request.resource.storedAs) onChange(change);
  });
  const timeout = (): void => {
    if (request.bookmarks) bookmark();
    end();
  };
  timers.push(setTimeout(timeout, request.timeoutMs));
  if (request.bookmarks) timers.push(setInterval(() => bookmark(), bookmarkEveryMs));
  response.on("close", end);
  return end;
}

/** The change as this watch sees it: an object that stops matching is gone, one that starts to is new. */
function visible(change: Change, request: WatchRequest): { type: string; object: KubeObject } | undefined {
  const { object, previous, type } = change;
  if (request.namespace !== undefined && object.metadata.namespace !== request.namespace) return undefined;
  const now = type !== "DELETED" && request.matches(object);
  const before = previous !== undefined && request.matches(previous);
  if (now) return { type: before ? "MODIFIED" : "ADDED", object };
  if (!before) return undefined;
  const last = { ...previous, metadata: { ...previous.metadata, resourceVersion: object.metadata.resourceVersion } };
  return { type: "DELETED", object: type === "DELETED" ? object : last };
}
