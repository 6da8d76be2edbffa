// Every object in memory under one revision counter, with a bounded history for watches and a journal beside it for restarts.
import type { KubeObject } from "../objects.ts";
import type { Journal } from "./journal.ts";

export interface Change {
  type: "ADDED" | "MODIFIED" | "DELETED";
  storedAs: string;
  revision: number;
  object: KubeObject;
  /** What the object was before; a watch with a selector needs it to tell that an object left its view. */
  previous: KubeObject | undefined;
}

export type Listener = (change: Change) => void;

/** Changes kept for watches that resume; an older resourceVersion gets 410 Gone. */
const historyMax = 1_000;

function keyOf(namespace: string | undefined, name: string): string {
  return `${namespace ?? ""}/${name}`;
}

export class Store {
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #journal: Journal | undefined;
  readonly #listeners = new Set<Listener>();
  #history: Change[] = [];
  #revision = 1;
  /** Watches may resume from here on; what came before is not remembered. */
  #oldest = 1;
  /** The last revision that the journal held at start: a watch may resume exactly there. */
  #restored = 1;

  constructor(journal?: Journal) {
    this.#journal = journal;
    if (journal === undefined) return;
    const { revision, objects } = journal.load();
    for (const [storedAs, object] of objects)
      this.#table(storedAs).set(keyOf(object.metadata.namespace, object.metadata.name), object);
    if (revision === 0) return;
    // Writes of the last moments before a crash may be lost, but somebody may have seen their revisions: never give one out twice.
    this.#restored = revision;
    this.#revision = revision + 1_000;
    this.#oldest = this.#revision;
  }

  get revision(): number {
    return this.#revision;
  }

  #table(storedAs: string): Map<string, KubeObject> {
    let table = this.#objects.get(storedAs);
    if (table === undefined) this.#objects.set(storedAs, (table = new Map()));
    return table;
  }

  get(storedAs: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return this.#objects.get(storedAs)?.get(keyOf(namespace, name));
  }

  /** The objects of one resource, of one namespace if given, in the order of their keys. */
  list(storedAs: string, namespace?: string): KubeObject[] {
    const table = this.#objects.get(storedAs);
    if (table === undefined) return [];
    const found: [string, KubeObject][] = [];
    for (const [key, object] of table) {
      if (namespace === undefined || object.metadata.namespace === namespace) found.push([key, object]);
    }
    found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return found.map(([, object]) => object);
  }

  /** Iterates without sorting or copying, for controllers that scan. */
  *scan(storedAs: string): Iterable<KubeObject> {
    const table = this.#objects.get(storedAs);
    if (table !== undefined) yield* table.values();
  }

  storedKinds(): string[] {
    return [...this.#objects.keys()];
  }

  /** Stores the object under the next revision, which it writes into it; returns the stored object. */
  put(storedAs: string, object: KubeObject): KubeObject {
    const table = this.#table(storedAs);
    const key = keyOf(object.metadata.namespace, object.metadata.name);
    const previous = table.get(key);
    const revision = ++this.#revision;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
    table.set(key, stored);
    this.#journal?.append({ rv: revision, put: storedAs, object: stored });
    this.#publish({
      type: previous === undefined ? "ADDED" : "MODIFIED",
      storedAs,
      revision,
      object: stored,
      previous,
    });
    return stored;
  }

  remove(storedAs: string, namespace: string | undefined, name: string): KubeObject | undefined {
    const table = this.#table(storedAs);
    const key = keyOf(namespace, name);
    const previous = table.get(key);
    if (previous === undefined) return undefined;
    const revision = ++this.#revision;
    table.delete(key);
    const object = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } };
    this.#journal?.append({ rv: revision, remove: storedAs, namespace: namespace ?? "", name });
    this.#publish({ type: "DELETED", storedAs, revision, object, previous });
    return object;
  }

  #publish(change: Change): void {
    this.#history.push(change);
    if (this.#history.length > historyMax * 2) {
      this.#history = this.#history.slice(-historyMax);
      this.#oldest = (this.#history[0]?.revision ?? this.#revision) - 1;
    }
    for (const listener of this.#listeners) listener(change);
    if (this.#journal?.isBloated() === true) this.#journal.rewrite(this.#revision, this.#everything());
  }

  *#everything(): Iterable<[string, KubeObject]> {
    for (const [storedAs, table] of this.#objects) for (const object of table.values()) yield [storedAs, object];
  }

  /** The changes of one resource after a revision, or undefined when they are no longer (or were never) remembered. */
  changesSince(storedAs: string, revision: number): Change[] | undefined {
    const start = revision === this.#restored && this.#oldest === this.#restored + 1_000 ? this.#oldest : revision;
    if (start < this.#oldest) return undefined;
    return this.#history.filter((change) => change.storedAs === storedAs && change.revision > start);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#journal?.rewrite(this.#revision, this.#everything());
    this.#journal?.close();
  }
}
